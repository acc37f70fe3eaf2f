-- SPDX-License-Identifier: MIT
-- `%s+$` and `(.-)%s*$` try each blank of a line in turn: a line of 60 KB of blanks from a peer stopped a service for
-- seconds. No script, module, template or example has such a pattern; `match "^.*%S"` is linear.

local helper = require "spec.helper" -- luacheck: ignore
local lfs = require "lfs"

local function walk(folder, visit)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    local mode = lfs.attributes(path, "mode")
    if mode == "directory" and name:sub(1, 1) ~= "." then walk(path, visit) end
    if mode == "file" and name:find "%.(%l+)$" then visit(path) end
  end
end

describe("Text of a peer", function()
  it("is trimmed at its end without trying each blank in turn", function()
    local bad, count = {}, 0
    for _, folder in ipairs { "scripts", "template", "lua", "docs" } do
      walk(folder, function(path)
        if not (path:find "%.lua$" or path:find "%.md$") then return end
        count = count + 1
        for line in io.lines(path) do
          local plain = line:gsub("^%s*%-%-.*", "")
          if plain:find("%s+$\"", 1, true) or plain:find("(.-)%s*$", 1, true) or plain:find("[ \\t]+$", 1, true)
            or plain:find '"%[[^"]*%]%+%$"' then
            bad[#bad + 1] = path .. ": " .. line
          end
        end
      end)
    end
    assert.is_true(count > 80)
    assert.are.same({}, bad)
  end)
end)
