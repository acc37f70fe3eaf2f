-- SPDX-License-Identifier: MIT
-- moonport.redis when the server dies, hangs, answers wrongly, refuses, starts again, or isn't there.

local moonport = require "moonport"
local helper = require "spec.helper"
local link = require "moonport.redis.link"
local redis = require "moonport.redis"
local resp = require "moonport.resp"
local servers = require "spec.redis"
local sets = require "moonport.redis.sets"

local store, fake

local function open(url, options)
  store = assert(redis.connect(url or fake.url, options))
  return store
end

-- Serves with what `answer` returns, see spec/redis.lua.
local function serve(answer)
  fake = servers.fake(answer)
  return open(nil, { timeout = helper.timeout })
end

-- The code of a failure, and a message that begins with the command.
local function code(value, message, number)
  assert.is_nil(value)
  return number, message
end

describe("moonport.redis and a faulty server", function()
  after_each(function()
    if store then store:close() end
    if fake then fake.close() end
    store, fake = nil, nil
  end)

  it("fails what was in flight when the connection is cut at any byte of an answer, and is back", function()
    local whole = resp.array { "one", 2, { "three", false } } .. resp.bulk "after"
    local first = #resp.array { "one", 2, { "three", false } }
    local cut, asked = 0, 0
    serve(function(name)
      if name == "PING" then return nil end
      asked = asked + 1
      if name == "GET" then return resp.bulk "sound" end
      if asked % 2 == 1 then return nil end -- both commands are in flight when the answer comes
      fake.last:write(whole:sub(1, cut))
      fake.last:disconnectFromHost()
    end)
    for at = 0, #whole - 1 do
      cut, asked = at, 0
      local one = moonport.spawn(function() return store:command "ONE" end)
      local two = moonport.spawn(function() return store:command "TWO" end)
      local value, _, failure = one:join(helper.timeout)
      if at < first then
        assert.equal("RemoteHostClosedError", failure, at)
      else
        assert.same({ "one", 2, { "three", false } }, value)
      end
      assert.equal("RemoteHostClosedError", code(two:join(helper.timeout)), at)
      assert.equal(2, asked) -- nothing was sent twice
      assert.equal("sound", store:get "a")
    end
  end)

  it("gives one clear error for a malformed answer, and connects anew", function()
    local wrong
    serve(function(name)
      if name == "GET" then return resp.bulk "sound" end
      return name ~= "PING" and wrong or nil
    end)
    for _, text in ipairs { "$99999999999999999999\r\n", "$-2\r\n", "*-5\r\n", "*99999999999\r\n", "?what\r\n",
      ":12x\r\n", "$3\r\nabcdef\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "$1000000000000\r\n",
      ("*1\r\n"):rep(100) .. "+x\r\n", "+" .. ("x"):rep(200000), "$x\r\n" } do
      assert.equal("sound", store:get "a")
      wrong = text
      local before = fake.connections
      local failure, message = code(store:command "ASK")
      assert.equal("ProtocolFailure", failure, text:sub(1, 20))
      assert.matches("^ask: malformed answer: ", message)
      assert.equal("sound", store:get "b")
      assert.equal(before + 1, fake.connections)
    end
  end)

  it("bounds an answer, and only it: others are asked again over a new connection", function()
    fake = servers.fake(function(name)
      return name ~= "PING" and resp.bulk(("x"):rep(name == "LONG" and 5000 or 10)) or nil
    end)
    open(nil, { limit = 1000, timeout = helper.timeout })
    assert.equal("ProtocolFailure", code(store:command "LONG"))
    assert.equal(10, #store:command "SHORT")
  end)

  it("gives up an answer that was not asked for", function()
    serve(function(name) return name ~= "PING" and "+one\r\n+two\r\n" or nil end)
    assert.equal("one", store:command "ASK")
    helper.eventually(function() return fake.connections == 2 end)
    assert.equal("one", store:command "ASK")
  end)

  it("keeps the place of a command that ran out of time, and throws its answer away", function()
    local late = {}
    serve(function(name, key)
      if name == "PING" then return nil end
      if key == "late" then
        late[#late + 1] = fake.last
        return nil
      end
      return (late[1] and "+late\r\n" or "") .. "+" .. key .. "\r\n"
    end)
    store:close()
    open(nil, { timeout = 30 })
    assert.equal("SocketTimeoutError", code(store:get "late"))
    assert.equal("prompt", store:get "prompt")
    late = {}
    local task = moonport.spawn(function() return store:get "late" end)
    helper.eventually(function() return late[1] end)
    task:cancel()
    assert.equal("again", store:get "again")
    late = {}
    assert.same({ nil, "get: no answer in time", "SocketTimeoutError" },
      { moonport.deadline(20, function() return store:get "late" end) })
    assert.equal("last", store:get "last")
    assert.equal(1, fake.connections)
  end)

  it("gives up a server that answers nothing any more", function()
    serve(function() return nil end)
    store:close()
    open(nil, { timeout = 10 })
    local silence = link.silence
    assert.equal("SocketTimeoutError", code(store:get "a"))
    assert.equal(1, fake.connections)
    link.silence = 20
    helper.eventually(function()
      assert.equal("SocketTimeoutError", code(store:get "a"))
      return fake.connections == 2
    end)
    link.silence = silence
  end)

  it("waits for a server that is loading, full or without its master, and is there when it serves", function()
    local answers = { "-LOADING Redis is loading the dataset in memory\r\n", "-MASTERDOWN Link with MASTER is down\r\n",
      "-ERR max number of clients reached\r\n", "-BUSY Redis is busy running a script\r\n" }
    serve(function(name)
      if name == "PING" then return table.remove(answers, 1) end
      return "+served\r\n"
    end)
    assert.equal("served", store:get "a")
    assert.equal(5, fake.connections)
  end)

  it("says in a time-out why there is no connection", function()
    local port = helper.unusedPort()
    open("redis://127.0.0.1:" .. port, { timeout = 60 })
    local failure, message = code(store:get "a")
    assert.equal("SocketTimeoutError", failure)
    assert.equal(("get: no connection to redis://127.0.0.1:%d: Connection refused"):format(port), message)
    assert.equal("SocketTimeoutError", code(store:subscribe("a", print)))
    assert.equal("SocketTimeoutError", code(store:multi(function(t) t:get "a" end)))
    assert.equal("ConnectionRefusedError", code(store:dedicated(function(own) return own:get "a" end)))
  end)

  it("has at most so many commands wait for a connection, and forgets those that are cancelled", function()
    local most, port = link.most, helper.unusedPort()
    link.most = 20
    open("redis://127.0.0.1:" .. port, { timeout = helper.timeout })
    local tasks = {}
    for i = 1, 20 do tasks[i] = moonport.spawn(function() return store:incr "n" end) end
    moonport.sleep(0)
    assert.equal("SocketResourceError", code(store:incr "n"))
    for i = 1, 10 do tasks[i]:cancel() end
    local _, real = servers.start(port)
    for i = 11, 20 do assert.equal(i - 10, (tasks[i]:join(helper.timeout))) end
    assert.equal("10", servers.cli(real, "get", "n"))
    link.most = most
  end)

  it("is back behind a restart of the server: subscriptions too, and reconnected tells", function()
    local server, port = servers.start()
    open("redis://127.0.0.1:" .. port)
    local told, got = 0, {}
    function store.reconnected(self)
      assert.equal(store, self)
      told = told + 1
    end
    assert(store:subscribe("room", function(message) got[#got + 1] = message end))
    assert.equal("OK", store:set("a", 1))
    for round = 1, 2 do
      server:signal "KILL"
      server:wait()
      helper.eventually(function() return sets.of(store).main.state ~= "ready" end)
      local waits = moonport.spawn(function() return store:incr "n" end)
      moonport.sleep(0)
      server = servers.start(port)
      assert.equal(1, (waits:join(helper.timeout)))
      helper.eventually(function() return told == round end)
      assert.same({ 1 }, { store:publish("room", round) })
      helper.eventually(function() return got[round] == tostring(round) end)
    end
    assert.equal(2, #got)
  end)

  it("fails a blocking command of a borrowed connection when the server dies, and what waits later", function()
    local server, port = servers.start()
    open("redis://127.0.0.1:" .. port)
    local blocked = moonport.spawn(function()
      return store:dedicated(function(own)
        local value, _, failure = own:blpop("list", 0)
        return value, failure, (select(3, own:get "a"))
      end)
    end)
    helper.eventually(function() return servers.cli(port, "info", "clients"):match "blocked_clients:1" end)
    server:signal "KILL"
    assert.same({ nil, "RemoteHostClosedError", "RemoteHostClosedError" }, { blocked:join(helper.timeout) })
    servers.start(port)
    assert.equal(1, store:incr "n")
    assert.equal(2, store:dedicated(function(own) return own:incr "n" end))
  end)

  it("leaves a server that takes no writes any more for the one that is there now", function()
    local readOnly = true
    serve(function(name)
      if name == "PING" then return nil end
      return name == "SET" and readOnly and "-READONLY You can't write against a read only replica.\r\n" or "+OK\r\n"
    end)
    assert.equal("OK", store:get "a")
    local connections = sets.of(store)
    connections.main.since = connections.main.since - 1000 -- as if it served for long
    assert.equal("READONLY", code(store:set("a", 1)))
    readOnly = false
    assert.equal("OK", store:set("a", 1))
    assert.equal(2, fake.connections)
  end)

  it("says that the server's memory is full", function()
    local _, port = servers.start(nil, "--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
    open("redis://127.0.0.1:" .. port)
    helper.eventually(function() return select(3, store:append("a", ("x"):rep(100000))) == "OOM" end)
    assert.is_nil((store:get "none"))
  end)

  it("has subscriptions wait for their connection, and forgets those that end before", function()
    local port = helper.unusedPort()
    open("redis://127.0.0.1:" .. port, { timeout = helper.timeout })
    local got = {}
    local function keep(message, channel) got[#got + 1] = channel .. message end
    local cancelled = moonport.spawn(function() return store:subscribe("gone", keep) end)
    local kept = moonport.spawn(function() return store:subscribe("room", keep) end)
    moonport.sleep(0)
    cancelled:cancel()
    servers.start(port)
    assert(kept:join(helper.timeout))
    assert.equal(0, store:publish("gone", "x"))
    assert.equal(1, store:publish("room", "x"))
    helper.eventually(function() return got[1] == "roomx" end)
  end)

  it("asks once more for a channel whose confirmation was lost", function()
    local asked = 0
    serve(function(name, channel)
      if name == "PING" then return nil end
      asked = asked + 1
      if asked > 1 then return resp.array { "subscribe", channel, 1 } end
      fake.last:abort()
    end)
    assert(store:subscribe("room", print))
    assert.equal(2, asked)
  end)

  it("has its own limit for a connection that isn't established", function()
    local time, count = link.connectTime, 0
    link.connectTime = 20
    local server = moonport.TcpServer() -- it accepts, and says nothing
    function server:newConnection()
      self:nextPendingConnection()
      count = count + 1
    end
    assert(server:listen "127.0.0.1")
    open("redis://127.0.0.1:" .. server:serverPort(), { timeout = helper.timeout })
    local task = moonport.spawn(function() return store:get "a" end)
    helper.eventually(function() return count >= 3 end)
    task:cancel()
    link.connectTime = time
    store:close()
    server:close()
  end)
end)
