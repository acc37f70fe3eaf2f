-- SPDX-License-Identifier: MIT
-- LocalSocket: connecting, states, data, closing. The numbers are those of docs/qt-parity.md.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

local locals = require("spec.qt.local_sockets").use()

describe("A LocalSocket that connects", function()
  after_each(sockets.close)

  it("N3 has nothing to close or to wait for when it is new", function()
    local socket = locals.socket()
    local seen = sockets.record(socket)
    assert.are.equal("", socket:serverName())
    assert.are.equal("", socket:fullServerName())
    socket:abort()
    socket:close()
    socket:disconnectFromServer()
    assert.are.equal("UnconnectedState", socket:state())
    assert.are.equal("UnknownSocketError", socket:error())
    assert.is_false(socket:isValid())
    assert.are.equal(0, socket:bytesAvailable())
    assert.are.equal(-1, socket:socketDescriptor())
    assert.are.equal("LocalSocket", socket:socketType())
    sockets.fails("UnknownSocketError", socket:waitForConnected(0))
    sockets.fails("UnknownSocketError", socket:waitForReadyRead(0))
    sockets.fails("UnknownSocketError", socket:waitForDisconnected(0))
    sockets.fails("UnknownSocketError", socket:peerCredentials())
    assert.are.same({}, seen)
    assert.are.equal("LocalSocket(UnconnectedState)", tostring(socket))
  end)

  for _, count in ipairs { 1, 5 } do
    it(("N5 tells each of two states once, %d times"):format(count), function()
      local server = locals.server()
      local offered = 0
      moonport.connect(server, "newConnection", function() offered = offered + 1 end)
      for _ = 1, count do
        local socket = locals.socket()
        local seen = sockets.record(socket)
        assert.is_true(socket:connectToServer(locals.path()))
        assert.are.equal("ConnectingState", socket:state())
        assert.is_true(socket:waitForConnected(helper.timeout))
        assert.is_true(socket:waitForConnected(0))
        helper.eventually(function() return seen[3] end)
        assert.are.same({ "stateChanged ConnectingState", "stateChanged ConnectedState", "connected" }, seen)
        assert.are.equal(locals.path(), socket:serverName())
        assert.are.equal(locals.path(), socket:fullServerName())
        assert.are.equal("unix:" .. locals.path(), socket:peerName())
        assert.is_nil(socket:peerAddress())
        assert.are.equal(0, socket:peerPort())
      end
      helper.eventually(function() return offered == count end)
    end)
  end

  it("N5 fails without a name, and where there is no server", function()
    for name, code in pairs {
      [""] = "HostNotFoundError",
      [locals.path "nothing"] = "HostNotFoundError",
      [locals.stale()] = "ConnectionRefusedError",
    } do
      local socket = locals.socket()
      local seen = sockets.record(socket)
      socket:connectToServer(name)
      helper.eventually(function() return sockets.count(seen, "errorOccurred") == 1 end)
      assert.are.same({ "stateChanged ConnectingState", "stateChanged UnconnectedState", "errorOccurred " .. code },
        seen)
      assert.are.equal(code, socket:error())
      assert.are.equal("UnconnectedState", socket:state())
    end
  end)

  it("fails at a file that is no socket, or that is one of another kind", function()
    helper.rewrite(locals.path(), "")
    local socket = locals.socket()
    socket:connectToServer(locals.path())
    sockets.fails("ConnectionRefusedError", socket:waitForConnected(helper.timeout))
  end)

  it("refuses a second connect while it is connected", function()
    local socket = locals.pair()
    local seen = sockets.record(socket)
    sockets.fails("OperationError", socket:connectToServer(locals.path()))
    helper.eventually(function() return seen[1] end)
    assert.are.same({ "errorOccurred OperationError" }, seen)
    assert.are.equal("ConnectedState", socket:state())
  end)

  it("N8 connects to the name that was set", function()
    local server = locals.server()
    for _, connect in ipairs { "open", "connectToServer" } do
      local socket = locals.socket()
      local seen = sockets.record(socket)
      socket:setServerName(locals.path())
      assert.are.equal(locals.path(), socket:serverName())
      assert.is_true(socket[connect](socket))
      assert.is_true(socket:waitForConnected(helper.timeout))
      sockets.accept(server)
      socket:close()
      helper.eventually(function() return sockets.count(seen, "disconnected") == 1 end)
      assert.are.equal(1, sockets.count(seen, "aboutToClose"))
    end
  end)

  it("N14 keeps its names when the connection ends, and connects again", function()
    local server = locals.server()
    local socket = locals.socket()
    for i = 1, 3 do
      assert(socket:connectToServer(i == 1 and locals.path() or nil))
      assert(socket:waitForConnected(helper.timeout))
      local peer = sockets.accept(server)
      assert.are.equal(locals.path(), peer:serverName())
      assert.are.equal(locals.path(), peer:fullServerName())
      socket:disconnectFromServer()
      sockets.eventuallyState(socket, "UnconnectedState")
      sockets.eventuallyState(peer, "UnconnectedState")
      assert.are.equal(locals.path(), socket:serverName())
      assert.are.equal(locals.path(), socket:fullServerName())
    end
  end)

  it("N24 is served as the last of several", function()
    local server, clients = locals.server(), {}
    for i = 1, 3 do
      clients[i] = locals.socket()
      assert(clients[i]:connectToServer(locals.path()))
    end
    for i = 1, 3 do
      assert(clients[i]:waitForConnected(helper.timeout))
      sockets.accept(server)
    end
  end)

  it("N36 waits for room in a full backlog, without a busy loop", function()
    local server = locals.server(false)
    server:setListenBacklogSize(0)
    server:pauseAccepting()
    assert(server:listen(locals.path()))
    server:pauseAccepting()
    local waiting = {}
    for i = 1, 10 do
      waiting[i] = locals.socket()
      assert(waiting[i]:connectToServer(locals.path()))
    end
    helper.eventually(function() return waiting[1]:state() == "ConnectedState" end)
    local before = moonport.stats().iterations
    helper.settle(100)
    local turns = moonport.stats().iterations - before
    assert.is_true(turns < 1000, turns .. " turns of the loop in 100 ms")
    assert.are.equal("ConnectingState", waiting[10]:state())
    assert.are.equal(5, waiting[10]:write "early")
    waiting[9]:abort()
    server:resumeAccepting()
    for i, socket in ipairs(waiting) do
      if i ~= 9 then sockets.eventuallyState(socket, "ConnectedState") end
    end
    local peers = {}
    for i = 1, 9 do peers[i] = sockets.accept(server) end
    helper.eventually(function()
      for _, peer in ipairs(peers) do
        if peer:peek(5) == "early" then return true end
      end
    end)
  end)

  it("gives up after the wait's time, and tells only the state", function()
    local server = locals.server(false)
    server:setListenBacklogSize(0)
    assert(server:listen(locals.path()))
    server:pauseAccepting()
    local first = locals.socket()
    first:connectToServer(locals.path())
    assert(first:waitForConnected(helper.timeout))
    local second = locals.socket()
    second:connectToServer(locals.path())
    local seen = sockets.record(second)
    sockets.fails("SocketTimeoutError", second:waitForConnected(30))
    helper.eventually(function() return seen[1] end)
    assert.are.equal("UnconnectedState", second:state())
  end)

  it("has no address of its own, and adopts only local sockets", function()
    local socket = locals.socket()
    assert.has_error(function() socket:bind "127.0.0.1" end)
    assert.has_error(function() socket:connectToHost(locals.path(), 80) end)
    sockets.fails("UnsupportedSocketOperationError", socket:setSocketDescriptor(-5))
    assert.has_error(function() socket:setSocketOptions "WorldAccessOption" end)
    local tcp = sockets.server()
    sockets.fails("UnsupportedSocketOperationError", socket:setSocketDescriptor(tcp:socketDescriptor()))
  end)

  it("N39 knows who is at the other end", function()
    local socket, peer = locals.pair()
    local mine, theirs = socket:peerCredentials(), peer:peerCredentials()
    assert.are.same(mine, theirs)
    assert.is_true(mine.pid > 1)
    assert.are.equal("integer", math.type(mine.uid))
    assert.are.equal("integer", math.type(mine.gid))
    socket:abort()
    sockets.fails("UnknownSocketError", socket:peerCredentials())
  end)
end)

describe("Data of a LocalSocket", function()
  after_each(sockets.close)

  it("N9 arrives as it was written, and leaves no error", function()
    local socket, peer = locals.pair()
    local seen = sockets.record(socket)
    local text = ("x"):rep(49999) .. "\n"
    assert.are.equal(#text, peer:write(text))
    helper.eventually(function() return socket:canReadLine() end)
    assert.are.equal(text, socket:readLine())
    assert.are.equal("UnknownSocketError", socket:error())
    socket:disconnectFromServer()
    sockets.eventuallyState(socket, "UnconnectedState")
    helper.eventually(function() return sockets.count(seen, "disconnected") == 1 end)
    assert.are.equal(2, sockets.count(seen, "stateChanged"))
    assert.are.equal(text:sub(1, 0), socket:readAll())
  end)

  it("N10 is read by lines, in pieces, and up to the end", function()
    local socket, peer = locals.pair()
    peer:write(("a"):rep(10) .. "\n" .. "tail")
    sockets.eventuallyAvailable(socket, 15)
    assert.are.equal("aaaaa", socket:readLine(5))
    assert.are.equal("aaaaa\n", socket:readLine())
    assert.is_false(socket:canReadLine())
    assert.are.equal(2, socket:skip(2))
    peer:close()
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.are.equal(2, socket:skip(10000))
  end)

  it("N12 waits in the system while the read buffer is full", function()
    local socket, peer = locals.pair()
    socket:setReadBufferSize(128)
    peer:write(("x"):rep(256))
    sockets.eventuallyAvailable(socket, 128)
    assert.are.equal(("x"):rep(128), socket:read(128))
    sockets.eventuallyAvailable(socket, 128)
    assert.are.equal(("x"):rep(128), socket:read(128))
  end)

  it("N13 keeps its frames", function()
    local socket, peer = locals.pair()
    for i = 1, 500 do peer:write(string.pack(">s4", ("b"):rep(i))) end
    peer:disconnectFromServer()
    for i = 1, 500 do
      local size = string.unpack(">I4", (assert(socket:receive(4))))
      assert.are.equal(i, size)
      assert.are.equal(("b"):rep(i), socket:receive(size))
    end
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.are.equal(0, socket:bytesToWrite())
  end)

  it("N17 of many clients reaches each of them", function()
    local server, done = locals.server(), 0
    function server.connection:readyRead() self:write("re " .. self:readLine()) end
    for i = 1, 20 do
      moonport.spawn(function()
        local socket = locals.connect()
        socket:write(i .. "\n")
        assert(socket:receive "line" == "re " .. i)
        done = done + 1
      end)
    end
    helper.eventually(function() return done == 20 end)
  end)

  it("N26 that is queued arrives although the writer closes itself and its server", function()
    for _, chunks in ipairs { 1, 20 } do
      local socket, peer, server = locals.pair()
      local seen = sockets.record(socket)
      for _ = 1, chunks do peer:write(("x"):rep(100000)) end
      server:close()
      peer:close()
      assert.are.equal(chunks * 100000, #assert(socket:receive "all"))
      helper.eventually(function() return sockets.count(seen, "disconnected") == 1 end)
      assert.are.equal(1, sockets.count(seen, "readChannelFinished"))
      socket:abort()
    end
  end)

  it("N28 that is written is told by bytesWritten, each byte once", function()
    local socket, peer = locals.pair()
    local told, got = 0, 0
    moonport.connect(socket, "bytesWritten", function(_, n) told = told + n end)
    for _ = 1, 3 do socket:write(("x"):rep(300000)) end
    assert.are.equal(0, told)
    helper.eventually(function() got = got + #peer:readAll() return got == 900000 and told == got end)
  end)

  it("N41 may go on in one direction after the other ends", function()
    local server = locals.server()
    function server.connection:readChannelFinished() self:write("all of " .. #self:readAll()) self:close() end
    server:setAllowHalfOpen(true)
    local socket = locals.connect()
    socket:write "request"
    assert.is_true(socket:closeWriteChannel())
    assert.are.equal("all of 7", socket:receive "all")
  end)
end)

describe("The end of a LocalSocket", function()
  after_each(sockets.close)

  it("N20 comes to who waits for it, once", function()
    local socket, peer = locals.pair()
    local seen = sockets.record(socket)
    peer:disconnectFromServer()
    assert.is_true(socket:waitForDisconnected(helper.timeout))
    helper.eventually(function() return sockets.count(seen, "disconnected") == 1 end)
    assert.are.equal("RemoteHostClosedError", socket:error())
  end)

  it("N21 ends a wait inside a readyRead handler", function()
    local socket, peer = locals.pair()
    local inner
    function socket:readyRead()
      self:readAll()
      inner = { self:waitForReadyRead(helper.timeout) }
    end
    peer:write "x"
    peer:close()
    helper.eventually(function() return inner end)
    sockets.fails("RemoteHostClosedError", table.unpack(inner))
  end)

  it("N22 waits for what is queued", function()
    local socket, peer = locals.pair()
    socket:write "x"
    socket:disconnectFromServer()
    assert.are.equal("ClosingState", socket:state())
    assert.is_true(socket:waitForDisconnected(helper.timeout))
    assert.are_not.equal("NotOpen", socket:openMode())
    assert.are.equal("x", peer:receive(1))
  end)

  it("N25 is noticed by one who only writes", function()
    local server, socket = locals.server(), locals.socket()
    assert(socket:connectToServer(locals.path(), "WriteOnly"))
    assert(socket:waitForConnected(helper.timeout))
    sockets.accept(server):abort()
    assert.is_true(socket:waitForDisconnected(helper.timeout))
  end)

  it("N27 is one error of a write to a peer that disconnected", function()
    local socket, peer = locals.pair()
    local seen = sockets.record(socket)
    peer:abort()
    socket:write "x"
    socket:flush()
    sockets.eventuallyState(socket, "UnconnectedState")
    helper.eventually(function() return sockets.count(seen, "disconnected") == 1 end)
    assert.are.equal(1, sockets.count(seen, "errorOccurred"))
  end)

  it("N29 is told in UnconnectedState, and refuses writes then", function()
    local socket, peer = locals.pair()
    local states = {}
    function socket:disconnected() states[#states + 1] = "disconnected " .. self:state() end
    function socket:readChannelFinished() states[#states + 1] = "finished " .. self:state() end
    peer:abort()
    helper.eventually(function() return #states == 2 end)
    table.sort(states)
    assert.are.same({ "disconnected UnconnectedState", "finished UnconnectedState" }, states)
    sockets.fails("UnknownSocketError", socket:putChar "x")
  end)

  it("takes back the clients that nobody has taken when their server closes, and only these", function()
    local taken, _, server = locals.pair()
    local pending = locals.connect()
    helper.eventually(function() return server:hasPendingConnections() end)
    server:close()
    sockets.eventuallyState(pending, "UnconnectedState")
    assert.are.equal("ConnectedState", taken:state())
  end)

  it("N15 counts no more pending ones than the limit", function()
    for _, limit in ipairs { 0, 1, 3 } do
      local server = locals.server(false)
      server:setMaxPendingConnections(limit)
      assert(server:listen(locals.path()))
      for _ = 0, limit do locals.connect() end
      if limit > 0 then assert.is_true(server:waitForNewConnection(helper.timeout)) end
      helper.settle()
      local pending = 0
      server:pauseAccepting()
      while server:nextPendingConnection() do pending = pending + 1 end
      assert.are.equal(limit, pending)
      sockets.close()
    end
  end)
end)
