-- SPDX-License-Identifier: MIT
-- A pattern that begins anew at each byte of a row, or gives back each byte of one in turn for each of another, takes
-- steps as the square of a line: 60 KB from a peer stopped a service for seconds. Each pattern of the scripts, modules,
-- template and examples is tried on texts that are made for it, with its steps counted.
-- #nogc: it computes

local helper = require "spec.helper" -- luacheck: ignore
local patterns = require "spec.patterns"
local lfs = require "lfs"

-- Those that no peer's text reaches, or that are short then.
local exempt = {
  ["([^\n]*)\n"] = "docs/from-lua.md: a program for luv",
  ["([^\n]*)\n$"] = "docs/guide/http.md: the example's own answer",
  ["[^\n]*\n$"] = "moonport.test's authority: a short file that it has written",
  ["[^\n]*\n"] = "scripts/mail.lua: each text there ends in a LF",
  ["^GET (%S+).-\r\n\r\n"] = "scripts/mock.lua: of a test for its own client",
}

local function walk(folder, visit)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    local mode = lfs.attributes(path, "mode")
    if mode == "directory" and name:sub(1, 1) ~= "." then walk(path, visit) end
    if mode == "file" and (name:find "%.lua$" or name:find "%.md$") then visit(path) end
  end
end

-- Each text between quotes of a line of Lua.
local function quoted(line)
  local list, at = {}, 1
  while true do
    local from = line:find("[\"']", at)
    if not from then return list end
    local quote, stop = line:sub(from, from), from + 1
    while stop <= #line and line:sub(stop, stop) ~= quote do
      stop = stop + (line:sub(stop, stop) == "\\" and 2 or 1)
    end
    list[#list + 1] = line:sub(from, stop)
    at = stop + 1
  end
end

-- What may be a pattern: texts between quotes with repetitions. -> pattern -> where it is first
local function collected()
  local all = {}
  for _, folder in ipairs { "scripts", "template", "lua", "docs", "bench/moonport" } do
    walk(folder, function(path)
      local number = 0
      for line in io.lines(path) do
        number = number + 1
        for _, text in ipairs(quoted(line)) do
          local chunk = load("return " .. text)
          local plain = chunk and chunk()
          if plain and plain:find "[%%%].][*+-]" or plain and line:find "[mf][ai][tn][cd]" and plain:find "[*+-]" then
            if not line:find(text .. ", 1, true", 1, true) then all[plain] = all[plain] or path .. ":" .. number end
          end
        end
      end
    end)
  end
  return all
end

-- Steps as n² would be four times as many.
local function isSlow(list)
  local make = patterns.texts(list)
  local short, long = make(60), make(120)
  for i, text in ipairs(short) do
    local once = patterns.steps(list, text, 20000)
    local twice = patterns.steps(list, long[i], 100000)
    if twice > 3 * once + 200 then return text, once, twice end
  end
end

describe("A pattern", function()
  it("that is known to be slow is found", function()
    for _, one in ipairs { "%s+$", "(.-)%s*$", "^%s*(.-)%s*$", "[\n\0]+$", "^(%a+) *(.-) *$", "%d*%d*x", "a.-b" } do
      assert.is_truthy(isSlow(assert(patterns.compile(one))), one)
    end
    for _, one in ipairs { "^%s*(.*)$", "^.*%S", "^(%S+) (%S+)", "%%(%x%x)", "[^&]+", "^(%a+):%s*<([^<>]*)>(.*)$" } do
      assert.is_nil((isSlow(assert(patterns.compile(one)))), one)
    end
  end)

  it("of ours takes steps in proportion to the text", function()
    local slow, count = {}, 0
    for pattern, where in pairs(collected()) do
      local list = patterns.compile(pattern)
      if list then
        count = count + 1
        local text, once, twice = isSlow(list)
        if text and not exempt[pattern] then
          slow[#slow + 1] = ("%s: %q on %q: %d, %d"):format(where, pattern, text, once, twice)
        end
      end
    end
    table.sort(slow)
    assert.are.equal("", table.concat(slow, "\n"))
    assert.is_true(count > 80, count)
  end)
end)
