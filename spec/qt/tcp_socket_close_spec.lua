-- SPDX-License-Identifier: MIT
-- Qt's tst_qtcpsocket on moonport, second part: closing from either side, and what can be read afterwards.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

local fails, count, record = sockets.fails, sockets.count, sockets.record

local function eventuallyUnconnected(socket) return sockets.eventuallyState(socket, "UnconnectedState") end

describe("QTcpSocket's tests: closing", function()
  after_each(sockets.close)

  it("T12 delayedClose: close() after large writes is Closing until all is sent, though the server closed", function()
    local client, peer = sockets.pair()
    local disconnected, got = 0, {}
    function client:disconnected() disconnected = disconnected + 1 end
    function peer:readyRead() got[#got + 1] = self:readAll() end
    assert.equal(10, client:write(("a"):rep(10)))
    assert.equal(100000, client:write(("b"):rep(100000)))
    client:close()
    assert.equal("ClosingState", client:state())
    helper.eventually(function() return disconnected == 1 end)
    assert.equal("UnconnectedState", client:state())
    eventuallyUnconnected(peer)
    assert.equal(100010, #table.concat(got))
  end)

  it("T15 readAllAfterClose: unread data is dropped", function()
    local client, peer = sockets.pair()
    peer:write "unread"
    assert(client:waitForReadyRead(helper.timeout))
    client:close()
    assert.equal("", client:readAll())
  end)

  it("T16 openCloseOpenClose: after each close the socket is like a new one", function()
    local server, socket = sockets.server(), sockets.socket()
    for _ = 1, 3 do
      assert.equal("UnconnectedState", socket:state())
      assert.is_false(socket:isOpen())
      assert.is_false(socket:isValid())
      assert.equal("NotOpen", socket:openMode())
      fails("OperationError", socket:getChar())
      assert.equal(0, socket:bytesAvailable())
      assert.is_false(socket:canReadLine())
      assert.equal(-1, socket:socketDescriptor())
      assert.equal(0, socket:localPort())
      assert.equal(0, socket:peerPort())
      assert.is_nil(socket:localAddress())
      assert.is_nil(socket:peerAddress())
      assert.equal("UnknownSocketError", socket:error())
      assert.equal("Unknown error", socket:errorString())
      assert.equal(0, socket:readChannelCount())
      socket:connectToHost("127.0.0.1", server:serverPort())
      assert(socket:waitForConnected(helper.timeout))
      assert.equal("ReadWrite", socket:openMode())
      assert.is_true(socket:isOpen())
      socket:close()
      helper.settle(5)
    end
  end)

  it("T17 connectDisconnectConnectDisconnect: disconnectFromHost leaves the device open", function()
    local server, socket = sockets.server(), sockets.socket()
    function server.newConnection(self)
      local peer = self:nextPendingConnection()
      peer:write "* OK"
      peer:disconnectFromHost()
    end
    for _ = 1, 3 do
      socket:connectToHost("127.0.0.1", server:serverPort())
      assert(socket:waitForReadyRead(helper.timeout))
      assert.equal("ReadWrite", socket:openMode())
      assert.equal("* OK", socket:read(4))
      socket:disconnectFromHost()
      eventuallyUnconnected(socket)
      helper.settle(2)
      assert.equal(-1, socket:socketDescriptor())
      assert.equal(0, socket:localPort())
      assert.is_nil(socket:localAddress())
      assert.equal(0, socket:peerPort())
      assert.is_nil(socket:peerAddress())
      assert.equal("ReadWrite", socket:openMode())
    end
  end)

  local amounts = { { "no data", "" }, { "little data", "hello" }, { "1 MiB", ("0123456789abcdef"):rep(65536) } }
  for _, amount in ipairs(amounts) do
    for _, call in ipairs { "disconnectFromHost", "close" } do
      it(("T18 disconnectWhileConnecting: %s, then %s, all of it arrives"):format(amount[1], call), function()
        local server, socket = sockets.server(), sockets.socket()
        local seen = record(socket)
        socket:connectToHost("127.0.0.1", server:serverPort())
        if amount[2] ~= "" then assert.equal(#amount[2], socket:write(amount[2])) end
        socket[call](socket)
        assert.equal(call == "close" and "NotOpen" or "ReadWrite", socket:openMode())
        local peer = sockets.accept(server)
        eventuallyUnconnected(peer)
        eventuallyUnconnected(socket)
        assert.is_true(peer:readAll() == amount[2])
        helper.eventually(function() return count(seen, "disconnected") == 1 end)
        assert.equal(0, count(seen, "errorOccurred"))
        assert.equal(call == "close" and "NotOpen" or "ReadWrite", socket:openMode())
      end)

      it(("T19 disconnectWhileConnectingNoEventLoop: %s, %s, driven by waitForDisconnected"):format(amount[1], call),
        function()
          local program = helper.program { source = [[
            local moonport = require "moonport"
            local server = moonport.TcpServer()
            assert(server:listen "127.0.0.1")
            print(server:serverPort())
            io.stdout:flush()
            assert(server:waitForNewConnection(-1))
            local socket = server:nextPendingConnection()
            socket:setReadBufferSize(0)
            local all = socket:receive "all"
            print(#all, #all > 0 and all:byte(#all) or 0)
            server:close()]] }
          local port = tonumber(program:waitForLine "^(%d+)$")
          local socket = sockets.socket()
          socket:connectToHost("127.0.0.1", port)
          if amount[2] ~= "" then socket:write(amount[2]) end
          socket[call](socket)
          assert.is_true(socket:waitForDisconnected(helper.timeout))
          assert.equal("UnconnectedState", socket:state())
          program:waitForLine(("^%d\t%d$"):format(#amount[2], amount[2]:byte(#amount[2]) or 0))
          assert.equal(0, program:wait())
        end)
    end
  end

  it("T30 synchronousApi: a write before connected, waitForDisconnected, and the reply is still readable", function()
    local server, socket = sockets.server(), sockets.socket()
    function server.newConnection(self)
      local peer = self:nextPendingConnection()
      peer:write("reply to " .. peer:receive "line")
      peer:disconnectFromHost()
    end
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert(socket:write "GET\n")
    assert.is_true(socket:waitForDisconnected(helper.timeout))
    assert.equal("reply to GET", socket:readAll())
  end)

  it("T31 dontCloseOnTimeout: waits that time out say so and leave the connection open", function()
    local client = sockets.pair()
    local seen = record(client)
    fails("SocketTimeoutError", client:waitForReadyRead(1))
    assert.equal("SocketTimeoutError", client:error())
    assert.is_true(client:isOpen())
    fails("SocketTimeoutError", client:waitForDisconnected(1))
    assert.equal("SocketTimeoutError", client:error())
    assert.is_true(client:isOpen())
    assert.equal("ConnectedState", client:state())
    helper.eventually(function() return #seen == 2 end)
    assert.same({ "errorOccurred SocketTimeoutError", "errorOccurred SocketTimeoutError" }, seen)
  end)

  it("T37 remoteCloseError: one error in ConnectedState, close() is allowed in it, and it can connect again", function()
    local server, socket = sockets.server(), sockets.socket()
    local disconnected, errors, states, read = 0, {}, {}, nil
    function socket:disconnected() disconnected = disconnected + 1 end
    function socket:errorOccurred(code)
      errors[#errors + 1], states[#states + 1] = code, self:state()
      read = self:readAll()
      self:close()
    end
    for round = 1, 2 do
      socket:connectToHost("127.0.0.1", server:serverPort())
      assert(socket:waitForConnected(helper.timeout))
      local peer = sockets.accept(server)
      peer:write "hello"
      peer:disconnectFromHost()
      helper.eventually(function() return disconnected == round end)
      helper.settle(5)
      assert.equal(round, disconnected)
      assert.equal(round, #errors)
      assert.equal("RemoteHostClosedError", errors[round])
      assert.equal("ConnectedState", states[round])
      assert.equal("hello", read)
      assert.equal("UnconnectedState", socket:state())
    end
  end)

  it("T44 abortiveClose: the peer aborts: no readyRead, one RemoteHostClosedError", function()
    local client, peer = sockets.pair()
    local seen = record(client)
    peer:abort()
    eventuallyUnconnected(client)
    helper.eventually(function() return seen[#seen] == "disconnected" end)
    assert.same({ "errorOccurred RemoteHostClosedError", "stateChanged ClosingState", "stateChanged UnconnectedState",
      "readChannelFinished", "disconnected" }, seen)
    assert.equal("RemoteHostClosedError", client:error())
  end)

  it("T44 abortiveClose: a reset by a plain peer looks the same", function()
    local socket, plain = sockets.withPlain()
    local seen = record(socket)
    plain:reset()
    helper.eventually(function() return seen[#seen] == "disconnected" end)
    assert.equal(0, count(seen, "readyRead"))
    assert.equal(1, count(seen, "errorOccurred"))
    assert.equal("errorOccurred RemoteHostClosedError", seen[1])
  end)

  it("T46 zeroAndMinusOneReturns (D3): an empty string means nothing now, nil means no more", function()
    local client, peer = sockets.pair()
    assert.equal("", client:read(1))
    assert.equal("", client:readLine())
    assert.equal("", client:readLine(1))
    assert.equal("", client:peek(1))
    assert.equal(0, client:skip(1))
    assert.equal("", client:readAll())
    fails("TemporaryError", client:getChar())
    assert.equal(0, client:write "")
    peer:write "ab\nc"
    peer:disconnectFromHost()
    eventuallyUnconnected(client)
    fails("UnknownSocketError", client:write "x")
    assert.equal("Socket is not connected", client:errorString())
    fails("UnknownSocketError", client:putChar "x")
    fails("UnknownSocketError", client:write "")
    assert.equal("a", client:getChar())
    assert.equal("b\n", client:readLine())
    assert.equal("c", client:read(10))
    for _, call in ipairs { "read", "readLine", "peek", "skip" } do fails(client:error(), client[call](client, 2)) end
    fails(client:error(), client:getChar())
    assert.equal("", client:read(0))
    client:close()
    for _, call in ipairs { "read", "readLine", "peek", "skip" } do fails("OperationError", client[call](client, 2)) end
    fails("OperationError", client:read(0))
    fails("OperationError", client:getChar())
    fails("OperationError", client:putChar "x")
    fails("OperationError", client:write "x")
    assert.equal("UnknownSocketError", client:error())
  end)

  it("T55 taskQtBug7054TimeoutErrorResetting: a later error replaces the time-out", function()
    local client, peer = sockets.pair()
    fails("SocketTimeoutError", client:waitForReadyRead(1))
    peer:disconnectFromHost()
    fails("RemoteHostClosedError", client:waitForReadyRead(helper.timeout))
    assert.equal("RemoteHostClosedError", client:error())
  end)

  it("T60 clientSendDataOnDelayedDisconnect: write, close, waitForDisconnected sends all", function()
    local client, peer = sockets.pair()
    local got = {}
    function peer:readyRead() got[#got + 1] = self:readAll() end
    for _ = 1, 10 do client:write(("x"):rep(1000)) end
    client:close()
    assert.equal("ClosingState", client:state())
    assert.is_true(client:waitForDisconnected(helper.timeout))
    eventuallyUnconnected(peer)
    assert.equal(10000, #table.concat(got))
  end)

  it("T61 serverDisconnectWithBuffered: the byte before the end is read, disconnected once", function()
    local client, peer = sockets.pair()
    local seen = record(client)
    peer:write "x"
    peer:disconnectFromHost()
    assert(client:waitForReadyRead(helper.timeout))
    assert.equal("x", client:read(1))
    if client:state() ~= "UnconnectedState" then assert(client:waitForDisconnected(helper.timeout)) end
    assert.equal("UnconnectedState", client:state())
    helper.eventually(function() return seen[#seen] == "disconnected" end)
    assert.equal(1, count(seen, "disconnected"))
    assert.equal("stateChanged UnconnectedState", seen[#seen - 2])
  end)

  it("D4: queued writes survive the peer's half-close", function()
    local socket, plain = sockets.withPlain()
    function socket:errorOccurred() self:write "answer" end
    plain:shutdown()
    assert.equal("answer", plain:receiveAll())
    eventuallyUnconnected(socket)
  end)

  it("D9: data that arrived before a failed write stays readable", function()
    local socket, plain = sockets.withPlain()
    plain:send "kept"
    sockets.eventuallyAvailable(socket, 4)
    plain:reset()
    socket:write(("x"):rep(1000))
    eventuallyUnconnected(socket)
    assert.equal("kept", socket:readAll())
    assert.is_true(socket:isOpen())
  end)

  it("D9: what is written in disconnected after connectToHost arrives", function()
    local server, socket = sockets.server(), sockets.socket()
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert(socket:waitForConnected(helper.timeout))
    moonport.connect(socket, "disconnected", function(self)
      self:connectToHost("127.0.0.1", server:serverPort())
      self:write "again"
    end, { singleShot = true })
    sockets.accept(server):close()
    local second = sockets.accept(server)
    sockets.eventuallyAvailable(second, 5)
    assert.equal("127.0.0.1", socket:peerName())
    assert.equal(1, socket:writeChannelCount())
  end)
end)
