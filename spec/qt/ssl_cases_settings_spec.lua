-- Qt's own cases of QSslSocket (L, tst_qsslsocket) and QSslServer (V) about settings: configurations, names of
-- certificates, versions, keys that both sides know; and the ends of a connection that ssl_cases_spec.lua lacks.
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

local function with(certificate)
  return { certificate = certificate.certificate, key = certificate.key }
end

describe("Qt's cases of the settings of TLS:", function()
  after_each(sockets.close)

  it("L2 constructing", function()
    local socket = sockets.closing(moonport.SslSocket())
    assert.equal("UnconnectedState", socket:state())
    assert.equal("UnencryptedMode", socket:mode())
    assert.is_false(socket:isEncrypted())
    assert.equal("UnknownProtocol", socket:sessionProtocol())
    assert.is_nil(socket:sessionCipher())
    assert.is_nil((socket:peerCertificate()))
    assert.same({}, socket:peerCertificateChain())
    assert.same({}, socket:sslHandshakeErrors())
    assert.equal("UnknownSocketError", socket:error())
    assert.is_false(socket:isOpen())
    assert.equal(0, socket:bytesAvailable())
    for _, name in ipairs { "waitForEncrypted", "waitForConnected", "waitForReadyRead", "waitForBytesWritten" } do
      assert.is_nil((socket[name](socket, 10)), name)
    end
  end)

  it("L3 configNoOnDemandLoad, L19 setCaCertificates, L21, L35: what is set is what comes back", function()
    local configuration = assert(moonport.SslConfiguration { caCertificates = ssl.authority.caCertificates,
      peerVerifyDepth = 1, peerVerifyMode = "QueryPeer", allowedNextProtocols = { "a", "b" } })
    local socket = sockets.closing(moonport.SslSocket())
    assert(socket:setSslConfiguration(configuration))
    local back = socket:sslConfiguration()
    assert.equal(configuration, back)
    assert.equal(1, back:peerVerifyDepth())
    assert.equal("QueryPeer", back:peerVerifyMode())
    assert.same({ "a", "b" }, back:allowedNextProtocols())
    assert.equal(0, moonport.SslConfiguration({}):peerVerifyDepth())
    assert.is_false((pcall(moonport.SslConfiguration, { peerVerifyDepth = -1 })))
    local none, message, code = moonport.SslConfiguration { caCertificates = "/nowhere/at/all.pem" }
    assert.is_nil(none)
    assert.equal("SslInvalidUserDataError", code)
    assert.truthy(message:find("/nowhere/at/all.pem", 1, true), message)
  end)

  it("L7 ciphers: by a string, by a list, and unknown ones", function()
    local a, b = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"
    local server = sslServer { maximumProtocol = "TlsV1_2" }
    for _, ciphers in ipairs { b, { b }, b .. ":" .. "ECDHE-RSA-AES256-GCM-SHA384" } do
      local socket = sslSocket { ciphers = ciphers }
      assert(connect(server, socket))
      assert.equal(b, socket:sessionCipher().name)
      assert.equal("TLSv1.2", socket:sessionCipher().protocol)
    end
    assert.is_nil((moonport.SslConfiguration { ciphers = "no such cipher" }))
    local only = sslServer { maximumProtocol = "TlsV1_2", ciphers = a }
    assert.is_nil((connect(only, sslSocket { ciphers = b })))
  end)

  it("L10 connectToHostEncryptedWithVerificationPeerName", function()
    local other = ssl.authority:certificate { names = { "alias.example" } }
    local server, socket = sslServer(with(other)), sslSocket()
    assert.is_nil((connect(server, socket)))
    assert.is_true(connect(server, socket, "alias.example"))
    assert.equal("127.0.0.1", tostring(socket:peerAddress()))
  end)

  it("L16 protocol: kept over connect, abort and reconnect", function()
    local server = sslServer()
    for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
      local socket = sslSocket { minimumProtocol = version, maximumProtocol = version }
      for _ = 1, 2 do
        assert(connect(server, socket))
        assert.equal(version, socket:sessionProtocol())
        socket:abort()
        assert.equal("UnknownProtocol", socket:sessionProtocol())
      end
    end
  end)

  it("L22 setSocketDescriptor: addresses are known before the encryption and after it", function()
    local listener = helper.listen()
    local client, port = sslSocket(), listener:port()
    client:connectToHostEncrypted("127.0.0.1", port, "localhost")
    local fd = helper.eventually(function() return helper.posix.accept(listener.fd) end)
    local peer = sockets.closing(moonport.SslSocket())
    assert(peer:setSslConfiguration(with(ssl.certificate)))
    assert(peer:setSocketDescriptor(fd))
    for _ = 1, 2 do
      assert.equal("127.0.0.1", tostring(peer:peerAddress()))
      assert.equal(client:localPort(), peer:peerPort())
      assert.equal(port, peer:localPort())
      if not peer:isEncrypted() then
        assert.is_true(peer:startServerEncryption())
        assert(peer:waitForEncrypted(helper.timeout))
      end
    end
    assert(client:waitForEncrypted(helper.timeout))
  end)

  it("L23 setSslConfiguration, L54 setEmptyDefaultConfiguration: an authority of its own must be given", function()
    local server, socket = sslServer(), sockets.closing(moonport.SslSocket())
    assert.is_nil((connect(server, socket)))
    assert(socket:setSslConfiguration {})
    assert.is_nil((connect(server, socket)))
    assert(socket:setSslConfiguration { caCertificates = ssl.authority.caCertificates })
    assert.is_true(connect(server, socket))
  end)

  it("L25 waitForMinusOne: a whole conversation without a time-out", function()
    local server = sslServer()
    function server.connection:readyRead()
      self:write(self:readAll():upper())
      self:disconnectFromHost()
    end
    local socket = sslSocket()
    socket:connectToHostEncrypted("localhost", server:serverPort())
    assert.is_true(socket:waitForConnected(-1))
    assert.is_true(socket:waitForEncrypted(-1))
    socket:write "hello"
    assert.is_true(socket:waitForBytesWritten(-1))
    assert.is_true(socket:waitForReadyRead(-1))
    assert.equal("HELLO", socket:readAll())
    assert.is_true(socket:waitForDisconnected(-1))
    assert.is_nil((socket:read(1)))
  end)

  it("L26 defaultCaCertificates and the like: a socket's default is an empty SslConfiguration", function()
    local server, socket = sslServer(), sockets.closing(moonport.SslSocket())
    assert.is_nil(socket:sslConfiguration())
    assert.is_nil((connect(server, socket)))
    socket:connectToHostEncrypted("127.0.0.1", server:serverPort())
    assert.equal(moonport.SslConfiguration {}, socket:sslConfiguration())
    assert.equal(moonport.SslConfiguration { caCertificates = "system" }:peerVerifyMode(),
      socket:sslConfiguration():peerVerifyMode())
    socket:abort()
    assert.is_nil(socket:sslConfiguration())
  end)

  it("L27 wildcardCertificateNames, L28 isMatchingHostname", function()
    local names = ssl.authority:certificate { names = { "*.example.com", "exact.test", "xn--mnchen-3ya.test", "*.com",
      "*.192.0.2", "192.0.2.7" } }
    local server = sslServer(with(names))
    for name, good in pairs {
      ["www.example.com"] = true, ["WWW.Example.COM"] = true, ["exact.test"] = true, ["EXACT.test"] = true,
      ["xn--mnchen-3ya.test"] = true, ["münchen.test"] = true, ["192.0.2.7"] = true,
      ["example.com"] = false, ["a.b.example.com"] = false, [".example.com"] = false, ["wwwexample.com"] = false,
      ["fail.com"] = false, ["an.exact.test"] = false, ["exact.tes"] = false, ["1.192.0.2"] = false,
      ["192.0.2.8"] = false,
    } do
      local socket = sslSocket()
      assert.equal(good, connect(server, socket, name) == true, name)
      if not good then
        local errors = socket:sslHandshakeErrors()
        assert.equal("HostNameMismatch", errors[1] and errors[1].code, name)
      end
      socket:abort()
    end
    -- What is asked for and verified is the name in ASCII.
    local asked = {}
    function server.connection:encrypted() asked[self:peerPort()] = self:requestedServerName() end
    local idn = sslSocket()
    assert.is_true(connect(server, idn, "München.test"))
    helper.eventually(function() return asked[idn:localPort()] end)
    assert.equal("xn--mnchen-3ya.test", asked[idn:localPort()])
    -- The name of the subject counts for nothing (D21).
    local subject = ssl.authority:certificate { commonName = "127.0.0.1", names = { "other.example" } }
    assert.is_nil((connect(sslServer(with(subject)), sslSocket(), "127.0.0.1")))
  end)

  it("no name at all is nobody's", function()
    local server = sslServer()
    local socket = sslSocket()
    assert(socket:setSocketDescriptor(assert(helper.posix.connect("127.0.0.1", server:serverPort()))))
    assert.equal("", socket:peerVerifyName())
    assert.is_true(socket:startClientEncryption())
    assert.is_nil((socket:waitForEncrypted(helper.timeout)))
    assert.equal("HostNameMismatch", socket:sslHandshakeErrors()[1].code)
  end)

  it("L51 ecdhServer: the named suite, with the named group", function()
    local suite = "ECDHE-ECDSA-AES256-GCM-SHA384"
    local server = sslServer { maximumProtocol = "TlsV1_2", ciphers = suite, ellipticCurves = "P-384" }
    local socket = sslSocket()
    assert(connect(server, socket))
    assert.equal(suite, socket:sessionCipher().name)
    assert.is_nil((connect(server, sslSocket { ellipticCurves = "X25519" })))
  end)

  it("L52 verifyClientCertificate: what each mode asks for, and whom it lets in", function()
    local authority = ssl.authority
    local below = authority:intermediate()
    local clients = {
      none = false,
      selfSigned = authority:certificate { selfSigned = true, client = true },
      ofServer = authority:certificate {},
      good = authority:certificate { client = true },
      chain = below:certificate { client = true },
    }
    local isGood = { good = true, chain = true }
    for _, mode in ipairs { "AutoVerifyPeer", "QueryPeer", "VerifyNone", "VerifyPeer" } do
      local server = sslServer { maximumProtocol = "TlsV1_2", peerVerifyMode = mode,
        caCertificates = authority.caCertificates }
      for name, certificate in pairs(clients) do
        local what = mode .. " " .. name
        local socket = sslSocket(certificate and with(certificate))
        local lets = mode ~= "VerifyPeer" or isGood[name] or false
        assert.equal(lets, connect(server, socket) == true, what)
        if lets then
          local peer = sockets.accept(server)
          local asks = mode == "QueryPeer" or mode == "VerifyPeer"
          local shown = peer:peerCertificate()
          assert.equal(asks and certificate and moonport.SslCertificate(certificate.certificate):toPem() or nil,
            shown and shown:toPem(), what)
          assert.equal(not shown and 0 or name == "chain" and 2 or 1, #peer:peerCertificateChain(), what)
          peer:abort()
        end
        socket:abort()
      end
    end
  end)

  it("L55 allowedProtocolNegotiation: both sides say which protocol it is", function()
    local server = sslServer { allowedNextProtocols = { "cool-protocol", "not-so-cool-protocol" } }
    local socket = sslSocket { allowedNextProtocols = { "uber-cool-protocol", "cool-protocol",
      "not-so-cool-protocol" } }
    assert(connect(server, socket))
    local peer = sockets.accept(server)
    assert.equal("cool-protocol", socket:nextNegotiatedProtocol())
    assert.equal("cool-protocol", peer:nextNegotiatedProtocol())
    socket:abort()
    assert.equal("", socket:nextNegotiatedProtocol())
  end)

  it("L58 ephemeralServerKey: the client's to see", function()
    local server = sslServer { ellipticCurves = "P-384" }
    for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
      local socket = sslSocket { maximumProtocol = version }
      assert.is_nil(socket:ephemeralServerKey())
      assert(connect(server, socket))
      local peer, key = sockets.accept(server), socket:ephemeralServerKey()
      assert.equal("Ec", key:algorithm())
      assert.equal(384, key:length())
      assert.equal("PublicKey", key:type())
      assert.is_nil(peer:ephemeralServerKey())
      socket:abort()
      assert.is_nil(socket:ephemeralServerKey())
    end
  end)

  it("L56 simplePskConnect, L57 pskServer, V5: the right key, the wrong one, another identity, and none", function()
    local key = ("k"):rep(32)
    for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
      local server = sockets.closing(moonport.SslServer())
      assert(server:setSslConfiguration { preSharedKeys = { device = key }, maximumProtocol = version })
      assert(server:listen "127.0.0.1")
      for _, row in ipairs { { { device = key }, true }, { { device = ("x"):rep(32) }, false },
        { { other = key }, false }, { nil, false } } do
        local socket, errors = sockets.closing(moonport.SslSocket()), 0
        function socket:errorOccurred() errors = errors + 1 end
        assert(socket:setSslConfiguration { preSharedKeys = row[1], caCertificates = ssl.authority.caCertificates })
        assert.equal(row[2], connect(server, socket) == true, version)
        assert.equal(row[2] and 0 or 1, errors, version)
        if not row[2] then assert.equal("SslHandshakeFailedError", socket:error()) end
        socket:abort()
      end
    end
  end)
end)

describe("Qt's cases of the end of TLS:", function()
  after_each(sockets.close)

  it("L37 disconnectFromHostWhenConnecting: what was written is delivered, encrypted", function()
    local server = sslServer()
    local socket = sslSocket()
    socket:connectToHostEncrypted("localhost", server:serverPort())
    socket:write "to the end"
    local state = socket:state()
    socket:disconnectFromHost()
    assert.equal(state, socket:state())
    local peer = sockets.accept(server)
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.equal(0, socket:bytesToWrite())
    assert.equal("to the end", peer:receive(10, helper.timeout))
    assert.is_nil((socket:write "more"))
  end)

  it("L47 encryptWithoutConnecting", function()
    local socket = sslSocket()
    for _, name in ipairs { "startClientEncryption", "startServerEncryption" } do
      local done, message, code = socket[name](socket)
      assert.is_nil(done)
      assert.is_string(message)
      assert.equal("UnknownSocketError", code)
      assert.equal("UnencryptedMode", socket:mode())
    end
  end)

  it("L61 unsupportedProtocols: a misuse that raises", function()
    for _, version in ipairs { "DtlsV1_2", "UnknownProtocol", "TlsV1_0", "SslV3" } do
      assert.is_false((pcall(moonport.SslConfiguration, { minimumProtocol = version })))
      assert.is_false((pcall(moonport.SslConfiguration, { maximumProtocol = version })))
    end
  end)

  it("L64 alertInvalidCertificate: sent by the client, received by the server", function()
    local server, told = sslServer(), nil
    function server:errorOccurred(peer) told = peer:errorString() end
    local socket, sent = sockets.closing(moonport.SslSocket()), nil
    function socket:alertSent(_, _, text) sent = text end
    assert.is_nil((connect(server, socket)))
    helper.eventually(function() return told end)
    assert.equal("unknown CA", sent)
    assert.truthy(told:lower():find(sent:lower(), 1, true), told)
    assert.is_false(socket:isEncrypted())
  end)

  it("L65 selfSignedCertificates: both sides verify, and know each other or don't", function()
    local server_, client = ssl.authority:certificate { selfSigned = true },
      ssl.authority:certificate { selfSigned = true, client = true }
    for _, known in ipairs { true, false } do
      local options = with(server_)
      options.peerVerifyMode, options.maximumProtocol = "VerifyPeer", "TlsV1_2"
      options.caCertificates = known and client.file or ssl.authority.caCertificates
      local server, code = sslServer(options), nil
      function server:errorOccurred(socket) code = socket and socket:sslHandshakeErrors()[1].code end
      local own = with(client)
      own.caCertificates = server_.file
      local socket = sslSocket(own)
      assert.equal(known, connect(server, socket) == true)
      if not known then
        helper.eventually(function() return code end)
        assert.equal("SelfSignedCertificate", code)
      end
    end
  end)

  it("L66 disconnectFromHostNoWriteOnInvalidSocket: a disconnectFromHost in the error of a reset", function()
    local socket, peer = ssl.pair()
    local seen = sockets.record(socket)
    function socket:errorOccurred() self:disconnectFromHost() end
    peer:abort()
    sockets.eventuallyState(socket, "UnconnectedState")
    helper.settle(5)
    assert.equal(1, sockets.count(seen, "disconnected"))
  end)

  it("L67 closeNoWriteOnClosedPlainSocket: a close says so to the peer's TLS, once", function()
    local socket, peer = ssl.pair()
    local alerts = {}
    function peer:alertReceived(_, _, text) alerts[#alerts + 1] = text end
    local seen = sockets.record(peer)
    socket:close()
    sockets.eventuallyState(peer, "UnconnectedState")
    helper.settle(5)
    assert.equal(0, sockets.count(seen, "errorOccurred SslTruncatedError"), table.concat(seen, "\n"))
    assert.equal("RemoteHostClosedError", peer:error())
    assert.is_true(#alerts <= 1)
  end)
end)
