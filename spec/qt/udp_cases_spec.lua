-- SPDX-License-Identifier: MIT
-- What Qt's tests of QUdpSocket leave out, by numbers in docs/qt-parity.md, and what UdpSocket has beyond Qt:
-- handlers of datagramReceived, limits, counters.
-- Longer than 400 lines: cases beside each other, read one at a time.

local helper = require "spec.helper"
local moonport = require "moonport"
local posix = helper.posix
local sockets = require "spec.qt.sockets"
local udp = require "spec.qt.udp"

local fails, count, record = sockets.fails, sockets.count, sockets.record

describe("UdpSocket beyond Qt's tests", function()
  after_each(sockets.close)

  it("Y1 later datagrams are announced after a time without signals, and after a handler that has failed", function()
    local receiver, sender = udp.bound(), udp.bound()
    local calls = 0
    local function send() sender:writeDatagram("x", "127.0.0.1", receiver:localPort()) end
    function receiver:readyRead()
      calls = calls + 1
      if calls == 2 then error "once" end
      while self:hasPendingDatagrams() do self:receiveDatagram() end
    end
    receiver:blockSignals(true)
    send()
    helper.eventually(function() return receiver:hasPendingDatagrams() end)
    receiver:blockSignals(false)
    assert.equal(0, calls)
    send()
    helper.eventually(function() return calls == 1 and not receiver:hasPendingDatagrams() end)
    send()
    helper.eventually(function() return calls == 2 end)
    send()
    helper.eventually(function() return calls == 3 and not receiver:hasPendingDatagrams() end)
  end)

  it("Y2 a wrong family, no address and port 0 are refused, and nothing goes to this host", function()
    local four, six, both = udp.bound("0.0.0.0"), udp.bound("::"), udp.bound("any")
    local ear, ear6 = udp.bound("127.0.0.1"), udp.bound("::1")
    local port, port6 = ear:localPort(), ear6:localPort()
    fails("UnsupportedSocketOperationError", four:writeDatagram("x", "2001:db8::1", port))
    fails("UnsupportedSocketOperationError", four:writeDatagram("x", "::1", port6))
    fails("UnsupportedSocketOperationError", six:writeDatagram("x", "127.0.0.1", port))
    for _, socket in ipairs { four, six, both } do
      for _, address in ipairs { "0.0.0.0", "::", "any", moonport.HostAddress() } do
        fails("SocketAddressNotAvailableError", socket:writeDatagram("x", address, port))
      end
      fails("SocketAddressNotAvailableError", socket:writeDatagram("x", "127.0.0.1", 0))
      assert.has_error(function() socket:writeDatagram("x", "127.0.0.1", 65536) end)
      assert.has_error(function() socket:writeDatagram("x", nil, port) end)
      assert.has_error(function() socket:writeDatagram("x", "localhost.", port) end)
      assert.has_error(function() socket:writeDatagram({}, "127.0.0.1", port) end)
    end
    four:writeDatagram("real", "127.0.0.1", port)
    six:writeDatagram("real", "::1", port6)
    assert.equal("real", (udp.receive(ear)))
    assert.equal("real", (udp.receive(ear6)))
  end)

  it("Y3 takes the largest datagram of each family, and an empty one", function()
    for address, most in pairs { ["127.0.0.1"] = 65507, ["::1"] = 65527 } do
      local receiver, sender = udp.bound(address), udp.bound(address)
      for _, size in ipairs { most, 0, 1 } do
        assert.equal(size, sender:writeDatagram(("y"):rep(size), address, receiver:localPort()))
        assert.equal(size, #udp.receive(receiver))
      end
      fails("DatagramTooLargeError", sender:writeDatagram(("y"):rep(most + 1), address, receiver:localPort()))
    end
  end)

  it("Y4 one error for each time that the peer's port was closed", function()
    local socket, port = udp.socket(), helper.unusedPort()
    local seen = record(socket)
    socket:connectToHost("127.0.0.1", port)
    for i = 1, 3 do
      socket:write "x"
      udp.eventually(seen, "errorOccurred ConnectionRefusedError", i)
    end
    local peer = udp.bound("127.0.0.1", port)
    socket:write "there"
    local data, _, from = udp.receive(peer)
    assert.equal("there", data)
    peer:writeDatagram("back", "127.0.0.1", from)
    assert.equal("back", (udp.receive(socket)))
    assert.equal(3, count(seen, "errorOccurred"))
  end)

  it("Y5 an answer leaves from the address that was asked", function()
    local server, client = udp.bound("any"), udp.bound("0.0.0.0")
    function server:datagramReceived(data, address, port, info)
      assert.equal("127.0.0.5", info.localAddress)
      self:writeDatagram("by itself", address, port)
      moonport.sleep(1)
      self:writeDatagram("after a wait", address, port)
      self:writeDatagram("as it says", address, port, info)
      self:writeDatagram("as told", address, port, { localAddress = "127.0.0.6", hopLimit = 7, ecn = 1 })
      fails("UnsupportedSocketOperationError",
        self:writeDatagram(data, address, port, { localAddress = "::1" }))
      assert.has_error(function() self:writeDatagram(data, address, port, { hoplimit = 7 }) end)
      assert.has_error(function() self:writeDatagram(data, address, port, { hopLimit = 256 }) end)
      self:writeDatagram("last", address, port)
    end
    client:writeDatagram("question", "127.0.0.5", server:localPort())
    for _, text in ipairs { "by itself", "after a wait", "as it says" } do
      local data, address = udp.receive(client)
      assert.same({ text, "127.0.0.5" }, { data, address })
    end
    local data, address, _, info = udp.receive(client)
    assert.same({ "as told", "127.0.0.6", 7, 1 }, { data, address, info.hopLimit, info.ecn })
    assert.equal("last", (udp.receive(client)))
  end)

  it("Y6 a full queue is an error, and bytesWritten reports room", function()
    local receiver, sender = udp.bound(), udp.bound()
    local seen = record(sender)
    sender:setWriteBufferLimit(4096)
    assert.equal(4096, sender:writeBufferLimit())
    local taken = 0
    while true do
      local n, message, code = sender:writeDatagram(("x"):rep(500), "127.0.0.1", receiver:localPort())
      if not n then
        fails("WriteBufferFullError", n, message, code)
        break
      end
      taken = taken + 1
    end
    assert.is_true(taken > 3 and taken < 9, taken)
    assert.equal(500 * taken, sender:bytesToWrite())
    udp.eventually(seen, "bytesWritten " .. 500 * taken, 1)
    assert.equal(0, sender:bytesToWrite())
    assert.equal(0, count(seen, "errorOccurred"))
    assert(sender:writeDatagram(("x"):rep(5000), "127.0.0.1", receiver:localPort())) -- alone it may be larger
    assert.is_true(sender:waitForBytesWritten(helper.timeout))
    fails("UnknownSocketError", sender:waitForBytesWritten(0))
  end)

  it("Y7 every member can be called in every state", function()
    local states = {
      unbound = function() end,
      lookingUp = function(socket) socket:connectToHost("no-such-name.invalid", 9) end,
      bound = function(socket) socket:bind("127.0.0.1") end,
      connected = function(socket) socket:connectToHost("127.0.0.1", 9) end,
      closed = function(socket) socket:bind() socket:close() end,
      aborted = function(socket) socket:connectToHost("127.0.0.1", 9) socket:abort() end,
      disconnected = function(socket) socket:connectToHost("127.0.0.1", 9) socket:disconnectFromHost() end,
    }
    for name, prepare in pairs(states) do
      local socket = udp.socket()
      prepare(socket)
      assert.is_false(socket:hasPendingDatagrams(), name)
      assert.equal(-1, socket:pendingDatagramSize(), name)
      assert.equal(0, socket:bytesAvailable(), name)
      assert.is_nil((socket:receiveDatagram()), name)
      socket:read(1)
      socket:readAll()
      socket:flush()
      socket:localAddress()
      socket:peerAddress()
      socket:socketOption("TypeOfServiceOption")
      socket:datagramsDropped()
      assert.is_string(tostring(socket))
      if name ~= "bound" and name ~= "connected" then assert.is_nil((socket:write "x"), name) end
      socket:close()
      socket:abort()
      assert.equal("UnconnectedState", socket:state())
      assert.is_true(socket:bind("127.0.0.1"), name)
    end
  end)

  it("Y8 a flood with handlers that wait: others are served, memory is bounded, drops are counted", function()
    local receiver, other, sender = udp.bound(), udp.bound(), udp.bound()
    local release, waiting, most, handled, echoed = false, 0, 0, 0, 0
    receiver:setMaxHandlers(10)
    assert.equal(10, receiver:maxHandlers())
    assert(receiver:setSocketOption("ReceiveBufferSizeSocketOption", 4096))
    function receiver:datagramReceived()
      waiting = waiting + 1
      most = math.max(most, waiting)
      while not release do moonport.sleep(1) end
      waiting = waiting - 1
      handled = handled + 1
    end
    function other:datagramReceived() echoed = echoed + 1 end
    for _ = 1, 50 do
      for _ = 1, 20 do sender:writeDatagram(("x"):rep(100), "127.0.0.1", receiver:localPort()) end
      sender:writeDatagram("x", "127.0.0.1", other:localPort())
      moonport.sleep(0)
    end
    helper.eventually(function() return echoed == 50 end)
    assert.equal(10, most)
    local dropped = receiver:datagramsDropped()
    assert.is_true(dropped > 0)
    release = true
    helper.eventually(function() return handled + receiver:datagramsDropped() == 1000 end)
    assert.equal(1000 - receiver:datagramsDropped(), receiver:datagramsRead())
    assert.is_true(most <= 10)
  end)

  it("Y9 a handler that waits doesn't keep others from datagrams, and two handlers see each", function()
    local receiver, sender = udp.bound(), udp.bound()
    local seen = {}
    function receiver:datagramReceived(data, _, _, info)
      seen[#seen + 1] = "first " .. data
      if data == "1" then
        moonport.sleep(20)
        seen[#seen + 1] = "then " .. data .. " of " .. info.size
      end
    end
    moonport.connect(receiver, "datagramReceived", function(_, data, address, port)
      assert.same({ "127.0.0.1", sender:localPort() }, { address, port })
      seen[#seen + 1] = "second " .. data
    end)
    for _, text in ipairs { "1", "22" } do sender:writeDatagram(text, "127.0.0.1", receiver:localPort()) end
    helper.eventually(function() return #seen == 5 end)
    assert.same({ "first 1", "second 1", "first 22", "second 22", "then 1 of 1" }, seen)
  end)

  it("Y10 a group reaches each program that shares the port", function()
    local mine = udp.bound("0.0.0.0", 0, "ShareAddress")
    assert(mine:joinMulticastGroup("239.255.43.22", "lo"))
    local other = helper.program { args = { tostring(mine:localPort()) }, source = [[
      local moonport = require "moonport"
      local socket = moonport.UdpSocket()
      assert(socket:bind("0.0.0.0", tonumber(arg[1]), "ShareAddress"))
      assert(socket:joinMulticastGroup("239.255.43.22", "lo"))
      print "joined"
      print("got " .. socket:receive(5000))
      socket:close()
    ]] }
    other:waitForLine "joined"
    local sender = udp.bound("0.0.0.0")
    sender:setMulticastInterface("lo")
    sender:writeDatagram("all of you", "239.255.43.22", mine:localPort())
    assert.equal("all of you", (udp.receive(mine)))
    other:waitForLine "got all of you"
    assert.equal(0, (other:wait()))
  end)

  it("Y11 a datagram cut to one byte comes with its whole size", function()
    local receiver, sender = udp.bound(), udp.bound()
    sender:writeDatagram(("z"):rep(9000), "127.0.0.1", receiver:localPort())
    assert(receiver:waitForReadyRead(helper.timeout))
    local data, _, _, info = receiver:receiveDatagram(1)
    assert.same({ "z", 9000, true }, { data, info.size, info.truncated })
    fails("TemporaryError", receiver:receiveDatagram())
  end)

  -- handlers of datagramReceived

  it("gives each datagram to its handler, with its sender, and one info that can't be changed", function()
    local receiver, sender = udp.bound(), udp.bound()
    local list, infos = {}, {}
    function receiver:datagramReceived(data, address, port, info)
      list[#list + 1] = ("%s %s %d %d"):format(data, address, port, info.size)
      infos[info] = true
      assert.is_false(info.truncated)
      assert.is_true(math.abs(info.time - os.time() * 1000) < 60000)
      assert.has_error(function() info.size = 1 end)
      assert.has_error(function() return info.Size end)
    end
    for i = 1, 100 do sender:writeDatagram(("x"):rep(i), "127.0.0.1", receiver:localPort()) end
    helper.eventually(function() return #list == 100 end)
    for i = 1, 100 do
      assert.equal(("%s 127.0.0.1 %d %d"):format(("x"):rep(i), sender:localPort(), i), list[i])
    end
    local n = 0
    for _ in pairs(infos) do n = n + 1 end
    assert.equal(1, n)
    assert.equal(100, receiver:datagramsRead())
    assert.equal(5050, receiver:bytesRead())
    assert.equal(100, sender:datagramsSent())
    assert.equal(5050, sender:bytesSent())
  end)

  it("a failing handler costs one datagram, not the socket", function()
    local receiver, sender = udp.bound(), udp.bound()
    local errors, got = 0, {}
    moonport.onError(function(message, object, signal)
      assert.truthy(message:find "bad 2")
      assert.equal(receiver, object)
      assert.equal("datagramReceived", signal)
      errors = errors + 1
    end)
    function receiver:datagramReceived(data)
      if data == "2" then error "bad 2" end
      got[#got + 1] = data
    end
    for i = 1, 3 do sender:writeDatagram(tostring(i), "127.0.0.1", receiver:localPort()) end
    helper.eventually(function() return #got == 2 end)
    moonport.onError(nil)
    assert.same({ "1", "3" }, got)
    assert.equal(1, errors)
    assert.equal("BoundState", receiver:state())
  end)

  it("a handler that closes its socket sees no further datagram", function()
    local receiver, sender = udp.bound(), udp.bound()
    local got = 0
    function receiver:datagramReceived()
      got = got + 1
      self:close()
    end
    for _ = 1, 5 do sender:writeDatagram("x", "127.0.0.1", receiver:localPort()) end
    helper.eventually(function() return receiver:state() == "UnconnectedState" end)
    helper.settle(5)
    assert.equal(1, got)
  end)

  it("what came before the handler was set comes first", function()
    local receiver, sender = udp.bound(), udp.bound()
    sender:writeDatagram("early", "127.0.0.1", receiver:localPort())
    assert(receiver:waitForReadyRead(helper.timeout))
    local list = udp.collect(receiver)
    sender:writeDatagram("late", "127.0.0.1", receiver:localPort())
    udp.eventuallyCount(list, 2)
    assert.same({ "early", "late" }, { list[1][1], list[2][1] })
  end)

  it("answers of many peers find their ways", function()
    local server = udp.bound("any")
    function server:datagramReceived(data, address, port) self:writeDatagram(data, address, port) end
    local clients = {}
    for i = 1, 60 do
      local address = i % 3 == 0 and "::1" or "127.0.0." .. i
      clients[i] = udp.bound(address)
      clients[i]:writeDatagram("from " .. i, i % 3 == 0 and "::1" or "127.0.0.1", server:localPort())
    end
    for i, client in ipairs(clients) do assert.equal("from " .. i, (udp.receive(client))) end
  end)

  -- limits, states, descriptors

  it("reading stops at readBufferSize, and the system drops the rest, which is counted", function()
    local receiver, sender = udp.bound(), udp.bound()
    assert.equal(1 << 20, receiver:readBufferSize())
    receiver:setReadBufferSize(2000)
    receiver:setSocketOption("ReceiveBufferSizeSocketOption", 4096)
    for _ = 1, 300 do
      sender:writeDatagram(("x"):rep(100), "127.0.0.1", receiver:localPort())
      sender:flush()
    end
    helper.eventually(function() return receiver:datagramsDropped() > 0 end)
    local got = 0
    repeat
      local data = receiver:receive(50)
      got = got + (data and 1 or 0)
    until not data
    assert.equal(300, got + receiver:datagramsDropped())
  end)

  it("close sends what is queued, and signals as Qt does", function()
    local receiver, sender = udp.bound(), udp.bound()
    local seen = record(sender)
    sender:writeDatagram("last", "127.0.0.1", receiver:localPort())
    sender:close()
    assert.equal("UnconnectedState", sender:state())
    assert.equal("last", (udp.receive(receiver)))
    udp.eventually(seen, "disconnected", 1)
    assert.same({ "stateChanged BoundState", "stateChanged ClosingState", "bytesWritten 4",
      "stateChanged UnconnectedState", "readChannelFinished", "disconnected" }, seen)
    seen = record(receiver)
    receiver:abort()
    udp.eventually(seen, "readChannelFinished", 1)
    helper.settle(2)
    assert.same({ "stateChanged UnconnectedState", "readChannelFinished" }, seen)
  end)

  it("a connected socket reads one datagram a call, and hears only its peer", function()
    local peer, stranger, socket = udp.bound(), udp.bound(), udp.bound()
    socket:connectToHost("127.0.0.1", peer:localPort())
    stranger:writeDatagram("not this", "127.0.0.1", socket:localPort())
    peer:writeDatagram("answer", "127.0.0.1", socket:localPort())
    peer:writeDatagram("second", "127.0.0.1", socket:localPort())
    assert(socket:waitForReadyRead(helper.timeout))
    helper.eventually(function() return socket:bytesAvailable() == 6 end)
    assert.equal("ans", socket:read(3))
    assert.equal("second", socket:readAll())
    assert.equal("", socket:readAll())
    assert(socket:writeDatagram("elsewhere", "127.0.0.1", stranger:localPort()))
    assert.equal("elsewhere", (udp.receive(stranger)))
    local seen = record(socket)
    fails("OperationError", socket:connectToHost("127.0.0.1", 9))
    socket:disconnectFromHost()
    udp.eventually(seen, "disconnected", 1)
    assert.same({ "errorOccurred OperationError", "stateChanged ClosingState", "stateChanged UnconnectedState",
      "readChannelFinished", "disconnected" }, seen)
    assert.is_nil(socket:localAddress())
  end)

  it("a wait ends with the socket, and with its time", function()
    local socket = udp.bound()
    local ended = {}
    for _, name in ipairs { "receive", "waitForReadyRead", "waitForDisconnected" } do
      moonport.spawn(function() ended[name] = { socket[name](socket, helper.timeout) } end)
    end
    moonport.sleep(1)
    socket:close()
    helper.eventually(function() return ended.receive and ended.waitForReadyRead and ended.waitForDisconnected end)
    assert.is_nil(ended.receive[1])
    assert.is_nil(ended.waitForReadyRead[1])
    assert.same({ true }, ended.waitForDisconnected)
    fails("UnknownSocketError", socket:receive(0))
    assert(socket:bind("127.0.0.1"))
    fails("SocketTimeoutError", socket:receive(1))
    assert.equal("UnknownSocketError", socket:error()) -- receive's time-out is no error of the socket
  end)

  it("refuses descriptors that aren't datagram sockets of its own", function()
    local socket, bound, server = udp.socket(), udp.bound(), sockets.server()
    for _, fd in ipairs { -1, 9999, bound:socketDescriptor(), server:socketDescriptor() } do
      fails("UnsupportedSocketOperationError", socket:setSocketDescriptor(fd))
    end
    local connected = udp.socket()
    connected:connectToHost("127.0.0.1", bound:localPort())
    assert(socket:setSocketDescriptor(posix.dup(connected:socketDescriptor())))
    assert.equal("ConnectedState", socket:state())
    assert.equal(bound:localPort(), socket:peerPort())
    assert.equal(1, socket:write "x")
    assert.equal("x", (udp.receive(bound)))
  end)

  it("fails to bind as the system says, and can be bound then", function()
    local socket = udp.socket()
    local seen = record(socket)
    fails("SocketAddressNotAvailableError", socket:bind("192.0.2.1", 0))
    assert.equal("UnconnectedState", socket:state())
    udp.eventually(seen, "errorOccurred SocketAddressNotAvailableError", 1)
    assert.has_error(function() socket:bind("127.0.0.1", 70000) end)
    assert.has_error(function() socket:bind("127.0.0.1", 0, "Share") end)
    assert(socket:bind("127.0.0.1"))
  end)
end)
