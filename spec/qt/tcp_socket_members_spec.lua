-- SPDX-License-Identifier: MIT
-- The members of QAbstractSocket and QTcpSocket that Qt's own tests leave out: states, addresses, options,
-- descriptors, waits. Those of QIODevice are in io_device_members_spec.lua.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local posix = helper.posix

local fails, count, record, available = sockets.fails, sockets.count, sockets.record, sockets.eventuallyAvailable

describe("QAbstractSocket's members", function()
  after_each(sockets.close)

  -- connecting

  it("connectToHost while connected or closing: OperationError and its signal, nothing else changes", function()
    local socket, plain = sockets.withPlain()
    local seen = record(socket)
    plain:send "kept"
    available(socket, 4)
    fails("OperationError", socket:connectToHost("127.0.0.1", 1))
    assert.equal("Trying to connect while connection is in progress", socket:errorString())
    assert.equal("ConnectedState", socket:state())
    assert.equal("127.0.0.1", socket:peerName())
    assert.equal("kept", socket:readAll())
    socket:write "last"
    socket:disconnectFromHost()
    fails("OperationError", socket:connectToHost("127.0.0.1", 1))
    assert.equal("ClosingState", socket:state())
    helper.eventually(function() return count(seen, "disconnected") == 1 end)
    assert.equal(2, count(seen, "errorOccurred OperationError"))
    assert.equal("last", plain:receiveAll())
  end)

  it("connectToHost clears the unread data and the error, and opens the device at once", function()
    local socket, plain = sockets.withPlain()
    local server = sockets.server()
    plain:send "old"
    plain:close()
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.equal("old", socket:peek(10))
    assert.equal("RemoteHostClosedError", socket:error())
    socket:connectToHost("127.0.0.1", server:serverPort(), "ReadOnly")
    assert.equal(0, socket:bytesAvailable())
    assert.equal("UnknownSocketError", socket:error())
    assert.equal("Unknown error", socket:errorString())
    assert.equal("ReadOnly", socket:openMode())
    assert.equal("127.0.0.1", socket:peerName())
    assert.equal(-1, socket:socketDescriptor())
  end)

  it("connectToHost takes a HostAddress, and an address family", function()
    local server, socket = sockets.server(), sockets.socket()
    socket:connectToHost(moonport.HostAddress "127.0.0.1", server:serverPort(), "ReadWrite", "IPv4Protocol")
    assert(socket:waitForConnected(helper.timeout))
    local other = sockets.socket()
    fails("HostNotFoundError", other:connectToHost("127.0.0.1", server:serverPort(), "ReadWrite", "IPv6Protocol"))
    assert.equal("UnconnectedState", other:state())
    assert.has_error(function() other:connectToHost("127.0.0.1", 1, "ReadWrite", "IPv5Protocol") end)
    assert.has_error(function() other:connectToHost("127.0.0.1", 70000) end)
    assert.has_error(function() other:connectToHost("127.0.0.1", 1, "Sometimes") end)
  end)

  it("D8: refused with data queued: one error, the device stays open, the data is dropped", function()
    local socket = sockets.socket()
    local seen = record(socket)
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    socket:write "queued"
    helper.eventually(function() return count(seen, "errorOccurred") > 0 end)
    helper.settle(5)
    assert.equal(1, count(seen, "errorOccurred"))
    assert.equal(0, count(seen, "aboutToClose"))
    assert.is_true(socket:isOpen())
    assert.equal(0, socket:bytesToWrite())
  end)

  -- state, error, addresses

  it("error() is kept across close() and abort(), until the next connect", function()
    for _, call in ipairs { "close", "abort" } do
      local socket, plain = sockets.withPlain()
      plain:close()
      sockets.eventuallyState(socket, "UnconnectedState")
      socket[call](socket)
      assert.equal("RemoteHostClosedError", socket:error())
      assert.equal("The remote host closed the connection", socket:errorString())
    end
  end)

  it("a local close is no error", function()
    local socket = sockets.withPlain()
    socket:disconnectFromHost()
    assert.equal("UnconnectedState", socket:state())
    assert.equal("UnknownSocketError", socket:error())
  end)

  it("after the peer's close the device stays open, readable, writable and valid", function()
    local socket, plain = sockets.withPlain()
    plain:close()
    sockets.eventuallyState(socket, "UnconnectedState")
    for _, name in ipairs { "isOpen", "isReadable", "isWritable", "isValid" } do
      assert.is_true(socket[name](socket), name)
    end
    assert.equal(1, socket:readChannelCount())
    assert.equal(0, socket:writeChannelCount())
    socket:close()
    assert.is_false(socket:isValid())
    assert.equal(0, socket:readChannelCount())
  end)

  it("addresses and ports are known in the disconnected handler, and unknown after it", function()
    local socket, plain = sockets.withPlain()
    local port, inside = socket:localPort(), nil
    function socket:disconnected()
      inside = { self:localAddress(), self:localPort(), self:peerAddress(), self:peerPort() > 0,
        self:socketDescriptor(), self:state() }
    end
    plain:close()
    helper.eventually(function() return inside end)
    assert.same({ "127.0.0.1", port, "127.0.0.1", true, -1, "UnconnectedState" }, inside)
    assert.is_nil(socket:localAddress())
    assert.is_nil(socket:peerAddress())
    assert.equal(0, socket:localPort())
    assert.equal(0, socket:peerPort())
    assert.equal("127.0.0.1", socket:peerName())
  end)

  it("peerName() is empty for an accepted socket, which shares ports with its client", function()
    local client, peer = sockets.pair()
    assert.equal("", peer:peerName())
    assert.equal(client:localPort(), peer:peerPort())
    assert.equal(client:peerPort(), peer:localPort())
    assert.equal("127.0.0.1", peer:localAddress())
  end)

  -- closing

  it("disconnectFromHost, close and abort of an unconnected socket do nothing and signal nothing", function()
    local socket = sockets.socket()
    local seen = record(socket)
    socket:disconnectFromHost()
    socket:close()
    socket:abort()
    helper.settle(5)
    assert.same({}, seen)
  end)

  it("disconnectFromHost twice closes once; close() after it drops the input", function()
    local socket, plain = sockets.withPlain()
    local seen = record(socket)
    plain:send "unread"
    available(socket, 6)
    socket:disconnectFromHost()
    socket:disconnectFromHost()
    assert.equal("unread", socket:peek(10))
    socket:close()
    assert.equal(0, socket:bytesAvailable())
    helper.settle(5)
    assert.equal(1, count(seen, "disconnected"))
    assert.equal("aboutToClose", seen[#seen])
  end)

  it("abort drops what is queued", function()
    local socket, plain = sockets.withPlain()
    local seen = record(socket)
    socket:write(("x"):rep(100))
    socket:abort()
    assert.equal(0, socket:bytesToWrite())
    assert.equal("", plain:receiveAll())
    helper.settle(5)
    assert.same({ "aboutToClose", "stateChanged UnconnectedState", "readChannelFinished", "disconnected" }, seen)
  end)

  -- binding

  it("bind while connected fails and doesn't change the connection", function()
    local socket, plain = sockets.withPlain()
    local seen = record(socket)
    fails("UnfinishedSocketOperationError", socket:bind())
    assert.equal("ConnectedState", socket:state())
    helper.eventually(function() return #seen > 0 end)
    assert.same({ "errorOccurred UnfinishedSocketOperationError" }, seen)
    socket:write "still"
    assert.equal("still", plain:receive(5))
  end)

  it("bind takes any, a port alone, and Qt's modes; unknown modes raise", function()
    local first, second, third = sockets.socket(), sockets.socket(), sockets.socket()
    assert(first:bind("127.0.0.1", 0, "ShareAddress|ReuseAddressHint"))
    assert(second:bind(first:localPort(), nil, "ReuseAddressHint") or true)
    assert(third:bind())
    assert.equal("BoundState", third:state())
    assert.has_error(function() sockets.socket():bind("127.0.0.1", 0, "Sharing") end)
    assert.has_error(function() sockets.socket():bind("nowhere", 0) end)
  end)

  it("bind to a port that another socket listens on is AddressInUseError", function()
    local server, socket = sockets.server(), sockets.socket()
    fails("AddressInUseError", socket:bind("127.0.0.1", server:serverPort()))
    assert.equal("The bound address is already in use", socket:errorString())
    assert.equal("UnconnectedState", socket:state())
  end)

  it("abort of a bound socket releases the descriptor, without disconnected", function()
    local socket = sockets.socket()
    local seen = record(socket)
    assert(socket:bind "127.0.0.1")
    assert.is_true(socket:isValid())
    socket:abort()
    assert.equal(-1, socket:socketDescriptor())
    helper.settle(5)
    assert.same({ "stateChanged BoundState", "stateChanged UnconnectedState", "readChannelFinished" }, seen)
  end)

  -- descriptors

  it("setSocketDescriptor of a socket pair: ConnectedState and its signal, not connected; both ways work", function()
    local fd, other = assert(posix.socketPair())
    local socket = sockets.socket()
    local seen = record(socket)
    assert(socket:setSocketDescriptor(fd))
    assert.equal(fd, socket:socketDescriptor())
    assert.equal("ConnectedState", socket:state())
    assert.equal("ReadWrite", socket:openMode())
    assert.is_nil(socket:peerAddress())
    socket:write "there"
    helper.eventually(function() return posix.poll(other, "r", 0) end)
    assert.equal("there", posix.read(other, 100))
    posix.write(other, "back")
    available(socket, 4)
    assert.same({ "stateChanged ConnectedState", "bytesWritten 5", "readyRead" }, seen)
    posix.close(other)
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.equal("back", socket:readAll())
  end)

  it("setSocketDescriptor of the writing end of a FIFO", function()
    local input, output = assert(posix.pipe())
    local socket = sockets.socket()
    assert(socket:setSocketDescriptor(output, "ConnectedState", "WriteOnly"))
    socket:write "through"
    socket:disconnectFromHost()
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.equal("through", posix.read(input, 100))
    assert.equal("", posix.read(input, 100))
    posix.close(input)
  end)

  it("setSocketDescriptor replaces a connection, clears both buffers and the error", function()
    local socket, plain = sockets.withPlain()
    local fd, other = assert(posix.socketPair())
    plain:send "old"
    available(socket, 3)
    fails("SocketTimeoutError", socket:waitForReadyRead(0))
    local seen = record(socket)
    assert(socket:setSocketDescriptor(fd))
    assert.equal(0, socket:bytesAvailable())
    assert.equal("UnknownSocketError", socket:error())
    plain:waitForEnd()
    posix.write(other, "new")
    available(socket, 3)
    assert.equal(0, count(seen, "stateChanged")) -- it was Connected before, too
    posix.close(other)
  end)

  it("setSocketDescriptor refuses what isn't a stream, and leaves the socket and the error as Qt does", function()
    local socket, listener = sockets.socket(), helper.listen()
    local seen = record(socket)
    fails("UnsupportedSocketOperationError", socket:setSocketDescriptor(-1))
    assert.equal("UnknownSocketError", socket:error())
    fails("UnsupportedSocketOperationError", socket:setSocketDescriptor(listener.fd))
    fails("UnsupportedSocketOperationError", socket:setSocketDescriptor(99999))
    assert.equal("UnsupportedSocketOperationError", socket:error())
    assert.equal("UnconnectedState", socket:state())
    assert.is_false(socket:isOpen())
    helper.settle(5)
    assert.same({}, seen)
    assert.has_error(function() socket:setSocketDescriptor(3, "OpenState") end)
    assert.has_error(function() socket:setSocketDescriptor "x" end)
  end)

  it("close() of a socket with an unconnected descriptor releases the descriptor", function()
    local fd, other = assert(posix.socketPair())
    local socket = sockets.socket()
    assert(socket:setSocketDescriptor(fd, "UnconnectedState"))
    socket:close()
    assert.equal(-1, socket:socketDescriptor())
    assert.equal("", posix.read(other, 1))
    posix.close(other)
  end)
end)
