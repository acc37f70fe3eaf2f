-- The orders of signals while closing, as whole sequences: by the peer, by a call, and by a call within a
-- handler.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

local ending = { "stateChanged(Unconnected)", "readChannelFinished", "disconnected" }

local function sequence(...)
  local all = {}
  for _, part in ipairs { ... } do table.move(part, 1, #part, #all + 1, all) end
  return all
end

describe("The signals of a close by the peer:", function()
  after_each(sockets.close)

  it("X4 data and FIN: readyRead, the error while still Connected, Closing, Unconnected; all stays readable", function()
    local socket, peer = sockets.withPlain()
    local seen = {}
    local log = trace.record(socket, function(self)
      seen[#seen + 1] = { self:peerPort() > 0, self:localPort() > 0, self:socketDescriptor() >= 0 }
      return trace.device(self)
    end)
    peer:send "hello\nworld"
    peer:shutdown()
    trace.expect(log, {
      "readyRead [Connected, open, 11]", "errorOccurred(RemoteHostClosed) [Connected, open, 11]",
      "stateChanged(Closing) [Closing, open, 11]", "stateChanged(Unconnected) [Unconnected, open, 11]",
      "readChannelFinished [Unconnected, open, 11]", "disconnected [Unconnected, open, 11]",
    })
    assert.same({ true, true, true }, seen[2]) -- errorOccurred
    assert.same({ true, true, false }, seen[6]) -- disconnected: the addresses are still known, the descriptor isn't
    assert.equal(0, socket:peerPort())
    assert.equal(0, socket:localPort())
    assert.is_nil(socket:peerAddress())
    assert.is_nil(socket:localAddress())
    assert.equal(11, socket:bytesAvailable())
    assert.equal("hello\nworld", socket:read(100))
    assert.is_nil(socket:read(100))
    assert.equal("The remote host closed the connection", socket:errorString())
  end)

  it("X27 RST: as with FIN, and data received before stays", function()
    local socket, peer = sockets.withPlain()
    local log = trace.record(socket, trace.device)
    peer:send "abc"
    sockets.eventuallyAvailable(socket, 3)
    peer:reset()
    trace.expect(log, {
      "readyRead [Connected, open, 3]", "errorOccurred(RemoteHostClosed) [Connected, open, 3]",
      "stateChanged(Closing) [Closing, open, 3]", "stateChanged(Unconnected) [Unconnected, open, 3]",
      "readChannelFinished [Unconnected, open, 3]", "disconnected [Unconnected, open, 3]",
    })
    assert.equal("abc", socket:readAll())
  end)

  it("noticed by a write (D9): one error, and data received before stays readable", function()
    local socket, peer = sockets.withPlain()
    peer:send "unread"
    sockets.eventuallyAvailable(socket, 6)
    local log = trace.record(socket, trace.device)
    -- The reset arrives while the loop isn't running, so that the next flush meets it first.
    peer:reset()
    socket:write "x"
    socket:flush()
    trace.expect(log, {
      "errorOccurred(RemoteHostClosed) [Connected, open, 6]", "stateChanged(Closing) [Closing, open, 6]",
      "stateChanged(Unconnected) [Unconnected, open, 6]", "readChannelFinished [Unconnected, open, 6]",
      "disconnected [Unconnected, open, 6]",
    })
    assert.equal("unread", socket:readAll())
  end)

  it("of an accepted connection: the same", function()
    local server = sockets.server()
    local client = helper.connect(server:serverPort())
    local socket = sockets.accept(server)
    local log = trace.record(socket, trace.device)
    client:send "abc"
    client:close()
    trace.expect(log, {
      "readyRead [Connected, open, 3]", "errorOccurred(RemoteHostClosed) [Connected, open, 3]",
      "stateChanged(Closing) [Closing, open, 3]", "stateChanged(Unconnected) [Unconnected, open, 3]",
      "readChannelFinished [Unconnected, open, 3]", "disconnected [Unconnected, open, 3]",
    })
  end)
end)

describe("The signals of a close by a call:", function()
  after_each(sockets.close)

  it("X7 disconnectFromHost() with nothing to send ends at once, the signals follow (D1), the buffer stays", function()
    local socket, peer = sockets.withPlain()
    peer:send "rest"
    sockets.eventuallyAvailable(socket, 4)
    local log = trace.record(socket)
    socket:disconnectFromHost()
    assert.equal("UnconnectedState", socket:state()) -- at once, as in Qt; only the signals follow (D1)
    assert.same({}, log)
    trace.expect(log, sequence({ "stateChanged(Closing)" }, ending))
    assert.is_true(socket:isOpen())
    assert.equal("rest", socket:readAll())
    assert.equal("UnknownSocketError", socket:error())
  end)

  it("disconnectFromHost() with data to send: it is sent in ClosingState, and so is what is written then", function()
    local socket, peer = sockets.withPlain()
    local log = trace.record(socket, trace.state)
    socket:write "one "
    socket:disconnectFromHost()
    assert.equal("ClosingState", socket:state())
    assert.is_true(socket:isOpen())
    assert.equal(3, socket:write "two")
    trace.expect(log, {
      "stateChanged(Closing) [Closing]", "bytesWritten(7) [Closing]", "stateChanged(Unconnected) [Unconnected]",
      "readChannelFinished [Unconnected]", "disconnected [Unconnected]",
    })
    assert.equal("one two", peer:receiveAll())
  end)

  it("X8 close() with data to send: aboutToClose, not open at once, and the data is still sent", function()
    local socket, peer = sockets.withPlain()
    peer:send "rest"
    sockets.eventuallyAvailable(socket, 4)
    local log = trace.record(socket)
    socket:write "bye"
    socket:close()
    assert.equal("ClosingState", socket:state())
    assert.is_false(socket:isOpen())
    assert.equal(0, socket:bytesAvailable())
    assert.is_true(socket:socketDescriptor() >= 0)
    assert.is_nil(socket:write "more")
    assert.is_nil(socket:read(1))
    trace.expect(log, sequence({ "aboutToClose", "stateChanged(Closing)", "bytesWritten(3)" }, ending))
    assert.equal("bye", peer:receiveAll())
  end)

  it("X9 abort(): aboutToClose and the end, without Closing", function()
    local socket, peer = sockets.withPlain()
    local log = trace.record(socket)
    socket:write "lost"
    socket:abort()
    assert.equal("UnconnectedState", socket:state())
    assert.is_false(socket:isOpen())
    assert.equal(0, socket:bytesToWrite())
    trace.expect(log, sequence({ "aboutToClose" }, ending))
    assert.equal("", peer:receiveAll())
    assert.equal("UnknownSocketError", socket:error())
  end)

  it("abort() in ClosingState ends it, and what is queued is lost", function()
    local socket = sockets.withPlain()
    sockets.stuff(socket)
    helper.settle(5)
    local log = trace.record(socket)
    socket:disconnectFromHost()
    assert.equal("ClosingState", socket:state())
    socket:abort()
    trace.expect(log, sequence({ "stateChanged(Closing)", "aboutToClose" }, ending))
  end)

  it("a second call, or one on an unconnected socket, signals nothing", function()
    local socket = sockets.withPlain()
    socket:disconnectFromHost()
    helper.settle(5)
    local log = trace.record(socket)
    socket:disconnectFromHost()
    socket:abort() -- the device is still open, so it only closes the device
    trace.expect(log, { "aboutToClose" })
    socket:close()
    socket:abort()
    socket:disconnectFromHost()
    helper.settle(5)
    assert.same({ "aboutToClose" }, log)
  end)

  it("close() after disconnectFromHost() only closes the device", function()
    local socket, peer = sockets.withPlain()
    peer:send "rest"
    sockets.eventuallyAvailable(socket, 4)
    socket:disconnectFromHost()
    helper.settle(5)
    local log = trace.record(socket)
    socket:close()
    trace.expect(log, { "aboutToClose" })
    assert.equal(0, socket:bytesAvailable())
  end)

  it("the peer ends while data waits in ClosingState: the next send fails, and the socket ends", function()
    local socket, peer = sockets.withPlain()
    sockets.stuff(socket)
    socket:disconnectFromHost()
    helper.settle(5)
    local log = trace.record(socket, trace.state)
    peer:reset()
    trace.expect(log, {
      "errorOccurred(RemoteHostClosed) [Closing]", "stateChanged(Unconnected) [Unconnected]",
      "readChannelFinished [Unconnected]", "disconnected [Unconnected]",
    })
  end)

  it("bound, then closed: the state goes back to Unconnected", function()
    local socket = sockets.socket()
    assert.is_true(socket:bind "127.0.0.1")
    local log = trace.record(socket)
    socket:abort()
    assert.equal("UnconnectedState", socket:state())
    assert.equal(-1, socket:socketDescriptor())
    trace.expect(log, { "stateChanged(Bound)", "stateChanged(Unconnected)", "readChannelFinished" })
  end)
end)

describe("The signals of a close within a handler:", function()
  after_each(sockets.close)

  local closings = {
    close = sequence({ "aboutToClose", "stateChanged(Closing)" }, ending),
    disconnectFromHost = sequence({ "stateChanged(Closing)" }, ending),
    abort = sequence({ "aboutToClose" }, ending),
  }

  for call, signals in pairs(closings) do
    it(call .. "() in readyRead: its signals follow, once", function()
      local socket, peer = sockets.withPlain()
      function socket:readyRead() self[call](self) end
      local log = trace.record(socket)
      peer:send "x"
      trace.expect(log, sequence({ "readyRead" }, signals))
    end)

    it(call .. "() in bytesWritten: the same", function()
      local socket = sockets.withPlain()
      function socket:bytesWritten() self[call](self) end
      local log = trace.record(socket)
      socket:write "x"
      trace.expect(log, sequence({ "bytesWritten(1)" }, signals))
    end)

    it(call .. "() in connected: the same", function()
      local server, socket = sockets.server(), sockets.socket()
      function socket:connected() self[call](self) end
      local log = trace.record(socket)
      socket:connectToHost("127.0.0.1", server:serverPort())
      trace.expect(log, sequence({
        "stateChanged(HostLookup)", "stateChanged(Connecting)", "hostFound", "stateChanged(Connected)", "connected",
      }, signals))
    end)

    it(call .. "() in errorOccurred of a close by the peer: one end, no more", function()
      local socket, peer = sockets.withPlain()
      function socket:errorOccurred() self[call](self) end
      peer:send "unread"
      sockets.eventuallyAvailable(socket, 6)
      local log = trace.record(socket, trace.state)
      peer:close()
      helper.eventually(function() return trace.names(log)[#log] == "disconnected" end, "disconnected")
      helper.settle(5)
      assert.same(sequence({ "errorOccurred(RemoteHostClosed)" }, signals), trace.names(log))
      assert.equal(call == "disconnectFromHost" and 6 or 0, socket:bytesAvailable())
    end)
  end

  for call, signals in pairs { close = { "aboutToClose" }, disconnectFromHost = {}, abort = { "aboutToClose" } } do
    it(call .. "() in disconnected: nothing more but the device's own end", function()
      local socket, peer = sockets.withPlain()
      function socket:disconnected() self[call](self) end
      local log = trace.record(socket)
      peer:close()
      trace.expect(log, sequence({ "errorOccurred(RemoteHostClosed)", "stateChanged(Closing)" }, ending, signals))
    end)
  end

  it("X29 connectToHost() in disconnected connects again", function()
    local socket, peer = sockets.withPlain()
    local server = sockets.server()
    local port, again = server:serverPort(), false
    function socket:disconnected()
      if again then return end
      again = true
      assert(self:connectToHost("127.0.0.1", port))
    end
    local log = trace.record(socket)
    peer:close()
    trace.expect(log, sequence({ "errorOccurred(RemoteHostClosed)", "stateChanged(Closing)" }, ending, {
      "stateChanged(HostLookup)", "stateChanged(Connecting)", "hostFound", "stateChanged(Connected)", "connected",
    }))
    assert.equal("127.0.0.1", socket:peerName())
    assert.equal(port, socket:peerPort())
  end)

  it("connectToHost() in errorOccurred of a close by the peer fails: the state is still Connected", function()
    local socket, peer = sockets.withPlain()
    local code
    function socket:errorOccurred(error)
      if error == "RemoteHostClosedError" then code = select(3, self:connectToHost("127.0.0.1", 7)) end
    end
    local log = trace.record(socket)
    peer:close()
    helper.eventually(function() return log[#log] == "disconnected" end, "disconnected")
    assert.equal("OperationError", code)
    assert.equal(1, sockets.count(log, "errorOccurred(Operation)"))
    assert.equal("UnconnectedState", socket:state())
  end)

  it("a socket that drops its last reference in any handler is collected", function()
    local peers, before = {}, helper.objects()
    for _, signal in ipairs { "readyRead", "errorOccurred", "stateChanged", "readChannelFinished", "disconnected" } do
      local socket, peer = sockets.withPlain()
      socket[signal] = function(self)
        self[signal] = nil
        self:abort()
        collectgarbage()
      end
      peers[#peers + 1] = peer
    end
    for _, peer in ipairs(peers) do
      peer:send "x"
      peer:close()
    end
    sockets.close()
    helper.eventually(function() return helper.objects() == before end, "all of them gone")
    assert.equal(0, moonport.stats().handlerErrors)
  end)
end)
