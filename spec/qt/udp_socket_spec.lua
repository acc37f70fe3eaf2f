-- SPDX-License-Identifier: MIT
-- Qt's own tests of QUdpSocket (tst_qudpsocket), by their numbers in docs/qt-parity.md.
-- Longer than 400 lines: Qt's cases beside each other, read one at a time.

local helper = require "spec.helper"
local moonport = require "moonport"
local posix = helper.posix
local sockets = require "spec.qt.sockets"
local udp = require "spec.qt.udp"

local fails, count, record = sockets.fails, sockets.count, sockets.record

local texts = { "hello", "a\0b", "", ("x"):rep(600), "\0", "two words", "ünïcode" }

-- Two sockets exchange `texts`, and say where they came from.
local function exchange(address)
  local a, b = udp.bound(address), udp.bound(address)
  for _, text in ipairs(texts) do
    for from, to in pairs { [a] = b, [b] = a } do
      assert.equal(#text, from:writeDatagram(text, address, to:localPort()))
      local data, sender, port, info = udp.receive(to)
      assert.equal(text, data)
      assert.equal(address, sender)
      assert.equal(from:localPort(), port)
      assert.equal(#text, info.size)
      assert.equal(address, info.localAddress)
      assert.is_true(info.interfaceIndex > 0)
      assert.equal(64, info.hopLimit)
      assert.equal(0, info.ecn)
    end
  end
end

describe("QUdpSocket", function()
  after_each(sockets.close)

  it("U1 is made unconnected and closed", function()
    local socket = udp.socket()
    assert.equal("UdpSocket", socket:socketType())
    assert.equal("UnconnectedState", socket:state())
    assert.is_false(socket:isValid())
    assert.is_false(socket:isOpen())
    assert.equal(-1, socket:socketDescriptor())
    assert.equal(0, socket:bytesAvailable())
    assert.equal(0, socket:bytesToWrite())
    assert.equal(0, socket:localPort())
    assert.is_nil(socket:localAddress())
    assert.is_nil(socket:peerAddress())
    assert.equal("UnknownSocketError", socket:error())
    assert.equal("Unknown error", socket:errorString())
    assert.equal("UdpSocket(UnconnectedState)", tostring(socket))
  end)

  for name, address in pairs { ipv4 = "0.0.0.0", ipv6 = "::", dualstack = "any" } do
    it("U2 adopts a bound descriptor: " .. name, function()
      local source = udp.bound(address)
      local fd = posix.dup(source:socketDescriptor())
      local socket = udp.socket()
      local seen = record(socket)
      assert(socket:setSocketDescriptor(fd))
      assert.equal(fd, socket:socketDescriptor())
      assert.equal("BoundState", socket:state())
      assert.is_true(socket:isValid())
      assert.equal(source:localPort(), socket:localPort())
      assert.equal(address, socket:localAddress())
      udp.eventually(seen, "stateChanged BoundState", 1)
      assert.equal(1, #seen)
    end)
  end

  it("U3 receives from any sender once it is bound", function()
    local socket = udp.socket()
    local seen = record(socket)
    assert(socket:bind())
    for _ = 1, 3 do
      local sender = udp.socket()
      assert.equal(4, sender:writeDatagram("data", "127.0.0.1", socket:localPort()))
      local data, address, port = udp.receive(socket)
      assert.same({ "data", "127.0.0.1", sender:localPort() }, { data, address, port })
    end
    assert.equal(1, count(seen, "stateChanged"))
  end)

  it("U4 sends to a broadcast address, and signals again after all was read", function()
    local receiver, sender = udp.bound("0.0.0.0"), udp.bound("0.0.0.0")
    for round = 1, 10 do
      local seen = record(receiver)
      for _, text in ipairs { "one", "two", "", "four" } do
        assert(sender:writeDatagram(text, "127.255.255.255", receiver:localPort()))
      end
      for _, text in ipairs { "one", "two", "", "four" } do
        local data, _, _, info = udp.receive(receiver)
        assert.equal(text, data)
        assert.equal("127.255.255.255", info.localAddress)
        assert.not_equal(0, info.hopLimit)
      end
      assert.is_true(count(seen, "readyRead") >= 1, "round " .. round)
    end
  end)

  for name, bound in pairs { bound = true, unbound = false } do
    it("U5 a dual-stack sender reaches a broadcast address: " .. name, function()
      local receiver = udp.bound("0.0.0.0")
      local sender = bound and udp.bound("any") or udp.socket()
      assert(sender:writeDatagram("all", "127.255.255.255", receiver:localPort()))
      assert.equal("all", (udp.receive(receiver)))
    end)
  end

  it("U6 exchanges bytes of any kind by IPv4", function() exchange "127.0.0.1" end)
  it("U6 exchanges bytes of any kind by IPv6", function() exchange "::1" end)

  it("U7 a dual-stack socket hears and answers both families", function()
    local both = udp.bound("any")
    for _, address in ipairs { "127.0.0.1", "::1" } do
      local other = udp.bound(address)
      other:writeDatagram("question", address, both:localPort())
      local data, sender, port, info = udp.receive(both)
      assert.same({ "question", address, other:localPort() }, { data, sender, port })
      assert.equal(address, info.localAddress)
      assert.equal(64, info.hopLimit)
      both:writeDatagram("answer", sender, port)
      data, sender, port = udp.receive(other)
      assert.same({ "answer", address, both:localPort() }, { data, sender, port })
    end
  end)

  for _, order in ipairs { { "127.0.0.1", "::1" }, { "::1", "127.0.0.1" } } do
    it("U8 an unbound socket sends to both families, first to " .. order[1], function()
      local sender = udp.socket()
      for _, address in ipairs(order) do
        local receiver = udp.bound(address)
        assert(sender:writeDatagram("x", address, receiver:localPort()))
        assert.equal("x", (udp.receive(receiver)))
      end
      assert.equal("any", sender:localAddress())
    end)
  end

  it("U9 an IPv6 socket doesn't hear IPv4", function()
    local six = udp.bound("::")
    local sender = udp.bound("0.0.0.0")
    local four = udp.bound("127.0.0.1", six:localPort()) -- the port is free for IPv4
    sender:writeDatagram("x", "127.0.0.1", six:localPort())
    assert.equal("x", (udp.receive(four)))
    assert.is_false(six:hasPendingDatagrams())
  end)

  it("U10 connects", function()
    local peer, socket = udp.bound(), udp.socket()
    local seen = record(socket)
    assert(socket:connectToHost("127.0.0.1", peer:localPort()))
    assert(socket:waitForConnected(helper.timeout))
    assert.equal("ConnectedState", socket:state())
    assert.equal("127.0.0.1", socket:peerAddress())
    assert.equal(peer:localPort(), socket:peerPort())
    assert.equal("127.0.0.1", socket:peerName())
    udp.eventually(seen, "connected", 1)
    assert.same({ "stateChanged HostLookupState", "stateChanged ConnectingState", "hostFound",
      "stateChanged ConnectedState", "connected" }, seen)
  end)

  it("U11 bound first, it connects with the same port and descriptor", function()
    local peer, socket = udp.bound(), udp.bound()
    local port, fd = socket:localPort(), socket:socketDescriptor()
    assert(socket:connectToHost("127.0.0.1", peer:localPort()))
    assert(socket:waitForConnected(helper.timeout))
    assert.equal(port, socket:localPort())
    assert.equal(fd, socket:socketDescriptor())
    assert.equal(5, socket:write("hello"))
    local data, _, from = udp.receive(peer)
    assert.same({ "hello", port }, { data, from })
  end)

  it("U12 tells the size of the next datagram, and a truncated one says so", function()
    local receiver, sender = udp.bound(), udp.bound()
    assert.equal(-1, receiver:pendingDatagramSize())
    for _, text in ipairs { "message", "", "10 bytes!!" } do
      sender:writeDatagram(text, "127.0.0.1", receiver:localPort())
    end
    helper.eventually(function() return receiver:hasPendingDatagrams() end)
    for _, want in ipairs { { 7, "m" }, { 0, "" }, { 10, "1" } } do
      assert.equal(want[1], receiver:pendingDatagramSize())
      local data, _, _, info = receiver:receiveDatagram(1)
      assert.equal(want[2], data)
      assert.equal(want[1], info.size)
      assert.equal(want[1] > 1, info.truncated)
    end
    assert.equal(-1, receiver:pendingDatagramSize())
  end)

  it("U13 sends each size up to the largest, and refuses the next at once", function()
    local receiver, sender = udp.bound(), udp.bound()
    receiver:setSocketOption("ReceiveBufferSizeSocketOption", 1 << 20)
    for size = 0, 65507, 8192 do
      local seen = record(sender)
      assert.equal(size, sender:writeDatagram(("x"):rep(size), "127.0.0.1", receiver:localPort()))
      udp.eventually(seen, "bytesWritten " .. size, 1)
      assert.equal(0, count(seen, "errorOccurred"))
      assert.equal(size, #udp.receive(receiver))
    end
    local seen = record(sender)
    fails("DatagramTooLargeError", sender:writeDatagram(("x"):rep(65508), "127.0.0.1", receiver:localPort()))
    udp.eventually(seen, "errorOccurred DatagramTooLargeError", 1)
    assert.equal(0, count(seen, "bytesWritten"))
  end)

  it("U15 shares an address only if both sockets want to", function()
    local port = udp.bound():localPort()
    local socket = udp.socket()
    fails("AddressInUseError", socket:bind("127.0.0.1", port))
    fails("AddressInUseError", socket:bind("127.0.0.1", port, "ReuseAddressHint"))
    fails("AddressInUseError", udp.socket():bind("127.0.0.1", port))
    local shared = udp.bound("127.0.0.1", 0, "ShareAddress"):localPort()
    fails("AddressInUseError", udp.socket():bind("127.0.0.1", shared))
    fails("AddressInUseError", udp.socket():bind("127.0.0.1", shared, "DontShareAddress"))
    assert(udp.socket():bind("127.0.0.1", shared, "ReuseAddressHint"))
    assert(socket:bind("127.0.0.1", 0)) -- the one that has failed
    assert.equal("BoundState", socket:state())
    fails("UnfinishedSocketOperationError", socket:bind("127.0.0.1", 0))
    assert.equal("BoundState", socket:state())
  end)

  for name, bound in pairs { bound = true, unbound = false } do
    it("U16 a write to a port where nobody is succeeds, and nothing comes: " .. name, function()
      local socket = bound and udp.bound() or udp.socket()
      local seen = record(socket)
      local port = udp.bound()
      local number = port:localPort()
      port:close()
      assert.equal(1, socket:writeDatagram("x", "127.0.0.1", number))
      udp.eventually(seen, "bytesWritten", 1)
      helper.settle(20)
      assert.equal(0, count(seen, "readyRead"))
      assert.equal(0, count(seen, "errorOccurred"))
    end)
  end

  it("U17 a connected socket learns that nobody is there, and goes on", function()
    local peer, socket = udp.bound(), udp.socket()
    local port = peer:localPort()
    local seen = record(socket)
    socket:connectToHost("127.0.0.1", port)
    peer:close()
    helper.settle(1)
    assert.equal(1, socket:write("x"))
    udp.eventually(seen, "errorOccurred ConnectionRefusedError", 1)
    assert.equal(0, count(seen, "readyRead"))
    assert.equal("ConnectedState", socket:state())
    local again = udp.bound("127.0.0.1", port)
    assert.equal(1, socket:write("y"))
    assert.equal("y", (udp.receive(again)))
    assert.equal(1, count(seen, "errorOccurred"))
  end)

  for name, connected in pairs { connected = true, unconnected = false } do
    it("U18 exchanges numbers with another program: " .. name, function()
      local peer = helper.program { source = ([[
        local moonport = require "moonport"
        local socket = moonport.UdpSocket()
        assert(socket:bind("127.0.0.1"))
        function socket:datagramReceived(data, address, port)
          self:writeDatagram(tostring(2 * tonumber(data)), address, port)
        end
        print("port " .. socket:localPort())
      ]]) }
      local port = tonumber(peer:waitForLine "port (%d+)")
      local socket = udp.socket()
      if connected then
        socket:connectToHost("127.0.0.1", port)
        assert(socket:waitForConnected(helper.timeout))
      end
      for i = 1, 100 do
        if connected then socket:write(tostring(i)) else socket:writeDatagram(tostring(i), "127.0.0.1", port) end
        assert.equal(tostring(2 * i), (udp.receive(socket)))
      end
      peer:signal "TERM"
      assert.equal(0, (peer:wait()))
    end)
  end

  it("U19 an empty datagram is one", function()
    local receiver, sender = udp.bound(), udp.bound()
    local seen = record(receiver)
    fails("SocketTimeoutError", receiver:waitForReadyRead(0))
    assert.is_false(receiver:hasPendingDatagrams())
    assert.equal(0, sender:writeDatagram("", "127.0.0.1", receiver:localPort()))
    assert(receiver:waitForReadyRead(helper.timeout))
    assert.is_true(receiver:waitForReadyRead(0)) -- as long as it is unread
    assert.is_true(receiver:hasPendingDatagrams())
    assert.equal(0, receiver:pendingDatagramSize())
    assert.equal(0, receiver:bytesAvailable())
    assert.equal("", (receiver:receiveDatagram()))
    assert.is_false(receiver:hasPendingDatagrams())
    assert.equal(1, count(seen, "readyRead"))
  end)

  for _, address in ipairs { "0.0.0.0", "::" } do
    it("U20 sets the hop limit of multicasts: " .. address, function()
      local socket = udp.bound(address)
      assert.equal(1, socket:socketOption("MulticastTtlOption"))
      for _, ttl in ipairs { 0, 1, 2, 128, 255 } do
        assert(socket:setSocketOption("MulticastTtlOption", ttl))
        assert.equal(ttl, socket:socketOption("MulticastTtlOption"))
      end
      fails("UnsupportedSocketOperationError", socket:setSocketOption("MulticastTtlOption", 1024))
      assert.equal(255, socket:socketOption("MulticastTtlOption"))
    end)

    it("U21 sets whether multicasts come back: " .. address, function()
      local socket = udp.bound(address)
      assert.equal(1, socket:socketOption("MulticastLoopbackOption"))
      for value, want in pairs { [0] = 0, [1] = 1, [false] = 0, [true] = 1 } do
        assert(socket:setSocketOption("MulticastLoopbackOption", value))
        assert.equal(want, socket:socketOption("MulticastLoopbackOption"))
      end
    end)
  end

  it("U22 can't join a group before it is bound", function()
    fails("UnknownSocketError", udp.socket():joinMulticastGroup("239.255.43.21"))
    fails("UnknownSocketError", udp.socket():setMulticastInterface("lo"))
  end)

  it("U23 can't leave a group after it is closed", function()
    local socket = udp.bound("0.0.0.0")
    assert(socket:joinMulticastGroup("239.255.43.21", "lo"))
    socket:close()
    fails("UnknownSocketError", socket:leaveMulticastGroup("239.255.43.21", "lo"))
  end)

  it("U24 has an interface for multicasts", function()
    for _, address in ipairs { "0.0.0.0", "::", "any" } do
      local socket = udp.bound(address)
      assert.is_nil(socket:multicastInterface())
      assert(socket:setMulticastInterface("lo"))
      assert.equal("lo", socket:multicastInterface())
      assert(socket:setMulticastInterface(nil))
      assert.is_nil(socket:multicastInterface())
      assert.has_error(function() socket:setMulticastInterface("no-such") end)
    end
  end)

  for _, case in ipairs {
    { "IPv4", "0.0.0.0", "239.255.43.21", true },
    { "no group", "0.0.0.0", "192.0.2.1", false },
    { "IPv4 on a dual-stack socket", "any", "239.255.43.21", true },
    { "IPv6 on an IPv4 socket", "0.0.0.0", "ff01::114", false },
  } do
    local name, address, group, joins = table.unpack(case)
    it("U25 multicast: " .. name, function()
      local receiver = udp.bound(address)
      if not joins then
        fails("SocketAddressNotAvailableError", receiver:joinMulticastGroup(group, "lo"))
        return
      end
      assert(receiver:joinMulticastGroup(group, "lo"))
      fails("AddressInUseError", receiver:joinMulticastGroup(group, "lo"))
      local sender = udp.bound("0.0.0.0")
      assert(sender:setMulticastInterface("lo"))
      for i = 1, 4 do assert(sender:writeDatagram("0x0" .. i, group, receiver:localPort())) end
      for i = 1, 4 do
        local data, from, port, info = udp.receive(receiver)
        assert.equal("0x0" .. i, data)
        assert.equal(sender:localPort(), port)
        assert.equal(group, info.localAddress)
        assert.equal(1, info.hopLimit)
        assert.truthy(from)
      end
      assert(receiver:leaveMulticastGroup(group, "lo"))
      fails("SocketAddressNotAvailableError", receiver:leaveMulticastGroup(group, "lo"))
    end)
  end

  for _, case in ipairs {
    { "ipv4", "0.0.0.0", "127.0.0.9", "127.0.0.9" }, { "ipv4 on a dual-stack socket", "any", "127.0.0.9", "127.0.0.9" },
    { "ipv6", "::", "::1", "::1" }, { "ipv4-multicast", "0.0.0.0", "239.255.43.22" },
  } do
    local name, address, asked, answers = table.unpack(case)
    it("U33 an answer goes back to the sender, from the address that was asked or, of a group, an own one: " .. name,
      function()
        local server, client = udp.bound(address), udp.bound(address == "any" and "0.0.0.0" or address)
        if not answers then
          assert(server:joinMulticastGroup(asked, "lo"))
          assert(client:setMulticastInterface "lo")
        end
        function server:datagramReceived(data, from, port, info)
          assert.equal(asked, info.localAddress)
          self:writeDatagram(data .. " by itself", from, port)
          self:writeDatagram(data .. " as it says", from, port, answers and info or nil)
        end
        client:writeDatagram("answer", asked, server:localPort())
        for _, text in ipairs { "answer by itself", "answer as it says" } do
          local data, from, port, info = udp.receive(client)
          assert.same({ text, server:localPort() }, { data, port })
          if answers then assert.equal(answers, from) else assert.is_nil(from:find "^239%.") end
          assert.equal(64, info.hopLimit)
        end
      end)
  end

  for _, way in ipairs { "writeDatagram", "write" } do
    it("U26 gets its echo: " .. way, function()
      local echo, socket = udp.bound(), udp.socket()
      function echo:datagramReceived(data, address, port) self:writeDatagram(data, address, port) end
      if way == "write" then
        socket:connectToHost("127.0.0.1", echo:localPort())
        assert(socket:waitForConnected(helper.timeout))
      end
      local text = ("0123456789"):rep(3)
      for _ = 1, 10 do
        if way == "write" then
          socket:write(text)
        else
          socket:writeDatagram(text, "127.0.0.1", echo:localPort())
        end
        assert.equal(text, (udp.receive(socket)))
      end
    end)
  end

  it("U28 signals readyRead again only after something was read", function()
    local receiver, sender = udp.bound(), udp.bound()
    local seen = record(receiver)
    local function send(text) sender:writeDatagram(text, "127.0.0.1", receiver:localPort()) end
    send "12"
    udp.eventually(seen, "readyRead", 1)
    assert.equal(2, receiver:bytesAvailable())
    assert.equal(2, receiver:pendingDatagramSize())
    send "345"
    helper.settle(20)
    assert.equal(1, count(seen, "readyRead"))
    assert.equal("12", (receiver:receiveDatagram()))
    udp.eventually(seen, "readyRead", 2) -- the second is still there
    assert.equal("345", (receiver:receiveDatagram()))
    send "6"
    udp.eventually(seen, "readyRead", 3)
    helper.settle(5)
    assert.equal(3, count(seen, "readyRead"))
  end)

  it("U29 a handler that reads one and sends another to itself is called for each", function()
    local socket = udp.bound()
    local calls = 0
    function socket:readyRead()
      calls = calls + 1
      assert(self:receiveDatagram())
      if calls == 1 then
        self:writeDatagram("two", "127.0.0.1", self:localPort())
        moonport.sleep(5)
      end
    end
    socket:writeDatagram("one", "127.0.0.1", socket:localPort())
    helper.eventually(function() return calls == 2 end)
    helper.settle(10)
    assert.equal(2, calls)
  end)

  it("U30 a write while a name is looked up fails, and says so", function()
    local socket = udp.socket()
    socket:connectToHost("no-such-name.invalid", 9)
    assert.equal("HostLookupState", socket:state())
    fails("UnknownSocketError", socket:write("x"))
    fails("HostNotFoundError", socket:waitForConnected(20000))
    assert.equal("UnconnectedState", socket:state())
  end)

  it("U31 a flood doesn't stall a handler that waits", function()
    local receiver, sender = udp.bound(), udp.socket()
    local got, sent = 0, 0
    receiver:setReadBufferSize(4096)
    function receiver:readyRead()
      moonport.sleep(0)
      while self:hasPendingDatagrams() do
        assert(self:receiveDatagram())
        got = got + 1
      end
    end
    sender:connectToHost("127.0.0.1", receiver:localPort())
    moonport.spawn(function()
      while got < 500 do
        for _ = 1, 20 do
          sender:write "data"
          sent = sent + 1
        end
        moonport.sleep(0)
      end
    end)
    helper.eventually(function() return got >= 500 end, "500 datagrams", 10000)
    assert.is_true(sent >= got)
  end)
end)
