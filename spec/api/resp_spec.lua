-- SPDX-License-Identifier: MIT
-- moonport.resp: commands and replies in whatever pieces they come, malformed ones, garbage, and what is written.
-- MOONPORT_SPEC_SEED sets the random sequence.
-- #nogc: it computes

require "spec.helper"
local resp = require "moonport.resp"

local seed = tonumber(os.getenv "MOONPORT_SPEC_SEED") or 20261201

-- Feeds the text in pieces of these sizes in turn.
local function feed(reader, text, sizes, each)
  local at, turn = 1, 0
  repeat
    local size = sizes[turn % #sizes + 1]
    turn = turn + 1
    reader:feed(text:sub(at, at + size - 1))
    at = at + size
    each(reader)
  until at > #text
end

-- -> each command as { name, arguments … }, and what is malformed
local function commands(text, sizes, options)
  local list, wrong = {}, nil
  feed(resp.commands(options), text, sizes or { #text + 1 }, function(reader)
    local name, count, a, b, c = reader:next()
    while name do
      local all = reader:arguments()
      assert.same({ all[0], #all, all[1], all[2], all[3] }, { name, count, a, b, c })
      table.insert(all, 1, all[0])
      all[0] = nil
      list[#list + 1] = all
      name, count, a, b, c = reader:next()
    end
    wrong = count
  end)
  return list, wrong
end

-- -> each reply as { ok, value }, and what is malformed
local function replies(text, sizes, options)
  local list, wrong = {}, nil
  feed(resp.replies(options), text, sizes or { #text + 1 }, function(reader)
    local ok, value = reader:next()
    while ok ~= nil do
      list[#list + 1] = { ok, value }
      ok, value = reader:next()
    end
    wrong = value
  end)
  return list, wrong
end

describe("resp.commands", function()
  it("reads arrays, inline commands, empty ones, and any bytes", function()
    assert.same({ { "GET", "a" }, { "", "\r\n\0" } },
      (commands "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$0\r\n\r\n$3\r\n\r\n\0\r\n"))
    assert.same({ { "PING" }, { "SET", "a", "b c" }, { "x" } },
      (commands "PING\r\n\r\n  SET a 'b c' \r\n*0\r\n*-1\r\nx\n"))
    assert.same({ { "a", "1", "2", "3", "4", "5" }, { "b", "1", "2", "3", "4" } },
      (commands("a 1 2 3 4 5\n" .. resp.command("b", 1, 2, 3, 4))))
  end)

  it("reads redis-cli's quotes", function()
    assert.same({ { "a b", 'c"d\n\x01', "it's", "\\n", "e", "\8q" } },
      (commands [["a b" "c\"d\n\x01" 'it\'s' '\n' e "\b\q"
]]))
    for _, text in ipairs { '"open\n', "'open\n", '"a"b\n', "'a'b\n", '"a\\\n' } do
      assert.equal("unbalanced quotes in request", select(2, commands(text)))
    end
  end)

  it("reads the same however the bytes are cut", function()
    local text = {}
    math.randomseed(seed)
    for i = 1, 200 do
      if i % 5 == 0 then
        text[i] = "SET key 'a b'\r\n"
      else
        local words = { "x" }
        for j = 2, math.random(6) do
          words[j] = ("\r\n$*x"):rep(math.random(0, 30)):sub(1, math.random(0, 100))
        end
        text[i] = resp.command(table.unpack(words))
      end
    end
    text = table.concat(text)
    local whole, wrong = commands(text)
    assert.same({ 200, nil }, { #whole, wrong })
    for _, sizes in ipairs { { 1 }, { 2 }, { 3, 1 }, { 7 }, { 100, 1, 1 }, { 4096 } } do
      assert.same(whole, (commands(text, sizes)))
    end
  end)

  it("says what is malformed in Redis' words, and says it ever after", function()
    for text, words in pairs {
      ["*x\r\n"] = "invalid multibulk length", ["*1048577\r\n"] = "invalid multibulk length",
      ["*99999999999999999999\r\n"] = "invalid multibulk length", ["*1\r\n:1\r\n"] = "expected '$', got ':'",
      ["*1\r\n$-1\r\n"] = "invalid bulk length", ["*1\r\n$x\r\n"] = "invalid bulk length",
      ["*1\r\n$16777217\r\n"] = "invalid bulk length", ["*1\r\n$99999999999999999999\r\n"] = "invalid bulk length",
      ["*1\r\n$1\r\nabc"] = "a bulk string is longer than its length",
      [("x"):rep(70000)] = "too big inline request", [("x"):rep(70000) .. "\n"] = "too big inline request",
    } do
      for _, size in ipairs { #text, 1000, #text < 100 and 1 or 999 } do
        assert.equal(words, select(2, commands(text, { size })), text:sub(1, 30))
      end
      local reader = resp.commands()
      reader:feed(resp.command "PING" .. text)
      assert.equal("PING", (reader:next()))
      assert.same({ nil, words }, { reader:next() })
      reader:feed(resp.command "PING")
      assert.same({ nil, words }, { reader:next() })
    end
  end)

  it("keeps the bounds that it is given", function()
    local function refused(text, options) return select(2, commands(text, nil, options)) end
    assert.equal("too big request", refused(resp.command("a", "bb", "cc"), { maxSize = 4 }))
    assert.is_nil(refused(resp.command("a", "bb", "cc"), { maxSize = 5 }))
    assert.equal("invalid bulk length", refused(resp.command("a", "bbb"), { maxArgument = 2 }))
    assert.equal("invalid multibulk length", refused(resp.command("a", "b", "c"), { maxCount = 2 }))
    assert.equal("too big inline request", refused("abcd\n", { maxLine = 3 }))
    assert.error_matches(function() resp.commands { maxsize = 1 } end, "there is no option maxsize")
    assert.error_matches(function() resp.commands { maxSize = 0 } end, "maxSize is not a whole number")
  end)

  it("takes any bytes: it asks for more, gives commands, or says what is malformed", function()
    local letters = { "*", "$", "1", "2", "3", "-", "\r\n", "\r", "\n", "x", "'", '"', " ", "\\x", "\0" }
    math.randomseed(seed)
    for _ = 1, 3000 do
      local parts = {}
      for i = 1, math.random(20) do parts[i] = letters[math.random(#letters)] end
      local text = table.concat(parts)
      local whole, wrong = commands(text)
      local pieces, wrongToo = commands(text, { 1 })
      assert.same({ whole, wrong }, { pieces, wrongToo }, ("%q"):format(text))
      replies(text)
    end
  end)

  it("has the arguments of the last command only, until it is fed", function()
    local reader = resp.commands()
    assert.has_error(function() reader:arguments() end, "there is no command")
    reader:feed(resp.command("GET", "a") .. "PING\r\n*1\r\n")
    reader:next()
    assert.same({ [0] = "GET", "a" }, reader:arguments())
    reader:next()
    assert.same({ [0] = "PING" }, reader:arguments())
    assert.same({ nil }, { reader:next() })
    assert.has_error(function() reader:arguments() end, "there is no command")
  end)

  it("has other bounds from the next command on", function()
    local reader = resp.commands { maxArgument = 4 }
    reader:feed(resp.command("ECHO", "four") .. resp.command("ECHO", "fivee"))
    assert.same({ "ECHO", 1, "four" }, { reader:next() })
    reader:setBounds()
    assert.same({ "ECHO", 1, "fivee" }, { reader:next() })
    reader:setBounds { maxArgument = 4 }
    reader:feed "*1\r\n$5\r\n"
    assert.same({ nil, "invalid bulk length" }, { reader:next() })
    assert.error_matches(function() reader:setBounds { maxsize = 1 } end, "there is no option maxsize")
  end)

  it("stays whole when a finaliser feeds it while it gives a command", function()
    local reader, text = resp.commands(), resp.command("SET", ("k"):rep(50), ("v"):rep(1000))
    local fed, given = 0, 0
    local function trap()
      setmetatable({}, { __gc = function()
        reader:feed(text:sub(1, 7))
        reader:next()
      end })
    end
    for _ = 1, 2000 do
      trap()
      reader:feed(text)
      fed = fed + 1
      local ok, name = pcall(reader.next, reader)
      if ok and name then given = given + 1 end
      if not ok then assert.matches("fed while", name) end
      if select(2, reader:next()) then reader = resp.commands() end
    end
    assert.is_true(given > 0)
  end)
end)

describe("resp.replies", function()
  it("reads each type, null, errors, and arrays with all of them", function()
    assert.same({ { true, "OK" }, { false, "ERR no" }, { true, -5 }, { true, "a\r\nb" }, { true }, { true },
      { true, {} }, { true, { 1, false, "x", { "y", false }, { error = "ERR in" }, "s" } }, { true, "" } },
      (replies("+OK\r\n-ERR no\r\n:-5\r\n$4\r\na\r\nb\r\n$-1\r\n*-1\r\n*0\r\n" ..
        "*6\r\n:1\r\n$-1\r\n$1\r\nx\r\n*2\r\n$1\r\ny\r\n*-1\r\n-ERR in\r\n+s\r\n$0\r\n\r\n")))
  end)

  it("reads the same however the bytes are cut", function()
    math.randomseed(seed)
    local function value(depth)
      local kind = math.random(depth < 4 and 7 or 5)
      if kind == 1 then return ":" .. math.random(-1000, 1000) .. "\r\n" end
      if kind == 2 then return "+" .. ("x"):rep(math.random(0, 20)) .. "\r\n" end
      if kind == 3 then return "-ERR " .. ("y"):rep(math.random(0, 20)) .. "\r\n" end
      if kind == 4 then return "$-1\r\n" end
      if kind == 5 then return resp.bulk(("\r\n:*"):rep(math.random(0, 9))) end
      local parts = {}
      for i = 1, math.random(0, 5) do parts[i] = value(depth + 1) end
      return "*" .. #parts .. "\r\n" .. table.concat(parts)
    end
    local parts = {}
    for i = 1, 300 do parts[i] = value(0) end
    local text = table.concat(parts)
    local whole, wrong = replies(text)
    assert.same({ 300, nil }, { #whole, wrong })
    for _, sizes in ipairs { { 1 }, { 2 }, { 3, 1 }, { 7 }, { 100, 1, 1 }, { 4096 } } do
      assert.same(whole, (replies(text, sizes)))
    end
  end)

  it("reads an array of 100,000 strings", function()
    local text = "*100000\r\n" .. ("$5\r\nkey:1\r\n"):rep(100000)
    local list = replies(text, { 65536 })
    assert.equal(1, #list)
    assert.same({ 100000, "key:1", "key:1" }, { #list[1][2], list[1][2][1], list[1][2][100000] })
  end)

  it("says what is malformed, and says it ever after", function()
    for text, words in pairs {
      ["!x\r\n"] = "malformed", ["\r\n"] = "malformed", ["$x\r\n"] = "malformed", ["$-2\r\n"] = "malformed",
      ["*-2\r\n"] = "malformed", [":\r\n"] = "malformed", [":1.5\r\n"] = "malformed", ["+a\rb\r\n"] = "malformed",
      [":9223372036854775808\r\n"] = "malformed", ["$1\r\nabc\r\n"] = "malformed", ["%1\r\n"] = "malformed",
      ["$536870913\r\n"] = "too long", ["*1048577\r\n"] = "too many values", ["*9999999999\r\n"] = "too many values",
      ["+" .. ("x"):rep(70000)] = "too long", [("*1\r\n"):rep(33) .. ":1\r\n"] = "too many arrays",
      ["*1048575\r\n" .. ("*2\r\n:1\r\n:1\r\n"):rep(400000)] = "too many values",
    } do
      local reader = resp.replies()
      reader:feed(":1\r\n" .. text)
      assert.same({ true, 1 }, { reader:next() })
      local value, message = reader:next()
      assert.is_nil(value)
      assert.matches(words, message, 1, true)
      reader:feed ":1\r\n"
      assert.same({ nil, message }, { reader:next() })
    end
    assert.matches("too long", select(2, replies("$100\r\n", nil, { maxSize = 100 })))
    assert.same({ { true, ("x"):rep(93) } }, (replies("$93\r\n" .. ("x"):rep(93) .. "\r\n", nil, { maxSize = 100 })))
    assert.matches("too many values", select(2, replies("*2\r\n:1\r\n:1\r\n", nil, { maxElements = 2 })))
    assert.same({ { true, { 1, 1 } } }, (replies("*2\r\n:1\r\n:1\r\n", nil, { maxElements = 3 })))
  end)

  it("is no command reader, and the other way round", function()
    assert.error_matches(function() resp.commands().next(resp.replies()) end, "no reader")
    assert.error_matches(function() resp.replies().feed(io.stdout, "x") end, "no reader")
    assert.error_matches(function() resp.replies():feed {} end, "string expected")
  end)
end)

describe("What moonport.resp writes", function()
  it("is a command of strings and of numbers as Redis reads them", function()
    assert.equal("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$3\r\n\r\n\0\r\n", resp.command("SET", "a", "\r\n\0"))
    local texts = { [1] = "1", [-5] = "-5", [0.5] = "0.5", [0.1] = "0.1", [1e15] = "1000000000000000",
      [1 / 3] = "0.3333333333333333", [math.mininteger] = "-9223372036854775808", [math.huge] = "inf",
      [-math.huge] = "-inf", [1e300] = "1e+300" }
    for number, text in pairs(texts) do
      assert.equal(resp.command("a", text), resp.command("a", number))
    end
    assert.equal("*1\r\n$4\r\nPING\r\n", resp.command "PING")
    for _, wrong in ipairs { true, {}, print } do
      assert.error_matches(function() resp.command("a", wrong) end, "string or number expected")
    end
    assert.error_matches(function() resp.command("a", nil) end, "string or number expected, got nil")
    assert.error_matches(function() resp.command("a", 0 / 0) end, "not a number")
    assert.has_error(function() resp.command() end)
    assert.has_error(function() resp.command(1) end)
  end)

  it("is a reply in RESP2 or RESP3", function()
    assert.equal("$0\r\n\r\n", resp.bulk "")
    assert.equal(":-9223372036854775808\r\n", resp.integer(math.mininteger))
    assert.equal("+OK \r\n", resp.status "OK\n")
    assert.equal("-ERR a  b\r\n", resp.error "ERR a\r\nb")
    local list = { "a", 1, false, true, 0.5, { "b" } }
    assert.equal("*6\r\n$1\r\na\r\n:1\r\n$-1\r\n:1\r\n$3\r\n0.5\r\n*1\r\n$1\r\nb\r\n", resp.array(list))
    assert.equal("*6\r\n$1\r\na\r\n:1\r\n_\r\n#t\r\n,0.5\r\n*1\r\n$1\r\nb\r\n", resp.array(list, 3))
    assert.equal("*2\r\n$1\r\na\r\n:1\r\n", resp.map { "a", 1 })
    assert.equal("%1\r\n$1\r\na\r\n:1\r\n", resp.map({ "a", 1 }, 3))
    assert.equal("~1\r\n$1\r\na\r\n", resp.set({ "a" }, 3))
    assert.equal(">1\r\n$1\r\na\r\n", resp.push({ "a" }, 3))
    assert.equal("*0\r\n", resp.array {})
    assert.has_error(function() resp.map { "a" } end)
    assert.error_matches(function() resp.array { print } end, "a list holds a function")
    local deep = {}
    deep[1] = deep
    assert.error_matches(function() resp.array(deep) end, "too many lists within lists")
    assert.has_error(function() resp.array({}, 4) end)
  end)
end)
