-- SPDX-License-Identifier: MIT
-- Qt's tst_qtcpsocket on moonport, fourth part: the read buffer's limit, peek, options, write-only sockets,
-- and two processes that play ping-pong.

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"
local posix = helper.posix

local fails, count, record, available = sockets.fails, sockets.count, sockets.record, sockets.eventuallyAvailable

describe("QTcpSocket's tests: buffers", function()
  after_each(sockets.close)

  it("T48 suddenRemoteDisconnect: two processes play ping-pong until one sends stop; both exit with 0", function()
    local server = helper.program { source = [[
      local moonport = require "moonport"
      local server, rounds = moonport.TcpServer(), 0
      function server.connection:readyRead()
        rounds = rounds + 1
        if rounds < 500 then
          self:write(self:readAll())
        else
          self:write "stop"
          self:disconnectFromHost()
          server:close()
        end
      end
      assert(server:listen "127.0.0.1")
      print(server:serverPort())
      io.stdout:flush()]] }
    local port = server:waitForLine "^(%d+)$"
    local client = helper.program { args = { port }, source = [[
      local moonport = require "moonport"
      local socket = moonport.TcpSocket()
      function socket:connected() self:write "ping" end
      function socket:readyRead()
        local got = self:readAll()
        if got:find "stop" then print "stopped" else self:write "ping" end
      end
      socket:connectToHost("127.0.0.1", tonumber(arg[1]))]] }
    assert.equal(0, client:wait())
    assert.equal(0, server:wait())
    assert.equal("stopped\n", client:stdout())
  end)

  it("T51 increaseReadBufferSize: each raise reads as much more", function()
    local socket, plain = sockets.withPlain(nil, 256)
    plain:send(("x"):rep(512))
    available(socket, 256)
    helper.settle(10)
    assert.equal(256, socket:bytesAvailable())
    socket:setReadBufferSize(384)
    available(socket, 384)
    helper.settle(5)
    assert.equal(384, socket:bytesAvailable())
    socket:setReadBufferSize(1024)
    available(socket, 512)
    plain:send(("x"):rep(512))
    available(socket, 1024)
    plain:send(("x"):rep(512))
    helper.settle(5)
    assert.equal(1024, socket:bytesAvailable())
    socket:setReadBufferSize(0)
    available(socket, 1536)
  end)

  it("T52 increaseReadBufferSizeFromSlot: a raise in readyRead signals again, and nothing is lost", function()
    local socket, plain = sockets.withPlain(nil, 256)
    local seen = {}
    function socket:readyRead()
      seen[#seen + 1] = self:bytesAvailable()
      if #seen == 1 then self:setReadBufferSize(384) end
      if #seen == 2 then self:setReadBufferSize(512) end
    end
    plain:send(("abcd"):rep(128))
    helper.eventually(function() return #seen == 3 end)
    assert.same({ 256, 384, 512 }, seen)
    assert.equal(("abcd"):rep(128), socket:readAll())
  end)

  it("T58 qtbug14268_peek: peek grows with each arrival, read returns all", function()
    local socket, plain = sockets.withPlain()
    local expected = ""
    for _, text in ipairs { "abc\n", "def\n", "ghi\n" } do
      plain:send(text)
      expected = expected .. text
      assert(socket:waitForReadyRead(helper.timeout))
      assert.equal(expected, socket:peek(128 * 1024))
    end
    assert.equal(expected, socket:read(128 * 1024))
    assert.equal(0, socket:bytesAvailable())
  end)

  it("T59 setSocketOption: LowDelay, KeepAlive and TypeOfService read back as set", function()
    local socket = sockets.withPlain()
    for _, value in ipairs { 1, 0, true, false } do
      for _, name in ipairs { "LowDelayOption", "KeepAliveOption" } do
        assert(socket:setSocketOption(name, value))
        assert.equal(value == true and 1 or value or 0, socket:socketOption(name))
      end
    end
    assert(socket:setSocketOption("TypeOfServiceOption", 32))
    assert.equal(32, socket:socketOption "TypeOfServiceOption")
  end)

  it("T62 socketDiscardDataInWriteMode: input is discarded, waitForReadyRead is true, atEnd too", function()
    local socket, plain = sockets.withPlain "WriteOnly"
    local seen = record(socket)
    plain:send "some data"
    assert.is_true(socket:waitForReadyRead(helper.timeout))
    assert.is_true(socket:atEnd())
    assert.equal(0, socket:bytesAvailable())
    assert.equal("", socket:readAll())
    fails("OperationError", socket:read(1))
    assert.equal(4, socket:write "fine")
    assert.equal("fine", plain:receive(4))
    assert.equal(0, count(seen, "readyRead"))
    plain:close()
    sockets.eventuallyState(socket, "UnconnectedState")
  end)

  it("T63 writeOnReadBufferOverflow: a full read buffer doesn't prevent writing", function()
    local socket, plain = sockets.withPlain(nil, 1)
    plain:send "xy"
    assert(socket:waitForReadyRead(helper.timeout))
    helper.settle(5)
    assert.equal(1, socket:bytesAvailable())
    assert(socket:putChar "a")
    assert.is_true(socket:waitForBytesWritten(helper.timeout))
    assert.equal("a", plain:receive(1))
    assert.equal("x", socket:read(1))
    available(socket, 1)
    assert.equal("y", socket:read(1))
  end)

  it("D6: reading a part of a full buffer makes room for more", function()
    local socket, plain = sockets.withPlain(nil, 4)
    plain:send "abcdef"
    available(socket, 4)
    assert.equal("ab", socket:read(2))
    available(socket, 4)
    assert.equal("cdef", socket:readAll())
  end)

  it("D6: the limit stops the sender, and everything arrives in the end", function()
    local socket, plain = sockets.withPlain(nil, 50000)
    local sent, got, most, block = 0, 0, 0, ("x"):rep(65536)
    helper.eventually(function()
      local n = plain:trySend(block)
      sent = sent + n
      return n == 0 and socket:bytesAvailable() == 50000 and not posix.poll(plain.fd, "w", 5)
    end, "a sender that is held back")
    function socket:readyRead()
      most = math.max(most, self:bytesAvailable())
      got = got + #self:readAll()
    end
    got = #socket:readAll()
    plain:shutdown()
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.equal(sent, got)
    assert.is_true(most <= 50000)
  end)

  it("D6: lowering the limit drops nothing; reading pauses until there is room", function()
    local socket, plain = sockets.withPlain()
    plain:send(("x"):rep(100))
    available(socket, 100)
    socket:setReadBufferSize(10)
    plain:send "yz"
    helper.settle(5)
    assert.equal(100, socket:bytesAvailable())
    assert.equal(("x"):rep(95), socket:read(95))
    available(socket, 7)
    assert.equal("xxxxxyz", socket:readAll())
  end)

  it("D6: the peer's close is signalled after the data before it, once there was room for that", function()
    local socket, plain = sockets.withPlain(nil, 4)
    local seen = record(socket)
    plain:send "abcdefgh"
    plain:close()
    available(socket, 4)
    helper.settle(5)
    assert.equal("ConnectedState", socket:state())
    assert.equal("abcd", socket:readAll())
    available(socket, 4)
    assert.equal("efgh", socket:readAll())
    helper.eventually(function() return count(seen, "disconnected") == 1 end)
    assert.equal(2, count(seen, "readyRead"))
  end)

  it("the read buffer's limit must not be negative", function()
    local socket = sockets.socket()
    assert.has_error(function() socket:setReadBufferSize(-1) end)
    assert.equal(16 << 20, socket:readBufferSize())
  end)
end)
