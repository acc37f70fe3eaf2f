-- Qt's tests of QTcpServer (tst_qtcpserver), rewritten: S1 to S12.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

-- True if a fresh socket reaches host:port.
local function reaches(host, port)
  local socket <close> = moonport.TcpSocket()
  local ok = socket:connectToHost(host, port) and socket:waitForConnected(helper.timeout)
  return ok == true
end

describe("TcpServer, by Qt's tests:", function()
  after_each(sockets.close)

  it("S1 getSetCheck: maxPendingConnections keeps any number as given", function()
    local server <close> = moonport.TcpServer()
    for _, n in ipairs { 0, 1, -1, 0x7fffffff, -0x80000000 } do
      server:setMaxPendingConnections(n)
      assert.equal(n, server:maxPendingConnections())
    end
  end)

  it("S2 constructing: a fresh server has Qt's values; only the backlog is the system's largest (D12)", function()
    local server <close> = moonport.TcpServer()
    assert.is_false(server:isListening())
    assert.equal(0, server:serverPort())
    assert.is_nil(server:serverAddress())
    assert.equal(30, server:maxPendingConnections())
    assert.is_false(server:hasPendingConnections())
    assert.equal(-1, server:socketDescriptor())
    assert.equal("UnknownSocketError", server:serverError())
    assert.equal("", server:errorString())
    assert.is_nil(server:nextPendingConnection())
    assert.is_true(server:listenBacklogSize() >= 128)
  end)

  it("S3 clientServerLoop: one newConnection, and both directions arrive intact", function()
    local server <close> = moonport.TcpServer()
    local count = trace.count(server, "newConnection")
    assert.is_true(server:listen("any", 0))
    local client <close> = moonport.TcpSocket()
    client:connectToHost("127.0.0.1", server:serverPort())
    assert.is_true(client:waitForConnected(helper.timeout))
    assert.is_true(server:waitForNewConnection(helper.timeout))
    local socket <close> = server:nextPendingConnection()
    assert.equal(1, count.n)
    assert.equal("ConnectedState", socket:state())

    assert.equal(19, socket:write "Greetings, client!\n")
    assert.is_true(socket:flush())
    assert.is_true(client:waitForReadyRead(helper.timeout))
    assert.equal("Greetings, client!\n", client:readAll())

    assert.equal(20, client:write "Well, hello to you!\n")
    assert.is_true(client:flush())
    assert.is_true(socket:waitForReadyRead(helper.timeout))
    assert.equal("Well, hello to you!\n", socket:readAll())
    assert.equal(1, count.n)
  end)

  it("S4 ipv6Server: listens on ::1 and is reached there, or reports that there is no IPv6", function()
    local server <close> = moonport.TcpServer()
    local ok, _, code = server:listen("::1", 0)
    if not network.hasIPv6() then
      assert.is_nil(ok)
      assert.is_true(code == "UnsupportedSocketOperationError" or code == "SocketAddressNotAvailableError")
      return
    end
    assert.is_true(ok)
    assert.equal("::1", server:serverAddress())
    local client <close> = moonport.TcpSocket()
    client:connectToHost("::1", server:serverPort())
    assert.is_true(client:waitForConnected(helper.timeout))
    -- the loop may have accepted it already; even a wait of 0 ms must succeed
    helper.eventually(function() return server:waitForNewConnection(0) end, "waitForNewConnection(0)")
    local socket <close> = server:nextPendingConnection()
    assert.equal("::1", socket:peerAddress())
    assert.equal(client:localPort(), socket:peerPort())
  end)

  it("S5 dualStack: 'any' is reached by IPv4 and IPv6, 0.0.0.0 only by IPv4, :: only by IPv6", function()
    for address, expected in pairs {
      ["any"] = { v4 = true, v6 = network.hasIPv6() },
      ["0.0.0.0"] = { v4 = true, v6 = false },
      ["::"] = network.hasIPv6() and { v4 = false, v6 = true } or nil,
    } do
      local server <close> = moonport.TcpServer()
      assert.is_true(server:listen(address, 0))
      assert.equal(expected.v4, reaches("127.0.0.1", server:serverPort()), address .. " by IPv4")
      assert.equal(expected.v6, reaches("::1", server:serverPort()), address .. " by IPv6")
    end
  end)

  it("S6 ipv6ServerMapped: a server on 127.0.0.1 is reached by its mapped addresses, not by ::1", function()
    local server = sockets.server "127.0.0.1"
    local port = server:serverPort()
    for _, host in ipairs { "127.0.0.1", "::ffff:127.0.0.1", "::ffff:7F00:0001" } do
      assert.is_true(reaches(host, port), host)
      assert.is_true(server:waitForNewConnection(helper.timeout))
      assert(server:nextPendingConnection()):close()
    end
    assert.is_false(reaches("::1", port))
  end)

  it("S7 crashTests: close() before listen() is harmless", function()
    local server <close> = moonport.TcpServer()
    server:close()
    assert.is_true(server:listen())
    assert.is_true(server:isListening())
    server:close()
    server:close()
    assert.is_false(server:isListening())
  end)

  it("S8 maxPendingConnections: two of three clients are signalled, the third waits for room", function()
    local server <close> = moonport.TcpServer()
    local count = trace.count(server, "newConnection")
    server:setMaxPendingConnections(2)
    assert.is_true(server:listen("127.0.0.1", 0))
    local clients = {}
    for i = 1, 3 do clients[i] = helper.connect(server:serverPort()) end
    helper.eventually(function() return count.n == 2 end, "two signals")
    helper.settle()
    assert.equal(2, count.n)
    assert.is_true(server:hasPendingConnections())
    local first <close> = server:nextPendingConnection()
    local second <close> = server:nextPendingConnection()
    assert.is_truthy(first and second)
    assert.is_nil(server:nextPendingConnection())
    assert.is_false(server:hasPendingConnections())
    assert.is_true(server:waitForNewConnection(helper.timeout))
    local third <close> = server:nextPendingConnection()
    assert.equal(clients[3]:port(), third:peerPort())
    assert.equal(3, count.n)
  end)

  it("S9 listenError: an address that isn't the machine's fails with Qt's code and text", function()
    local server <close> = moonport.TcpServer()
    local ok, message, code = server:listen("192.0.2.77", 0)
    assert.is_nil(ok)
    assert.equal("SocketAddressNotAvailableError", code)
    assert.equal("listen 192.0.2.77:0: The address is not available", message)
    assert.equal("SocketAddressNotAvailableError", server:serverError())
    assert.equal("The address is not available", server:errorString())
    assert.is_false(server:isListening())
    -- Qt's own case, if no interface has that address
    assert.equal("SocketAddressNotAvailableError", select(3, server:listen("1.2.3.4", 0)))
  end)

  it("S10 waitForConnectionTest: times out with SocketTimeoutError, and returns true for a client in time", function()
    local server = sockets.server()
    local port = server:serverPort()
    local ok, message, code = server:waitForNewConnection(30)
    assert.is_nil(ok)
    assert.equal("SocketTimeoutError", code)
    assert.equal("waitForNewConnection: Network operation timed out", message)
    assert.equal("SocketTimeoutError", server:serverError())
    local client <close> = moonport.TcpSocket()
    moonport.singleShot(20, function() client:connectToHost("127.0.0.1", port) end)
    assert.is_true(server:waitForNewConnection(helper.timeout))
    local socket <close> = server:nextPendingConnection()
    assert.equal("ConnectedState", socket:state())
  end)

  it("S11 setSocketDescriptor: refuses what isn't listening, adopts what is", function()
    local server <close> = moonport.TcpServer()
    local ok, _, code = server:setSocketDescriptor(9999)
    assert.is_nil(ok)
    assert.equal("UnsupportedSocketOperationError", code)
    assert.equal("UnsupportedSocketOperationError", server:serverError())
    local bound = helper.listen("127.0.0.1", -1)
    assert.is_nil(server:setSocketDescriptor(bound.fd))

    local fd = assert(helper.posix.listen("127.0.0.1", 0, 5))
    local port = helper.posix.localPort(fd)
    assert.is_true(server:setSocketDescriptor(fd))
    assert.is_true(server:isListening())
    assert.equal(fd, server:socketDescriptor())
    assert.equal(port, server:serverPort())
    assert.equal("127.0.0.1", server:serverAddress())
    local client = helper.connect(port)
    assert.is_true(server:waitForNewConnection(helper.timeout))
    local socket <close> = server:nextPendingConnection()
    assert.equal(client:port(), socket:peerPort())
  end)

  it("S12 listenWhileListening: the second listen fails, and the first is unchanged", function()
    local server = sockets.server()
    local port = server:serverPort()
    local ok, message, code = server:listen("127.0.0.1", 0)
    assert.is_nil(ok)
    assert.equal("OperationError", code)
    assert.matches("called when already listening", message, 1, true)
    assert.equal("UnknownSocketError", server:serverError())
    assert.is_nil(server:setSocketDescriptor(0))
    assert.equal("UnknownSocketError", server:serverError())
    assert.equal(port, server:serverPort())
    assert.is_true(reaches("127.0.0.1", port))
  end)
end)
