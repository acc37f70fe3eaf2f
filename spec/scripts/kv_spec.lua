-- SPDX-License-Identifier: MIT
-- scripts/kv.lua with redis-cli, redis-benchmark, plain sockets, and compared with a real Redis server.

local helper = require "spec.helper"
local servers = require "spec.redis"

local paths = {}

-- A path for the file of a store, removed at the spec's end.
local function storePath()
  local path = os.tmpname()
  os.remove(path)
  paths[#paths + 1] = path
  return path
end

local function start(path, ...)
  local program = helper.program { script = "scripts/kv.lua", args = { 0, "127.0.0.1", path or storePath(), ... } }
  return program, program:waitForLine "kv: listening on 127.0.0.1 port (%d+)"
end

local function stop(program)
  program:signal "TERM"
  assert.are.equal(0, program:wait())
  assert.is_nil(program:stderr():find(" error ", 1, true), program:stderr())
end

-- redis-cli's output for a list of commands.
local function cli(port, commands, ...)
  local _, out, err = helper.run({ "redis-cli", "-p", port, ... }, table.concat(commands, "\n") .. "\n", 20000)
  return out .. err
end

local function command(...)
  local words = { ... }
  local parts = { "*" .. #words .. "\r\n" }
  for _, word in ipairs(words) do parts[#parts + 1] = ("$%d\r\n%s\r\n"):format(#word, word) end
  return table.concat(parts)
end

describe("scripts/kv.lua", function()
  after_each(function()
    for _, path in ipairs(paths) do
      os.remove(path)
      os.remove(path .. ".tmp")
    end
    paths = {}
  end)

  it("answers redis-cli as Redis does, also errors", function()
    local redis, redisPort = servers.start()
    local program, port = start()
    local list = {
      "GET a", "SET a 1", "GET a", "SET a 2 NX", "SET b 2 NX", "SET b 3 XX", "SET c 3 XX", "GET b", "GET c",
      "SET a 1 NX XX", "SET a 1 EX", "SET a 1 EX 0", "SET a 1 EX -1", "SET a 1 PX x", "SET a 1 EX 10 PX 10",
      "SET a 1 FOO", "set a 5", "INCR a", "DECR a", "INCRBY a 10", "DECRBY a 3", "INCR word", "SET word x",
      "INCR word", "INCRBY a x", "SET max 9223372036854775807", "INCR max", "DECRBY a -9223372036854775808",
      "SET min -9223372036854775808", "DECR min", "INCRBY a 99999999999999999999", "SET zero 007", "INCR zero",
      "SET space ' 1'", "INCR space", "EXISTS a b nothing a", "DEL a nothing", "EXISTS a", "TTL nothing",
      "PTTL nothing", "TTL b", "EXPIRE b 100", "TTL b", "PERSIST b", "TTL b", "PERSIST b", "PERSIST nothing",
      "EXPIRE nothing 1", "EXPIRE b x", "EXPIRE b -1", "GET b", "PEXPIRE word 100000", "TTL word", "SET word y",
      "TTL word", "SET word y EX 50", "INCR n", "EXPIRE n 50", "INCR n", "TTL n", "APPEND n 5", "TTL n", "STRLEN n",
      "STRLEN nothing", "APPEND new abc", "GET new", "TYPE new", "TYPE nothing", "EXPIRE n 9223372036854775807",
      "SET n 1 EX 9223372036854775807", "FLUSHALL", "MSET hello 1 hallo 2 hxllo 3 hllo 4 heello 5", "MSET a",
      "MSET a 1 b", "MGET hello nothing hallo", "DBSIZE", "KEYS h?llo*x", "KEYS h[ae]llx", "KEYS hello",
      "KEYS h[^e]llo*y", "KEYS h\\*llo", "KEYS", "KEYS [", "PING", "PING hello", "PING a b", "ECHO hello", "ECHO",
      "SELECT 0", "SELECT 16", "SELECT x", "PUBLISH nobody hello", "NOTHING a b", "nothing 'a b' c", "GET", "GET a b",
      "SET a", "DEL", "HELLO 9", "UNSUBSCRIBE", "FLUSHDB", "DBSIZE", "\"GET\" \"\\x61\"", "CLIENT SETNAME me",
      "CLIENT GETNAME", "CONFIG GET nothing",
    }
    local wanted, got = cli(redisPort, list), cli(port, list)
    assert.is_true(#wanted > 1000)
    assert.are.equal(wanted, got)
    redis:signal "TERM"
    stop(program)
  end)

  it("finds keys by Redis' globs", function()
    local program, port = start()
    local client = helper.connect(port)
    local function keys(pattern)
      client:send(command("KEYS", pattern))
      local list = {}
      for i = 1, tonumber(client:receiveLine():match "%d+") do
        list[i] = client:receive(tonumber(client:receiveLine():match "%d+") + 2):sub(1, -3)
      end
      table.sort(list)
      return table.concat(list, " ")
    end
    for _, key in ipairs { "hello", "hallo", "hillo", "h*llo", "h.llo", "a%b", "x]", "1", "d" } do
      client:send(command("SET", key, "1"))
      client:receiveLine()
    end
    for pattern, found in pairs {
      ["h?llo"] = "h*llo h.llo hallo hello hillo", ["h[ae]llo"] = "hallo hello",
      ["h[^e]llo"] = "h*llo h.llo hallo hillo",
      ["h[a-f]llo"] = "hallo hello", ["h\\*llo"] = "h*llo", ["h.llo"] = "h.llo", ["a%b"] = "a%b", ["x]"] = "x]",
      ["h[*.]llo"] = "h*llo h.llo", ["*l*"] = "h*llo h.llo hallo hello hillo", ["nothing*"] = "", ["a**b"] = "a%b",
      ["\\hell\\o"] = "hello", ["\\d"] = "d", ["[\\d]"] = "d", ["[%d]"] = "d", ["[\\d-f1]"] = "1 d",
    } do
      assert.are.equal(found, keys(pattern), pattern)
    end
    stop(program)
  end)

  it("removes expired keys, whether they are read or not #valgrind", function()
    local program, port = start()
    local client = helper.connect(port)
    client:send "SET short x PX 1\r\nSET other x PX 1\r\nSET a b\r\n"
    client:receive(15)
    helper.eventually(function()
      client:send(command("GET", "short"))
      local reply = client:receiveLine()
      if reply ~= "$-1\r\n" then client:receiveLine() end
      return reply == "$-1\r\n"
    end)
    helper.eventually(function()
      client:send(command "DBSIZE")
      return client:receiveLine() == ":1\r\n"
    end)
    stop(program)
  end)

  it("publishes to channels and patterns, and not to clients that have left", function()
    local program, port = start()
    local reader = helper.spawn { "redis-cli", "-p", port, "SUBSCRIBE", "news", "other" }
    reader:waitForLine "^2$"
    local pattern = helper.connect(port)
    pattern:send(command("PSUBSCRIBE", "n?ws") .. command("GET", "a") .. command "PING")
    local subscribed = "*3\r\n$10\r\npsubscribe\r\n$4\r\nn?ws\r\n:1\r\n"
    assert.are.equal(subscribed, pattern:receive(#subscribed))
    assert.is_truthy(pattern:receiveLine():find "^%-ERR Can't execute 'get': only")
    assert.are.equal("*2\r\n$4\r\npong\r\n$0\r\n\r\n", pattern:receive(20))
    assert.are.equal("2\n", cli(port, { "PUBLISH news hello" }))
    reader:waitForLine "^hello$"
    local message = command("pmessage", "n?ws", "news", "hello")
    assert.are.equal(message, pattern:receive(#message))
    reader:signal "KILL"
    reader:wait()
    pattern:send(command("PUNSUBSCRIBE") .. command("GET", "a"))
    pattern:receive(#"*3\r\n$12\r\npunsubscribe\r\n$4\r\nn?ws\r\n:0\r\n")
    assert.are.equal("$-1\r\n", pattern:receiveLine())
    helper.eventually(function() return cli(port, { "PUBLISH news hello" }) == "0\n" end)
    stop(program)
  end)

  it("accepts as many channels in UNSUBSCRIBE as a request may have", function()
    local program, port = start()
    local client = helper.connect(port)
    client:send("*1048576\r\n$11\r\nUNSUBSCRIBE\r\n" .. ("$0\r\n\r\n"):rep(1048575), 60000)
    local reply = "*3\r\n$11\r\nunsubscribe\r\n$0\r\n\r\n:0\r\n"
    assert.are.equal(reply, client:receive(#reply, 60000))
    client:close()
    stop(program)
  end)

  it("drops a subscriber that doesn't read, and only that one", function()
    local program, port = start()
    local deaf = helper.connect(port, nil, { receiveBuffer = 4096 })
    local reader, writer = helper.connect(port), helper.connect(port)
    for _, client in ipairs { deaf, reader } do
      client:send(command("SUBSCRIBE", "news"))
      client:receive(33)
    end
    local text, said = ("x"):rep(1 << 20), 0
    repeat
      writer:send(command("PUBLISH", "news", text))
      local count = writer:receiveLine()
      said = said + 1
      reader:receive(#command("message", "news", text))
    until count == ":1\r\n" or said > 40
    program:waitForLine "warning kv: 127%.0%.0%.1:%d+ doesn't read what it has subscribed to"
    assert.is_true(said <= 40)
    assert.are.equal("PONG\n", cli(port, { "PING" }))
    stop(program)
  end)

  it("answers pipelined requests in order, also for a client that half-closes", function()
    local program, port = start()
    local parts, replies = {}, {}
    for i = 1, 20000 do
      parts[i] = command("INCR", "n")
      replies[i] = (":%d\r\n"):format(i)
    end
    local client = helper.connect(port)
    client:send(table.concat(parts) .. "PING\r\n")
    client:shutdown()
    assert.are.equal(table.concat(replies) .. "+PONG\r\n", client:receiveAll())
    stop(program)
  end)

  it("stops reading at a limit from a client that asks for much and doesn't read", function()
    local program, port = start()
    local client = helper.connect(port, nil, { receiveBuffer = 4096 })
    client:send(command("SET", "big", ("x"):rep(1 << 20)) .. command("SET", "count", "0"))
    client:receive(10)
    client:send((command("INCR", "count") .. command("GET", "big")):rep(2000)) -- 2 GB of answers
    local before
    helper.eventually(function()
      local now = cli(port, { "GET count" })
      local same = now == before
      before = now
      helper.settle(50)
      return same
    end)
    assert.is_true(tonumber(before) < 100, before)
    client:reset()
    assert.are.equal("PONG\n", cli(port, { "PING" }))
    stop(program)
  end)

  it("reports a protocol error, and closes", function()
    local program, port = start()
    for text, words in pairs {
      ["*1\r\n:1\r\n"] = "expected '$', got ':'",
      ["*2000000\r\n"] = "invalid multibulk length",
      ["*1\r\n$99999999\r\n"] = "invalid bulk length",
      ['GET "a\r\n'] = "unbalanced quotes in request",
      [("x"):rep(70000)] = "too big inline request",
    } do
      local client = helper.connect(port)
      client:send("PING\r\n" .. text)
      assert.are.equal("+PONG\r\n-ERR Protocol error: " .. words .. "\r\n", client:receiveAll())
    end
    local client = helper.connect(port)
    client:send "QUIT\r\nPING\r\n"
    assert.are.equal("+OK\r\n", client:receiveAll())
    stop(program)
  end)

  it("serves redis-benchmark", function()
    local program, port = start()
    local status, out, err = helper.run({ "redis-benchmark", "-p", port, "-n", 2000, "-P", 8, "-c", 20, "-q", "--csv",
      "-t", "ping,set,get,incr,mset" }, nil, 60000)
    assert.are.equal(0, status, err)
    for _, test in ipairs { "PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)" } do
      assert.is_truthy(out:find('"' .. test .. '"', 1, true), out)
    end
    assert.is_nil(err:find "[Ee]rror")
    stop(program)
  end)

  it("says in one line what is wrong with its arguments", function()
    for text, arguments in pairs {
      ["not a port: 70000"] = { "70000" }, ["not a port: x"] = { "x" }, ["not an address: here"] = { "0", "here" },
      ["not a number of seconds: often"] = { "0", "::1", "file", "often" },
    } do
      local program = helper.program { script = "scripts/kv.lua", args = arguments }
      assert.are.equal(1, program:wait())
      assert.is_truthy(program:stderr():find(text, 1, true), program:stderr())
      assert.are.equal(1, select(2, program:stderr():gsub("\n", "")))
    end
  end)
end)
