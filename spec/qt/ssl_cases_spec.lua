-- Qt's own cases of QSslSocket (L, tst_qsslsocket) and QSslServer (V, tst_qsslserver), by their numbers, where
-- ssl_socket_spec.lua and ssl_close_spec.lua don't have them already.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

local ssl = require("spec.qt.ssl_sockets").use()
local sslServer, sslSocket = ssl.server, ssl.socket

local function connect(server, socket, name)
  socket:connectToHostEncrypted("127.0.0.1", server:serverPort(), name or "localhost")
  return socket:waitForEncrypted(helper.timeout)
end

local function pair(server, socket)
  assert(connect(server, socket))
  return socket, sockets.accept(server)
end

local function codes(errors)
  local list = {}
  for i, one in ipairs(errors) do list[i] = one.code end
  table.sort(list)
  return list
end

describe("Qt's cases of SslSocket:", function()
  after_each(sockets.close)

  it("L4 simpleConnect, L5 simpleConnectWithIgnore", function()
    for _, ignores in ipairs { false, true } do
      local server = sslServer()
      server:setImplicitEncryption(false)
      local socket = sockets.closing(moonport.SslSocket())
      local asked, encrypted = 0, 0
      function socket:sslErrors()
        asked = asked + 1
        if ignores then self:ignoreSslErrors() end
      end
      function socket:encrypted() encrypted = encrypted + 1 end
      socket:connectToHost("127.0.0.1", server:serverPort())
      assert(socket:waitForConnected(helper.timeout))
      local peer = sockets.accept(server)
      assert.equal("UnencryptedMode", socket:mode())
      assert.is_true(socket:startClientEncryption())
      assert.is_true(peer:startServerEncryption())
      assert.equal("SslClientMode", socket:mode())
      assert.is_false(socket:isEncrypted())
      helper.eventually(function() return encrypted > 0 or socket:state() == "UnconnectedState" end)
      assert.equal(1, asked)
      assert.equal(ignores and 1 or 0, encrypted)
      if ignores then
        peer:write "data"
        assert.equal("data", socket:receive(4, helper.timeout))
      end
    end
  end)

  it("L6 sslErrors: one set of them", function()
    local socket, argument = sockets.closing(moonport.SslSocket()), nil
    function socket:sslErrors(errors) argument = codes(errors) end
    assert.is_nil((connect(sslServer(), socket, "wrong.example")))
    assert.same(codes(socket:sslHandshakeErrors()), argument)
    assert.equal("HostNameMismatch", argument[1])
  end)

  it("L9 connectToHostEncrypted: the mode stays, until a plain connect", function()
    local server, plain = sslServer(), sockets.server()
    local socket = pair(server, sslSocket())
    socket:disconnectFromHost()
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.is_false(socket:isEncrypted())
    assert.equal("SslClientMode", socket:mode())
    socket:connectToHost("127.0.0.1", plain:serverPort())
    assert(socket:waitForConnected(helper.timeout))
    assert.equal("UnencryptedMode", socket:mode())
    local peer = sockets.accept(plain)
    socket:write "clear"
    assert.equal("clear", peer:receive(5, helper.timeout))
    assert.is_nil((socket:peerCertificate()))
  end)

  it("L11 sessionCipher, L12 localCertificate, L14 peerCertificateChain, L20, L62", function()
    local of_client = ssl.authority:certificate { client = true }
    local server = sslServer { peerVerifyMode = "VerifyPeer", caCertificates = ssl.authority.caCertificates }
    local socket = sslSocket { certificate = of_client.certificate, key = of_client.key }
    assert.is_nil(socket:sessionCipher())
    assert.same({}, socket:peerCertificateChain())
    local _, peer = pair(server, socket)
    assert.truthy(socket:sessionCipher())
    assert.equal(socket:peerCertificate():toPem(), socket:peerCertificateChain()[1]:toPem())
    assert.truthy(peer:peerCertificate())
    local first = socket:peerCertificate():serialNumber()
    socket:abort()
    local other = ssl.authority:certificate { selfSigned = true }
    assert.is_nil((connect(sslServer { certificate = other.certificate, key = other.key }, socket)))
    assert.not_equal(first, socket:peerCertificate():serialNumber())
    assert.same({ "SelfSignedCertificate" }, codes(socket:sslHandshakeErrors()))
  end)

  for _, row in ipairs {
    { {}, {}, "TlsV1_3" }, { {}, { maximumProtocol = "TlsV1_2" }, "TlsV1_2" },
    { { maximumProtocol = "TlsV1_2" }, {}, "TlsV1_2" }, { { minimumProtocol = "TlsV1_3" }, {}, "TlsV1_3" },
    { {}, { minimumProtocol = "TlsV1_3" }, "TlsV1_3" },
    { { minimumProtocol = "TlsV1_3" }, { maximumProtocol = "TlsV1_2" } },
    { { maximumProtocol = "TlsV1_2" }, { minimumProtocol = "TlsV1_3" } },
  } do
    it(("L17 protocolServerSide: %s-%s, %s-%s"):format(row[1].minimumProtocol, row[1].maximumProtocol,
      row[2].minimumProtocol, row[2].maximumProtocol), function()
      local socket = sslSocket(row[2])
      assert.equal(row[3] ~= nil, connect(sslServer(row[1]), socket) == true)
      assert.equal(row[3] or "UnknownProtocol", socket:sessionProtocol())
      assert.equal(row[3] ~= nil, socket:isEncrypted())
    end)
  end

  it("L18 serverCipherPreferences: the server's order", function()
    local a, b = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"
    local server = sslServer { maximumProtocol = "TlsV1_2", ciphers = a .. ":" .. b }
    local socket = pair(server, sslSocket { ciphers = b .. ":" .. a })
    assert.equal(a, socket:sessionCipher().name)
  end)

  it("L24, L31 spontaneousWrite: the server speaks first", function()
    local server = sslServer()
    function server:newConnection() sockets.closing(self:nextPendingConnection()):write "Hello World" end
    local socket = sslSocket()
    assert(connect(server, socket))
    assert.equal("Hello World", socket:receive(11, helper.timeout))
  end)

  it("L32 setReadBufferSize: no more is read than that, exactly", function()
    local socket, peer = pair(sslServer(), sslSocket())
    socket:setReadBufferSize(39 * 1024)
    peer:write(("x"):rep(200000))
    sockets.eventuallyAvailable(socket, 39 * 1024)
    helper.settle(20)
    assert.equal(39 * 1024, socket:bytesAvailable())
    socket:setReadBufferSize(0)
    sockets.eventuallyAvailable(socket, 200000)
  end)

  it("L33 setReadBufferSize_task_250027: a small buffer that is drained loses nothing", function()
    local data = helper.bytes(100000)
    for _, limit in ipairs { 1, 1000 } do
      local socket, peer = pair(sslServer(), sslSocket())
      socket:setReadBufferSize(limit)
      local size, got, most = limit == 1 and 200 or #data, {}, 0
      peer:write(data:sub(1, size))
      helper.eventually(function()
        most = math.max(most, socket:bytesAvailable())
        got[#got + 1] = socket:readAll()
        return #table.concat(got) == size
      end, nil, 4 * helper.timeout)
      assert.equal(data:sub(1, size), table.concat(got))
      assert.equal(limit, most)
      socket:abort()
    end
  end)

  it("L34 verifyMode: the error and the certificate", function()
    local socket = sockets.closing(moonport.SslSocket())
    local other = ssl.authority:certificate { selfSigned = true }
    assert.is_nil((connect(sslServer { certificate = other.certificate, key = other.key }, socket)))
    local errors = socket:sslHandshakeErrors()
    assert.equal("SelfSignedCertificate", errors[1].code)
    assert.equal(socket:peerCertificate():toPem(), errors[1].certificate:toPem())
  end)

  it("L38 disconnectFromHostWhenConnected, L43 readFromClosedSocket", function()
    local socket, peer = pair(sslServer(), sslSocket())
    socket:write "to the end"
    socket:disconnectFromHost()
    assert.equal("ClosingState", socket:state())
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.equal(0, socket:bytesToWrite())
    sockets.eventuallyAvailable(peer, 10)
    peer:close()
    assert.equal(0, peer:bytesAvailable())
    sockets.eventuallyState(peer, "UnconnectedState")
  end)

  it("L39 closeWhileEmittingSocketError", function()
    local listener, count = helper.listen(), 0
    local socket = sslSocket()
    function socket:errorOccurred()
      count = count + 1
      self:close()
    end
    socket:connectToHostEncrypted("127.0.0.1", listener:port())
    socket:write(("x"):rep(1 << 20))
    listener:accept():send "this is no TLS\r\n"
    sockets.eventuallyState(socket, "UnconnectedState")
    helper.settle(5)
    assert.equal(1, count)
  end)

  it("L41 ignoreSslErrorsList: the right errors, in time, and no others", function()
    local unknown = { "UnableToGetLocalIssuerCertificate", "UnableToVerifyFirstCertificate" }
    for _, row in ipairs { { {}, false }, { { "CertificateExpired" }, false }, { unknown, true },
      { { unknown[1], unknown[2], "CertificateExpired" }, true } } do
      for _, early in ipairs { true, false } do
        local socket = sockets.closing(moonport.SslSocket())
        if early then
          socket:ignoreSslErrors(row[1])
        else
          function socket:sslErrors() self:ignoreSslErrors(row[1]) end
        end
        assert.equal(row[2], connect(sslServer(), socket) == true)
      end
    end
  end)

  it("L42 abortOnSslErrors", function()
    local socket = sockets.closing(moonport.SslSocket())
    function socket:sslErrors()
      self:ignoreSslErrors()
      self:abort()
    end
    assert.is_nil((connect(sslServer(), socket)))
    assert.equal("UnconnectedState", socket:state())
  end)

  it("L44 writeBigChunk", function()
    local socket, peer = pair(sslServer(), sslSocket())
    local size = 10 << 20
    assert.equal(size, socket:write(("x"):rep(size)))
    local got = 0
    helper.eventually(function()
      got = got + #peer:readAll()
      return got == size
    end, nil, 6 * helper.timeout)
    helper.eventually(function() return socket:bytesToWrite() == 0 end)
    assert.equal("UnknownSocketError", socket:error())
  end)

  it("L49, L50 peek before the encryption, and behind it", function()
    local server = sslServer()
    server:setImplicitEncryption(false)
    local socket = sslSocket()
    socket:connectToHostEncrypted("localhost", server:serverPort())
    local peer = sockets.accept(server)
    helper.eventually(function() return peer:bytesAvailable() > 0 end)
    assert.equal("\x16", peer:peek(1))
    assert.is_true(peer:startServerEncryption())
    assert(socket:waitForEncrypted(helper.timeout))
    socket:write "abcdef"
    sockets.eventuallyAvailable(peer, 6)
    assert.equal("ab", peer:peek(2))
    assert.equal("abcdef", peer:peek(10))
    assert.equal("abcdef", peer:readAll())
  end)

  it("L59 forwardReadChannelFinished", function()
    local socket, peer = pair(sslServer(), sslSocket())
    local seen = sockets.record(socket)
    peer:write "last"
    peer:disconnectFromHost()
    helper.eventually(function() return sockets.count(seen, "readChannelFinished") == 1 end)
    assert.equal("last", socket:readAll())
  end)

  it("L63 alertMissingCertificate: told to one, sent by the other", function()
    local server = sslServer { peerVerifyMode = "VerifyPeer", caCertificates = ssl.authority.caCertificates }
    local socket, alerts = sslSocket(), 0
    function socket:alertReceived() alerts = alerts + 1 end
    connect(server, socket)
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.is_true(alerts >= 1)
    assert.is_false(socket:isEncrypted())
  end)
end)

describe("Qt's cases of SslServer:", function()
  after_each(sockets.close)

  local function counted(server)
    local seen = { pendingConnectionAvailable = 0, startedEncryptionHandshake = 0, errorOccurred = 0 }
    for signal in pairs(seen) do
      server[signal] = function(_, ...)
        seen[signal] = seen[signal] + 1
        seen.last = { ... }
      end
    end
    return seen
  end

  it("V1 testOneSuccessfulConnection", function()
    local other = ssl.authority:certificate { selfSigned = true, names = { "other.example" } }
    local server = sslServer { certificate = other.certificate, key = other.key }
    local seen, socket = counted(server), sockets.closing(moonport.SslSocket())
    local errors
    function socket:sslErrors(all)
      errors = #all
      self:ignoreSslErrors()
    end
    assert.is_true(connect(server, socket))
    helper.eventually(function() return seen.pendingConnectionAvailable == 1 end)
    assert.equal(2, errors)
    assert.equal(1, seen.startedEncryptionHandshake)
    assert.equal(0, seen.errorOccurred)
    sockets.accept(server)
  end)

  for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
    it("V2, V3 a self-signed certificate is rejected, by either side, " .. version, function()
      local of_client = ssl.authority:certificate { selfSigned = true, client = true }
      local server = sslServer { peerVerifyMode = "VerifyPeer", caCertificates = ssl.authority.caCertificates,
        maximumProtocol = version }
      for _, socket in ipairs { sslSocket { certificate = of_client.certificate, key = of_client.key },
        sockets.closing(moonport.SslSocket()) } do
        local seen, signals = counted(server), sockets.record(socket)
        connect(server, socket)
        helper.eventually(function() return seen.errorOccurred == 1 end)
        sockets.eventuallyState(socket, "UnconnectedState")
        helper.settle(5)
        assert.equal(0, seen.pendingConnectionAvailable)
        assert.equal(1, seen.startedEncryptionHandshake)
        assert.equal("SslHandshakeFailedError", seen.last[2])
        assert.equal(1, sockets.count(signals, "errorOccurred"))
        assert.equal(1, sockets.count(signals, "connected"))
        assert.equal(1, sockets.count(signals, "disconnected"))
        assert.is_false(socket:isEncrypted())
      end
    end)
  end

  it("V6 plaintextClient, V7 quietClient", function()
    local server = sslServer()
    local seen = counted(server)
    local port
    function server:errorOccurred(peer) port = peer:peerPort() end
    local plain = helper.connect(server:serverPort())
    plain:send "Hello World!"
    plain:waitForEnd()
    assert.equal(plain:port(), port)
    server:setHandshakeTimeout(100)
    local quiet = helper.connect(server:serverPort())
    quiet:waitForEnd()
    assert.equal(quiet:port(), port)
    assert.equal(0, seen.pendingConnectionAvailable)
  end)

  it("V8 twoGoodAndManyBadClients", function()
    local server = sslServer()
    local seen = counted(server)
    server:setMaxPendingConnections(5)
    server:setHandshakeTimeout(1500)
    local bad = {}
    for i = 1, 10 do bad[i] = helper.connect(server:serverPort()) end
    local good = sslSocket()
    assert.is_true(connect(server, good))
    for _, one in ipairs(bad) do one:waitForEnd() end
    local later = sslSocket()
    assert.is_true(connect(server, later))
    helper.eventually(function() return seen.pendingConnectionAvailable == 2 end)
    sockets.accept(server)
    sockets.accept(server)
  end)
end)
