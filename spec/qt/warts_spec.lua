-- Qt's mistakes, in the order of docs/qt-parity.md: moonport does it right, or does as Qt does where scripts
-- rely on it.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

describe("Where Qt errs:", function()
  after_each(sockets.close)

  it("W1 acceptError is emitted once for each time that descriptors run out, also after connections (D5)", function()
    local server = sockets.server()
    local port, posix = server:serverPort(), helper.posix
    local errors, news = trace.count(server, "acceptError"), trace.count(server, "newConnection")
    for round = 1, 2 do
      helper.connect(port)
      helper.eventually(function() return news.n == 2 * round - 1 end, "an ordinary connection")
      local fd = assert(posix.connect("127.0.0.1", port))
      local lowest = assert(posix.socket())
      posix.close(lowest)
      local limit = assert(posix.limitDescriptors(lowest))
      local ok, problem = pcall(helper.eventually, function() return errors.n == round end, "acceptError")
      posix.limitDescriptors(limit)
      assert(ok, problem)
      server:resumeAccepting()
      helper.eventually(function() return news.n == 2 * round end, "the one that waited")
      assert.equal(round, errors.n)
      posix.close(fd)
    end
  end)

  it("W2 a refused connect with data queued ends with one error, the data is dropped, the device stays (D8)", function()
    local socket = sockets.socket()
    local log = trace.record(socket)
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    socket:write "never sent"
    trace.expect(log, {
      "stateChanged(HostLookup)", "stateChanged(Connecting)", "hostFound", "stateChanged(Unconnected)",
      "errorOccurred(ConnectionRefused)",
    })
    helper.settle(10)
    assert.equal(5, #log)
    assert.is_true(socket:isOpen())
    assert.equal(0, socket:bytesToWrite())
  end)

  it("W3 connected isn't emitted after an abort in stateChanged(Connected) (D8)", function()
    local server, socket = sockets.server(), sockets.socket()
    function socket:stateChanged(state)
      if state == "ConnectedState" then self:abort() end
    end
    local log = trace.record(socket)
    socket:connectToHost("127.0.0.1", server:serverPort())
    trace.expect(log, {
      "stateChanged(HostLookup)", "stateChanged(Connecting)", "hostFound", "stateChanged(Connected)", "aboutToClose",
      "stateChanged(Unconnected)", "readChannelFinished", "disconnected",
    })
  end)

  it("W4 a full read buffer resumes as soon as there is room, also after a partial read (D6)", function()
    local socket, peer = sockets.withPlain()
    socket:setReadBufferSize(4)
    peer:send "abcdef"
    sockets.eventuallyAvailable(socket, 4)
    assert.equal("ab", socket:read(2))
    sockets.eventuallyAvailable(socket, 4)
    assert.equal("cdef", socket:readAll())
  end)

  it("W5 nextPendingConnection() leaves pauseAccepting() in force (D7)", function()
    local server = sockets.server()
    local port = server:serverPort()
    helper.connect(port)
    helper.eventually(function() return server:hasPendingConnections() end, "the first")
    server:pauseAccepting()
    sockets.closing(server:nextPendingConnection())
    helper.connect(port)
    helper.settle(30)
    assert.is_false(server:hasPendingConnections())
    server:resumeAccepting()
    sockets.accept(server)
  end)

  it("W6 raising maxPendingConnections accepts the waiting clients at once (D7)", function()
    local server = sockets.server()
    server:setMaxPendingConnections(0)
    local count = trace.count(server, "newConnection")
    helper.connect(server:serverPort())
    helper.connect(server:serverPort())
    helper.settle(20)
    assert.equal(0, count.n)
    server:setMaxPendingConnections(1)
    helper.eventually(function() return count.n == 1 end, "the first")
    server:setMaxPendingConnections(5)
    helper.eventually(function() return count.n == 2 end, "the second")
  end)

  it("W7 waitForNewConnection succeeds if and only if a connection is pending (D2)", function()
    local server = sockets.server()
    server:setMaxPendingConnections(0)
    helper.connect(server:serverPort())
    local ok, _, code = server:waitForNewConnection(30)
    assert.is_nil(ok)
    assert.equal("SocketTimeoutError", code)
    server:setMaxPendingConnections(1)
    assert.is_true(server:waitForNewConnection(helper.timeout))
    -- The connection is still pending. The loop may accept at any time, so a wait must return for what is
    -- there.
    assert.is_true(server:waitForNewConnection(0))
    sockets.accept(server)
    assert.is_nil(server:waitForNewConnection(0))
  end)

  it("W8 the peer's FIN drops no queued output: it is sent first, then all is as after any close (D4)", function()
    local socket, peer = sockets.withPlain()
    sockets.stuff(socket)
    helper.settle(5)
    local log = trace.record(socket, trace.state)
    socket:write "the end"
    peer:shutdown()
    local all = peer:receiveAll(4 * helper.timeout)
    assert.equal("the end", all:sub(-7))
    helper.eventually(function() return log[#log] == "disconnected [Unconnected]" end, "disconnected")
    local order = {}
    for _, line in ipairs(log) do
      if not line:find "^bytesWritten" then order[#order + 1] = line end
    end
    assert.same({
      "errorOccurred(RemoteHostClosed) [Connected]", "stateChanged(Closing) [Closing]",
      "stateChanged(Unconnected) [Unconnected]", "readChannelFinished [Unconnected]", "disconnected [Unconnected]",
    }, order)
  end)

  it("W8 a client that half-closes after its request gets its answer (D4)", function()
    local server = sockets.server()
    server.connection = {}
    function server.connection:readyRead()
      local request = self:readAll()
      moonport.sleep(30)
      self:write("answer to " .. request)
    end
    local client = helper.connect(server:serverPort())
    client:send "request"
    client:shutdown()
    assert.equal("answer to request", client:receiveAll())
  end)

  it("W9 a failed write drops nothing that had arrived (D9)", function()
    local socket, peer = sockets.withPlain()
    peer:send "unread"
    sockets.eventuallyAvailable(socket, 6)
    peer:reset()
    socket:write "x"
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.is_true(socket:isOpen())
    assert.equal("unread", socket:readAll())
    assert.equal("RemoteHostClosedError", socket:error())
  end)

  it("W10 what is written within disconnected, after a connectToHost there, is sent (D9)", function()
    local socket, peer = sockets.withPlain()
    local server = sockets.server()
    local port = server:serverPort()
    function socket:disconnected()
      self.disconnected = nil
      self:connectToHost("127.0.0.1", port)
      self:write "again"
    end
    peer:close()
    local accepted = sockets.accept(server)
    sockets.eventuallyAvailable(accepted, 5)
    assert.equal("again", accepted:readAll())
    assert.equal("127.0.0.1", socket:peerName())
  end)

  it("W11 a socket whose peer has closed stays open, valid and readable until it is closed, as in Qt", function()
    local socket, peer = sockets.withPlain()
    peer:send "rest"
    peer:close()
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.is_true(socket:isOpen())
    assert.is_true(socket:isValid())
    assert.is_true(socket:isReadable())
    assert.is_true(socket:isWritable())
    assert.equal("ReadWrite", socket:openMode())
    assert.equal("rest", socket:readAll())
    socket:close()
    assert.is_false(socket:isOpen())
    assert.is_false(socket:isValid())
    assert.is_false(socket:isReadable())
  end)

  it("W12 readLine(n) returns n bytes (D13)", function()
    local socket, peer = sockets.withPlain()
    peer:send "xyz\n"
    sockets.eventuallyAvailable(socket, 4)
    assert.equal("xyz", socket:readLine(3))
    assert.equal("\n", socket:readLine(1))
  end)

  it("W13 an address may have inet_aton's short, octal and hexadecimal forms, as in Qt", function()
    for text, full in pairs {
      ["127.1"] = "127.0.0.1", ["1"] = "0.0.0.1", ["0x7f000001"] = "127.0.0.1", ["010.0.0.1"] = "8.0.0.1",
      ["1.2.3"] = "1.2.0.3", [" 127.0.0.1 "] = "127.0.0.1",
    } do
      assert.equal(full, moonport.HostAddress(text):toString(), text)
    end
    for _, text in ipairs { "256.1.1.1", "localhost", "*", "", "1.2.3.4.5", "1.2.3.4:80", "[::1]" } do
      assert.is_nil(moonport.HostAddress(text), text)
    end
  end)

  it("W14 pausing a server that doesn't listen does nothing: it accepts once it listens", function()
    local server = sockets.closing(moonport.TcpServer())
    server:resumeAccepting()
    server:pauseAccepting()
    assert.is_true(server:listen("127.0.0.1", 0))
    helper.connect(server:serverPort())
    sockets.accept(server)
    -- nor does a pause outlast the listen that it was set for
    server:pauseAccepting()
    server:close()
    assert.is_true(server:listen("127.0.0.1", 0))
    helper.connect(server:serverPort())
    sockets.accept(server)
  end)

  it("W15 serverError() keeps the last error, also after a success, as in Qt", function()
    local server = sockets.server()
    assert.is_nil(server:waitForNewConnection(1))
    helper.connect(server:serverPort())
    sockets.accept(server)
    assert.equal("SocketTimeoutError", server:serverError())
    server:close()
    assert.is_true(server:listen("127.0.0.1", 0))
    assert.equal("SocketTimeoutError", server:serverError())
    assert.equal("Network operation timed out", server:errorString())
  end)

  it("a peer that never answers a connect delays no other connection", function()
    local hole <close> = network.blackHole()
    local stuck, server, socket = sockets.socket(), sockets.server(), sockets.socket()
    stuck:connectToHost("127.0.0.1", hole:port())
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert.is_true(socket:waitForConnected(helper.timeout))
    assert.equal("ConnectingState", stuck:state())
  end)
end)
