-- SPDX-License-Identifier: MIT
-- closeWriteChannel: the peer reads the end after the queued bytes; reading from the peer goes on.

local moonport = require "moonport"
local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

local function refuses(...)
  assert.same({ n = 3, nil, "write: the write channel is closed", "OperationError" }, table.pack(...))
end

describe("closeWriteChannel", function()
  after_each(sockets.close)

  it("sends the end to the peer, and reading goes on in ConnectedState #valgrind", function()
    local socket, plain = sockets.withPlain()
    socket:write "question"
    assert.is_true(socket:closeWriteChannel())
    assert.equal("question", plain:receiveAll())
    assert.equal("ConnectedState", socket:state())
    plain:send "answer"
    assert.equal("answer", socket:receive(6, helper.timeout))
    plain:send " and more"
    assert.equal(" and more", socket:receive(9, helper.timeout))
  end)

  it("sends the end at once when nothing is queued, and does nothing the second time", function()
    local socket, plain = sockets.withPlain()
    assert.equal(1, socket:writeChannelCount())
    assert.is_true(socket:closeWriteChannel())
    assert.equal("closed", plain:waitForEnd())
    assert.is_true(socket:closeWriteChannel())
    assert.equal(0, socket:writeChannelCount())
    assert.equal(1, socket:readChannelCount())
    helper.settle(5)
    assert.equal("ConnectedState", socket:state())
  end)

  it("sends the end after all that is queued, however large, to a peer that reads late", function()
    local socket, plain = sockets.withPlain()
    sockets.stuff(socket)
    assert.is_true(socket:closeWriteChannel())
    assert.is_true(socket:closeWriteChannel())
    helper.settle(5)
    assert.equal(4 << 20, #plain:receiveAll(helper.timeout * 4))
    assert.equal(0, socket:bytesToWrite())
    assert.equal("ConnectedState", socket:state())
  end)

  it("refuses later writes with a code, and still sends what was written before", function()
    local socket, plain = sockets.withPlain()
    socket:write "kept"
    socket:closeWriteChannel()
    refuses(socket:write "late")
    refuses(socket:write(("x"):rep(100000)))
    assert.equal("putChar: the write channel is closed", select(2, socket:putChar "x"))
    assert.equal("kept", plain:receiveAll())
    refuses(socket:write "later")
  end)

  it("while connecting sends the end after what is queued, or as soon as it is connected", function()
    for _, text in ipairs { "hello", "" } do
      local listener, socket = helper.listen(), sockets.socket()
      local log = trace.record(socket)
      socket:connectToHost("127.0.0.1", listener:port())
      socket:write(text)
      assert.is_true(socket:closeWriteChannel())
      refuses(socket:write "late")
      assert.is_true(socket:waitForConnected(helper.timeout))
      assert.equal(text, listener:accept():receiveAll())
      assert.equal("ConnectedState", socket:state())
      assert.equal("connected", log[5])
      socket:abort()
    end
  end)

  it("fails without a connection: before it, when only bound, and after its end", function()
    local socket, plain = sockets.withPlain()
    local fresh = sockets.socket()
    local function assertFails(one)
      assert.same({ n = 3, nil, "closeWriteChannel: Socket is not connected", "UnknownSocketError" },
        table.pack(one:closeWriteChannel()))
    end
    assertFails(fresh)
    fresh:bind "127.0.0.1"
    assertFails(fresh)
    plain:close()
    sockets.eventuallyState(socket, "UnconnectedState")
    assertFails(socket)
  end)

  it("is forgotten by the next connection of the same socket", function()
    local socket, plain = sockets.withPlain()
    socket:closeWriteChannel()
    plain:close()
    sockets.eventuallyState(socket, "UnconnectedState")
    local listener = helper.listen()
    socket:connectToHost("127.0.0.1", listener:port())
    socket:write "anew"
    assert.equal("anew", listener:accept():receive(4))
  end)

  it("doesn't delay disconnectFromHost, which still sends what is queued", function()
    local socket, plain = sockets.withPlain()
    sockets.stuff(socket)
    socket:closeWriteChannel()
    socket:disconnectFromHost()
    assert.equal("ClosingState", socket:state())
    assert.equal(4 << 20, #plain:receiveAll(helper.timeout * 4))
    sockets.eventuallyState(socket, "UnconnectedState")
  end)

  it("ends the connection if the peer resets it without reading", function()
    local socket, plain = sockets.withPlain()
    sockets.stuff(socket)
    socket:closeWriteChannel()
    plain:reset()
    sockets.eventuallyState(socket, "UnconnectedState")
  end)
end)

describe("A connection whose write channel is closed", function()
  after_each(sockets.close)

  local ends = {
    "errorOccurred(RemoteHostClosed)", "stateChanged(Closing)", "stateChanged(Unconnected)", "readChannelFinished",
    "disconnected",
  }
  local halfOpenEnds = { "readChannelFinished", "stateChanged(Closing)", "stateChanged(Unconnected)", "disconnected" }

  it("ends with the peer's end, with Qt's signals", function()
    local socket, plain = sockets.withPlain()
    local log = trace.record(socket)
    socket:closeWriteChannel()
    assert.equal("closed", plain:waitForEnd())
    plain:shutdown()
    trace.expect(log, ends)
  end)

  it("also ends so with setAllowHalfOpen, where the peer's end is no error", function()
    local socket, plain = sockets.withPlain()
    socket:setAllowHalfOpen(true)
    local log = trace.record(socket)
    socket:closeWriteChannel()
    assert.equal("closed", plain:waitForEnd())
    plain:shutdown()
    trace.expect(log, halfOpenEnds)
    assert.equal("UnknownSocketError", socket:error())
  end)

  it("also ends so when the peer was the first to end", function()
    local socket, plain = sockets.withPlain()
    socket:setAllowHalfOpen(true)
    local log = trace.record(socket)
    plain:send "last words"
    plain:shutdown()
    helper.eventually(function() return log[#log] == "readChannelFinished" end)
    assert.is_true(socket:closeWriteChannel())
    trace.expect(log, { "readyRead", table.unpack(halfOpenEnds) })
    assert.equal("last words", socket:readAll())
    assert.equal("closed", plain:waitForEnd())
  end)

  it("sends what is queued before it ends when the peer ended already", function()
    local socket, plain = sockets.withPlain()
    socket:setAllowHalfOpen(true)
    local log = trace.record(socket)
    plain:shutdown()
    helper.eventually(function() return log[1] end)
    sockets.stuff(socket)
    socket:closeWriteChannel()
    assert.equal(4 << 20, #plain:receiveAll(helper.timeout * 4))
    sockets.eventuallyState(socket, "UnconnectedState")
  end)

  it("first signals what arrived unseen while a handler waited", function()
    local socket, plain = sockets.withPlain()
    local log, go = {}, false
    socket:setAllowHalfOpen(true)
    function socket:readyRead()
      log[#log + 1] = self:readAll()
      helper.eventually(function() return go end)
    end
    function socket.disconnected() log[#log + 1] = "disconnected" end
    function socket.readChannelFinished() log[#log + 1] = "finished" end
    socket:closeWriteChannel()
    plain:send "one"
    helper.eventually(function() return log[1] end)
    plain:send "two"
    sockets.eventuallyAvailable(socket, 3)
    plain:shutdown()
    helper.eventually(function() return log[#log] == "finished" end)
    go = true
    helper.eventually(function() return log[#log] == "disconnected" end)
    assert.same({ "one", "finished", "two", "disconnected" }, log)
  end)

  it("may be one that a server has accepted", function()
    local server <close> = moonport.TcpServer()
    function server.connection:readyRead()
      self:write(self:readAll():upper())
      self:closeWriteChannel()
    end
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    client:send "hello"
    assert.equal("HELLO", client:receiveAll())
    assert.equal(1, server:connectionCount())
    client:close()
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)
end)

describe("closeWriteChannel of a pipe", function()
  after_each(sockets.close)

  it("closes a pipe for writing after what is queued", function()
    local input, output = assert(helper.posix.pipe())
    local socket = sockets.socket()
    assert(socket:setSocketDescriptor(output, "ConnectedState", "WriteOnly"))
    socket:write "all of it"
    assert.is_true(socket:closeWriteChannel())
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.equal("all of it", helper.posix.read(input, 100))
    assert.equal("", helper.posix.read(input, 100))
    helper.posix.close(input)
  end)

  it("fails on a pipe for reading, which has no write channel", function()
    local input, output = assert(helper.posix.pipe())
    local socket = sockets.socket()
    assert(socket:setSocketDescriptor(input))
    sockets.fails("UnsupportedSocketOperationError", socket:closeWriteChannel())
    helper.posix.write(output, "still read")
    assert.equal("still read", socket:receive(10, helper.timeout))
    helper.posix.close(output)
  end)
end)
