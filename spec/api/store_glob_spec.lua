-- SPDX-License-Identifier: MIT
-- The globs of moonport.store. What they match in Redis is in spec/scripts/kv_spec.lua.
-- #nogc: it computes

require "spec.helper"
local matches = require "moonport.store.keyspace".matches

describe("A glob of moonport.store", function()
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
    for _ = 1, 20000 do
      local pattern, text = random("ab*?", 7), random("ab", 9)
      assert.equal(fits(pattern, text), matches(pattern, text), pattern .. " " .. text)
    end
  end)

  it("has sets, ranges, inverse ones, and escapes", function()
    for pattern, texts in pairs {
      ["[ab]"] = { a = true, b = true, c = false, [""] = false }, ["[^ab]"] = { a = false, c = true },
      ["[a-c]x"] = { bx = true, dx = false }, ["[c-a]x"] = { bx = true, dx = false }, ["[]"] = { ["]"] = false },
      ["[^]"] = { x = true }, ["[\\]]"] = { ["]"] = true, ["\\"] = false }, ["[a"] = { a = true, b = false },
      ["["] = { ["["] = false }, ["\\*"] = { ["*"] = true, a = false }, ["\\"] = { ["\\"] = true },
      ["[a-]"] = { a = true, ["^"] = true, ["-"] = false, b = false }, ["*[b]*"] = { abc = true, ac = false },
      ["a\0*"] = { ["a\0b"] = true, ab = false }, ["[^\255]"] = { ["\255"] = false, ["\254"] = true },
    } do
      for text, wanted in pairs(texts) do
        assert.equal(wanted, matches(pattern, text), ("%q %q"):format(pattern, text))
      end
    end
  end)

  it("is refused if it is long, since each of its bytes may cost a step for each of the text's", function()
    assert.is_true(matches(("*"):rep(1024), "x"))
    assert.error_matches(function() matches(("*"):rep(1025), "x") end, "too long")
  end)
end)
