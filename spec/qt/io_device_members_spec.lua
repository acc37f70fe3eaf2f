-- SPDX-License-Identifier: MIT
-- The members of QIODevice on a connection, beyond Qt's own tests: open modes, text mode, characters, and
-- what write and flush promise.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

local fails, count, record, available = sockets.fails, sockets.count, sockets.record, sockets.eventuallyAvailable

local function with(text, openMode)
  local socket, plain = sockets.withPlain(openMode)
  plain:send(text)
  available(socket, #text)
  return socket, plain
end

describe("QIODevice's open modes", function()
  after_each(sockets.close)

  it("ReadOnly reads and refuses to write", function()
    local socket = with("text", "ReadOnly")
    assert.is_true(socket:isReadable())
    assert.is_false(socket:isWritable())
    fails("OperationError", socket:write "x")
    fails("OperationError", socket:write "")
    fails("OperationError", socket:putChar "x")
    assert.equal("UnknownSocketError", socket:error())
    assert.equal("text", socket:readAll())
  end)

  it("WriteOnly writes and refuses to read", function()
    local socket, plain = sockets.withPlain "WriteOnly"
    assert.is_false(socket:isReadable())
    assert.is_true(socket:isWritable())
    for _, name in ipairs { "read", "peek", "skip", "readLine" } do fails("OperationError", socket[name](socket, 1)) end
    fails("OperationError", socket:getChar())
    fails("OperationError", socket:ungetChar "x")
    assert(socket:putChar "x")
    assert.equal("x", plain:receive(1))
  end)

  it("openMode() returns the mode of connectToHost, flags joined by a bar", function()
    local socket = sockets.withPlain "ReadWrite|Text"
    assert.equal("ReadWrite|Text", socket:openMode())
    assert.is_true(socket:isTextModeEnabled())
    assert(socket:setTextModeEnabled(false))
    assert.equal("ReadWrite", socket:openMode())
  end)

  it("open() on a connection clears both buffers and the error, and the connection stays", function()
    local socket, plain = with "unread"
    fails("SocketTimeoutError", socket:waitForReadyRead(0))
    socket:write "unsent"
    assert.is_true(socket:open "ReadWrite")
    assert.equal(0, socket:bytesAvailable())
    assert.equal(0, socket:bytesToWrite())
    assert.equal("Unknown error", socket:errorString())
    socket:write "sent"
    assert.equal("sent", plain:receive(4))
    plain:send "more"
    available(socket, 4)
  end)

  it("open() on a full read buffer makes room for more", function()
    local socket, plain = sockets.withPlain(nil, 4)
    plain:send "abcdef"
    available(socket, 4)
    socket:open()
    available(socket, 2)
    assert.equal("ef", socket:readAll())
  end)

  it("open() while the peer reads nothing doesn't make the loop spin, and closing finishes", function()
    local socket = sockets.withPlain()
    socket:write(("x"):rep(15 << 20))
    assert(socket:waitForBytesWritten(helper.timeout))
    helper.settle(20)
    assert.is_true(socket:bytesToWrite() > 0)
    socket:open()
    local before = moonport.stats().iterations
    helper.settle(20)
    assert.is_true(moonport.stats().iterations - before < 500)
    socket:write(("x"):rep(15 << 20))
    socket:disconnectFromHost()
    helper.settle(2)
    assert.equal("ClosingState", socket:state())
    socket:open()
    sockets.eventuallyState(socket, "UnconnectedState")
  end)

  it("open() on an unconnected socket opens the device, and there is no connection to write to", function()
    local socket = sockets.socket()
    assert.is_true(socket:open())
    assert.is_true(socket:isOpen())
    assert.is_true(socket:isValid())
    fails("UnknownSocketError", socket:write "x")
    assert.equal("Socket is not connected", socket:errorString())
    fails("UnknownSocketError", socket:read(1))
    socket:close()
    assert.is_false(socket:isOpen())
  end)

  it("it is sequential: pos is 0, size is what can be read, seek and reset fail", function()
    local socket = with "12345"
    assert.is_true(socket:isSequential())
    assert.equal(5, socket:size())
    socket:read(2)
    assert.equal(0, socket:pos())
    assert.equal(3, socket:size())
    fails("OperationError", socket:seek(0))
    fails("OperationError", socket:reset())
  end)
end)

describe("QIODevice's text mode", function()
  after_each(sockets.close)

  local function text(bytes)
    local socket, plain = with(bytes)
    assert(socket:setTextModeEnabled(true))
    return socket, plain
  end

  it("read, readAll, readLine and peek drop every carriage return, which counts as available", function()
    local socket = text "a\r\nb\rc\r\r\n\rd"
    assert.equal(11, socket:bytesAvailable())
    assert.equal("a\nb", socket:peek(3))
    assert.equal("a\n", socket:readLine())
    assert.equal("bc", socket:read(2))
    assert.equal("\n", socket:readLine())
    assert.equal("d", socket:readAll())
    assert.equal(0, socket:bytesAvailable())
  end)

  it("getChar skips carriage returns, and finds nothing if there is nothing else", function()
    local socket, plain = text "\r\rab\r"
    assert.equal("a", socket:getChar())
    assert.equal("b", socket:getChar())
    fails("TemporaryError", socket:getChar())
    plain:send "\rc"
    helper.eventually(function() return not socket:atEnd() end)
    assert.equal("c", socket:getChar())
  end)

  it("writing is unchanged, and a device that isn't open refuses the mode", function()
    local socket, plain = text "x"
    socket:write "a\r\nb\n"
    assert.equal("a\r\nb\n", plain:receive(5))
    fails("OperationError", moonport.TcpSocket():setTextModeEnabled(true))
    assert.is_false(moonport.TcpSocket():isTextModeEnabled())
    assert.has_error(function() socket:setTextModeEnabled "yes" end)
  end)
end)

describe("QIODevice's characters", function()
  after_each(sockets.close)

  it("ungetChar in readyRead keeps the order also beyond the room in the loop's own buffer", function()
    local socket, plain = sockets.withPlain()
    local done
    function socket:readyRead()
      if done then return end
      for i = 0, 299 do assert(self:ungetChar(i % 256)) end
      done = self:bytesAvailable()
    end
    plain:send "end"
    helper.eventually(function() return done end)
    assert.equal(303, done)
    local expected = {}
    for i = 299, 0, -1 do expected[#expected + 1] = string.char(i % 256) end
    assert.equal(table.concat(expected) .. "end", socket:readAll())
  end)

  it("ungetChar after the peer's close, and on an empty buffer", function()
    local socket, plain = sockets.withPlain()
    assert(socket:ungetChar "z")
    assert.equal("z", socket:readAll())
    plain:close()
    sockets.eventuallyState(socket, "UnconnectedState")
    assert(socket:ungetChar "y")
    assert.equal("y", socket:getChar())
    fails("RemoteHostClosedError", socket:getChar())
  end)

  it("a byte is a string of length one or a number; anything else raises", function()
    local socket, plain = sockets.withPlain()
    assert(socket:putChar(0))
    assert(socket:putChar(255))
    assert(socket:putChar "c")
    assert.equal("\0\255c", plain:receive(3))
    for _, wrong in ipairs { 256, -1, "ab", "", 1.5, {} } do
      assert.has_error(function() socket:putChar(wrong) end)
      assert.has_error(function() socket:ungetChar(wrong) end)
    end
  end)

  it("negative sizes raise, and no data is taken", function()
    local socket = with "text"
    for _, name in ipairs { "read", "readLine", "peek", "skip" } do
      assert.has_error(function() socket[name](socket, -1) end)
    end
    assert.has_error(function() socket:write("x", -1) end)
    assert.equal(4, socket:bytesAvailable())
  end)
end)

describe("QIODevice's writing", function()
  after_each(sockets.close)

  it("write returns how much it took: all, a part, nothing; also for zero bytes and long strings", function()
    local socket, plain = sockets.withPlain()
    local seen = record(socket)
    assert.equal(3, socket:write "a\0b")
    assert.equal(2, socket:write("cdef", 2))
    assert.equal(4, socket:write("ghij", 100))
    assert.equal(0, socket:write("kl", 0))
    assert.equal(0, socket:write "")
    local long = ("0123456789"):rep(2000)
    assert.equal(15000, socket:write(long, 15000))
    assert.equal(15009, socket:bytesToWrite())
    assert.is_true(plain:receive(15009) == "a\0bcdghij" .. long:sub(1, 15000))
    helper.settle(1)
    assert.same({ "bytesWritten 15009" }, seen)
  end)

  it("what one handler writes causes one bytesWritten", function()
    local socket, plain = sockets.withPlain()
    local seen = record(socket)
    function socket:readyRead()
      self:readAll()
      self:write "12"
      self:write "345"
    end
    plain:send "go"
    assert.equal("12345", plain:receive(5))
    helper.eventually(function() return #seen == 2 end)
    assert.same({ "readyRead", "bytesWritten 5" }, seen)
  end)

  it("the arguments of bytesWritten add up to what was sent, also with flushes within its handler (D1)", function()
    local socket, plain = sockets.withPlain()
    local sum, runs = 0, 0
    function socket:bytesWritten(n)
      sum, runs = sum + n, runs + 1
      if runs <= 3 then
        self:write "more"
        assert.is_true(self:flush())
      end
    end
    socket:write "first"
    assert.equal("firstmoremoremore", plain:receive(17))
    helper.eventually(function() return sum == 17 end)
    assert.equal(17, socket:bytesSent())
  end)

  it("flush sends what the system takes at once, and the rest follows", function()
    local socket, plain = sockets.withPlain()
    socket:setWriteBufferLimit(0)
    socket:write(("x"):rep(32 << 20))
    assert.is_true(socket:flush())
    local left = socket:bytesToWrite()
    assert.is_true(left > 0 and left < 32 << 20)
    socket:disconnectFromHost()
    assert.equal("ClosingState", socket:state())
    local got = 0
    helper.eventually(function()
      while plain:fill() do got, plain.unread = got + #plain.unread, "" end
      return plain.ended
    end, "the end of the stream", 20000)
    assert.equal(32 << 20, got)
    sockets.eventuallyState(socket, "UnconnectedState")
  end)

  it("write while closing is sent; on a closed device it fails without a signal", function()
    local socket, plain = sockets.withPlain()
    local seen = record(socket)
    socket:write "one "
    socket:disconnectFromHost()
    assert.equal("ClosingState", socket:state())
    assert.equal(3, socket:write "two")
    assert.equal("one two", plain:receiveAll())
    sockets.eventuallyState(socket, "UnconnectedState")
    fails("UnknownSocketError", socket:write "three")
    assert.equal("Socket is not connected", socket:errorString())
    socket:close()
    fails("OperationError", socket:write "three")
    helper.settle(2)
    assert.equal(0, count(seen, "errorOccurred"))
  end)

  it("D10: nothing is taken beyond the write buffer's limit, except a first write of any size", function()
    local socket = sockets.withPlain()
    socket:setWriteBufferLimit(10)
    assert.equal(20, socket:write(("x"):rep(20)))
    fails("WriteBufferFullError", socket:write "y")
    assert.equal(20, socket:bytesToWrite())
    assert(socket:flush())
    assert.equal(1, socket:write "y")
  end)
end)
