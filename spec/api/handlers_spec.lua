-- SPDX-License-Identifier: MIT
-- Handlers as fields, what may be stored on an object, blockSignals, names.

local moonport = require "moonport"
local helper = require "spec.helper"

-- A listening server, a plain client, and the server's socket for it.
local function pair()
  local server = moonport.TcpServer()
  assert(server:listen "127.0.0.1")
  local socket
  function server:newConnection() socket = self:nextPendingConnection() end
  local client = helper.connect(server:serverPort())
  helper.eventually(function() return socket end)
  server:close()
  return socket, client
end

describe("A handler", function()
  it("is a field: it can be assigned and read back, is called with its object, and is removed by nil", function()
    local socket <close>, client = pair()
    local seen = {}
    local function handler(...) seen[#seen + 1] = table.pack(...) end
    socket.readyRead = handler
    assert.equal(handler, socket.readyRead)
    client:send "1"
    helper.eventually(function() return #seen == 1 end)
    assert.equal(1, seen[1].n)
    assert.equal(socket, seen[1][1])
    socket.readyRead = nil
    assert.is_nil(socket.readyRead)
    client:send "2"
    helper.eventually(function() return socket:bytesAvailable() == 2 end)
    helper.settle()
    assert.equal(1, #seen)
    socket:abort()
  end)

  it("can be written as a method", function()
    local socket <close>, client = pair()
    local got
    function socket:readyRead() got = self:readAll() end
    client:send "hello"
    helper.eventually(function() return got end)
    assert.equal("hello", got)
    socket:abort()
  end)

  it("gets the arguments of its signal: bytes, states, errors", function()
    local socket <close>, client = pair()
    local written, states, code = 0, {}, nil
    function socket:bytesWritten(n) written = written + n end
    function socket:stateChanged(state) states[#states + 1] = state .. "/" .. self:state() end
    function socket:errorOccurred(e) code = e end
    socket:write "12345"
    helper.eventually(function() return written == 5 end)
    client:close()
    helper.eventually(function() return socket:state() == "UnconnectedState" end)
    helper.eventually(function() return #states == 2 end)
    assert.same({ "ClosingState/ClosingState", "UnconnectedState/UnconnectedState" }, states)
    assert.equal("RemoteHostClosedError", code)
  end)

  it("may be set after the call that causes its signal, before the loop's next turn", function()
    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    local socket <close> = moonport.TcpSocket()
    local seen = {}
    assert(socket:connectToHost("127.0.0.1", server:serverPort()))
    function socket:stateChanged(state) seen[#seen + 1] = state end
    function socket:hostFound() seen[#seen + 1] = "hostFound" end
    function socket:connected() seen[#seen + 1] = "connected" end
    helper.eventually(function() return seen[#seen] == "connected" end)
    assert.equal("connected", seen[#seen])
    assert.equal("ConnectedState", seen[#seen - 1])
    socket:abort()
  end)

  it("may replace itself: the next signal calls the new one", function()
    local socket <close>, client = pair()
    local seen = {}
    function socket:readyRead()
      seen[#seen + 1] = "first " .. self:readAll()
      function self:readyRead() seen[#seen + 1] = "second " .. self:readAll() end
    end
    client:send "a"
    helper.eventually(function() return #seen == 1 end)
    client:send "b"
    helper.eventually(function() return #seen == 2 end)
    assert.same({ "first a", "second b" }, seen)
    socket:abort()
  end)

  it("must be a function: any other value under a signal's name raises and changes nothing", function()
    local socket = moonport.TcpSocket()
    local handler = function() end
    socket.readyRead = handler
    assert.error_matches(function() socket.readyRead = "x" end, "readyRead: a handler must be a function, not a string")
    assert.error_matches(function() socket.readyRead = setmetatable({}, { __call = handler }) end, "must be a function")
    assert.equal(handler, socket.readyRead)
  end)

  it("under a name that differs from a signal only in letter case raises with the right name", function()
    local server, socket, timer = moonport.TcpServer(), moonport.TcpSocket(), moonport.Timer()
    local f = function() end
    assert.error_matches(function() socket.readyread = f end, "no signal 'readyread'; did you mean 'readyRead'%?")
    assert.error_matches(function() function socket:ReadyRead() end end, "did you mean 'readyRead'%?")
    assert.error_matches(function() socket.Disconnected = f end, "did you mean 'disconnected'%?")
    assert.error_matches(function() server.newconnection = f end, "did you mean 'newConnection'%?")
    assert.error_matches(function() timer.timeOut = f end, "did you mean 'timeout'%?")
    assert.error_matches(function() server.connection.readyread = f end, "did you mean 'readyRead'%?")
    assert.error_matches(function() server.connection = { ReadyRead = f } end, "did you mean 'readyRead'%?")
    assert.is_nil(socket.readyread)
    assert.is_nil(rawget(server.connection, "readyread"))
    assert.is_nil(rawget(server.connection, "ReadyRead"))
  end)

  it("of another class's signal raises with the class that has it; data under its name is a field", function()
    local socket = moonport.TcpSocket()
    assert.error_matches(function() socket.timeout = print end, "'timeout' is one of Timer")
    socket.timeout, socket.newConnection = 1000, 5
    assert.equal(1000, socket.timeout)
    assert.equal(5, socket.newConnection)
  end)
end)

describe("An object", function()
  it("stores the script's data and methods", function()
    for _, object in ipairs { moonport.TcpServer(), moonport.TcpSocket(), moonport.Timer() } do
      object.name = "ann"
      object[1], object[2.5], object[true] = "one", "float", "boolean"
      local key = {}
      object[key] = false
      function object:say(text) return self.name .. " says " .. text end
      assert.equal("ann", object.name)
      assert.equal("one", object[1])
      assert.equal("float", object[2.5])
      assert.equal("boolean", object[true])
      assert.is_false(object[key])
      assert.equal("ann says hi", object:say "hi")
      object.name = nil
      assert.is_nil(object.name)
      assert.is_nil(object.unknown)
      assert.is_nil(object[nil])
      assert.error_matches(function() object[nil] = 1 end, "index is nil")
      assert.error(function() object[0 / 0] = 1 end)
    end
  end)

  it("refuses to have a method of its class overwritten", function()
    local server, socket, timer = moonport.TcpServer(), moonport.TcpSocket(), moonport.Timer()
    assert.error_matches(function() function socket:write() end end, "'write' is a method and can't be replaced")
    assert.error_matches(function() socket.write = nil end, "'write' is a method")
    assert.error_matches(function() socket.error = "mine" end, "'error' is a method")
    assert.error_matches(function() server.listen = print end, "'listen' is a method")
    assert.error_matches(function() timer.start = print end, "'start' is a method")
    assert.error_matches(function() timer.blockSignals = print end, "'blockSignals' is a method")
    assert.is_function(socket.write)
  end)
end)

describe("blockSignals", function()
  it("drops emissions until it is undone; everything else happens", function()
    local socket <close>, client = pair()
    local seen = 0
    function socket:readyRead() seen = seen + 1 end
    assert.is_false(socket:signalsBlocked())
    assert.is_false(socket:blockSignals(true))
    assert.is_true(socket:signalsBlocked())
    client:send "1"
    helper.eventually(function() return socket:bytesAvailable() == 1 end)
    assert.equal(0, seen)
    assert.is_true(socket:blockSignals(false))
    helper.settle()
    assert.equal(0, seen)
    client:send "2"
    helper.eventually(function() return seen == 1 end)
    assert.equal("12", socket:readAll())
    socket:abort()
  end)

  it("applies when a signal is delivered, also to connect's handlers, but not to waits", function()
    local timer <close> = moonport.Timer()
    local seen = 0
    moonport.connect(timer, "timeout", function() seen = seen + 1 end)
    timer:blockSignals(true)
    timer:start(0)
    helper.settle()
    assert.equal(0, seen)
    timer:blockSignals(false)
    helper.eventually(function() return seen > 0 end)

    local socket <close>, client = pair()
    socket:blockSignals(true)
    client:send "line\n"
    assert.equal("line", socket:receive "line")
    client:close()
    helper.eventually(function() return socket:state() == "ClosingState" or socket:state() == "UnconnectedState" end)
    socket:abort()
  end)
end)
