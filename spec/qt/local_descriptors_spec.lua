-- SPDX-License-Identifier: MIT
-- Descriptors that pass through a LocalSocket.

local helper = require "spec.helper"
local lfs = require "lfs"
local moonport = require "moonport"
local posix = require "spec.posix"
local sockets = require "spec.qt.sockets"

local locals = require("spec.qt.local_sockets").use()

local function openDescriptors()
  local n = 0
  for _ in lfs.dir "/proc/self/fd" do n = n + 1 end
  return n
end

local function fileWith(text)
  local path = locals.path "file"
  helper.rewrite(path, text)
  return assert(io.open(path))
end

local function readAndClose(fd)
  local text = assert(posix.read(fd, 100))
  posix.close(fd)
  return text
end

describe("A descriptor", function()
  after_each(sockets.close)

  it("travels with the first byte of its data, and is the receiver's", function()
    local socket, peer = locals.pair()
    peer:setReceiveDescriptors(1)
    assert.are.equal(1, peer:receiveDescriptors())
    do
      local file <close> = fileWith "precious"
      assert.is_true(socket:sendDescriptor(file, "here\n"))
    end
    local fd = assert(peer:receiveDescriptor(helper.timeout))
    assert.are.equal("here", peer:receive "line")
    assert.are.equal("precious", readAndClose(fd))
  end)

  it("stays behind what was written before, and before what follows", function()
    local socket, peer = locals.pair()
    peer:setReceiveDescriptors(10)
    local file <close> = fileWith "precious"
    assert(socket:setSocketOption("SendBufferSizeSocketOption", 4096))
    socket:write(("a"):rep(300000))
    for i = 1, 3 do assert(socket:sendDescriptor(file, tostring(i))) end
    socket:write(("b"):rep(300000))
    assert(socket:sendDescriptor(file, "4"))
    assert.are.equal(300000, #assert(peer:receive(300000)))
    assert.are.equal("123", peer:receive(3))
    for _ = 1, 3 do posix.close(assert(peer:receiveDescriptor(helper.timeout))) end
    posix.close(assert(peer:receiveDescriptor(helper.timeout)))
    assert.are.equal(300001, peer:bytesAvailable())
    assert.are.equal(("b"):rep(300000), peer:receive(300000))
    assert.are.equal("4", peer:receive(1))
  end)

  it("may be that of a connection, which goes on in another object", function()
    local socket, peer = locals.pair()
    local client, accepted = sockets.pair()
    peer:setReceiveDescriptors(1)
    assert.is_true(socket:sendDescriptor(accepted, "x"))
    accepted:abort() -- the descriptor on its way is another one
    local adopted = sockets.socket()
    assert.is_true(adopted:setSocketDescriptor(assert(peer:receiveDescriptor(helper.timeout))))
    adopted:write "still here"
    assert.are.equal("still here", client:receive(10))
  end)

  it("may be that of a listener", function()
    local socket, peer = locals.pair()
    peer:setReceiveDescriptors(1)
    local first = sockets.server()
    local port = first:serverPort()
    assert.is_true(socket:sendDescriptor(first, "x"))
    local fd = assert(peer:receiveDescriptor(helper.timeout))
    first:close()
    local second = sockets.closing(moonport.TcpServer())
    assert.is_true(second:setSocketDescriptor(fd))
    assert.are.equal(port, second:serverPort())
  end)

  it("is received from the first byte on if the server says so for its connections", function()
    local server = locals.server(false)
    server:setReceiveDescriptors(2)
    assert.are.equal(2, server:receiveDescriptors())
    local got
    function server.connection:readyRead()
      self:readAll()
      got = self:receiveDescriptor(0)
    end
    assert(server:listen(locals.path()))
    local file <close> = fileWith "precious"
    assert(locals.connect():sendDescriptor(file, "x"))
    assert.are.equal("precious", readAndClose(helper.eventually(function() return got end)))
  end)

  it("may be sent while the socket connects", function()
    local server = locals.server(false)
    server:setReceiveDescriptors(1)
    assert(server:listen(locals.path()))
    local socket = locals.socket()
    local file <close> = fileWith "precious"
    socket:connectToServer(locals.path())
    assert(socket:sendDescriptor(file, "x"))
    local peer = sockets.accept(server)
    assert.are.equal("precious", readAndClose(assert(peer:receiveDescriptor(helper.timeout))))
  end)

  it("can still be taken when the peer has closed, but not when the socket has", function()
    local socket, peer = locals.pair()
    peer:setReceiveDescriptors(2)
    local file <close> = fileWith "precious"
    socket:sendDescriptor(file, "x")
    socket:sendDescriptor(file, "y")
    socket:close()
    sockets.eventuallyState(peer, "UnconnectedState")
    posix.close(assert(peer:receiveDescriptor(0)))
    peer:close()
    sockets.fails("RemoteHostClosedError", peer:receiveDescriptor(0))
  end)

  it("may be that of a UDP socket", function()
    local socket, peer = locals.pair()
    peer:setReceiveDescriptors(1)
    local first, second = sockets.closing(moonport.UdpSocket()), sockets.closing(moonport.UdpSocket())
    assert(first:bind("127.0.0.1", 0))
    local port = first:localPort()
    assert.is_true(socket:sendDescriptor(first, "x"))
    assert.is_true(second:setSocketDescriptor(assert(peer:receiveDescriptor(helper.timeout))))
    assert.are.equal(port, second:localPort())
  end)

  it("is received by an adopted socket", function()
    local one, other = posix.socketPair()
    local socket, peer = locals.socket(), locals.socket()
    peer:setReceiveDescriptors(1)
    assert.is_true(socket:setSocketDescriptor(one))
    assert.is_true(peer:setSocketDescriptor(other))
    assert.are.equal("", peer:serverName())
    local file <close> = fileWith "precious"
    assert(socket:sendDescriptor(file, "x"))
    assert.are.equal("precious", readAndClose(assert(peer:receiveDescriptor(helper.timeout))))
  end)

  it("that nobody wants, or that is one too many, is closed", function()
    local socket, peer = locals.pair()
    local file <close> = fileWith "precious"
    local function send(n)
      for _ = 1, n do assert(socket:sendDescriptor(file, "x")) end
      assert.are.equal(("x"):rep(n), peer:receive(n))
    end
    local before = openDescriptors()
    send(3) -- nobody wants them
    assert.are.equal(before, openDescriptors())
    assert.has_error(function() peer:receiveDescriptor(0) end)
    peer:setReceiveDescriptors(2)
    send(5) -- three too many
    assert.are.equal(before + 2, openDescriptors())
    posix.close(assert(peer:receiveDescriptor(0)))
    send(3)
    assert.are.equal(before + 2, openDescriptors())
    peer:setReceiveDescriptors(0)
    send(1)
    peer:close() -- with two unclaimed
    helper.eventually(function() return openDescriptors() <= before - 2 end) -- and its own, and its peer's
  end)

  it("that is queued is closed with the connection", function()
    local socket, peer = locals.pair()
    local file <close> = fileWith "precious"
    local before = openDescriptors()
    sockets.stuff(socket)
    for _ = 1, 5 do assert(socket:sendDescriptor(file, "x")) end
    assert.are.equal(before + 5, openDescriptors())
    peer:abort()
    socket:abort()
    assert.are.equal(before - 2, openDescriptors())
  end)

  it("must be open, needs a connection, and at least a byte", function()
    local socket = locals.pair()
    sockets.fails("UnsupportedSocketOperationError", socket:sendDescriptor(9999, "x"))
    sockets.fails("UnsupportedSocketOperationError", socket:sendDescriptor(-1, "x"))
    sockets.fails("UnsupportedSocketOperationError", socket:sendDescriptor(moonport.TcpSocket(), "x"))
    assert.has_error(function() socket:sendDescriptor(1, "") end)
    assert.has_error(function() socket:sendDescriptor("x", "x") end)
    assert.has_error(function() socket:setReceiveDescriptors(-1) end)
    assert.has_error(function() socket:setReceiveDescriptors(254) end)
    sockets.fails("OperationError", locals.socket():sendDescriptor(1, "x"))
  end)
end)
