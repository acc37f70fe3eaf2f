-- SPDX-License-Identifier: MIT
-- Stopping: SIGTERM, SIGINT and quit. The program sends what is queued within the grace time, then exits.

local helper = require "spec.helper"

-- Sends arg[1] bytes to each client, all at once.
local generous = [[
  local moonport = require "moonport"
  local server = moonport.TcpServer()
  local answer = ("0123456789abcdef"):rep(tonumber(arg[1]) // 16)
  function server:newConnection()
    self:nextPendingConnection():write(answer)
  end
  assert(server:listen "127.0.0.1")
  moonport.log.info("port %d", server:serverPort())
]]

local function start(options)
  local program = helper.program(options)
  return program, program:waitForLine "port (%d+)"
end

describe("SIGTERM", function()
  it("closes listeners and connections, and the exit status is 0 #valgrind", function()
    local program, port = start { script = "scripts/echo.lua", args = { 0 } }
    local client = helper.connect(port)
    client:send "hello"
    assert.are.equal("hello", client:receive(5))
    program:signal "TERM"
    assert.are.equal("closed", client:waitForEnd())
    assert.are.equal(0, program:wait())
    assert.is_false(pcall(helper.connect, port))
  end)

  it("runs the disconnected handlers, and sends what they write to others", function()
    local program, port = start { source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead() self:readAll() self:write "here\n" end
      function server.connection:disconnected() moonport.log.info("disconnected") end
      assert(server:listen "127.0.0.1")
      moonport.log.info("port %d", server:serverPort())
    ]] }
    local client = helper.connect(port)
    client:send "x"
    assert.are.equal("here\n", client:receiveLine())
    program:signal "TERM"
    program:waitForLine "disconnected"
    assert.are.equal(0, program:wait())
  end)

  for _, case in ipairs {
    { 1000, 64 * 1024, "silent", "1,000 clients" },
    { 50, 64 * 1024, "sending", "clients that still send while we close" },
    { 3, 8 * 1024 * 1024, "sending", "clients that still send while megabytes are queued" },
  } do
    local count, size, manner, who = table.unpack(case)
    it(("sends all that is queued for %s within the grace time"):format(who), function()
      local program, port = start { source = generous, args = { size }, options = { "--grace", 30000 } }
      local status, out, err = helper.run(
        { "python3", "spec/host/leave.py", port, count, size, manner, program.pid }, nil, 60000)
      assert.are.same({ 0, ("%d of %d\n"):format(count, count), "" }, { status, out, err })
      assert.are.equal(0, program:wait())
      assert.is_nil(program:stderr():find("warning", 1, true))
    end)
  end

  it("aborts after the grace time what hasn't been sent, says so, and still exits with 0 #valgrind", function()
    local program, port = start { source = generous, args = { 16 << 20 }, options = { "--grace", 100 } }
    local client = helper.connect(port, nil, { receiveBuffer = 4096 })
    client:receive(1)
    program:signal "TERM"
    program:waitForLine "warning stopping: 1 connections did not send everything within 100 ms"
    assert.are.equal(0, program:wait())
  end)

  it("ends at once with --grace 0", function()
    local program, port = start { source = generous, args = { 16 << 20 }, options = { "--grace", 0 } }
    helper.connect(port, nil, { receiveBuffer = 4096 }):receive(1)
    program:signal "TERM"
    assert.are.equal(0, program:wait())
  end)

  it("ends waiting handlers, tasks, timers and connection attempts #valgrind", function()
    local listener = helper.listen()
    local program, port = start {
      source = [[
        local moonport = require "moonport"
        local server = moonport.TcpServer()
        function server.connection:readyRead() self:receive("all", -1) end
        assert(server:listen "127.0.0.1")
        moonport.spawn(function() moonport.sleep(math.huge) end)
        local timer = moonport.Timer()
        function timer:timeout() end
        timer:start(100000)
        local out = moonport.TcpSocket()
        out:connectToHost("127.0.0.1", tonumber(arg[1]))
        local never = moonport.TcpSocket()
        never:connectToHost("192.0.2.1", 9)
        moonport.log.info("port %d", server:serverPort())
        out:receive("all", -1)
      ]],
      args = { listener:port() },
    }
    listener:accept()
    helper.connect(port):send "x"
    program:signal "TERM"
    assert.are.equal(0, program:wait())
  end)
end)

describe("A second signal", function()
  for _, signal in ipairs { "TERM", "INT" } do
    it("ends the program at once, even if data is queued: " .. signal, function()
      local program, port = start { source = generous, args = { 16 << 20 }, options = { "--grace", 60000 } }
      helper.connect(port, nil, { receiveBuffer = 4096 }):receive(1)
      program:signal(signal)
      program:waitForLine "stopping"
      assert.is_true(program:running())
      program:signal(signal)
      assert.are.equal(signal == "TERM" and 143 or 130, program:wait())
    end)
  end

  it("ends a program whose script never returns", function()
    local program = helper.program { source = "require 'moonport'.log.info 'busy' while true do end" }
    program:waitForLine "busy"
    program:signal "TERM"
    helper.settle(30)
    assert.is_true(program:running())
    program:signal "TERM"
    assert.are.equal(143, program:wait())
  end)
end)

describe("moonport.quit", function()
  it("in a handler sends what was written before and after it, and sets the exit status #valgrind", function()
    local program, port = start { source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        self:write "before "
        moonport.quit(3)
        self:write "after"
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("port %d", server:serverPort())
    ]] }
    local client = helper.connect(port)
    client:send "x"
    assert.are.equal("before after", client:receiveAll())
    assert.are.equal(3, program:wait())
  end)

  it("keeps its status when a signal follows", function()
    local program, port = start { options = { "--grace", 60000 }, source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server:newConnection()
        self:nextPendingConnection():write(("x"):rep(8 << 20))
        moonport.quit(4)
        moonport.log.info "quitting"
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("port %d", server:serverPort())
    ]] }
    local client = helper.connect(port, nil, { receiveBuffer = 65536 })
    program:waitForLine "quitting"
    program:signal "TERM"
    program:waitForLine "stopping"
    client:receive(8 << 20, 20000)
    client:close()
    assert.are.equal(4, program:wait())
  end)
end)

describe("moonport.onQuit", function()
  it("runs when the listeners are closed and before connections are, and may wait for them #valgrind", function()
    local program, port = start { options = { "--grace", 60000 }, source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead() self:write("served " .. self:readAll()) end
      assert(server:listen "127.0.0.1")
      moonport.onQuit(function()
        moonport.log.info("listening: %s, connections: %d", server:isListening(), server:connectionCount())
        while server:connectionCount() > 0 do moonport.sleep(1) end
        moonport.log.info "drained"
      end)
      moonport.log.info("port %d", server:serverPort())
    ]] }
    local client = helper.connect(port)
    client:send "1"
    assert.are.equal("served 1", client:receive(8))
    program:signal "TERM"
    program:waitForLine "listening: false, connections: 1"
    assert.is_false(pcall(helper.connect, port))
    client:send "2"
    assert.are.equal("served 2", client:receive(8))
    assert.is_true(program:running())
    client:close()
    program:waitForLine "drained"
    assert.are.equal(0, program:wait())
    assert.are.equal(1, select(2, program:stderr():gsub("listening: ", ""))) -- called once
  end)

  it("can set another exit status by quit, also when nothing else is left", function()
    local program = start { source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      assert(server:listen "127.0.0.1")
      moonport.onQuit(function() moonport.sleep(1) moonport.quit(7) end)
      moonport.log.info("port %d", server:serverPort())
    ]] }
    program:signal "INT"
    assert.are.equal(7, program:wait())
  end)

  it("runs once after quit in a handler, never inside quit, and not when the program ends by itself", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      moonport.onQuit(function() moonport.log.info "asked" moonport.quit(3) end)
      moonport.singleShot(1, function()
        moonport.quit()
        moonport.quit(2)
        moonport.log.info "before"
      end)
    ]] }
    assert.are.equal(3, program:wait())
    assert.is_truthy(program:stderr():find "before\n[^\n]*asked\n$")
    program = helper.program { source = [[
      require "moonport".onQuit(function() require "moonport".log.info "asked" end)
    ]] }
    assert.are.equal(0, program:wait())
    assert.are.equal("", program:stderr())
  end)

  it("calls the function of the serving code, and nil removes it", function()
    local source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      assert(server:listen("127.0.0.1"))
      moonport.onQuit(function() moonport.log.info "first" end)
      -- LATER
      moonport.log.info("port %d", server:serverPort())
    ]]
    for code, line in pairs { ['moonport.onQuit(function() moonport.log.info "second" end)'] = "second",
                              ["moonport.onQuit(nil)"] = "stopping" } do
      local script = helper.file(source, "script.lua")
      local program = start { script = script }
      helper.rewrite(script, (source:gsub("moonport.onQuit.-end%)", ""):gsub("%-%- LATER", code)))
      program:signal "HUP"
      program:waitForLine "reloaded"
      program:signal "TERM"
      program:waitForLine(line)
      assert.are.equal(0, program:wait())
      assert.is_nil(program:stderr():find("first", 1, true))
    end
  end)

  it("delays nothing if its function returns at once", function()
    local program = start { options = { "--grace", 600000 }, source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      assert(server:listen "127.0.0.1")
      moonport.singleShot(600000, print)
      moonport.onQuit(function() moonport.log.info "ready" end)
      moonport.log.info("port %d", server:serverPort())
    ]] }
    program:signal "TERM"
    program:waitForLine "ready"
    assert.are.equal(0, program:wait())
  end)

  it("logs an error of its function, and the connections are closed nevertheless", function()
    local program, port = start { source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead() self:write(self:readAll()) end
      assert(server:listen "127.0.0.1")
      moonport.onQuit(function() error "oh no" end)
      moonport.log.info("port %d", server:serverPort())
    ]] }
    local client = helper.connect(port)
    client:send "x"
    client:receive(1)
    program:signal "TERM"
    program:waitForLine "error task: .*oh no"
    assert.are.equal("closed", client:waitForEnd())
    assert.are.equal(0, program:wait())
  end)

  it("limits its function to the grace time, and a second signal ends it at once", function()
    local source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      assert(server:listen "127.0.0.1")
      moonport.onQuit(function() moonport.log.info "waiting" moonport.sleep(-1) end)
      moonport.log.info("port %d", server:serverPort())
    ]]
    local program = start { source = source, options = { "--grace", 50 } }
    program:signal "TERM"
    program:waitForLine "warning stopping: onQuit's function did not return within 50 ms"
    assert.are.equal(0, program:wait())
    program = start { source = source, options = { "--grace", 60000 } }
    program:signal "TERM"
    program:waitForLine "waiting"
    program:signal "TERM"
    assert.are.equal(143, program:wait())
  end)
end)
