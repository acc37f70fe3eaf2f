-- The orders of signals while connecting, as whole sequences. The loop delivers signals that a call causes
-- (D1), so only their order is Qt's. For signals that the network causes, the handlers also see the same
-- socket as in Qt.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

-- What handlers see of the connection itself.
local function endpoints(socket)
  return ("%s, fd %s, local %s, peer %s"):format(trace.state(socket), socket:socketDescriptor() >= 0,
    socket:localPort() > 0, socket:peerAddress() or "none")
end

describe("The signals of connecting:", function()
  after_each(sockets.close)

  it("X1 by address: HostLookup, Connecting, hostFound, then Connected and connected", function()
    local server, socket = sockets.server(), sockets.socket()
    local log = trace.record(socket, trace.state)
    assert.is_true(socket:connectToHost("127.0.0.1", server:serverPort()))
    assert.same({}, log) -- D1: nothing inside the call
    assert.equal("ConnectingState", socket:state())
    assert.is_true(socket:isOpen())
    assert.equal(0, socket:localPort())
    assert.equal("127.0.0.1", socket:peerName())
    assert.equal(-1, socket:socketDescriptor())
    trace.expect(log, {
      "stateChanged(HostLookup) [Connecting]", "stateChanged(Connecting) [Connecting]", "hostFound [Connecting]",
      "stateChanged(Connected) [Connected]", "connected [Connected]",
    })
  end)

  it("X1 by name: the same order, HostLookup until the name is found", function()
    local server, socket = sockets.server "any", sockets.socket()
    local log = trace.record(socket, trace.state)
    assert.is_true(socket:connectToHost("localhost", server:serverPort()))
    assert.equal("HostLookupState", socket:state())
    assert.equal("localhost", socket:peerName())
    trace.expect(log, {
      "stateChanged(HostLookup) [HostLookup]", "stateChanged(Connecting) [Connecting]", "hostFound [Connecting]",
      "stateChanged(Connected) [Connected]", "connected [Connected]",
    })
  end)

  it("addresses, ports and the descriptor are known already in stateChanged(Connected)", function()
    local server, socket = sockets.server(), sockets.socket()
    local log = trace.record(socket, endpoints)
    socket:connectToHost("127.0.0.1", server:serverPort())
    trace.expect(log, {
      "stateChanged(HostLookup) [Connecting, fd false, local false, peer none]",
      "stateChanged(Connecting) [Connecting, fd false, local false, peer none]",
      "hostFound [Connecting, fd false, local false, peer none]",
      "stateChanged(Connected) [Connected, fd true, local true, peer 127.0.0.1]",
      "connected [Connected, fd true, local true, peer 127.0.0.1]",
    })
    assert.equal(1, socket:readChannelCount())
    assert.equal(1, socket:writeChannelCount())
  end)

  it("what was written meanwhile is sent after connected", function()
    local server, socket = sockets.server(), sockets.socket()
    local log = trace.record(socket, trace.state)
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert.equal(2, socket:write "12")
    assert.equal(3, socket:write "345")
    assert.equal(5, socket:bytesToWrite())
    trace.expect(log, {
      "stateChanged(HostLookup) [Connecting]", "stateChanged(Connecting) [Connecting]", "hostFound [Connecting]",
      "stateChanged(Connected) [Connected]", "connected [Connected]", "bytesWritten(5) [Connected]",
    })
    local peer = sockets.accept(server)
    sockets.eventuallyAvailable(peer, 5)
    assert.equal("12345", peer:readAll())
  end)

  it("connected is never emitted for an accepted connection or an adopted descriptor", function()
    local server, adopted = sockets.server(), sockets.socket()
    local log = trace.record(adopted, trace.state)
    local accepted
    function server:newConnection()
      local socket = self:nextPendingConnection()
      accepted = { socket = sockets.closing(socket), log = trace.record(socket) }
    end
    local fd = assert(helper.posix.connect("127.0.0.1", server:serverPort()))
    helper.eventually(function() return accepted end, "the connection")
    assert.is_true(adopted:setSocketDescriptor(fd))
    trace.expect(log, { "stateChanged(Connected) [Connected]" })
    assert.same({}, accepted.log)
    assert.equal("ConnectedState", accepted.socket:state())
    assert.equal("", accepted.socket:peerName())
  end)

  it("refused: Unconnected and one error, and the device stays open", function()
    local socket = sockets.socket()
    local log = trace.record(socket, trace.device)
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    trace.expect(log, {
      "stateChanged(HostLookup) [Connecting, open, 0]", "stateChanged(Connecting) [Connecting, open, 0]",
      "hostFound [Connecting, open, 0]", "stateChanged(Unconnected) [Unconnected, open, 0]",
      "errorOccurred(ConnectionRefused) [Unconnected, open, 0]",
    })
    assert.is_true(socket:isOpen())
    assert.equal("ReadWrite", socket:openMode())
    assert.equal("Connection refused", socket:errorString())
  end)

  for name, what in pairs { [""] = "no name at all", ["no.such.host.invalid"] = "a name that doesn't exist" } do
    it("host not found: Unconnected and one error, for " .. what, function()
      local socket = sockets.socket()
      local log = trace.record(socket, trace.state)
      socket:connectToHost(name, 7000)
      trace.expect(log, {
        log[1] or "stateChanged(HostLookup) [HostLookup]", "stateChanged(Unconnected) [Unconnected]",
        "errorOccurred(HostNotFound) [Unconnected]",
      })
      assert.matches("^stateChanged%(HostLookup%)", log[1])
      assert.equal("Host not found", socket:errorString())
      assert.is_true(socket:isOpen())
    end)
  end

  it("waitForConnected that times out: only Unconnected, and error() returns the time-out", function()
    local hole <close> = network.blackHole()
    local socket = sockets.socket()
    local log = trace.record(socket, trace.state)
    socket:connectToHost("127.0.0.1", hole:port())
    local ok, message, code = socket:waitForConnected(30)
    assert.is_nil(ok)
    assert.equal("SocketTimeoutError", code)
    assert.equal("waitForConnected: Socket operation timed out", message)
    assert.equal("SocketTimeoutError", socket:error())
    trace.expect(log, {
      "stateChanged(HostLookup) [Connecting]", "stateChanged(Connecting) [Connecting]", "hostFound [Connecting]",
      "stateChanged(Unconnected) [Unconnected]",
    })
  end)

  it("X29 the socket can connect again in errorOccurred after a refused connect", function()
    local server, socket = sockets.server(), sockets.socket()
    function socket:errorOccurred() self:connectToHost("127.0.0.1", server:serverPort()) end
    local log = trace.record(socket)
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    trace.expect(log, {
      "stateChanged(HostLookup)", "stateChanged(Connecting)", "hostFound", "stateChanged(Unconnected)",
      "errorOccurred(ConnectionRefused)",
      "stateChanged(HostLookup)", "stateChanged(Connecting)", "hostFound", "stateChanged(Connected)", "connected",
    })
  end)

  -- Closing before it is connected --------------------------------------------------------------------------

  local upToConnected = {
    "stateChanged(HostLookup)", "stateChanged(Connecting)", "hostFound", "stateChanged(Connected)", "connected",
    "stateChanged(Closing)",
  }
  local ending = { "stateChanged(Unconnected)", "readChannelFinished", "disconnected" }

  local function sequence(...)
    local all = {}
    for _, part in ipairs { ... } do table.move(part, 1, #part, #all + 1, all) end
    return all
  end

  for data, sent in pairs { [""] = {}, ["farewell"] = { "bytesWritten(8)" } } do
    it(("disconnectFromHost() while connecting, with %d bytes written: it connects, sends, and closes"):format(#data),
      function()
        local server, socket = sockets.server(), sockets.socket()
        local log = trace.record(socket)
        local stateWhileSending
        function socket:bytesWritten() stateWhileSending = self:state() end
        socket:connectToHost("127.0.0.1", server:serverPort())
        if data ~= "" then socket:write(data) end
        socket:disconnectFromHost()
        assert.equal("ConnectingState", socket:state())
        assert.is_true(socket:isOpen())
        trace.expect(log, sequence(upToConnected, sent, ending))
        if data ~= "" then assert.equal("ClosingState", stateWhileSending) end
        local peer = sockets.accept(server)
        sockets.eventuallyState(peer, "UnconnectedState")
        assert.equal(data, peer:readAll())
        assert.is_true(socket:isOpen())
      end)

    it(("close() while connecting, with %d bytes written: the same after aboutToClose"):format(#data), function()
      local server, socket = sockets.server(), sockets.socket()
      local log = trace.record(socket)
      socket:connectToHost("127.0.0.1", server:serverPort())
      if data ~= "" then socket:write(data) end
      socket:close()
      assert.is_false(socket:isOpen())
      local before = { table.unpack(upToConnected, 1, 3) }
      local after = { table.unpack(upToConnected, 4) }
      trace.expect(log, sequence(before, { "aboutToClose" }, after, sent, ending))
      local peer = sockets.accept(server)
      sockets.eventuallyState(peer, "UnconnectedState")
      assert.equal(data, peer:readAll())
    end)
  end

  it("disconnectFromHost() while connecting, and the connect fails: only the failure's signals", function()
    local socket = sockets.socket()
    local log = trace.record(socket)
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    socket:disconnectFromHost()
    trace.expect(log, {
      "stateChanged(HostLookup)", "stateChanged(Connecting)", "hostFound", "stateChanged(Unconnected)",
      "errorOccurred(ConnectionRefused)",
    })
  end)

  it("X9 abort() while connecting: aboutToClose, Unconnected, readChannelFinished; no disconnected, no error",
    function()
      local hole <close> = network.blackHole()
      local socket = sockets.socket()
      local log = trace.record(socket)
      socket:connectToHost("127.0.0.1", hole:port())
      socket:abort()
      assert.equal("UnconnectedState", socket:state())
      assert.is_false(socket:isOpen())
      trace.expect(log, {
        "stateChanged(HostLookup)", "stateChanged(Connecting)", "hostFound", "aboutToClose",
        "stateChanged(Unconnected)", "readChannelFinished",
      })
      assert.equal("UnknownSocketError", socket:error())
    end)

  it("abort() while the name is looked up: the same", function()
    local socket = sockets.socket()
    local log = trace.record(socket)
    socket:connectToHost("localhost", helper.unusedPort())
    assert.equal("HostLookupState", socket:state())
    socket:abort()
    trace.expect(log, {
      "stateChanged(HostLookup)", "aboutToClose", "stateChanged(Unconnected)", "readChannelFinished",
    })
  end)
end)
