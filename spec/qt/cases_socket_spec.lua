-- Cases of sockets that Qt's own tests lack. Their numbers are rows of docs/qt-parity.md. Cases of signal
-- orders are in trace_*_spec.lua.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

local fails = sockets.fails

describe("a socket", function()
  after_each(sockets.close)

  it("X2 takes writes in HostLookup, Connecting, Closing; open but unconnected it fails without a signal", function()
    local server, socket = sockets.server "any", sockets.socket()
    socket:connectToHost("localhost", server:serverPort())
    assert.equal("HostLookupState", socket:state())
    assert.equal(2, socket:write "a ")
    assert.is_true(socket:waitForConnected(helper.timeout))
    socket:write "b "
    socket:disconnectFromHost()
    assert.equal("ClosingState", socket:state())
    assert.equal(1, socket:write "c")
    local peer = sockets.accept(server)
    sockets.eventuallyState(peer, "UnconnectedState")
    assert.equal("a b c", peer:readAll())

    sockets.eventuallyState(socket, "UnconnectedState")
    assert.is_true(socket:isOpen())
    local log = trace.record(socket)
    fails("UnknownSocketError", socket:write "d")
    assert.equal("UnknownSocketError", socket:error())
    assert.equal("Socket is not connected", socket:errorString())
    helper.settle(5)
    assert.same({}, log)

    local literal = sockets.socket()
    literal:connectToHost("127.0.0.1", server:serverPort())
    assert.equal("ConnectingState", literal:state())
    assert.equal(1, literal:write "x")
    assert.equal(1, literal:bytesToWrite())
  end)

  it("X3 refuses connectToHost while Connecting, Connected or Closing, and changes nothing", function()
    local server, socket = sockets.server(), sockets.socket()
    local errors = trace.count(socket, "errorOccurred")
    local function refused(n, state)
      local ok, message, code = socket:connectToHost("127.0.0.1", 7)
      assert.is_nil(ok)
      assert.equal("OperationError", code)
      assert.equal("connectToHost 127.0.0.1:7: Trying to connect while connection is in progress", message)
      assert.equal(state, socket:state())
      assert.equal("OperationError", socket:error())
      helper.eventually(function() return errors.n == n end, "errorOccurred")
    end
    socket:connectToHost("127.0.0.1", server:serverPort())
    refused(1, "ConnectingState")
    assert.is_true(socket:waitForConnected(helper.timeout))
    refused(2, "ConnectedState")
    local peer = sockets.accept(server)
    socket:write "still here"
    socket:disconnectFromHost()
    assert.is_nil(socket:connectToHost("127.0.0.1", 7))
    sockets.eventuallyState(peer, "UnconnectedState")
    assert.equal("still here", peer:readAll())
  end)

  it("X5 keeps unread data in and after disconnected, until it connects again", function()
    local socket, peer = sockets.withPlain()
    local inside
    function socket:disconnected() inside = self:peek(100) end
    peer:send "unread"
    peer:close()
    helper.eventually(function() return inside end, "disconnected")
    assert.equal("unread", inside)
    assert.equal("un", socket:read(2))
    assert.equal(4, socket:bytesAvailable())
    local server = sockets.server()
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert.equal(0, socket:bytesAvailable())
    assert.equal("UnknownSocketError", socket:error())
    assert.equal("Unknown error", socket:errorString())
  end)

  it("X6 reports no error when it closes itself", function()
    for _, call in ipairs { "disconnectFromHost", "close", "abort" } do
      local socket, peer = sockets.withPlain()
      local errors = trace.count(socket, "errorOccurred")
      socket[call](socket)
      sockets.eventuallyState(socket, "UnconnectedState")
      peer:waitForEnd()
      helper.settle(5)
      assert.equal(0, errors.n)
      assert.equal("UnknownSocketError", socket:error())
    end
  end)

  it("X10 reads nothing in ClosingState", function()
    local socket, peer = sockets.withPlain()
    local ready = trace.count(socket, "readyRead")
    sockets.stuff(socket)
    socket:disconnectFromHost()
    peer:send "too late"
    helper.settle(20)
    assert.equal("ClosingState", socket:state())
    assert.equal(0, ready.n)
    assert.equal(0, socket:bytesAvailable())
  end)

  it("X11 signals readyRead once for five writes of the peer that arrived before the loop's turn", function()
    local socket, peer = sockets.withPlain()
    local ready = trace.count(socket, "readyRead")
    for _ = 1, 5 do assert.equal(3, peer:trySend "abc") end
    assert.is_truthy(helper.posix.poll(socket:socketDescriptor(), "r", 1000))
    sockets.eventuallyAvailable(socket, 15)
    helper.settle(5)
    assert.equal(1, ready.n)
  end)

  it("X12 doesn't signal again what a handler has left; the next arrival is signalled", function()
    local socket, peer = sockets.withPlain()
    local seen = {}
    function socket:readyRead()
      seen[#seen + 1] = self:bytesAvailable()
      self:read(1)
    end
    peer:send "abcd"
    helper.eventually(function() return #seen == 1 end, "readyRead")
    helper.settle(10)
    assert.same({ 4 }, seen)
    peer:send "ef"
    helper.eventually(function() return #seen == 2 end, "readyRead")
    assert.same({ 4, 5 }, seen)
  end)

  it("X13 waits with waitForReadyRead for new data, even if there is unread data", function()
    local socket, peer = sockets.withPlain()
    peer:send "old"
    sockets.eventuallyAvailable(socket, 3)
    fails("SocketTimeoutError", socket:waitForReadyRead(20))
    assert.equal(3, socket:bytesAvailable())
    moonport.singleShot(5, function() peer:send "new" end)
    assert.is_true(socket:waitForReadyRead(helper.timeout))
    assert.equal("oldnew", socket:readAll())
  end)

  it("X14 with a full read buffer signals the peer's close as soon as there is room again (D6)", function()
    local socket, peer = sockets.withPlain()
    socket:setReadBufferSize(4)
    local log = trace.record(socket, function(self) return tostring(self:bytesAvailable()) end)
    peer:send "abcdefgh"
    peer:close()
    trace.expect(log, { "readyRead [4]" })
    assert.equal("ConnectedState", socket:state())
    assert.equal("ab", socket:read(2)) -- Qt would read nothing more from here on
    helper.eventually(function() return socket:bytesAvailable() == 4 end, "the next two bytes")
    assert.equal("cdef", socket:read(4))
    helper.eventually(function() return socket:bytesAvailable() == 2 end, "the last two bytes")
    trace.expect(log, {
      "readyRead [4]", "readyRead [4]", "readyRead [2]", "errorOccurred(RemoteHostClosed) [2]",
      "stateChanged(Closing) [2]", "stateChanged(Unconnected) [2]", "readChannelFinished [2]", "disconnected [2]",
    })
    assert.equal("gh", socket:readAll())
  end)

  it("X15 drops nothing when the read buffer's limit is set below the unread size", function()
    local socket, peer = sockets.withPlain()
    peer:send "0123456789"
    sockets.eventuallyAvailable(socket, 10)
    socket:setReadBufferSize(4)
    assert.equal(10, socket:bytesAvailable())
    peer:send "rest"
    helper.settle(10)
    assert.equal(10, socket:bytesAvailable())
    assert.equal("01234567", socket:read(8))
    sockets.eventuallyAvailable(socket, 4)
    assert.equal("89re", socket:readAll())
    sockets.eventuallyAvailable(socket, 2)
  end)

  it("X16 keeps a transaction after the peer's close, and can roll it back", function()
    local socket, peer = sockets.withPlain()
    socket:startTransaction()
    peer:send "record"
    sockets.eventuallyAvailable(socket, 6)
    assert.equal("rec", socket:read(3))
    peer:close()
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.is_true(socket:isTransactionStarted())
    assert.equal(3, socket:bytesAvailable())
    assert.is_true(socket:rollbackTransaction())
    assert.equal("record", socket:readAll())
  end)

  it("X23 refuses a literal of the wrong family at once", function()
    for host, protocol in pairs { ["127.0.0.1"] = "IPv6Protocol", ["::1"] = "IPv4Protocol" } do
      local socket = sockets.socket()
      local log = trace.record(socket)
      fails("HostNotFoundError", socket:connectToHost(host, 7000, "ReadWrite", protocol))
      assert.equal("UnconnectedState", socket:state())
      assert.equal("HostNotFoundError", socket:error())
      trace.expect(log, { "stateChanged(HostLookup)", "stateChanged(Unconnected)", "errorOccurred(HostNotFound)" })
    end
  end)

  it("X28 has no options without a descriptor: reading one is nil, and setting one changes nothing", function()
    local socket = sockets.socket()
    for _, option in ipairs { "LowDelayOption", "KeepAliveOption", "SendBufferSizeSocketOption" } do
      assert.is_nil(socket:socketOption(option))
      assert.is_nil(socket:setSocketOption(option, 1))
    end
    assert.equal("UnknownSocketError", socket:error())
    assert.equal("UnconnectedState", socket:state())
  end)

  it("X30 gets a refusal for port 0", function()
    local socket = sockets.socket()
    local log = trace.record(socket)
    socket:connectToHost("127.0.0.1", 0)
    trace.expect(log, {
      "stateChanged(HostLookup)", "stateChanged(Connecting)", "hostFound", "stateChanged(Unconnected)",
      "errorOccurred(ConnectionRefused)",
    })
  end)

  it("X25 calls no slot that was added during an emission, nor one that was removed before its turn", function()
    local socket, peer = sockets.withPlain()
    local calls, second = {}, nil
    moonport.connect(socket, "readyRead", function(self)
      calls[#calls + 1] = "first"
      if #calls > 1 then return end
      assert.is_true(moonport.disconnect(second))
      moonport.connect(self, "readyRead", function() calls[#calls + 1] = "added" end)
    end)
    second = moonport.connect(socket, "readyRead", function() calls[#calls + 1] = "removed" end)
    moonport.connect(socket, "readyRead", function() calls[#calls + 1] = "last" end)
    peer:send "x"
    helper.eventually(function() return calls[#calls] == "last" end, "readyRead")
    assert.same({ "first", "last" }, calls)
    assert.is_false(moonport.disconnect(second))
    peer:send "y"
    helper.eventually(function() return calls[#calls] == "added" end, "readyRead")
    assert.same({ "first", "last", "first", "last", "added" }, calls)
  end)

  local signals = {
    "hostFound", "stateChanged", "connected", "bytesWritten", "readyRead", "errorOccurred", "readChannelFinished",
    "disconnected",
  }
  for _, signal in ipairs(signals) do
    it("X26 may be aborted and forgotten in " .. signal .. ", and is collected (D14: no deleteLater)", function()
      local before = helper.objects()
      local listener, ran = helper.listen(), false
      do
        local socket = moonport.TcpSocket()
        socket[signal] = function(self)
          ran = true
          self[signal] = nil
          self:abort()
          collectgarbage()
        end
        socket:connectToHost("127.0.0.1", listener:port())
        socket:write "x"
      end
      local peer
      helper.eventually(function()
        if ran then return true end
        if peer then
          peer:shutdown() -- for the signals that only the peer's end causes
        elseif helper.posix.poll(listener.fd, "r", 0) then
          peer = listener:accept()
          peer:trySend "y"
        end
      end, signal)
      helper.eventually(function() return helper.objects() == before end, "the socket gone")
    end)
  end

  it("stays in ConnectingState if it is closed while its connect hangs", function()
    local hole <close> = network.blackHole()
    local socket = sockets.socket()
    socket:connectToHost("127.0.0.1", hole:port())
    socket:disconnectFromHost()
    helper.settle(20)
    assert.equal("ConnectingState", socket:state())
  end)
end)
