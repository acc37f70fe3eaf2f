-- SPDX-License-Identifier: MIT
-- Qt's tst_qtcpsocket on moonport, third part: reading, writing and waiting on a connection.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local posix = helper.posix

local fails, count, record, available = sockets.fails, sockets.count, sockets.record, sockets.eventuallyAvailable

-- A server of lines like IMAP's: greets, answers "N NOOP" with two lines, and "N LOGOUT" with two and the
-- end.
local function lineServer()
  local server = sockets.server()
  function server.newConnection(self)
    local peer = sockets.closing(self:nextPendingConnection())
    peer:write "* OK ready\r\n"
    for line in peer:lines() do
      local tag, word = line:match "^(%S+) (%S+)"
      if word == "LOGOUT" then
        peer:write(("* BYE now\r\n%s OK done\r\n"):format(tag))
        peer:disconnectFromHost()
        return
      end
      peer:write(("* still here\r\n%s OK %s done\r\n"):format(tag, word))
    end
  end
  return server
end

describe("QTcpSocket's tests: data", function()
  after_each(sockets.close)

  it("T1 socketsConstructedBeforeEventLoop: a write before the loop runs: one bytesWritten, one readyRead", function()
    local client, peer = sockets.pair()
    local sent, got = record(client), record(peer)
    client:write "hello"
    assert.equal(0, #sent)
    available(peer, 5)
    helper.settle(10)
    assert.same({ "bytesWritten 5" }, sent)
    assert.same({ "readyRead" }, got)
  end)

  it("T8 blockingIMAP: a dialogue by waits; write doesn't change unread data", function()
    local server, socket = lineServer(), sockets.socket()
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert(socket:waitForConnected(helper.timeout))
    assert.equal("ConnectedState", socket:state())
    while not socket:canReadLine() do assert(socket:waitForReadyRead(helper.timeout)) end
    assert.equal("* OK ready\r\n", socket:readLine())
    assert.equal(8, socket:write "1 NOOP\r\n")
    assert(socket:waitForBytesWritten(helper.timeout))
    while not socket:canReadLine() do assert(socket:waitForReadyRead(helper.timeout)) end
    local unread = socket:bytesAvailable()
    assert.equal(10, socket:write "2 LOGOUT\r\n")
    assert.equal(unread, socket:bytesAvailable())
    assert(socket:waitForDisconnected(helper.timeout))
    assert.equal("* still here\r\n1 OK NOOP done\r\n* BYE now\r\n2 OK done\r\n", socket:readAll())
    socket:close()
    assert.equal("UnconnectedState", socket:state())
    assert.equal(0, socket:readChannelCount())
    assert.equal(0, socket:writeChannelCount())
  end)

  it("T9 nonBlockingIMAP: the same dialogue by signals", function()
    local server, socket = lineServer(), sockets.socket()
    local seen, lines, written = record(socket), {}, 0
    function socket:bytesWritten(n) written = written + n end
    function socket:readyRead()
      while self:canReadLine() do
        lines[#lines + 1] = self:readLine()
        if #lines == 1 then assert.equal(8, self:write "1 NOOP\r\n") end
        if #lines == 3 then
          assert.equal(8, written)
          assert.equal(10, self:write "2 LOGOUT\r\n")
        end
      end
    end
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert.equal("ConnectingState", socket:state())
    helper.eventually(function() return count(seen, "disconnected") == 1 end)
    assert.equal(18, written)
    assert.equal(5, #lines)
    assert.equal("2 OK done\r\n", lines[5])
    assert.equal(1, count(seen, "hostFound"))
    assert.equal(1, count(seen, "connected"))
  end)

  it("T13 partialRead: read(2) returns the successive bytes", function()
    local socket, plain = sockets.withPlain()
    plain:send "SSH-2.0-a\n"
    available(socket, 10)
    for _, two in ipairs { "SS", "H-", "2.", "0-", "a\n" } do assert.equal(two, socket:read(2)) end
    assert.equal("", socket:read(2))
  end)

  it("T14 unget: what is put back is read again, and counts", function()
    local socket, plain = sockets.withPlain()
    plain:send "SSH-"
    available(socket, 4)
    for _ = 1, 2 do
      assert.equal("SS", socket:read(2))
      assert.equal(2, socket:bytesAvailable())
      assert(socket:ungetChar "S")
      assert(socket:ungetChar(("S"):byte()))
      assert.equal(4, socket:bytesAvailable())
    end
    assert.equal("SSH-", socket:read(10))
  end)

  it("T21 downloadBigFile: 10 MB of body by readyRead and readAll, as many bytes as the headers say", function()
    local server, socket = sockets.server(), sockets.socket()
    local size, chunk = 10000000, ("x"):rep(100000)
    function server.newConnection(self)
      local peer = self:nextPendingConnection()
      while peer:receive "line" ~= "" do end
      peer:write(("HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n"):format(size))
      for _ = 1, size / #chunk do peer:write(chunk) end
      peer:disconnectFromHost()
    end
    local length, body, inBody = nil, 0, false
    function socket:readyRead()
      while not inBody and self:canReadLine() do
        local line = self:readLine()
        length = length or tonumber(line:match "^Content%-Length: (%d+)\r\n$")
        inBody = line == "\r\n"
      end
      if inBody then body = body + #self:readAll() end
    end
    socket:connectToHost("127.0.0.1", server:serverPort())
    socket:write "GET / HTTP/1.0\r\n\r\n"
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.equal(size, length)
    assert.equal(length, body)
  end)

  it("T22 readLine (D13): lines with their ends and zero bytes; a limit of n returns n bytes", function()
    local socket, plain = sockets.withPlain()
    plain:send "\0nul and more\r\n"
    available(socket, 15)
    assert.is_true(socket:canReadLine())
    assert.equal("\0nul and more\r\n", socket:readLine())
    plain:send "0123456789abcd\r\n"
    available(socket, 16)
    assert.equal("0123456789a", socket:readLine(11))
    assert.equal("bcd\r\n", socket:readLine(100))
    assert.equal("", socket:readLine(100))
    fails("SocketTimeoutError", socket:waitForReadyRead(1))
    assert.equal("SocketTimeoutError", socket:error())
    plain:send "half"
    available(socket, 4)
    assert.is_false(socket:canReadLine())
    assert.equal("half", socket:readLine())
    socket:close()
    fails("OperationError", socket:readLine(100))
  end)

  it("T23 readLineString: readLine() returns the greeting", function()
    local server, socket = lineServer(), sockets.socket()
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert(socket:waitForReadyRead(helper.timeout))
    assert.equal("* OK ready\r\n", socket:readLine())
  end)

  it("T24 readChunks: read(4096) returns what is there", function()
    local socket, plain = sockets.withPlain()
    plain:send(("c"):rep(100))
    available(socket, 100)
    assert.equal(("c"):rep(100), socket:read(4096))
  end)

  for name, wait in pairs { ["T25 waitForBytesWritten"] = 10000, ["T26 waitForBytesWrittenMinusOne"] = -1 } do
    it(name .. ": true, and less is left to write", function()
      local client, peer = sockets.pair()
      peer.readyRead = function(self) self:readAll() end
      client:setHighWaterMark(0)
      client:write(("x"):rep(8 << 20))
      local before = client:bytesToWrite()
      assert.is_true(client:waitForBytesWritten(wait))
      assert.is_true(client:bytesToWrite() < before)
    end)
  end

  for name, wait in pairs { ["T27 waitForReadyRead"] = 5000, ["T28 waitForReadyReadMinusOne"] = -1 } do
    it(name .. ": while connecting it connects, sends and receives", function()
      local server, socket = sockets.server(), sockets.socket()
      function server.newConnection(self)
        local peer = sockets.closing(self:nextPendingConnection())
        peer:write(peer:receive(4))
      end
      socket:connectToHost("127.0.0.1", server:serverPort())
      socket:write "ping"
      assert.is_true(socket:waitForReadyRead(wait))
      assert.equal("ping", socket:readAll())
    end)
  end

  it("T29 flush: does nothing when unconnected; takes bytesToWrite from 10 to 0", function()
    assert.is_false(moonport.TcpSocket():flush())
    local client, peer = sockets.pair()
    local seen = record(client)
    assert.is_false(client:flush())
    client:write "0123456789"
    assert.equal(10, client:bytesToWrite())
    assert.is_true(client:flush())
    assert.equal(0, client:bytesToWrite())
    assert.is_false(client:flush())
    available(peer, 10)
    helper.eventually(function() return #seen > 0 end)
    assert.same({ "bytesWritten 10" }, seen)
  end)

  it("T32 recursiveReadyRead (D2): a readyRead that writes, flushes and waits doesn't run again meanwhile", function()
    local client, peer = sockets.pair()
    local inside, most, runs = 0, 0, 0
    function peer:readyRead() self:write(self:readAll()) end
    function client:readyRead()
      runs, inside = runs + 1, inside + 1
      most = math.max(most, inside)
      if runs == 1 then
        self:write "again"
        self:flush()
        assert(self:waitForReadyRead(helper.timeout))
        self:readAll()
        for _ = 1, 5 do moonport.sleep(1) end
      end
      inside = inside - 1
    end
    client:write "hello"
    helper.eventually(function() return runs == 1 and inside == 0 end)
    helper.settle(10)
    assert.equal(1, most)
    assert.equal(1, runs)
  end)

  it("T33 atEnd: true before and after the greeting, false while there is something to read", function()
    local socket, plain = sockets.withPlain()
    assert.is_true(socket:atEnd())
    plain:send "hi\n"
    available(socket, 3)
    assert.is_false(socket:atEnd())
    assert.equal("hi\n", socket:readLine())
    assert.is_true(socket:atEnd())
  end)

  it("T36 waitForReadyReadInASlot: works in the connected handler", function()
    local server, socket = lineServer(), sockets.socket()
    local greeting
    function socket:connected()
      assert(self:waitForReadyRead(helper.timeout))
      greeting = self:readAll()
    end
    socket:connectToHost("127.0.0.1", server:serverPort())
    helper.eventually(function() return greeting end)
    assert.equal("* OK ready\r\n", greeting)
  end)

  it("T42 readyReadSignalsAfterWaitForReadyRead: one arrival is one readyRead, without a later one", function()
    local client, peer = sockets.pair()
    local seen = record(client)
    peer:write "hello"
    assert(client:waitForReadyRead(helper.timeout))
    helper.settle(10)
    assert.equal(1, count(seen, "readyRead"))
    assert.equal("hello", client:readAll())
    helper.settle(5)
    assert.equal(1, count(seen, "readyRead"))
  end)

  it("T43 linuxKernelBugLocalSocket: a FIFO is adopted, and 4 times 32 bytes are 128", function()
    local input, output = assert(posix.pipe())
    local socket = sockets.socket()
    assert(socket:setSocketDescriptor(input, nil, "ReadOnly"))
    for i = 1, 4 do
      assert.equal(32, posix.write(output, ("x"):rep(32)))
      available(socket, 32 * i)
    end
    assert.equal(("x"):rep(128), socket:readAll())
    fails("OperationError", socket:write "x")
    posix.close(output)
    sockets.eventuallyState(socket, "UnconnectedState")
  end)
end)
