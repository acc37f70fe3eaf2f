-- SPDX-License-Identifier: MIT
-- An error in a handler is reported and ends its one connection; others aren't affected.

local moonport = require "moonport"
local helper = require "spec.helper"

-- Collects what onError's function is called with, until the spec ends.
local function reports()
  local list = setmetatable({}, { __close = function() moonport.onError(nil) end })
  moonport.onError(function(...) list[#list + 1] = table.pack(...) end)
  return list
end

-- A server whose connections answer a line with "echo LINE", or do `fail` when the line is "fail".
local function serving(fail)
  local server = moonport.TcpServer()
  function server.connection:readyRead()
    local line = self:readAll()
    if line == "fail\n" then return fail(self) end
    self:write("echo " .. line)
  end
  assert(server:listen "127.0.0.1")
  return server
end

local function assertServes(server)
  local client = helper.connect(server:serverPort())
  client:send "hello\n"
  assert.equal("echo hello\n", client:receive(11))
  client:close()
end

describe("An error in a handler", function()
  it("is logged with a traceback, the object and the signal", function()
    local program = helper.program { source = [[
local moonport = require "moonport"
local server = moonport.TcpServer()
local function deeper() error "on purpose" end
function server.connection:readyRead()
  moonport.sleep(1)
  deeper()
end
assert(server:listen "127.0.0.1")
print(server:serverPort())
io.stdout:flush()
]] }
    local port = program:waitForLine "^(%d+)$"
    local client = helper.connect(tonumber(port))
    client:send "x"
    program:waitForLine("error readyRead handler of TcpSocket%(127%.0%.0%.1:" .. client:port() ..
      ", ConnectedState%): .*script%.lua:3: on purpose")
    program:waitForLine "stack traceback:"
    program:waitForLine "script%.lua:3: in "
    program:waitForLine "script%.lua:6: in "
    client:waitForEnd()
    helper.connect(tonumber(port)):close()
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)

  it("has a complete traceback when the handler is a C function without a name", function()
    local list <close> = reports()
    local timer = moonport.Timer()
    timer.timeout = coroutine.wrap(function() error "on purpose" end)
    timer:start(0)
    helper.eventually(function() return #list == 1 end)
    assert.matches("on purpose\nstack traceback:\n\t%[C%]: in %?$", list[1][1])
    timer:stop()
  end)

  it("goes to onError with message and traceback, the object and the signal's name, before the abort", function()
    local list <close> = reports()
    local state
    local server <close> = serving(function(socket)
      socket.mark = "mine"
      error "on purpose"
    end)
    moonport.onError(function(...)
      list[#list + 1] = table.pack(...)
      state = select(2, ...):state()
    end)
    local client = helper.connect(server:serverPort())
    client:send "fail\n"
    client:waitForEnd()
    helper.eventually(function() return #list == 1 end)
    assert.equal(3, list[1].n)
    assert.matches("errors_spec.lua:%d+: on purpose\nstack traceback:", list[1][1])
    assert.equal("mine", list[1][2].mark)
    assert.equal("readyRead", list[1][3])
    assert.equal("ConnectedState", state)
    assertServes(server)
  end)

  it("may be any value: nil, a table, one with __tostring, one whose __tostring fails", function()
    local values = {
      { nil, "nil value" },
      { {}, "table value" },
      { 42, "42" },
      { setmetatable({}, { __tostring = function() return "my own words" end }), "my own words" },
      { setmetatable({}, { __tostring = function() error "worse" end }), "worse" },
    }
    for i = 1, 5 do
      local list <close> = reports()
      local server <close> = serving(function() error(values[i][1], 0) end)
      local client = helper.connect(server:serverPort())
      client:send "fail\n"
      client:waitForEnd()
      helper.eventually(function() return #list == 1 end)
      assert.matches(values[i][2], list[1][1])
      assertServes(server)
    end
  end)

  it("aborts its connection: unsent bytes are dropped; other connections stay", function()
    local server <close> = serving(function(socket)
      socket:write(("x"):rep(100))
      error "on purpose"
    end)
    local other = helper.connect(server:serverPort())
    local client = helper.connect(server:serverPort())
    client:send "fail\n"
    client:waitForEnd()
    assert.equal("", client.unread)
    other:send "still\n"
    assert.equal("echo still\n", other:receive(11))
  end)

  it("stops a timer", function()
    local timer = moonport.Timer()
    local count = 0
    function timer.timeout()
      count = count + 1
      error "on purpose"
    end
    timer:start(1)
    helper.eventually(function() return count == 1 and not timer:isActive() end)
    helper.settle()
    assert.equal(1, count)
  end)

  it("inside disconnected or aboutToClose, or while closing, has no further effect", function()
    for _, signal in ipairs { "disconnected", "aboutToClose", "stateChanged", "errorOccurred",
      "readChannelFinished" } do
      local list <close> = reports()
      local server <close> = serving()
      server.connection[signal] = function() error "on purpose" end
      local client = helper.connect(server:serverPort())
      helper.eventually(function() return server:connectionCount() == 1 end)
      client:close()
      if signal == "aboutToClose" then
        for socket in server:connections() do socket:close() end
      end
      helper.eventually(function() return #list > 0 and server:connectionCount() == 0 end)
      server.connection[signal] = nil
      assertServes(server)
    end
  end)

  it("of newConnection before it took the connection aborts that connection; the next client is served", function()
    local list <close> = reports()
    local server <close> = serving()
    local failing = true
    function server:newConnection()
      if failing then
        failing = false
        error "before"
      end
      assert(self:nextPendingConnection())
    end
    local client = helper.connect(server:serverPort())
    client:waitForEnd()
    assert.is_true(server:isListening())
    assertServes(server)
    assert.equal(server, list[1][2])
    assert.equal("newConnection", list[1][3])
  end)

  it("of newConnection after it took the connection aborts that connection, also after a wait", function()
    for _, wait in ipairs { false, true } do
      local server <close> = serving()
      local failing = true
      function server:newConnection()
        assert(self:nextPendingConnection())
        if wait then moonport.sleep(1) end
        if failing then
          failing = false
          error "after"
        end
      end
      local client = helper.connect(server:serverPort())
      client:waitForEnd()
      assert.is_true(server:isListening())
      assertServes(server)
    end
  end)

  it("of onError's function is only logged; the connection is aborted nevertheless", function()
    local calls = 0
    moonport.onError(function()
      calls = calls + 1
      error "in onError"
    end)
    local server <close> = serving(function() error "on purpose" end)
    local client = helper.connect(server:serverPort())
    client:send "fail\n"
    client:waitForEnd()
    moonport.onError(nil)
    assert.equal(1, calls)
    assertServes(server)
  end)

  it("is counted in stats().handlerErrors", function()
    local before = moonport.stats().handlerErrors
    local server <close> = serving(function() error "on purpose" end)
    local client = helper.connect(server:serverPort())
    client:send "fail\n"
    client:waitForEnd()
    assert.equal(before + 1, moonport.stats().handlerErrors)
  end)

  it("is not reported if the script catches it", function()
    local list <close> = reports()
    local server <close> = serving(function(socket)
      socket:write(tostring(select(2, pcall(error, "caught", 0))))
    end)
    local client = helper.connect(server:serverPort())
    client:send "fail\n"
    assert.equal("caught", client:receive(6))
    assert.equal(0, #list)
  end)
end)
