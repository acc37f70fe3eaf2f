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
end)
