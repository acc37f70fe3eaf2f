-- SPDX-License-Identifier: MIT
-- When the program collects garbage: in idle time if much is live, after a reload and many connections, never
-- while the script has stopped it. And how collectgarbage behaves.

local helper = require "spec.helper"

local moonport = os.getenv "MOONPORT" or "build/asan/moonport"

-- Lua's own function, which shows the real mode. The program's collectgarbage hides it.
local real = "local real = select(2, debug.getupvalue(collectgarbage, 2)) "

-- Runs a script with 14 MiB of live tables, in which `then_` runs later; returns its output.
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
    moonport.singleShot(%d, function() print "too late" moonport.quit(1) end)
    persist = live
  ]]):format(then_, helper.timeout - 1000)
  local status, out, err = helper.run { moonport, "-e", script }
  return out .. err, status
end

describe("The collector", function()
  it("marks much live data in idle time, before Lua would have to", function()
    assert.same({ "collected\n", 0 }, { run [[
      at_the_end_of_a_cycle(function() print "collected" moonport.quit() end)
      garbage(150000)
    ]] })
  end)

  it("does nothing while it is stopped", function()
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

  it("starts sooner while connections become more, but not for other data or within a handler", function()
    local status, out, err = helper.run { moonport, "-e", real .. [[
      local moonport = require "moonport"
      local live, cycles = {}, 0
      local function count() setmetatable({}, { __gc = function() cycles = cycles + 1 count() end }) end
      count()
      local function grow(make)
        live = {}
        collectgarbage()
        while collectgarbage "count" < 2048 do live[#live + 1] = make() end
        local before = cycles
        while collectgarbage "count" < 7168 do
          for i = 1, 100 do live[#live + 1] = make() end
          moonport.sleep(0)
        end
        return cycles - before, real("setpause", 0)
      end
      local tables, long = grow(function() return { {}, {} } end)
      real("setpause", long)
      local before = cycles
      for i = 1, 500000 do live[i % 64 + 1] = { {} } end
      print(tables > 2, long, cycles - before < 15)
      local sockets, short = grow(moonport.TcpSocket)
      print(sockets >= tables, short)
      moonport.quit()
    ]] }
    assert.same({ "false\t200\ttrue\ntrue\t128\n", "", 0 }, { out, err, status })
  end)

  it("collects young strings of input as long as they arrive, and memory doesn't grow in either mode", function()
    local status, out, err = helper.run { moonport, "-e", real .. [[
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
      print(real "generational", most - before < 4096)
      for i = 1, 3000 do echo(("%d;"):format(i):rep(20)) end
      print(real "incremental", most - before < 4096)
      for i = 1, 3000 do echo(("%d;"):format(i):rep(500)) end
      print(real "generational", most - before < 4096)
      for i = 1, 3000 do echo(("%d;"):format(i):rep(20)) end
      print(real "incremental", most - before < 4096)
      client:abort()
      server:close()
    ]] }
    assert.same({ 0, "", ("generational\ttrue\nincremental\ttrue\n"):rep(2) }, { status, err, out })
  end)

  -- Echoes what it receives, except for these commands.
  local service = real .. [[
    local moonport = require "moonport"
    local server, commands, collected = moonport.TcpServer(), {}, moonport.persist("collected", {})
    if ... then collectgarbage(..., math.tointeger((select(2, ...)))) end
    kept = {}
    function commands.turns() return moonport.stats().iterations end
    function commands.used() return math.floor(collectgarbage "count") end
    local function mode(collect)
      local is = collect "incremental"
      collect(is)
      return is
    end
    function commands.mode() return mode(collectgarbage) end
    function commands.realMode() return mode(real) end
    function commands.step()
      local n = 0
      repeat n = n + 1 until collectgarbage "step"
      return n
    end
    function commands.incremental() return collectgarbage "incremental" end
    function commands.isrunning() return collectgarbage "isrunning" end
    function commands.leave() return type(setmetatable({}, { __gc = function() collected.here = true end })) end
    function commands.stop()
      collectgarbage()
      collectgarbage "stop"
      commands.leave()
      return true
    end
    function commands.left() return collected.here end
    function commands.reload() return moonport.reload() end
    function commands.abort()
      for _, connection in ipairs(kept) do connection:abort() end
      kept = {}
      return true
    end
    function server.connection:readyRead()
      local text = self:readAll()
      if text == "k" then kept[#kept + 1] = self end
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

  local function send(client, count, message)
    for _ = 1, count do
      client:send(message)
      client:receive(#message)
    end
  end

  -- Connections that send `text` and read one byte of the echo now and then; `while_open` runs before they
  -- close.
  local function crowd(port, count, text, while_open)
    local clients = {}
    for i = 1, count do
      clients[i] = helper.connect(port)
      clients[i]:send(text)
      if i % 100 == 0 then clients[i]:receive(1) end
    end
    if while_open then while_open() end
    for _, client in ipairs(clients) do client:close() end
  end

  it("shows a script the mode that the script has set, and leaves its own mode for a step", function()
    local ask, client = started()
    send(client, 3000, ("x"):rep(1024))
    assert.same({ "generational", "incremental" }, { ask "realMode", ask "mode" })
    assert.is_true(tonumber(ask "step") < 1000)
    assert.equal("incremental", ask "realMode")
  end)

  it("is idle after a reload that came while it collected what was young", function()
    local ask, client = started()
    send(client, 3000, ("x"):rep(1024))
    assert.same({ "generational", "true" }, { ask "realMode", ask "reload" })
    rests(ask)
  end)

  it("keeps the mode that a script has set", function()
    local ask, client, port = started "generational"
    send(client, 3000, ("x"):rep(1024))
    assert.equal("true", ask "reload")
    crowd(port, 2500, "x")
    rests(ask)
    assert.same({ "generational", "generational" }, { ask "mode", ask "realMode" })
    assert.equal("true", ask "reload")
    assert.equal("generational", ask "incremental")
    rests(ask)
    assert.same({ "incremental", "incremental" }, { ask "mode", ask "realMode" })
  end)

  it("keeps the parameters that a script has set, and shows it Lua's own", function()
    local _, out = helper.run { moonport, "-e", [[
      print(collectgarbage("setpause", 160), collectgarbage("setpause", 0), collectgarbage("setstepmul", 0))
    ]] }
    assert.equal("200\t160\t100\n", out)
    local ask, client = started("incremental", "110")
    send(client, 3000, ("x"):rep(1024))
    assert.same({ "incremental", "incremental" }, { ask "mode", ask "realMode" })
  end)

  it("is idle in a script's generational mode after much was live", function()
    assert.same({ "generational\n", 0 }, { run [[
      collectgarbage "generational"
      local rounds, before, timer = 0, 0, moonport.Timer()
      function timer.timeout()
        rounds = rounds + 1
        if rounds < 40 then
          for i = 1, 9000 do persist[math.random(#persist)] = { i } end
        elseif rounds == 40 then
          persist = nil
        elseif rounds == 45 then
          before = moonport.stats().iterations
        elseif rounds == 55 then
          assert(moonport.stats().iterations - before < 50)
          print(collectgarbage "incremental")
          moonport.quit()
        end
      end
      timer:start(20)
    ]] })
  end)

  it("collects what large connections leave behind, in two bursts", function()
    assert.same({ "collected\n", 0 }, { run [[
      local server, sockets = moonport.TcpServer(), {}
      persist = nil
      local function burst()
        for _, socket in ipairs(sockets) do socket:abort() end
        sockets = {}
      end
      function server:newConnection()
        local socket = self:nextPendingConnection()
        socket.data = {}
        for i = 1, 200 do socket.data[i] = { i } end
        sockets[#sockets + 1] = socket
      end
      assert(server:listen "127.0.0.1")
      for round = 1, 2 do
        local clients = {}
        for i = 1, 1500 do
          clients[i] = moonport.TcpSocket()
          clients[i]:connectToHost("127.0.0.1", server:serverPort())
          if i % 50 == 0 then assert(clients[i]:waitForConnected()) end
        end
        while #sockets < 1500 do moonport.sleep(1) end
        assert(collectgarbage "count" > 15000)
        burst()
        for _, client in ipairs(clients) do client:abort() end
      end
      repeat moonport.sleep(20) until moonport.stats().objects < 10 and collectgarbage "count" < 2000
      print "collected"
      moonport.quit()
    ]] })
  end)

  it("collects the few connections that are closed behind many, as soon as no more are", function()
    assert.same({ "collected\n", 0 }, { run [[
      local server, sockets = moonport.TcpServer(), {}
      persist = nil
      function server:newConnection() sockets[#sockets + 1] = self:nextPendingConnection() end
      assert(server:listen "127.0.0.1")
      local clients = {}
      for i = 1, 2000 do
        clients[i] = moonport.TcpSocket()
        clients[i]:connectToHost("127.0.0.1", server:serverPort())
        if i % 50 == 0 then assert(clients[i]:waitForConnected()) end
      end
      while #sockets < 2000 do moonport.sleep(1) end
      local function close(count)
        for _ = 1, count do
          table.remove(clients):abort()
          table.remove(sockets):abort()
        end
      end
      for rest = 600, 0, -300 do
        close(#clients - rest)
        repeat moonport.sleep(20) until moonport.stats().objects < 2 * rest + 10
      end
      print "collected"
      moonport.quit()
    ]] })
  end)

  it("does none of that while a script has stopped it at the end of a cycle", function()
    assert.same({ "nothing\n", 0 }, { run [[
      collectgarbage()
      collectgarbage "stop"
      persist = nil
      at_the_end_of_a_cycle(function() print "collected" end)
      garbage(400000)
      moonport.singleShot(100, function() print "nothing" os.exit(0) end)
    ]] })
  end)

  it("doesn't start to collect what is young while it is stopped", function()
    local ask, client = started()
    send(client, 500, ("x"):rep(1024))
    assert.equal("true", ask "stop")
    send(client, 500, ("x"):rep(1024))
    assert.same({ "nil", "false", "incremental" }, { ask "left", ask "isrunning", ask "realMode" })
  end)

  it("ignores calls that fail, which raise the same errors as in Lua", function()
    local status, out, err = helper.run { moonport, "-e", [[
      print(pcall(collectgarbage, "setpause", "x"))
      print(pcall(collectgarbage, "generational", {}))
      print(collectgarbage "incremental")
      collectgarbage "foo"]] }
    assert.same({ 1, "false\tbad argument #2 to 'collectgarbage' (number expected, got string)\n" ..
      "false\tbad argument #2 to 'collectgarbage' (number expected, got table)\nincremental\n" }, { status, out })
    assert.matches("%(%-e%):4: bad argument #1 to 'collectgarbage' %(invalid option 'foo'%)", err)
  end)

  it("collects nothing while it is stopped, not even after a reload or many connections", function()
    local ask, _, port = started "stop"
    assert.same({ "table", "false" }, { ask "leave", ask "isrunning" })
    assert.equal("true", ask "reload")
    crowd(port, 2500, "x")
    rests(ask)
    assert.same({ "nil", "false" }, { ask "left", ask "isrunning" })
  end)

  for _, way in ipairs { "close one by one", "are aborted in one turn" } do
    it("gives back what many connections took when they " .. way, function()
      local ask, _, port = started()
      local before = tonumber(ask "used")
      local at_once = way == "are aborted in one turn"
      crowd(port, 5000, at_once and "k" or "x", function()
        assert.is_true(tonumber(ask "used") - before > 1000)
        if at_once then ask "abort" end
      end)
      helper.eventually(function()
        helper.settle(50)
        return tonumber(ask "used") - before < 500
      end)
      rests(ask)
    end)
  end
end)
