-- SPDX-License-Identifier: MIT
-- scripts/kv_protocol.lua: whole requests, requests in pieces, and wrong ones.

package.path = "scripts/?.lua;" .. package.path
local protocol = require "kv_protocol"

-- Feeds text in pieces of these sizes in turn, as kv.lua does. -> the requests, and the error or nil
local function parse(text, ...)
  local sizes, turn, state, list, data, pos, at, need = { ... }, 0, {}, {}, "", 1, 1, 1
  sizes[1] = sizes[1] or #text
  while true do
    while #data - pos + 1 < need do
      if at > #text then return list, nil, #data - pos + 1 end
      local size = sizes[turn % #sizes + 1]
      turn = turn + 1
      data, pos = data:sub(pos) .. text:sub(at, at + size - 1), 1
      at = at + size
    end
    local words, behind, more = protocol.parse(state, data, pos)
    if not words and not behind then return list, more end
    list[#list + 1], pos, need = words, behind, words and 1 or more
    if not words then assert.is_true(need > #data - pos + 1) end
  end
end

local function requests(text)
  local list, wrong = parse(text)
  assert.is_nil(wrong)
  return list
end

describe("kv_protocol.parse", function()
  it("reads arrays, inline requests, empty ones, and any bytes", function()
    assert.same({ { "GET", "a" }, { "", "\r\n\0" } },
      requests "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$0\r\n\r\n$3\r\n\r\n\0\r\n")
    assert.same({ { "PING" }, { "SET", "a", "b c" }, { "x" } },
      requests "PING\r\n\r\n  SET a 'b c' \r\n*0\r\n*-1\r\nx\n")
  end)

  it("reads redis-cli's quotes", function()
    assert.same({ { "a b", 'c"d\n\x01', "it's", "\\n", "e" } }, requests [["a b" "c\"d\n\x01" 'it\'s' '\n' e
]])
    for _, text in ipairs { '"open\n', "'open\n", '"a"b\n', "'a'b\n" } do
      assert.equal("unbalanced quotes in request", select(2, parse(text)))
    end
  end)

  it("reads the same however the bytes are split", function()
    local text = {}
    math.randomseed(7)
    for i = 1, 200 do
      if i % 5 == 0 then
        text[i] = "SET key 'a b'\r\n"
      else
        local words = {}
        for j = 1, math.random(4) do
          local word = ("\r\n$*x"):rep(math.random(0, 30)):sub(1, math.random(0, 100))
          words[j] = ("$%d\r\n%s\r\n"):format(#word, word)
        end
        text[i] = "*" .. #words .. "\r\n" .. table.concat(words)
      end
    end
    text = table.concat(text)
    local whole, wrong, rest = parse(text)
    assert.same({ 200, nil, 0 }, { #whole, wrong, rest })
    for _, sizes in ipairs { { 1 }, { 2 }, { 3, 1 }, { 7 }, { 100, 1, 1 }, { 4096 } } do
      assert.same(whole, (parse(text, table.unpack(sizes))))
    end
  end)

  it("reports errors in Redis' words", function()
    for text, words in pairs {
      ["*x\r\n"] = "invalid multibulk length",
      ["*1048577\r\n"] = "invalid multibulk length",
      ["*99999999999999999999\r\n"] = "invalid multibulk length",
      ["*1\r\n:1\r\n"] = "expected '$', got ':'",
      ["*1\r\n$-1\r\n"] = "invalid bulk length",
      ["*1\r\n$x\r\n"] = "invalid bulk length",
      ["*1\r\n$16777217\r\n"] = "invalid bulk length",
      ["*1\r\n$99999999999999999999\r\n"] = "invalid bulk length",
      ["*" .. ("1"):rep(70000)] = "too big mbulk count string",
      ["*1\r\n$" .. ("1"):rep(70000)] = "too big bulk count string",
      [("x"):rep(70000)] = "too big inline request",
      [("x"):rep(70000) .. "\n"] = "too big inline request",
    } do
      for _, size in ipairs { #text, 1000, #text < 100 and 1 or 999 } do
        assert.equal(words, select(2, parse(text, size)), text:sub(1, 30))
      end
    end
  end)

  it("limits the size of one request", function()
    local third = ("$%d\r\n%s\r\n"):format(12 << 20, ("x"):rep(12 << 20))
    assert.equal("too big request", select(2, parse("*3\r\n" .. third:rep(3), 65536 * 16)))
    assert.equal(1, #parse("*2\r\n" .. third:rep(2), 65536 * 16))
  end)

  it("takes any bytes: it asks for more, returns requests, or an error", function()
    local letters = { "*", "$", "1", "2", "3", "-", "\r\n", "\r", "\n", "x", "'", '"', " ", "\\x", "\0" }
    math.randomseed(11)
    for _ = 1, 3000 do
      local parts = {}
      for i = 1, math.random(20) do parts[i] = letters[math.random(#letters)] end
      local text = table.concat(parts)
      local whole, wrong = parse(text)
      local pieces, wrongToo = parse(text, 1)
      assert.same({ whole, wrong }, { pieces, wrongToo }, ("%q"):format(text))
    end
  end)
end)
