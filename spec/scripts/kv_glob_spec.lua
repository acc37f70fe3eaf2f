-- SPDX-License-Identifier: MIT
-- The globs of scripts/kv.lua. What they match in Redis is in kv_spec.lua.

require "spec.helper"

describe("kv_glob.lua", function()
  local glob = dofile "scripts/kv_glob.lua"

  -- The same in the plainest way, for globs of letters, "*" and "?".
  local function fits(pattern, text)
    if pattern == "" then return text == "" end
    local c = pattern:sub(1, 1)
    if c == "*" then
      for i = 1, #text + 1 do
        if fits(pattern:sub(2), text:sub(i)) then return true end
      end
      return false
    end
    return text ~= "" and (c == "?" or c == text:sub(1, 1)) and fits(pattern:sub(2), text:sub(2))
  end

  it("matches what a star may stand for, and nothing else", function()
    math.randomseed(1)
    local function random(letters, most)
      local list = {}
      for i = 1, math.random(0, most) do
        local at = math.random(#letters)
        list[i] = letters:sub(at, at)
      end
      return table.concat(list)
    end
    for _ = 1, 3000 do
      local pattern, text = random("ab*?", 7), random("ab", 9)
      assert.equal(fits(pattern, text), glob(pattern)(text), pattern .. " " .. text)
    end
  end)

  -- As a Lua pattern, 20 stars took longer than anybody waits.
  it("takes steps as its length times the text's, however many stars it has", function()
    local text, steps = ("a"):rep(2000), 0
    local matches = glob(("*a"):rep(20) .. "*b")
    debug.sethook(function() steps = steps + 1 end, "", 1000)
    local found = matches(text)
    debug.sethook()
    assert.is_false(found)
    assert.is_true(steps < 3000, steps .. " thousand instructions")
  end)
end)
