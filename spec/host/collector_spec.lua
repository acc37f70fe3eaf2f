-- SPDX-License-Identifier: MIT
-- When the program collects garbage: in idle time where much is live, never when it is told not to.

local helper = require "spec.helper"

local moonport = os.getenv "MOONPORT" or "build/asan/moonport"

-- Runs a script with 14 MiB of live tables in which `then_` runs later; returns what it prints.
local function run(then_)
  local script = ([[
    local moonport = require "moonport"
    local live = {}
    for i = 1, 200000 do live[i] = { i } end
    local function garbage(count)
      local dead = {}
      for i = 1, count do dead[i] = { i } end
    end
    local function at_the_end_of_a_cycle(fn) setmetatable({}, { __gc = fn }) end
    collectgarbage()
    moonport.singleShot(1, function() %s end)
    moonport.singleShot(4000, function() print "too late" moonport.quit(1) end)
    persist = live
  ]]):format(then_)
  local status, out, err = helper.run { moonport, "-e", script }
  return out .. err, status
end

describe("the collector", function()
  it("goes through much live data while nothing else is to do, before it must", function()
    assert.same({ "collected\n", 0 }, { run [[
      at_the_end_of_a_cycle(function() print "collected" moonport.quit() end)
      garbage(150000)
    ]] })
  end)

  it("rests as long as it is stopped", function()
    assert.same({ "stopped\n", 0 }, { run [[
      at_the_end_of_a_cycle(function() print "collected" end)
      collectgarbage "stop"
      garbage(150000)
      local turns = 0
      local timer = moonport.Timer()
      function timer.timeout()
        turns = turns + 1
        if turns < 300 then return end
        print "stopped"
        os.exit(0)
      end
      timer:start(1)
    ]] })
  end)

  it("takes strings of input while they are young, as long as they come, and grows by neither mode", function()
    local status, out, err = helper.run { moonport, "-e", [[
      local moonport = require "moonport"
      local server, client, text, most = moonport.TcpServer(), moonport.TcpSocket(), ("x"):rep(512 << 10), 0
      function server.connection:readyRead()
        self:write(self:readAll())
        most = math.max(most, collectgarbage "count")
      end
      server:listen "127.0.0.1"
      client:connectToHost("127.0.0.1", server:serverPort())
      assert(client:waitForConnected())
      local function echo(message)
        client:write(message)
        local left = #message
        while left > 0 do
          assert(client:waitForReadyRead())
          left = left - client:skip(left)
        end
      end
      local before = collectgarbage "count"
      for _ = 1, 64 do echo(text) end
      print(collectgarbage "generational", most - before < 4096)
      for i = 1, 3000 do echo(("%d;"):format(i):rep(20)) end
      print(collectgarbage "incremental", most - before < 4096)
      for i = 1, 3000 do echo(("%d;"):format(i):rep(500)) end
      print(collectgarbage "generational", most - before < 4096)
      for i = 1, 3000 do echo(("%d;"):format(i):rep(20)) end
      print(collectgarbage "incremental", most - before < 4096)
      client:abort()
      server:close()
    ]] }
    assert.same({ 0, "", ("generational\ttrue\nincremental\ttrue\n"):rep(2) }, { status, err, out })
  end)

  -- Answers what it is sent, but for "turns", "mode", "used" and "reload".
  local service = [[
    local moonport = require "moonport"
    local server, commands = moonport.TcpServer(), {}
    if (...) then collectgarbage(...) end
    function commands.turns() return moonport.stats().iterations end
    function commands.used() return math.floor(collectgarbage "count") end
    function commands.mode()
      local mode = collectgarbage "incremental"
      collectgarbage(mode)
      return mode
    end
    function commands.reload() return moonport.reload() end
    function server.connection:readyRead()
      local text = self:readAll()
      self:write(commands[text] and tostring(commands[text]()) .. "\n" or text)
    end
    assert(server:listen("127.0.0.1", 0))
    print(server:serverPort())
    io.stdout:flush()
  ]]

  local function started(...)
    local program = helper.program { source = service, args = { ... } }
    local port = tonumber(program:waitForLine("^%d+$", 10000))
    local client = helper.connect(port)
    local function ask(text)
      client:send(text)
      return client:receiveLine():sub(1, -2)
    end
    return ask, client, port
  end

  local function rests(ask)
    helper.eventually(function()
      local before = tonumber(ask "turns")
      helper.settle(100)
      return tonumber(ask "turns") - before < 50
    end)
  end

  it("rests after a reload that came while it took what is young", function()
    local ask, client = started()
    for _ = 1, 3000 do
      client:send(("x"):rep(1024))
      client:receive(1024)
    end
    assert.equal("generational", ask "mode")
    assert.equal("true", ask "reload")
    rests(ask)
  end)

  it("rests after a reload, and keeps the mode, where the script has made it generational", function()
    local ask = started "generational"
    rests(ask)
    assert.equal("true", ask "reload")
    rests(ask)
    assert.equal("generational", ask "mode")
  end)

  it("gives back what many connections took when they close, those too that close while it is at it", function()
    local ask, _, port = started()
    local before, clients = tonumber(ask "used"), {}
    for i = 1, 5000 do
      clients[i] = helper.connect(port)
      clients[i]:send "x"
      if i % 100 == 0 then clients[i]:receive(1) end
    end
    assert.is_true(tonumber(ask "used") - before > 1000)
    for _, client in ipairs(clients) do client:close() end
    helper.eventually(function()
      helper.settle(50)
      return tonumber(ask "used") - before < 400
    end)
  end)
end)
