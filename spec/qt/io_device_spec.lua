-- SPDX-License-Identifier: MIT
-- Qt's tst_qiodevice on moonport's sockets: lines, characters put back, skipping, transactions.

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

local fails, available = sockets.fails, sockets.eventuallyAvailable

-- A socket with this unread data; each argument arrives separately.
local function with(...)
  local socket, plain = sockets.withPlain()
  local sum = 0
  for _, text in ipairs { ... } do
    plain:send(text)
    sum = sum + #text
    available(socket, sum)
  end
  return socket, plain
end

describe("QIODevice's tests", function()
  after_each(sockets.close)

  it("Q constructing_QTcpSocket: open with one channel each way while connected, the same line over two connections",
    function()
      local server, socket = sockets.server(), sockets.socket()
      function server.newConnection(self)
        local peer = sockets.closing(self:nextPendingConnection())
        peer:write "* OK greeting\r\n"
      end
      assert.is_false(socket:isOpen())
      for _ = 1, 2 do
        assert.equal(0, socket:readChannelCount())
        assert.equal(0, socket:writeChannelCount())
        socket:connectToHost("127.0.0.1", server:serverPort())
        assert(socket:waitForConnected(helper.timeout))
        assert.is_true(socket:isOpen())
        assert.equal(1, socket:readChannelCount())
        assert.equal(1, socket:writeChannelCount())
        while not socket:canReadLine() do assert(socket:waitForReadyRead(helper.timeout)) end
        assert.equal(0, socket:pos())
        assert.equal("* OK greeting\r\n", socket:readLine())
        assert.equal(0, socket:pos())
        socket:close()
      end
      assert.equal(0, socket:readChannelCount())
      assert.equal(0, socket:writeChannelCount())
    end)

  it("Q read_QByteArray: as many bytes as asked for, as many as there are, or none", function()
    local socket = with(("0123456789"):rep(20))
    assert.equal("0123456789", socket:read(10))
    assert.equal(("0123456789"):rep(19), socket:read(256))
    assert.equal("", socket:read(0))
    assert.equal("", socket:read(10))
  end)

  it("Q unget: the byte put back last comes first, for readLine, read and peek", function()
    local socket, plain = with "body\n"
    for _, c in ipairs { "\n", "c", "b", "a" } do assert(socket:ungetChar(c)) end
    assert.equal("abc\n", socket:peek(4))
    assert.is_true(socket:canReadLine())
    assert.equal("abc\n", socket:readLine())
    assert(socket:ungetChar "X")
    assert.equal("Xb", socket:read(2))
    assert(socket:ungetChar "b")
    assert.equal("body\n", socket:readAll())
    assert(socket:ungetChar "q")
    assert.equal(1, socket:bytesAvailable())
    assert.equal("q", socket:getChar())
    assert(socket:ungetChar "t")
    plain:send "ail"
    available(socket, 4)
    assert.equal("tail", socket:readAll())
  end)

  it("Q unget: thousands of bytes are put back before the unread ones", function()
    local socket, plain = with "0123456789"
    assert.equal("01234", socket:read(5))
    for i = 1, 5000 do assert(socket:ungetChar(i % 256)) end
    assert.equal(5005, socket:bytesAvailable())
    plain:send "end"
    available(socket, 5008)
    local expected = {}
    for i = 5000, 1, -1 do expected[#expected + 1] = string.char(i % 256) end
    assert.is_true(socket:readAll() == table.concat(expected) .. "56789end")
  end)

  it("Q unget (D13): readLine(1) returns one byte, where Qt refuses", function()
    local socket = with "ab\n"
    assert.equal("a", socket:readLine(1))
    assert.equal("b\n", socket:readLine(2))
  end)

  for _, at in ipairs { 0, 1, 4095, 4096, 5999, 8190, 8191, 8192, 8193 } do
    it(("Q readLine: a line end after %d bytes"):format(at), function()
      local text = ("x"):rep(at) .. "\n" .. ("y"):rep(10000 - at - 1)
      for _, limit in ipairs { false, at + 1, at + 2, 16384 } do
        local socket = with(text)
        assert.is_true(socket:canReadLine())
        local line
        if limit then line = socket:readLine(limit) else line = socket:readLine() end
        assert.equal(at + 1, #line)
        assert.equal("\n", line:sub(-1))
        assert.is_false(socket:canReadLine())
        assert.equal(10000 - at - 1, #socket:readAll())
        socket:abort()
      end
    end)
  end

  for _, size in ipairs { 1020, 1021, 1022, 1023, 1024, 2048, 4095, 4096, 8191, 8192, 16384 } do
    it(("Q readLine2 (D13): lines of %d bytes, by exact, larger, smaller and no limits"):format(size), function()
      local line = ("l"):rep(size - 1) .. "\n"
      local socket = with(line, line, line, line)
      assert.is_true(socket:readLine(size) == line)
      assert.is_true(socket:readLine(size + 100) == line)
      assert.is_true(socket:readLine() == line)
      assert.is_true(socket:readLine(size - 1) == line:sub(1, -2))
      assert.equal("\n", socket:readLine(size))
      assert.equal("", socket:readLine(size))
    end)
  end

  it("Q readLineInto_qspan, readLineInto: a longer line is read in pieces of the limit",
    function()
      local socket = with "1234567890\nabc"
      assert.equal("1234", socket:readLine(4))
      assert.equal("5678", socket:readLine(4))
      assert.equal("90\n", socket:readLine(4))
      assert.equal("abc", socket:readLine(4))
      assert.equal("", socket:readLine(4))
    end)

  it("Q readLineInto_Checks (D3): nothing from a closed or write-only device, a negative limit raises", function()
    local socket = sockets.socket()
    fails("OperationError", socket:readLine(10))
    local writer = sockets.withPlain "WriteOnly"
    fails("OperationError", writer:readLine(10))
    assert.has_error(function() writer:readLine(-1) end)
    assert.has_error(function() writer:readLine "x" end)
  end)

  it("Q readAllKeepPosition: getChar, ungetChar and readAll leave pos at 0", function()
    local socket = with "abcdef"
    assert.equal("a", socket:getChar())
    assert.equal(0, socket:pos())
    assert(socket:ungetChar "a")
    assert.equal(0, socket:pos())
    assert.equal("abcdef", socket:readAll())
    assert.equal(0, socket:pos())
  end)

  it("Q skip: a few, many, and at most what there is", function()
    local text = ("0123456789"):rep(2000)
    local socket = with(text)
    assert.equal(5, socket:skip(5))
    assert.equal("56789", socket:read(5))
    assert.equal(9990, socket:skip(9990))
    assert.equal(10000, socket:bytesAvailable())
    assert.equal("0123456789", socket:peek(10))
    assert.equal(10000, socket:skip(20000))
    assert.equal(0, socket:skip(1))
    assert.equal(0, socket:skip(0))
    assert.has_error(function() socket:skip(-1) end)
  end)

  it("Q skipAfterPeek: skip(n) skips as many bytes as peek(n) shows, for growing n", function()
    local text = ("abcdefghij"):rep(2000)
    local socket, at, n = with(text), 0, 1
    while at < #text do
      local seen = socket:peek(n)
      assert.equal(text:sub(at + 1, at + n), seen)
      assert.equal(#seen, socket:skip(n))
      at, n = at + #seen, n * 2
    end
    assert.equal("", socket:peek(n))
  end)

  -- Reads a record: a number of four digits, then that number of bytes. -> the record, or nil after a
  -- rollback
  local function readRecord(socket)
    assert(socket:startTransaction())
    local digits = socket:read(4)
    if #digits == 4 then
      local body = socket:read(tonumber(digits))
      if #body == tonumber(digits) then
        assert(socket:commitTransaction())
        return body
      end
    end
    assert(socket:rollbackTransaction())
  end

  it("Q transaction: at each split of a record, the part is rolled back, the whole is committed", function()
    local record = "0007content"
    local socket, plain = with ""
    for split = 1, #record - 1 do
      plain:send(record:sub(1, split))
      available(socket, split)
      assert.is_nil(readRecord(socket))
      assert.equal(split, socket:bytesAvailable())
      assert.is_false(socket:isTransactionStarted())
      plain:send(record:sub(split + 1))
      available(socket, #record)
      assert.equal("content", readRecord(socket))
      assert.equal(0, socket:bytesAvailable())
    end
  end)

  it("Q transaction: what arrives during one is read, and rolled back with the rest", function()
    local socket, plain = with "abc"
    assert(socket:startTransaction())
    assert.equal("abc", socket:readAll())
    assert.equal(0, socket:bytesAvailable())
    assert.is_true(socket:atEnd())
    plain:send "def\n"
    available(socket, 4)
    assert.is_true(socket:canReadLine())
    assert.equal("de", socket:peek(2))
    assert.equal(1, socket:skip(1))
    assert.equal("ef\n", socket:readLine())
    assert(socket:rollbackTransaction())
    assert.equal("abcdef\n", socket:peek(100))
    assert(socket:startTransaction())
    assert.equal("ab", socket:read(2))
    assert(socket:commitTransaction())
    assert.equal("cdef\n", socket:readAll())
  end)

  it("Q transaction: begun in readyRead, rolled back in a later one", function()
    local socket, plain = sockets.withPlain()
    local got
    function socket:readyRead()
      if not self:isTransactionStarted() then
        assert(self:startTransaction())
        self:read(2)
      elseif self:bytesAvailable() >= 4 then
        assert(self:rollbackTransaction())
        got = self:readAll()
      end
    end
    plain:send "abc"
    helper.eventually(function() return socket:isTransactionStarted() end)
    assert.equal(1, socket:bytesAvailable())
    plain:send "def"
    helper.eventually(function() return got end)
    assert.equal("abcdef", got)
  end)

  it("Q transaction: a nested start, an end without a start, and ungetChar fail and change nothing", function()
    local socket = with "abcdef"
    fails("UnfinishedSocketOperationError", socket:commitTransaction())
    fails("UnfinishedSocketOperationError", socket:rollbackTransaction())
    assert(socket:startTransaction())
    assert.equal("ab", socket:read(2))
    fails("UnfinishedSocketOperationError", socket:startTransaction())
    fails("UnfinishedSocketOperationError", socket:ungetChar "x")
    assert.equal(4, socket:bytesAvailable())
    assert(socket:rollbackTransaction())
    assert.equal("abcdef", socket:readAll())
  end)

  it("Q transaction: survives the peer's close, and can still be rolled back", function()
    local socket, plain = with "abcdef"
    assert(socket:startTransaction())
    assert.equal("abcdef", socket:readAll())
    plain:close()
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.is_true(socket:isTransactionStarted())
    assert(socket:rollbackTransaction())
    assert.equal("abcdef", socket:readAll())
    fails("RemoteHostClosedError", socket:read(1))
  end)

  it("Q transaction: close() ends it; a device that was never open may start one", function()
    local socket = with "abc"
    assert(socket:startTransaction())
    socket:close()
    assert.is_false(socket:isTransactionStarted())
    assert.equal(0, socket:bytesAvailable())
    local fresh = sockets.socket()
    assert(fresh:startTransaction())
    assert.is_true(fresh:isTransactionStarted())
  end)

  it("Q transaction (D6): a full read buffer gets room when its transaction is committed", function()
    local socket, plain = sockets.withPlain(nil, 4)
    plain:send "abcdef"
    available(socket, 4)
    assert(socket:startTransaction())
    assert.equal("abcd", socket:readAll())
    helper.settle(5)
    assert.equal(0, socket:bytesAvailable())
    assert(socket:commitTransaction())
    available(socket, 2)
    assert.equal("ef", socket:readAll())
  end)
end)
