-- One spec for each row of docs/differences.md, which gives the reasons. spec/qt tests most of them in
-- detail.
-- SPDX-License-Identifier: MIT
-- Longer than 400 lines: a row of the page beside the other.

local helper = require "spec.helper"
local moonport = require "moonport"
local network = require "spec.qt.network"

local function listening(connection)
  local server = moonport.TcpServer()
  if connection then server.connection = connection end
  assert(server:listen "127.0.0.1")
  return server
end

local function connected(port)
  local socket = moonport.TcpSocket()
  assert(socket:connectToHost("127.0.0.1", port))
  assert(socket:waitForConnected(helper.timeout))
  return socket
end

-- A socket, and the server's socket for it.
local function pair()
  local server <close> = listening()
  local socket = connected(server:serverPort())
  assert(server:waitForNewConnection(helper.timeout))
  return socket, server:nextPendingConnection()
end

-- A socket, and a plain socket of the helper that it is connected to.
local function withPlain()
  local listener = helper.listen()
  local socket = connected(listener:port())
  local plain = listener:accept()
  listener:close()
  return socket, plain
end

local function eventuallyUnconnected(socket)
  helper.eventually(function() return socket:state() == "UnconnectedState" end)
end

describe("The differences from Qt:", function()
  it("D1 no signal is delivered inside a call, and a handler that is set after the call gets it", function()
    local server <close> = listening()
    local socket <close> = moonport.TcpSocket()
    local inside, seen = true, {}
    function socket:stateChanged(state)
      assert(not inside)
      seen[#seen + 1] = state
    end
    assert(socket:connectToHost("127.0.0.1", server:serverPort()))
    function socket.hostFound() seen[#seen + 1] = "hostFound" end
    inside = false
    helper.eventually(function() return #seen == 4 end)
    assert.same({ "HostLookupState", "ConnectingState", "hostFound", "ConnectedState" }, seen)
    helper.eventually(function() return server:nextPendingConnection() end):abort()
    socket.stateChanged = nil
  end)

  it("D2 a handler that waits doesn't keep others from being served", function()
    local server <close> = moonport.TcpServer()
    function server:newConnection()
      local socket <close> = self:nextPendingConnection()
      socket:write(assert(socket:receive("line", helper.timeout)) .. "\n")
      socket:waitForBytesWritten(helper.timeout)
    end
    assert(server:listen "127.0.0.1")
    local silent, busy = helper.connect(server:serverPort()), helper.connect(server:serverPort())
    helper.eventually(function() return server:connectionCount() == 2 end)
    busy:send "busy\n"
    assert.equal("busy\n", busy:receiveLine())
    silent:send "silent\n"
    assert.equal("silent\n", silent:receiveLine())
  end)

  it("D3 a failure is nil, a message and a code", function()
    local other = helper.listen() -- of another socket
    local second = moonport.TcpServer()
    local port = other:port()
    local ok, message, code = second:listen("127.0.0.1", port)
    assert.is_nil(ok)
    assert.equal(("listen 127.0.0.1:%d: The bound address is already in use"):format(port), message)
    assert.equal("AddressInUseError", code)
  end)

  it("D4 a client that has half-closed gets its answer although the handler has to wait for it", function()
    local server <close> = listening {
      readyRead = function(self)
        local question = self:readAll()
        helper.eventually(function() return self:state() == "ClosingState" end)
        self:write(question:upper())
      end,
    }
    local client = helper.connect(server:serverPort())
    client:send "answer"
    client:shutdown()
    assert.equal("ANSWER", client:receiveAll())
  end)

  it("D4 setAllowHalfOpen leaves the connection open after readChannelFinished", function()
    local socket, plain = withPlain()
    local finished = false
    socket:setAllowHalfOpen(true)
    function socket.readChannelFinished() finished = true end
    plain:shutdown()
    helper.eventually(function() return finished end)
    assert.equal("ConnectedState", socket:state())
    socket:write "late"
    assert.equal("late", plain:receive(4))
    socket:close()
  end)

  it("D5 without free descriptors: one acceptError, no spinning loop, and all clients are served later", function()
    local script = helper.file [[
      local moonport = require "moonport"
      local server, held, count = moonport.TcpServer(), {}, 0
      function server:newConnection()
        local socket = self:nextPendingConnection()
        if held then held[#held + 1] = socket else socket:disconnectFromHost() end
        count = count + 1
        if count == 30 then print "all served" self:close() end
      end
      function server:acceptError(code)
        print(code)
        local before = moonport.stats().iterations
        moonport.sleep(50)
        print("turns", moonport.stats().iterations - before)
        local sockets = held
        held = nil
        for _, socket in ipairs(sockets) do socket:disconnectFromHost() end
      end
      assert(server:listen "127.0.0.1")
      print("port", server:serverPort())
    ]]
    local program = helper.spawn { "sh", "-c", 'ulimit -n 24; exec "$0" "$1"',
      os.getenv "MOONPORT" or "build/asan/moonport", script }
    local port = tonumber(program:waitForLine "^port\t(%d+)$")
    local clients = {}
    for i = 1, 30 do clients[i] = helper.connect(port) end
    program:waitForLine "^SocketResourceError$"
    assert.is_true(tonumber(program:waitForLine "^turns\t(%d+)$") < 100)
    program:waitForLine "^all served$"
    for _, client in ipairs(clients) do client:close() end
    assert.equal(0, program:wait())
  end)

  it("D6 reading resumes as soon as a full read buffer has room", function()
    local socket, plain = withPlain()
    socket:setReadBufferSize(4)
    plain:send "abcdef"
    helper.eventually(function() return socket:bytesAvailable() == 4 end)
    assert.equal("ab", socket:read(2))
    helper.eventually(function() return socket:bytesAvailable() == 4 end)
    assert.equal("cdef", socket:readAll())
    socket:close()
  end)

  it("D7 nextPendingConnection leaves accepting paused; raising the limit resumes it", function()
    local server <close> = listening()
    server:setMaxPendingConnections(1)
    local clients = { helper.connect(server:serverPort()), helper.connect(server:serverPort()) }
    helper.eventually(function() return server:hasPendingConnections() end)
    server:pauseAccepting()
    local first = server:nextPendingConnection()
    helper.settle()
    assert.is_false(server:hasPendingConnections())
    server:setMaxPendingConnections(0)
    server:resumeAccepting()
    helper.settle()
    assert.is_false(server:hasPendingConnections())
    server:setMaxPendingConnections(1)
    helper.eventually(function() return server:hasPendingConnections() end)
    server:nextPendingConnection():abort()
    first:abort()
    for _, client in ipairs(clients) do client:close() end
  end)

  it("D8 a refused connection with queued data signals one error", function()
    local socket, errors = moonport.TcpSocket(), 0
    function socket.errorOccurred() errors = errors + 1 end
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    socket:write "queued"
    helper.eventually(function() return errors > 0 end)
    helper.settle()
    assert.equal(1, errors)
    socket:close()
  end)

  it("D8 abort in stateChanged prevents connected", function()
    local server <close>, socket = listening(), moonport.TcpSocket()
    local told, aborted = false, false
    function socket:stateChanged(state)
      if state == "ConnectedState" then
        self:abort()
        aborted = true
      end
    end
    function socket.connected() told = true end
    socket:connectToHost("127.0.0.1", server:serverPort())
    helper.eventually(function() return aborted end)
    helper.settle()
    assert.is_false(told)
  end)

  it("D9 a failed write leaves unread data readable", function()
    local socket, plain = withPlain()
    plain:send "kept"
    helper.eventually(function() return socket:bytesAvailable() == 4 end)
    plain:reset()
    socket:write(("x"):rep(1000))
    eventuallyUnconnected(socket)
    assert.equal("kept", socket:readAll())
    socket:close()
  end)

  it("D9 bytes that disconnected's handler writes after connectToHost arrive", function()
    local listener = helper.listen()
    local socket = connected(listener:port())
    function socket:disconnected()
      self.disconnected = nil
      self:connectToHost("127.0.0.1", listener:port())
      self:write "again"
    end
    listener:accept():close()
    assert.equal("again", listener:accept():receive(5))
    socket:abort()
    listener:close()
  end)

  it("D10 beyond the write buffer's limit, write queues nothing and fails", function()
    local socket, peer = pair()
    assert.equal(16 << 20, socket:writeBufferLimit())
    assert.equal(16 << 20, socket:readBufferSize())
    assert.equal(1 << 20, socket:highWaterMark())
    socket:setWriteBufferLimit(10)
    assert.equal(10, socket:write "0123456789")
    local taken, message, code = socket:write "x"
    assert.is_nil(taken)
    assert.equal("write: The write buffer is full", message)
    assert.equal("WriteBufferFullError", code)
    assert.equal(10, socket:bytesToWrite())
    socket:abort()
    peer:abort()
  end)

  it("D11 LowDelayOption is on at both ends, and what one handler writes leaves together", function()
    local socket, peer = pair()
    assert.equal(1, socket:socketOption "LowDelayOption")
    assert.equal(1, peer:socketOption "LowDelayOption")
    local written = {}
    function socket:bytesWritten(n) written[#written + 1] = n end
    socket:write "12"
    socket:write "345"
    assert.equal("12345", peer:receive(5, helper.timeout))
    helper.eventually(function() return written[1] end)
    assert.same({ 5 }, written)
    socket:abort()
    peer:abort()
  end)

  it("D12 the backlog is larger than Qt's 50", function()
    assert.is_true(moonport.TcpServer():listenBacklogSize() > 50)
  end)

  it("D13 readLine(n) gives n bytes", function()
    local socket, plain = withPlain()
    plain:send "xyz\n"
    helper.eventually(function() return socket:canReadLine() end)
    assert.equal("xy", socket:readLine(2))
    assert.equal("z\n", socket:readLine())
    socket:close()
  end)

  it("D14 a connection outlives its server, which is closed and referenced nowhere", function()
    local client
    do
      local server = listening { readyRead = function(self) self:write(self:readAll()) end }
      client = helper.connect(server:serverPort())
      helper.eventually(function() return server:connectionCount() == 1 end)
      server:close()
    end
    collectgarbage()
    client:send "still"
    assert.equal("still", client:receive(5))
    client:close()
  end)

  it("D15 a name is reached at its second address when the first doesn't answer", function()
    if not pcall(helper.listen, "::1", 0) then return pending "there is no IPv6 here" end
    local server <close>, fill = moonport.TcpServer(), {}
    local silent
    for _ = 1, 20 do -- until both have the same port: another process may have the second one
      silent = helper.listen("::1", 0)
      if server:listen("127.0.0.1", silent:port()) then break end
    end
    assert(server:isListening())
    for i = 1, 4 do -- its backlog is full after one or two; the others wait
      fill[i] = moonport.TcpSocket()
      fill[i]:connectToHost("::1", silent:port())
    end
    fill[1]:waitForConnected(helper.timeout)
    local socket = moonport.TcpSocket()
    socket:connectToHost("localhost", silent:port())
    assert(socket:waitForConnected(helper.timeout))
    assert.equal("127.0.0.1", socket:peerAddress())
    socket:abort()
    for _, one in ipairs(fill) do one:abort() end
    helper.eventually(function() return server:nextPendingConnection() end):abort()
  end)

  it("D31 a mapped address belongs to the networks of its IPv4 part", function()
    local server <close> = listening()
    server:close()
    assert(server:listen "any")
    local client = helper.connect(server:serverPort())
    local peer = helper.eventually(function() return server:nextPendingConnection() end)
    local address = moonport.HostAddress(peer:peerAddress())
    assert.equal("::ffff:127.0.0.1", tostring(address))
    assert.is_true(address:isInSubnet "127.0.0.0/8")
    assert.is_true(address:isInSubnet("127.0.0.1", 32))
    assert.is_false(address:isInSubnet "10.0.0.0/8")
    assert.is_true(moonport.HostAddress("10.1.2.3"):isInSubnet("::ffff:10.0.0.0", 104))
    assert.is_false(moonport.HostAddress("10.1.2.3"):isInSubnet "::/0")
    peer:abort()
    client:close()
  end)

  it("D32 an option that is set during the host lookup takes effect", function()
    local server <close>, socket = listening(), moonport.TcpSocket()
    socket:connectToHost("localhost", server:serverPort())
    assert.equal("HostLookupState", socket:state())
    assert.is_true(socket:setSocketOption("KeepAliveOption", true))
    assert.equal(1, socket:socketOption "KeepAliveOption")
    assert(socket:waitForConnected(helper.timeout))
    assert.equal(1, socket:socketOption "KeepAliveOption")
    socket:abort()
    helper.eventually(function() return server:nextPendingConnection() end):abort()
  end)

  it("D33 a wait that times out while connecting doesn't end the attempt, and is signalled", function()
    local hole <close> = network.blackHole()
    for _, wait in ipairs { "waitForReadyRead", "waitForBytesWritten", "waitForDisconnected" } do
      local socket, told = moonport.TcpSocket(), {}
      function socket:errorOccurred(code) told[#told + 1] = { code, self:state() } end
      socket:connectToHost("127.0.0.1", hole:port())
      socket:write "queued"
      assert.equal("SocketTimeoutError", (select(3, socket[wait](socket, 5))))
      helper.eventually(function() return told[1] end)
      assert.same({ { "SocketTimeoutError", "ConnectingState" } }, told)
      assert.equal(6, socket:bytesToWrite())
      socket:abort()
    end
  end)

  it("D34 waitForConnected(0) finds a connection that is made already", function()
    local server <close>, socket = listening(), moonport.TcpSocket()
    local plain = helper.connect(server:serverPort()) -- a server that accepts
    helper.eventually(function() return server:nextPendingConnection() end):abort()
    plain:close()
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert.is_true(socket:waitForConnected(0))
    assert.equal("ConnectedState", socket:state())
    socket:abort()
    helper.eventually(function() return server:nextPendingConnection() end):abort()
  end)

  it("D35 flush while connecting does nothing", function()
    local server <close>, socket = listening(), moonport.TcpSocket()
    socket:connectToHost("127.0.0.1", server:serverPort())
    socket:write "queued"
    assert.is_false(socket:flush())
    assert.equal("ConnectingState", socket:state())
    local peer = helper.eventually(function() return server:nextPendingConnection() end)
    assert.equal("queued", peer:receive(6, helper.timeout))
    socket:abort()
    peer:abort()
  end)

  it("D36 connectToHost ends a transaction", function()
    local socket, plain = withPlain()
    plain:send "abcdef"
    helper.eventually(function() return socket:bytesAvailable() == 6 end)
    assert.is_true(socket:startTransaction())
    socket:read(4)
    plain:close()
    eventuallyUnconnected(socket)
    assert.is_true(socket:isTransactionStarted())
    local listener = helper.listen()
    socket:connectToHost("127.0.0.1", listener:port())
    assert.is_false(socket:isTransactionStarted())
    assert.equal(0, socket:bytesAvailable())
    assert(socket:waitForConnected(helper.timeout))
    listener:accept():send "123"
    assert.equal("123", socket:receive(3, helper.timeout))
    socket:abort()
    listener:close()
  end)

  it("D37 a bad descriptor leaves the connection alone", function()
    local socket, plain = withPlain()
    local descriptor = socket:socketDescriptor()
    for _, bad in ipairs { 999, -1 } do
      assert.equal("UnsupportedSocketOperationError", (select(3, socket:setSocketDescriptor(bad))))
    end
    assert.equal(descriptor, socket:socketDescriptor())
    assert.equal("ConnectedState", socket:state())
    socket:write "there"
    assert.equal("there", plain:receive(5))
    socket:abort()
  end)

  for _, how in ipairs { "close", "disconnectFromHost", "abort" } do
    it("D38 " .. how .. " in stateChanged(ConnectedState) isn't followed by connected", function()
      local server <close>, socket, seen = listening(), moonport.TcpSocket(), {}
      function socket:stateChanged(state)
        seen[#seen + 1] = state
        if state == "ConnectedState" then self[how](self) end
      end
      function socket.connected() seen[#seen + 1] = "connected" end
      function socket.disconnected() seen[#seen + 1] = "disconnected" end
      socket:connectToHost("127.0.0.1", server:serverPort())
      helper.eventually(function() return seen[#seen] == "disconnected" end)
      helper.settle(5)
      assert.equal("HostLookupState ConnectingState ConnectedState " .. (how == "abort" and "" or "ClosingState ") ..
        "UnconnectedState disconnected", table.concat(seen, " "))
    end)
  end

  it("D39 the side that closes sends all of its data although the peer is still sending", function()
    local socket, plain = withPlain()
    local size = 0
    repeat
      size = size + assert(socket:write(("x"):rep(1 << 20)))
      socket:flush()
    until socket:bytesToWrite() > 0
    assert(socket:write "the end")
    socket:close()
    plain:trySend(("y"):rep(1 << 16)) -- nobody reads it any more
    local all = plain:receiveAll(4 * helper.timeout)
    assert.equal(size + 7, #all)
    assert.equal("the end", all:sub(-7))
    plain:close()
    eventuallyUnconnected(socket)
  end)

  it("D25 a crashed server's file is replaced, a live server's and any other file is left alone", function()
    local path = os.tmpname()
    local server, second = moonport.LocalServer(), moonport.LocalServer()
    local function refused(...) assert.equal("AddressInUseError", (select(3, ...))) end
    second:setSocketOptions "WorldAccessOption"
    refused(second:listen(path)) -- it is an ordinary file
    assert(os.remove(path))
    assert(server:listen(path))
    refused(second:listen(path))
    refused(moonport.LocalServer.removeServer(path))
    assert(os.rename(path, path .. ".moved"))
    server:close() -- leaves the file, which it doesn't find: as if it had crashed
    assert(second:listen(path .. ".moved"))
    second:close()
    assert.is_nil(io.open(path .. ".moved"))
  end)

  it("D26 a connect to a full backlog waits without load, and a path may have 107 bytes", function()
    local name = "unix:@" .. helper.uniqueName()
    local server <close> = moonport.TcpServer()
    server:setListenBacklogSize(0)
    assert(server:listen(name))
    server:pauseAccepting()
    local first, second = moonport.TcpSocket(), moonport.TcpSocket()
    first:connectToHost(name)
    assert(first:waitForConnected(helper.timeout))
    second:connectToHost(name)
    local before = moonport.stats().iterations
    helper.settle(50)
    assert.is_true(moonport.stats().iterations - before < 500)
    assert.equal("ConnectingState", second:state())
    assert.equal(5, second:write "early")
    server:resumeAccepting()
    assert(second:waitForConnected(helper.timeout))
    first:abort()
    second:abort()
    local other <close> = moonport.LocalServer()
    local _, message, code = other:listen("/tmp/" .. ("x"):rep(103))
    assert.equal("HostNotFoundError", code)
    assert.truthy(message:find "107")
    assert(other:listen("unix:@" .. helper.uniqueName() .. ("x"):rep(107 - #helper.uniqueName())))
  end)

  it("D45 a local socket has the codes and the order of TCP, and keeps its server's name", function()
    local path = os.tmpname()
    assert(os.remove(path))
    local seen, socket = {}, moonport.LocalSocket()
    function socket:stateChanged(state) seen[#seen + 1] = state end
    function socket:errorOccurred(code) seen[#seen + 1] = code end
    socket:connectToServer(path)
    assert.is_nil((socket:waitForConnected(helper.timeout)))
    helper.eventually(function() return #seen == 3 end)
    assert.same({ "ConnectingState", "UnconnectedState", "HostNotFoundError" }, seen)
    assert.equal(path, socket:serverName())
  end)

  it("D40 a write in a refused connect's stateChanged doesn't change what errorOccurred reports", function()
    local socket, told = moonport.TcpSocket(), {}
    function socket:stateChanged(state)
      if state == "UnconnectedState" then told[#told + 1] = (select(3, self:write "x")) end
    end
    function socket:errorOccurred(code) told[#told + 1] = code end
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    helper.eventually(function() return told[2] end)
    assert.same({ "UnknownSocketError", "ConnectionRefusedError" }, told)
  end)

  it("D41 isValid is true at and after the peer's end, until close", function()
    local socket, plain = withPlain()
    local within
    function socket:errorOccurred() within = self:isValid() end
    plain:close()
    eventuallyUnconnected(socket)
    assert.is_true(within)
    assert.is_true(socket:isValid())
    socket:close()
    assert.is_false(socket:isValid())
  end)

  it("D4 a connection whose peer ended is kept until the script takes it, and the peer gets its answer", function()
    local server <close> = listening()
    local client = helper.connect(server:serverPort())
    client:send "question"
    client:shutdown()
    helper.eventually(function() return server:hasPendingConnections() end)
    helper.settle(5)
    local peer = server:nextPendingConnection()
    helper.eventually(function() return peer:state() == "ClosingState" end)
    assert.equal("question", peer:readAll())
    peer:write "answer"
    peer:disconnectFromHost()
    assert.equal("answer", client:receiveAll())
  end)
end)
