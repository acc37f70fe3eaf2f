-- Cases of servers that Qt's own tests lack. Their numbers are rows of docs/qt-parity.md.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

describe("a server", function()
  after_each(sockets.close)

  it("X18 keeps a pending connection that ended: taken later, it is Unconnected and still has its data", function()
    local server = sockets.server()
    local client = helper.connect(server:serverPort())
    client:send "last words"
    client:close()
    helper.eventually(function() return server:hasPendingConnections() end, "the connection")
    helper.settle(20)
    local socket = sockets.closing(server:nextPendingConnection())
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.equal("RemoteHostClosedError", socket:error())
    assert.equal("last words", socket:readAll())
  end)

  it("X19 close() ends the pending connections, but not those that were taken", function()
    local server = sockets.server()
    local first, second = helper.connect(server:serverPort()), helper.connect(server:serverPort())
    local socket = sockets.accept(server)
    helper.eventually(function() return server:hasPendingConnections() end, "the second")
    server:close()
    assert.is_false(server:hasPendingConnections())
    assert.is_nil(server:nextPendingConnection())
    second:waitForEnd()
    first:send "still there?"
    sockets.eventuallyAvailable(socket, 12)
    socket:write "yes"
    assert.equal("yes", first:receive(3))
  end)

  it("X20 leaves its connections open when it is referenced nowhere any more (D14: they have no parent)", function()
    local client, socket
    do
      local server = moonport.TcpServer()
      assert(server:listen("127.0.0.1", 0))
      client = helper.connect(server:serverPort())
      socket = sockets.accept(server)
      server:close()
    end
    collectgarbage()
    collectgarbage()
    client:send "alive?"
    sockets.eventuallyAvailable(socket, 6)
    assert.equal("ConnectedState", socket:state())
  end)

  it("X21 without descriptors: one acceptError, no spinning, and resumeAccepting() accepts the waiting (D5)", function()
    local server = sockets.server()
    local port = server:serverPort()
    local before = helper.connect(port)
    local socket = sockets.accept(server) -- Qt would never signal after this one
    local errors, news = trace.count(server, "acceptError"), trace.count(server, "newConnection")
    local waiting = { helper.connect(port) }
    helper.eventually(function() return news.n == 1 end, "a further connection")

    local posix = helper.posix
    local fd = assert(posix.connect("127.0.0.1", port)) -- in the backlog, while the loop isn't running
    local lowest = assert(posix.socket()) -- the next descriptor; none below it is free
    posix.close(lowest)
    local limit = assert(posix.limitDescriptors(lowest))
    local code
    function server:acceptError(error) code = error end
    local ok, problem = pcall(function()
      helper.eventually(function() return errors.n > 0 end, "acceptError")
      local iterations = moonport.stats().iterations
      moonport.sleep(100)
      assert.is_true(moonport.stats().iterations - iterations < 20)
      assert.equal(1, errors.n)
      assert.equal("SocketResourceError", code)
      assert.equal("SocketResourceError", server:serverError())
      assert.equal("Out of resources", server:errorString())
      assert.is_true(server:isListening())
    end)
    posix.limitDescriptors(limit)
    assert(ok, problem)
    server:resumeAccepting()
    helper.eventually(function() return news.n == 2 end, "the one that waited")
    helper.settle(20)
    assert.equal(1, errors.n)
    before:send "x"
    sockets.eventuallyAvailable(socket, 1)
    waiting[1]:close()
    posix.close(fd)
  end)

  it("X21 resumes by itself when descriptors are free again (D5)", function()
    local server = sockets.server()
    local news, errors = trace.count(server, "newConnection"), trace.count(server, "acceptError")
    local posix = helper.posix
    local fd = assert(posix.connect("127.0.0.1", server:serverPort()))
    local lowest = assert(posix.socket())
    posix.close(lowest)
    local limit = assert(posix.limitDescriptors(lowest))
    local ok, problem = pcall(helper.eventually, function() return errors.n > 0 end, "acceptError")
    posix.limitDescriptors(limit)
    assert(ok, problem)
    helper.eventually(function() return news.n == 1 end, "the one that waited")
    assert.equal(1, errors.n)
    posix.close(fd)
  end)

  it("X22 can listen after a listen that failed, and still has the error of that", function()
    local other, server = sockets.server(), sockets.closing(moonport.TcpServer())
    assert.is_nil(server:listen("127.0.0.1", other:serverPort()))
    assert.equal("AddressInUseError", server:serverError())
    assert.equal("The bound address is already in use", server:errorString())
    assert.is_true(server:listen("127.0.0.1", 0))
    assert.equal("AddressInUseError", server:serverError())
    helper.connect(server:serverPort())
    sockets.accept(server)
  end)

  it("X24 on 'any' has mapped addresses for IPv4 peers: not strictly equal, but tolerantly", function()
    if not network.hasIPv6() then return pending "there is no IPv6 here" end
    local server = sockets.server "any"
    helper.connect(server:serverPort())
    local socket = sockets.accept(server)
    assert.equal("::ffff:127.0.0.1", socket:peerAddress())
    assert.equal("::ffff:127.0.0.1", socket:localAddress())
    local peer, loopback = moonport.HostAddress(socket:peerAddress()), moonport.HostAddress "127.0.0.1"
    assert.equal("IPv6Protocol", peer:protocol())
    assert.is_false(peer == loopback)
    assert.is_true(peer:isEqual(loopback))
    assert.is_true(peer:isLoopback())
  end)
end)
