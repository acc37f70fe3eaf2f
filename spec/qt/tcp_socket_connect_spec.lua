-- SPDX-License-Identifier: MIT
-- Qt's tst_qtcpsocket on moonport, first part: a fresh socket, binding, connecting, failing to connect. The T
-- numbers are rows of docs/qt-parity.md; D numbers are intended differences from Qt.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local posix = helper.posix

local fails, count = sockets.fails, sockets.count

-- A port whose connects get no answer, since its backlog is full.
local function blackHole()
  local listener = helper.listen("127.0.0.1", 0)
  local fds = {}
  for i = 1, 8 do
    fds[i] = assert(posix.connect("127.0.0.1", listener:port()))
    if not posix.poll(fds[i], "w", 50) then
      return listener:port(), function() for _, fd in ipairs(fds) do posix.close(fd) end end
    end
  end
  for _, fd in ipairs(fds) do posix.close(fd) end
end

describe("QTcpSocket's tests: connecting", function()
  after_each(sockets.close)

  it("T2 constructing: a fresh socket is unconnected, not open, empty", function()
    local socket = moonport.TcpSocket()
    assert.equal("UnconnectedState", socket:state())
    assert.is_true(socket:isSequential())
    assert.is_false(socket:isOpen())
    assert.is_false(socket:isValid())
    assert.equal("NotOpen", socket:openMode())
    assert.equal("TcpSocket", socket:socketType())
    fails("OperationError", socket:getChar())
    assert.equal(0, socket:bytesAvailable())
    assert.is_false(socket:canReadLine())
    fails("OperationError", socket:readLine())
    assert.equal(-1, socket:socketDescriptor())
    assert.equal(0, socket:localPort())
    assert.equal(0, socket:peerPort())
    assert.is_nil(socket:localAddress())
    assert.is_nil(socket:peerAddress())
    assert.equal("", socket:peerName())
    assert.equal(0, socket:readChannelCount())
    assert.equal(0, socket:writeChannelCount())
    assert.equal("UnknownSocketError", socket:error())
    assert.equal("Unknown error", socket:errorString())
  end)

  local function bindsAndKeepsPort(address, listen)
    local socket, server = sockets.socket(), sockets.server(listen)
    local states = sockets.record(socket)
    assert(socket:bind(address))
    assert.equal("BoundState", socket:state())
    assert.is_false(socket:isOpen())
    assert.equal(0, socket:readChannelCount())
    assert.equal(0, socket:writeChannelCount())
    local port, fd = socket:localPort(), socket:socketDescriptor()
    assert.is_true(port > 0 and fd >= 0)
    helper.eventually(function() return #states == 1 end)
    assert.equal("stateChanged BoundState", states[1])
    socket:connectToHost(listen, server:serverPort())
    assert(socket:waitForConnected(helper.timeout))
    assert.equal(fd, socket:socketDescriptor())
    assert.equal(port, socket:localPort())
    local peer = sockets.accept(server)
    assert.equal(port, peer:peerPort())
  end

  for _, pair in ipairs { { "127.0.0.1", "127.0.0.1" }, { "0.0.0.0", "127.0.0.1" }, { "::1", "::1" }, { "::", "::1" },
    { "any", "127.0.0.1" }, { "any", "::1" } } do
    local address, listen = table.unpack(pair)
    it("T3 bind: " .. address .. " keeps descriptor and port through the connect to " .. listen, function()
      bindsAndKeepsPort(address, listen)
    end)
  end

  it("T3 bind: a port that the script chooses is used", function()
    local probe, socket = sockets.socket(), sockets.socket()
    assert(probe:bind("127.0.0.1"))
    local port = probe:localPort()
    probe:abort()
    assert(socket:bind("127.0.0.1", port, "ShareAddress"))
    assert.equal(port, socket:localPort())
    assert.equal("127.0.0.1", socket:localAddress())
  end)

  for _, address in ipairs { "198.51.100.1", "2001:db8::1" } do
    it("T3 bind: " .. address .. " isn't the machine's: it fails and the local port stays 0", function()
      local socket = sockets.socket()
      local seen = sockets.record(socket)
      fails("SocketAddressNotAvailableError", socket:bind(address))
      assert.equal("UnconnectedState", socket:state())
      assert.equal(0, socket:localPort())
      helper.eventually(function() return #seen > 0 end)
      assert.same({ "errorOccurred SocketAddressNotAvailableError" }, seen)
    end)
  end

  -- Bound to any, localhost is the name whose first address fails: nothing listens on ::1.
  for bound, host in pairs { ["127.0.0.1"] = "127.0.0.1", ["0.0.0.0"] = "localhost", any = "localhost" } do
    it("T4 bindThenResolveHost: from " .. bound .. " putChar, close() while connecting to " .. host .. " connects",
      function()
        local socket, server = sockets.socket(), sockets.server()
        assert(socket:bind(bound))
        local port, fd = socket:localPort(), socket:socketDescriptor()
        socket:connectToHost(host, server:serverPort())
        assert(socket:putChar "c")
        socket:close()
        local portThen, fdThen
        socket.connected = function(self) portThen, fdThen = self:localPort(), self:socketDescriptor() end
        assert(socket:waitForConnected(helper.timeout))
        assert.equal(port, portThen)
        assert.equal(fd, fdThen)
        local peer = sockets.accept(server)
        assert.equal(port, peer:peerPort())
        sockets.eventuallyAvailable(peer, 1)
        sockets.eventuallyState(socket, "UnconnectedState")
      end)
  end

  it("T5 setInvalidSocketDescriptor: no descriptor, UnsupportedSocketOperationError", function()
    local socket = sockets.socket()
    fails("UnsupportedSocketOperationError", socket:setSocketDescriptor(-5))
    assert.equal(-1, socket:socketDescriptor())
    assert.equal("UnsupportedSocketOperationError", socket:error())
    assert.is_false(socket:isOpen())
  end)

  it("T6 setSocketDescriptor: an unconnected descriptor is adopted, and it is the one that connects", function()
    local server, socket = sockets.server(), sockets.socket()
    local fd = assert(posix.socket())
    assert(socket:setSocketDescriptor(fd, "UnconnectedState"))
    assert.equal(fd, socket:socketDescriptor())
    socket:connectToHost("localhost", server:serverPort())
    assert.equal("HostLookupState", socket:state())
    assert.equal(fd, socket:socketDescriptor())
    assert(socket:waitForConnected(helper.timeout))
    assert.equal(fd, socket:socketDescriptor())
    assert.equal(1, socket:readChannelCount())
    assert.equal(1, socket:writeChannelCount())
  end)

  it("T7 socketDescriptor: -1 before, a lookup or a connect at once, a descriptor when connected", function()
    local server, socket = sockets.server(), sockets.socket()
    assert.equal(-1, socket:socketDescriptor())
    socket:connectToHost("localhost", server:serverPort())
    assert.equal("HostLookupState", socket:state())
    assert(socket:waitForConnected(helper.timeout))
    assert.not_equal(-1, socket:socketDescriptor())
  end)

  it("T10 hostNotFound: HostNotFoundError, unconnected", function()
    for _, name in ipairs { ("x"):rep(64) .. ".invalid", "" } do
      local socket = sockets.socket()
      socket:connectToHost(name, 80)
      fails("HostNotFoundError", socket:waitForConnected(helper.timeout))
      assert.equal("UnconnectedState", socket:state())
      assert.equal("HostNotFoundError", socket:error())
      assert.equal("Host not found", socket:errorString())
    end
  end)

  for _, host in ipairs { "127.0.0.1", "localhost" } do
    it("T11 timeoutConnect: a wait's time-out ends the attempt, " .. host, function()
      local port, free = blackHole()
      if not port then pending "the system takes connections beyond the backlog" return end
      local socket = sockets.socket()
      local seen = sockets.record(socket)
      socket:connectToHost(host, port, nil, "IPv4Protocol")
      fails("SocketTimeoutError", socket:waitForConnected(50))
      assert.equal("UnconnectedState", socket:state())
      assert.equal("SocketTimeoutError", socket:error())
      assert.equal("Socket operation timed out", socket:errorString())
      assert.equal(0, socket:readChannelCount())
      assert.equal(0, socket:writeChannelCount())
      helper.eventually(function() return seen[#seen] == "stateChanged UnconnectedState" end)
      assert.equal(0, count(seen, "errorOccurred"))
      socket:connectToHost(host, port, nil, "IPv4Protocol")
      helper.settle(20)
      assert.is_true(socket:state() == "HostLookupState" or socket:state() == "ConnectingState")
      socket:abort()
      assert.equal("UnconnectedState", socket:state())
      assert.equal("NotOpen", socket:openMode())
      free()
    end)
  end

  for call, mode in pairs { disconnectFromHost = "ReadWrite", close = "NotOpen" } do
    it("T20 disconnectWhileLookingUp: " .. call .. " lets the connect finish first", function()
      local server, socket = sockets.server(), sockets.socket()
      socket:connectToHost("localhost", server:serverPort())
      socket[call](socket)
      assert.equal(mode, socket:openMode())
      assert.is_true(socket:waitForDisconnected(helper.timeout))
      assert.equal("UnconnectedState", socket:state())
      assert.equal(mode, socket:openMode())
    end)
    it("T20 disconnectWhileLookingUp: " .. call .. " and a name that does not exist", function()
      local socket = sockets.socket()
      socket:connectToHost(("x"):rep(64) .. ".invalid", 80)
      socket[call](socket)
      if socket:state() ~= "UnconnectedState" then
        assert.equal("HostNotFoundError", (select(3, socket:waitForDisconnected(helper.timeout))))
      end
      assert.equal("UnconnectedState", socket:state())
      assert.equal(mode, socket:openMode())
    end)
  end

  it("T38 nestedEventLoopInErrorSlot: a handler of the failure may wait and drop its socket", function()
    local ended
    do
      local socket = moonport.TcpSocket()
      socket:connectToHost("", 80)
      function socket:errorOccurred(code)
        assert.equal("HostNotFoundError", code)
        moonport.sleep(5)
        collectgarbage()
        ended = self:state()
      end
    end
    collectgarbage()
    helper.eventually(function() return ended end)
    assert.equal("UnconnectedState", ended)
  end)

  it("T39 connectToHostError: a closed port is ConnectionRefusedError", function()
    local socket, code, state = sockets.socket()
    function socket:errorOccurred(error) code, state = error, self:state() end
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    helper.eventually(function() return code end)
    assert.equal("ConnectionRefusedError", code)
    assert.equal("ConnectionRefusedError", socket:error())
    assert.equal("UnconnectedState", state)
  end)

  it("T40 waitForConnectedInHostLookupSlot: a wait inside hostFound succeeds, connected is still signalled", function()
    local server, socket = sockets.server(), sockets.socket()
    local result, connected = nil, 0
    function socket:hostFound() result = { self:waitForConnected(helper.timeout), self:state() } end
    function socket:connected() connected = connected + 1 end
    socket:connectToHost("localhost", server:serverPort())
    helper.eventually(function() return result end)
    assert.same({ true, "ConnectedState" }, result)
    assert.equal(1, connected)
  end)

  it("T41 waitForConnectedInHostLookupSlot2: a wait in a timer's handler succeeds, connected exactly once", function()
    local server, socket = sockets.server(), sockets.socket()
    local waited, connected = nil, 0
    function socket:connected() connected = connected + 1 end
    moonport.singleShot(0, function()
      socket:connectToHost("localhost", server:serverPort())
      waited = socket:waitForConnected(helper.timeout)
    end)
    helper.eventually(function() return waited ~= nil end)
    helper.settle(10)
    assert.is_true(waited)
    assert.equal(1, connected)
  end)

  it("T45 localAddressEmptyOnBSD: waitForConnected(0) fails, or the local address is known", function()
    local server = sockets.server()
    for _ = 1, 10 do
      local socket = sockets.socket()
      socket:connectToHost("127.0.0.1", server:serverPort())
      if socket:waitForConnected(0) then
        assert.equal("127.0.0.1", socket:localAddress())
      else
        assert.equal("SocketTimeoutError", socket:error())
      end
      socket:abort()
    end
  end)

  it("T47 connectionRefused: exactly HostLookup, Connecting, Unconnected and one error", function()
    local socket = sockets.socket()
    local seen = sockets.record(socket)
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    helper.eventually(function() return count(seen, "errorOccurred") > 0 end)
    helper.settle(10)
    assert.same({ "stateChanged HostLookupState", "stateChanged ConnectingState", "hostFound",
      "stateChanged UnconnectedState", "errorOccurred ConnectionRefusedError" }, seen)
    assert.is_true(socket:isOpen())
  end)

  it("T49 connectToMultiIP (D15): a dead address of a name doesn't prevent reaching the other one", function()
    -- localhost is ::1 and 127.0.0.1; the server listens only on the latter, so ::1 refuses
    local server, socket = sockets.server("127.0.0.1"), sockets.socket()
    socket:connectToHost("localhost", server:serverPort())
    assert(socket:waitForConnected(helper.timeout))
    assert.equal("127.0.0.1", socket:peerAddress())
    assert.equal("localhost", socket:peerName())
  end)

  it("T53 taskQtBug5799ConnectionErrorWaitForConnected: a wait reports the refusal, not a time-out", function()
    local socket = sockets.socket()
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    fails("ConnectionRefusedError", socket:waitForConnected(helper.timeout))
    assert.equal("ConnectionRefusedError", socket:error())
  end)

  it("T54 taskQtBug5799ConnectionErrorEventLoop: errorOccurred reports the refusal of a name's addresses", function()
    local socket, code = sockets.socket(), nil
    function socket.errorOccurred(_, error) code = error end
    socket:connectToHost("localhost", helper.unusedPort())
    helper.eventually(function() return code end)
    assert.equal("ConnectionRefusedError", code)
  end)

  it("T64 readNotificationsAfterBind: bound, then refused: unconnected, no readyRead", function()
    local socket = sockets.socket()
    local seen = sockets.record(socket)
    assert(socket:bind "127.0.0.1")
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    helper.eventually(function() return count(seen, "errorOccurred") == 1 end)
    helper.settle(10)
    assert.equal("UnconnectedState", socket:state())
    assert.equal(0, count(seen, "readyRead"))
    assert.equal(1, count(seen, "errorOccurred"))
    assert.equal(-1, socket:socketDescriptor())
  end)
end)
