-- SPDX-License-Identifier: MIT
-- An unchanged library, Debian's lua-redis, written for LuaSocket, with a real redis-server, inside a
-- service.

local helper = require "spec.helper"
local redis = require "spec.redis"

-- Debian installs it only for Lua 5.1 to 5.3, in one file that runs in 5.4 as well.
local path = { LUA_PATH_5_4 = ";;/usr/share/lua/5.3/?.lua" }

-- An echo service and twenty tasks. Each task waits in Redis, without time-out, for an item of a list of its
-- own.
local source = [[
local moonport = require "moonport"
%s
local redis = require "redis"
local server = moonport.TcpServer()
function server.connection:readyRead() self:write(self:readAll()) end
assert(server:listen "127.0.0.1")
moonport.log.info("listening on port %%d", server:serverPort())
for i = 1, 20 do
  moonport.spawn(function()
    local client = redis.connect("127.0.0.1", tonumber(arg[1]))
    local item = client:blpop("list " .. i, 0)
    moonport.log.info("%%s: %%s", item[1], item[2])
    client:quit()
  end)
end
]]

local install = 'require "moonport.compat.socket".install()'

local function command(client, ...)
  local list = { ... }
  local text = ("*%d\r\n"):format(#list)
  for _, one in ipairs(list) do text = text .. ("$%d\r\n%s\r\n"):format(#tostring(one), one) end
  client:send(text)
end

-- Waits until this number of the server's clients is blocked.
local function waitForBlocked(client, count)
  helper.eventually(function()
    command(client, "INFO", "clients")
    local size = tonumber(client:receiveLine():match "^%$(%d+)")
    return client:receive(size + 2):find(("blocked_clients:%d\r\n"):format(count), 1, true)
  end, count .. " clients are blocked")
end

describe("lua-redis on moonport.compat.socket", function()
  it("waits in twenty tasks at once, while an echo service answers", function()
    local _, port = redis.start()
    local program = helper.program { source = source:format(install), args = { port }, environment = path }
    local echo = helper.connect(tonumber((program:waitForLine "listening on port (%d+)")))
    local client = helper.connect(port)
    waitForBlocked(client, 20)
    for i = 1, 200 do
      echo:send(("round %d\n"):format(i))
      assert.equal(("round %d\n"):format(i), echo:receiveLine())
    end
    waitForBlocked(client, 20) -- all the time
    for i = 20, 1, -1 do
      command(client, "RPUSH", "list " .. i, "item " .. i)
      assert.equal(":1\r\n", client:receiveLine())
      program:waitForLine(("list %d: item %d$"):format(i, i))
    end
    echo:send "still\n"
    assert.equal("still\n", echo:receiveLine())
    program:signal "TERM"
    assert.equal(0, program:wait())
    assert.is_nil(program:stderr():find(" error ", 1, true))
  end)

  it("blocks the loop with LuaSocket itself, so the spec above proves something", function()
    local _, port = redis.start()
    local program = helper.program { source = source:format "", args = { port }, environment = path }
    local echo = helper.connect(tonumber((program:waitForLine "listening on port (%d+)")))
    local client = helper.connect(port)
    waitForBlocked(client, 1) -- the first task blocks the loop
    echo:send "x"
    helper.settle(100)
    assert.is_false(echo:fill())
    program:signal "KILL"
  end)

  -- Without pipelines: in Lua 5.3 and 5.4 they fail in lua-redis itself, with LuaSocket too. Transactions and
  -- subscriptions are coroutines of the library.
  it("does commands, transactions and subscriptions, and reports errors", function()
    local _, port = redis.start()
    local program = helper.program { environment = path, args = { port }, source = install .. [[

      local moonport = require "moonport"
      local redis = require "redis"
      local client = redis.connect { host = "127.0.0.1", port = tonumber(arg[1]), timeout = 5 }
      print(client:ping(), client:set("key", "value"), client:get "key", client:get "none")
      local large = ("0123456789"):rep(200000)
      client:set("large", large)
      print(client:get "large" == large)
      for _ = 1, 100 do client:incr "count" end
      print(client:transaction(function(t) t:incr "count" t:incr "count" end)[2])
      print(select(2, pcall(client.lpush, client, "key", "x")):match "WRONGTYPE")
      local publisher = redis.connect("127.0.0.1", tonumber(arg[1]))
      publisher:rpush("letters", "tea")
      print(client:brpoplpush("letters", "read", 0), publisher:lrange("read", 0, -1)[1])
      print(select(2, pcall(redis.connect, "127.0.0.1", 1)):match "connection refused")
      moonport.spawn(function() moonport.sleep(20) publisher:publish("news", "tea") end)
      for message, abort in client:pubsub { subscribe = { "news" } } do
        print(message.kind, message.channel, message.payload)
        if message.kind == "message" then abort() end
      end
      print(client:quit(), publisher:quit())
    ]] }
    local status, out = program:wait(), program:stdout()
    assert.same({ 0, "" }, { status, program:stderr() })
    assert.equal("true\ttrue\tvalue\tnil\ntrue\n102\nWRONGTYPE\ntea\ttea\nconnection refused\n"
      .. "subscribe\tnews\t1\nmessage\tnews\ttea\ntrue\ttrue\n", out)
  end)
end)
