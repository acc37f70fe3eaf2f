-- SPDX-License-Identifier: MIT
-- moonport.redis over reloads, with a real redis-server: connections stay, subscriptions begin and end with their run,
-- and the end of the program.

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local servers = require "spec.redis"
local ask = reload.ask

local head = [[
local store = assert(require("moonport.redis").connect { queue = 10000 })
]]

local messages = os.getenv "MOONPORT_GC" and 400 or 4000

-- Counts the messages "1", "2", … and what is missing, doubled, or seen by code that doesn't serve.
local counting = head .. [[
local seen = moonport.persist("seen", { last = 0, lost = 0, doubled = 0, wrong = 0 })
local serves = false
assert(store:subscribe("flow", function(message)
  local n = tonumber(message)
  if n <= seen.last then seen.doubled = seen.doubled + 1 end
  seen.lost = seen.lost + math.max(n - seen.last - 1, 0)
  if not serves or moonport.stale() then seen.wrong = seen.wrong + 1 end
  seen.last = n
  if n %% 5 == 0 then moonport.sleep(0) end -- "stale" doesn't hold from here on
end))
function person:readyRead()
  self:readAll()
  self:write(("%%d %%d %%d %%d\n"):format(seen.last, seen.lost, seen.doubled, seen.wrong))
end
%s
serves = true
]]

local publisher = [[
local store = assert(require("moonport.redis").connect())
local moonport = require "moonport"
for i = 1, tonumber(arg[1]) do
  moonport.spawn(store.publish, store, "flow", i)
  if i % 20 == 0 then moonport.sleep(5) end
end
]]

describe("moonport.redis over reloads #gc", function()
  local service, port, environment

  local function start(body, options)
    options = options or {}
    options.environment = environment
    service = reload.start(body, options)
    return service
  end

  before_each(function()
    port = select(2, servers.start())
    environment = { MOONPORT_STORE = "redis://127.0.0.1:" .. port }
  end)
  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  it("loses, doubles and misleads no message, whether reloads succeed or fail", function()
    start(counting:format "")
    local client = service:connect()
    local program = helper.program { source = publisher, environment = environment, args = { messages } }
    local good, bad = 0, 0
    while program:running() or good < 5 do
      service:reload(counting:format "")
      good = good + 1
      service:replace(counting:format "moonport.sleep(10) error 'bad'")
      service.program:signal "HUP"
      service:failed()
      bad = bad + 1
    end
    assert.equal(0, program:wait())
    local state
    helper.eventually(function()
      state = ask(client, "state")
      return state:find(("^%d "):format(messages))
    end)
    assert.equal(messages .. " 0 0 0", state)
    assert.is_true(good >= 5 and bad >= 5)
  end)

  it("keeps its connections while the new code has the URL, and closes them when it doesn't", function()
    local body = head .. [[
      assert(store:subscribe("room", function() end))
      function person:readyRead()
        self:readAll()
        local older = 0
        for _, one in ipairs(moonport.stats().reload.older) do older = older + one.connections + one.handlers end
        self:write(("%d %d\n"):format(store:command("CLIENT", "ID"), older))
      end
    ]]
    start(body)
    local client = service:connect()
    local before = ask(client, "id")
    local received = servers.cli(port, "info", "stats"):match "total_connections_received:(%d+)"
    for _ = 1, 3 do service:reload(body) end
    assert.equal(before, ask(client, "id"))
    assert.equal(received + 1, tonumber((servers.cli(port, "info", "stats"):match "total_connections_received:(%d+)")))
    service:reload "function person:readyRead() self:write(self:readAll()) end"
    helper.eventually(function() return servers.cli(port, "info", "clients"):match "connected_clients:1\r" end)
    service:reload(body)
    assert.are_not.equal(before, ask(client, "id"))
  end)

  it("gives up what a generation that fails has subscribed to, and runs its commands in the meantime", function()
    start(head .. "function person:readyRead() self:write(store:publish('old', self:readAll()) .. '\\n') end\n"
      .. "assert(store:subscribe('old', function(m) moonport.log.info('old got %s', m) end))")
    local client = service:connect()
    service:replace(head .. "assert(store:subscribe('new', print)) store:incr('staged')\n"
      .. "assert(store:multi(function(t) t:incr 'staged' end)) store:dedicated(function(own) own:incr 'staged' end)\n"
      .. "local text = '' for i = 1, 1e7 do text = i end\n" -- it is interrupted here
      .. "error('not this time')")
    service.program:signal "HUP"
    assert.matches("not this time", (service:failed()))
    assert.equal("3", servers.cli(port, "get", "staged"))
    helper.eventually(function() return servers.cli(port, "pubsub", "numsub", "new") == "new\n0" end)
    assert.equal("1", ask(client, "hello"))
    service.program:waitForLine "old got hello"
  end)

  it("lets a handler of a message end with its code, and hands the messages behind it to the new code", function()
    local body = head .. [[
      assert(store:subscribe("room", function(message)
        moonport.log.info("%s begins %s", "WHO", message)
        if message == "1" then assert(store:dedicated(function(own) return own:blpop("go on", 0) end)) end
        moonport.log.info("%s ends %s %s", "WHO", message, store:get "key")
      end))
    ]]
    start((body:gsub("WHO", "old")))
    servers.cli(port, "set", "key", "value")
    for i = 1, 3 do servers.cli(port, "publish", "room", i) end
    service.program:waitForLine "old begins 1"
    service:reload((body:gsub("WHO", "new")))
    servers.cli(port, "publish", "room", 4)
    servers.cli(port, "rpush", "go on", "x")
    for _, line in ipairs { "old ends 1 value", "new begins 2", "new ends 2 value", "new begins 3", "new ends 3 value",
      "new begins 4", "new ends 4 value" } do
      service.program:waitForLine(line)
    end
    assert.is_nil(service.program:stderr():find("old begins 2", 1, true))
  end)

  it("refuses a subscription of code that was replaced, and does its commands", function()
    start(head .. [[
      function person:readyRead()
        self:readAll()
        store:dedicated(function(own) return own:blpop("go on", 0) end)
        local value, message, code = store:subscribe("room", print)
        self:write(("%s %s %s\n"):format(store:incr "n", message, code))
      end
    ]])
    local client = service:connect()
    client:send "x"
    helper.eventually(function() return servers.cli(port, "info", "clients"):match "blocked_clients:1" end)
    service:reload(head)
    servers.cli(port, "rpush", "go on", "x")
    assert.equal("1 subscribe: newer code has taken over OperationError\n", client:receiveLine())
  end)

  it("loses no answer of the commands of many clients", function()
    local body = head .. [[
      function person:readyRead()
        for _ in self:readAll():gmatch "\n" do self:write(assert(store:incr "n") .. "\n") end
      end
    ]]
    start(body)
    local clients = {}
    for i = 1, 10 do clients[i] = service:connect() end
    for _ = 1, 10 do
      for _, client in ipairs(clients) do client:send(("\n"):rep(50)) end
      service:reload(body)
    end
    local got, count = {}, 0
    for _, client in ipairs(clients) do
      for _ = 1, 500 do
        local n = tonumber(client:receiveLine())
        if not got[n] then count = count + 1 end
        got[n] = true
      end
    end
    assert.equal(5000, count)
    assert.equal("5000", servers.cli(port, "get", "n"))
  end)

  it("goes on when the server dies during a reload", function()
    local body = head .. [[
      assert(store:subscribe("room", function(message) moonport.log.info("got %s", message) end))
      function store:reconnected() moonport.log.info("reconnected") end
      assert(store:get "a" or true)
    ]]
    start(body)
    service:replace(body)
    servers.cli(port, "client", "kill", "type", "normal")
    servers.cli(port, "client", "kill", "type", "pubsub")
    service.program:signal "HUP"
    service.program:waitForLine "connected again"
    service.program:waitForLine "reloaded main%.lua"
    assert.equal("1", servers.cli(port, "publish", "room", "x"))
    service.program:waitForLine "got x"
  end)
end)

describe("The end of a program with moonport.redis", function()
  it("comes by itself: a connection keeps no program, a subscription does", function()
    local _, port = servers.start()
    local program = helper.program { args = { "redis://127.0.0.1:" .. port }, source = [[
      local redis = require "moonport.redis"
      local store = assert(redis.connect(arg[1]))
      local subscription
      subscription = assert(store:subscribe("room", function(message)
        print(message, store:incr "n")
        subscription:close()
      end))
      print(store:ping())
    ]] }
    helper.eventually(function() return program:stdout() == "PONG\n" end)
    helper.settle(50)
    assert.is_true(program:running())
    servers.cli(port, "publish", "room", "last")
    assert.equal(0, program:wait())
    assert.equal("PONG\nlast\t1\n", program:stdout())
    assert.equal("", program:stderr())
  end)

  it("comes in time when commands wait for an answer, and tells no tale of lost connections", function()
    local fake = helper.listen()
    local program = helper.program { args = { "redis://127.0.0.1:" .. fake:port() }, options = { "--grace", 10000 },
      source = [[
      local moonport = require "moonport"
      local store = assert(require("moonport.redis").connect(arg[1], { timeout = 60000 }))
      moonport.spawn(function() print(select(3, store:get "a")) end)
      moonport.spawn(function() print(select(3, store:subscribe("a", print))) end)
    ]] }
    local one, two = fake:accept(), fake:accept()
    for _, client in ipairs { one, two } do
      client:receive(#"*1\r\n$4\r\nPING\r\n")
      client:send "+PONG\r\n"
      client:receive(10)
    end
    program:signal "TERM"
    assert.equal("closed", one:waitForEnd())
    one:close()
    two:close()
    assert.equal(0, program:wait())
    assert.is_nil(program:stderr():find("redis", 1, true), program:stderr())
  end)

  it("uses the store that --store names", function()
    local _, port = servers.start()
    local program = helper.program { options = { "--store", "redis://127.0.0.1:" .. port }, source = [[
      print(require("moonport.redis").connect():ping())
    ]] }
    assert.equal(0, program:wait())
    assert.equal("PONG\n", program:stdout())
  end)
end)
