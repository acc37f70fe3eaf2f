-- SPDX-License-Identifier: MIT
-- Socket options, and QAbstractSocket's waits beyond Qt's own tests.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

local fails, count, record, available = sockets.fails, sockets.count, sockets.record, sockets.eventuallyAvailable

describe("QAbstractSocket's options", function()
  after_each(sockets.close)

  it("D11: LowDelayOption is on for a client and for an accepted socket", function()
    local client, peer = sockets.pair()
    assert.equal(1, client:socketOption "LowDelayOption")
    assert.equal(1, peer:socketOption "LowDelayOption")
    assert.equal(0, client:socketOption "KeepAliveOption")
  end)

  for name, value in pairs { KeepAliveIdleOption = 30, KeepAliveIntervalOption = 7, KeepAliveCountOption = 4,
    LowDelayOption = 0, KeepAliveOption = 1, TypeOfServiceOption = 64 } do
    it(name .. " reads back as set", function()
      local socket = sockets.withPlain()
      assert(socket:setSocketOption(name, value))
      assert.equal(value, socket:socketOption(name))
    end)
  end

  for _, name in ipairs { "SendBufferSizeSocketOption", "ReceiveBufferSizeSocketOption" } do
    it(name .. " is at least what was asked for", function()
      local socket = sockets.withPlain()
      assert(socket:setSocketOption(name, 32768))
      assert.is_true(socket:socketOption(name) >= 32768)
    end)
  end

  it("PathMtuSocketOption is a size, or nil where the system doesn't know it", function()
    local socket = sockets.withPlain()
    local mtu = socket:socketOption "PathMtuSocketOption"
    assert.is_true(mtu == nil or mtu > 0)
  end)

  it("TypeOfServiceOption works on IPv6, and on IPv4 mapped to it", function()
    local server = sockets.server "any"
    for _, host in ipairs { "127.0.0.1", "::1" } do
      local socket = sockets.socket()
      socket:connectToHost(host, server:serverPort())
      assert(socket:waitForConnected(helper.timeout))
      local peer = sockets.accept(server)
      for _, one in ipairs { socket, peer } do
        assert(one:setSocketOption("TypeOfServiceOption", 32))
        assert.equal(32, one:socketOption "TypeOfServiceOption")
      end
    end
  end)

  it("without a descriptor an option is nil and setting one fails; unknown names raise (D3)", function()
    local socket = sockets.socket()
    assert.is_nil(socket:socketOption "KeepAliveOption")
    fails("UnknownSocketError", socket:setSocketOption("KeepAliveOption", 1))
    assert.has_error(function() socket:socketOption "KeepAlive" end)
    assert.has_error(function() socket:setSocketOption("KeepAlive", 1) end)
    assert.has_error(function() socket:setSocketOption("KeepAliveOption", "on") end)
  end)

  it("an option may be set on a bound socket, and applies to its connection", function()
    local server, socket = sockets.server(), sockets.socket()
    assert(socket:bind "127.0.0.1")
    assert(socket:setSocketOption("KeepAliveOption", 1))
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert(socket:waitForConnected(helper.timeout))
    assert.equal(1, socket:socketOption "KeepAliveOption")
  end)
end)

describe("QAbstractSocket's waits", function()
  after_each(sockets.close)

  it("unconnected: each fails at once and signals nothing", function()
    local socket = sockets.socket()
    local seen = record(socket)
    for _, name in ipairs { "Connected", "ReadyRead", "BytesWritten", "Disconnected" } do
      fails("UnknownSocketError", socket["waitFor" .. name](socket, -1))
    end
    assert.equal("UnknownSocketError", socket:error())
    helper.settle(5)
    assert.same({}, seen)
  end)

  it("waitForConnected of a connected socket is true at once", function()
    assert.is_true(sockets.withPlain():waitForConnected(0))
  end)

  it("waitForReadyRead waits for new data even if there is unread data", function()
    local socket, plain = sockets.withPlain()
    plain:send "old"
    available(socket, 3)
    fails("SocketTimeoutError", socket:waitForReadyRead(1))
    plain:send "new"
    assert.is_true(socket:waitForReadyRead(helper.timeout))
    assert.equal("oldnew", socket:readAll())
  end)

  it("waitForReadyRead(0) is true for data that has arrived already", function()
    local socket, plain = sockets.withPlain()
    for _ = 1, 20 do
      plain:send "x"
      helper.posix.poll(socket:socketDescriptor(), "r", helper.timeout)
      assert.is_true(socket:waitForReadyRead(0))
      assert.equal("x", socket:readAll())
    end
  end)

  it("waitForReadyRead sends what is queued meanwhile, and ends with the peer", function()
    local socket, plain = sockets.withPlain()
    local result
    function socket:bytesWritten()
      if not result then
        result = "waiting"
        result = { self:waitForReadyRead(helper.timeout) }
      end
    end
    socket:write "out"
    assert.equal("out", plain:receive(3))
    plain:close()
    helper.eventually(function() return type(result) == "table" end)
    assert.is_nil(result[1])
    assert.equal("RemoteHostClosedError", result[3])
  end)

  it("D2: while one handler waits, others of the same socket and other sockets run on", function()
    local client, plain = sockets.withPlain()
    local other, otherPlain = sockets.withPlain()
    local log = {}
    moonport.connect(client, "readyRead", function(self)
      log[#log + 1] = "first " .. self:read(1)
      assert(self:waitForReadyRead(helper.timeout))
      log[#log + 1] = "waited " .. self:read(1)
    end, { singleShot = true })
    function other:readyRead()
      log[#log + 1] = "other " .. self:readAll()
      plain:send "b"
    end
    plain:send "a"
    helper.eventually(function() return #log == 1 end)
    otherPlain:send "o"
    helper.eventually(function() return #log == 3 end)
    assert.same({ "first a", "other o", "waited b" }, log)
  end)

  it("waitForBytesWritten fails at once when nothing is queued, and times out when nothing can be sent", function()
    local socket, plain = sockets.withPlain()
    fails("UnknownSocketError", socket:waitForBytesWritten(-1))
    local seen = record(socket)
    socket:setWriteBufferLimit(0)
    repeat
      socket:write(("x"):rep(1 << 20))
      local ok, _, code = socket:waitForBytesWritten(20)
      if not ok then assert.equal("SocketTimeoutError", code) end
    until not ok
    assert.equal("ConnectedState", socket:state())
    assert.is_true(socket:bytesToWrite() > 0)
    helper.settle(1)
    assert.equal("errorOccurred SocketTimeoutError", seen[#seen])
    plain:close()
    sockets.eventuallyState(socket, "UnconnectedState")
  end)

  it("waitForDisconnected of a socket whose peer reads nothing times out, still in ClosingState", function()
    local socket = sockets.withPlain()
    socket:setWriteBufferLimit(0)
    local before
    repeat
      before = socket:bytesToWrite()
      socket:write(("x"):rep(1 << 20))
      socket:waitForBytesWritten(20)
    until socket:bytesToWrite() >= before + (1 << 20)
    socket:disconnectFromHost()
    fails("SocketTimeoutError", socket:waitForDisconnected(20))
    assert.equal("ClosingState", socket:state())
    socket:abort()
    assert.equal("UnconnectedState", socket:state())
  end)

  it("a wait ends when another handler aborts the socket", function()
    local socket = sockets.withPlain()
    local task = moonport.spawn(function() return socket:waitForReadyRead(-1) end)
    local closing = moonport.spawn(function() return socket:waitForDisconnected(-1) end)
    helper.settle(2)
    socket:abort()
    local ok, _, code = task:join(helper.timeout)
    assert.is_nil(ok)
    assert.equal("UnknownSocketError", code)
    assert.is_true(closing:join(helper.timeout))
  end)

  it("times that aren't numbers raise, infinity waits for ever", function()
    local socket, plain = sockets.withPlain()
    assert.has_error(function() socket:waitForReadyRead "soon" end)
    assert.has_error(function() socket:waitForReadyRead(0 / 0) end)
    plain:send "x"
    assert.is_true(socket:waitForReadyRead(math.huge))
    assert.equal(0, count(record(socket), "errorOccurred"))
  end)
end)
