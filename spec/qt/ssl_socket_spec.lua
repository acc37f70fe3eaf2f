-- SslSocket and SslServer with each other: orders of signals, verification, names, tickets, STARTTLS. For
-- differences from Qt see docs/differences.md, D16 to D30.
-- Longer than 400 lines: cases beside each other, read one at a time.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"
local trace = require "spec.qt.trace"

local ssl = require("spec.qt.ssl_sockets").use()
local sslServer, sslSocket, pair = ssl.server, ssl.socket, ssl.pair

describe("SslSocket:", function()
  after_each(sockets.close)

  it("a new socket is unencrypted, and knows nothing of a peer", function()
    local socket = sockets.closing(moonport.SslSocket())
    assert.equal("UnencryptedMode", socket:mode())
    assert.is_false(socket:isEncrypted())
    assert.is_nil(socket:sslConfiguration())
    assert.is_nil(socket:sessionCipher())
    assert.equal("UnknownProtocol", socket:sessionProtocol())
    assert.equal("", socket:peerVerifyName())
    assert.same({}, socket:sslHandshakeErrors())
    assert.equal("SslSocket(UnconnectedState)", tostring(socket))
  end)

  it("modeChanged comes between stateChanged(Connected) and connected, and encrypted after connected", function()
    local server, socket = sslServer(), sslSocket()
    local log = trace.record(socket, trace.state)
    assert.is_true(socket:connectToHostEncrypted("127.0.0.1", server:serverPort()))
    trace.expect(log, {
      "stateChanged(HostLookup) [Connecting]", "stateChanged(Connecting) [Connecting]", "hostFound [Connecting]",
      "stateChanged(Connected) [Connected]", "modeChanged(SslClientMode) [Connected]", "connected [Connected]",
      "encrypted [Connected]",
    })
    assert.is_true(socket:isEncrypted())
    assert.equal("TlsV1_3", socket:sessionProtocol())
    assert.truthy(socket:sessionCipher().name:find "AES")
  end)

  it("bytes go both ways, also many more than a record has", function()
    local client, peer = pair()
    local data = ("0123456789abcdef"):rep(40000)
    client:write(data)
    local got = {}
    helper.eventually(function()
      got[#got + 1] = peer:readAll()
      return #table.concat(got) >= #data
    end)
    assert.is_true(table.concat(got) == data)
    peer:write "answer"
    assert.is_true(client:waitForReadyRead(helper.timeout))
    assert.equal("answer", client:readAll())
    assert.equal(#data, peer:bytesRead())
  end)

  it("what is written before the handshake leaves behind it, and never in the clear", function()
    local server, socket = sslServer(), sslSocket()
    socket:connectToHostEncrypted("localhost", server:serverPort())
    assert.equal(5, socket:write "early")
    local peer = sockets.accept(server)
    assert.equal("early", peer:receive(5, helper.timeout))
  end)

  for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
    it("speaks " .. version .. " with a server that wants no other", function()
      local client = pair(sslServer { minimumProtocol = version, maximumProtocol = version })
      assert.equal(version, client:sessionProtocol())
    end)
  end

  it("refuses a certificate that nobody has signed, tells the server why, and signals one error", function()
    local server, socket = sslServer(), sockets.closing(moonport.SslSocket())
    local told = {}
    function server:errorOccurred(peer, code) told[#told + 1] = { peer:peerAddress(), code, peer:errorString() } end
    local log = trace.record(socket, trace.state)
    socket:connectToHostEncrypted("localhost", server:serverPort())
    helper.eventually(function() return log[#log] and log[#log]:find "^disconnected" end)
    assert.equal("SslHandshakeFailedError", socket:error())
    assert.truthy(socket:errorString():find "issuer certificate")
    assert.equal(1, (select(2, table.concat(log, "\n"):gsub("errorOccurred", ""))))
    helper.eventually(function() return #told > 0 end)
    assert.equal("127.0.0.1", told[1][1])
    assert.equal("SslHandshakeFailedError", told[1][2])
    assert.truthy(told[1][3]:find "unknown ca", told[1][3])
  end)

  it("sslErrors has all that is wrong, and may wait before it ignores that", function()
    local server, socket = sslServer(), sockets.closing(moonport.SslSocket())
    local codes = {}
    function socket:sslErrors(errors)
      for i, one in ipairs(errors) do codes[i] = one.code end
      moonport.sleep(20)
      assert.is_false(self:isEncrypted())
      self:ignoreSslErrors()
    end
    socket:connectToHostEncrypted("127.0.0.2", server:serverPort())
    server:close()
    local other = sslServer()
    socket:abort()
    socket:connectToHostEncrypted("localhost", other:serverPort(), "wrong.example")
    assert.is_true(socket:waitForEncrypted(helper.timeout))
    table.sort(codes)
    assert.same({ "HostNameMismatch", "UnableToGetLocalIssuerCertificate", "UnableToVerifyFirstCertificate" }, codes)
  end)

  it("an sslErrors handler that ignores nothing refuses", function()
    local server, socket = sslServer(), sockets.closing(moonport.SslSocket())
    function socket:sslErrors() moonport.sleep(5) end
    socket:connectToHostEncrypted("localhost", server:serverPort())
    local ok, message, code = socket:waitForEncrypted(helper.timeout)
    assert.is_nil(ok)
    assert.equal("SslHandshakeFailedError", code)
    assert.truthy(message:find "issuer certificate", message)
  end)

  it("a list of ignored errors holds for the next connect, and for no other error", function()
    local server = sslServer()
    local socket = sockets.closing(moonport.SslSocket())
    socket:ignoreSslErrors { "UnableToGetLocalIssuerCertificate", "UnableToVerifyFirstCertificate" }
    socket:connectToHostEncrypted("localhost", server:serverPort())
    assert.is_true(socket:waitForEncrypted(helper.timeout))
    socket:abort()
    socket:ignoreSslErrors { "HostNameMismatch" }
    socket:connectToHostEncrypted("localhost", server:serverPort())
    assert.is_nil((socket:waitForEncrypted(helper.timeout)))
  end)

  it("the name is checked by the alternative names alone", function()
    local server, socket = sslServer(), sslSocket()
    socket:connectToHostEncrypted("localhost", server:serverPort(), "other.example")
    local _, message = socket:waitForEncrypted(helper.timeout)
    assert.truthy(message:find "host name did not match", message)
    assert.equal("HostNameMismatch", socket:sslHandshakeErrors()[1].code)
  end)

  it("connects and encrypts over a Unix-domain socket, and needs a name to verify there", function()
    local name = ("unix:@moonport ssl %p"):format({})
    local server = sockets.closing(moonport.SslServer())
    assert(server:setSslConfiguration { certificate = ssl.certificate.certificate, key = ssl.certificate.key })
    function server.connection:readyRead() self:write(self:readAll():upper()) end
    assert(server:listen(name))
    assert.same({ name, 0 }, { server:serverAddress(), server:serverPort() })
    local socket = ssl.socket()
    assert(socket:connectToHostEncrypted(name, nil, "localhost"))
    assert(socket:write "early ")
    assert(socket:waitForEncrypted(helper.timeout))
    assert.equal("EARLY ", (socket:receive(6, helper.timeout)))
    assert.is_nil(socket:peerAddress())
    local nameless = ssl.socket()
    assert(nameless:connectToHostEncrypted(name))
    sockets.fails("SslHandshakeFailedError", nameless:waitForEncrypted(helper.timeout))
    assert.equal("HostNameMismatch", nameless:sslHandshakeErrors()[1].code)
    assert.equal("", nameless:peerVerifyName())
    assert.has_error(function() ssl.socket():connectToHostEncrypted(name, 7) end)
    server:close()
    local late = ssl.socket()
    assert(late:connectToHostEncrypted(name, nil, "localhost", "ReadWrite"))
    sockets.fails("ConnectionRefusedError", late:waitForEncrypted(helper.timeout))
    sockets.fails("HostNotFoundError", ssl.socket():connectToHostEncrypted("unix:/" .. ("x"):rep(108)))
  end)

  it("VerifyNone verifies nothing", function()
    local socket = sockets.closing(moonport.SslSocket())
    assert(socket:setSslConfiguration { peerVerifyMode = "VerifyNone" })
    function socket:sslErrors() error "never" end
    local client = pair(nil, socket)
    assert.same({}, client:sslHandshakeErrors())
  end)

  it("a close in order sends close_notify, and is no error of TLS", function()
    local client, peer = pair()
    local log = trace.record(peer, trace.state)
    client:write "bye"
    client:disconnectFromHost()
    helper.eventually(function() return log[#log] and log[#log]:find "^disconnected" end)
    assert.equal("RemoteHostClosedError", peer:error())
    assert.equal("bye", peer:readAll())
  end)

  it("an abort is a truncation for the peer", function()
    local client, peer = pair()
    client:abort()
    helper.eventually(function() return peer:state() == "UnconnectedState" end)
    assert.equal("SslTruncatedError", peer:error())
  end)

  it("connectToHost on an encrypted socket changes nothing", function()
    local client, peer = pair()
    local ok, _, code = client:connectToHost("127.0.0.1", 1)
    assert.is_nil(ok)
    assert.equal("OperationError", code)
    assert.is_true(client:isEncrypted())
    client:write "still"
    assert.equal("still", peer:receive(5, helper.timeout))
  end)

  it("a second connection of the same object is verified anew, and ends in order", function()
    local server = sslServer()
    local client, peer = pair(server)
    client:disconnectFromHost()
    helper.eventually(function() return client:state() == "UnconnectedState" end)
    assert.equal("SslClientMode", client:mode())
    assert.is_false(client:isEncrypted())
    peer:abort()
    peer = select(2, pair(server, client))
    assert.equal("UnknownSocketError", client:error())
    client:disconnectFromHost()
    sockets.eventuallyState(peer, "UnconnectedState")
    assert.equal("RemoteHostClosedError", peer:error())
  end)
end)

describe("SslServer:", function()
  after_each(sockets.close)

  it("listen without a usable configuration says what is wrong", function()
    local server = sockets.closing(moonport.SslServer())
    local ok, message, code = server:listen("127.0.0.1")
    assert.is_nil(ok)
    assert.equal("SslInvalidUserDataError", code)
    assert.equal("listen: setSslConfiguration comes first", message)
    assert.is_nil((server:setSslConfiguration { certificate = "/nowhere.pem", key = ssl.certificate.key }))
    ok, message = server:listen("127.0.0.1")
    assert.is_nil(ok)
    assert.equal("listen: certificate: '/nowhere.pem' can't be read: No such file or directory", message)
  end)

  it("newConnection comes when the handshake is done", function()
    local server = sslServer()
    local encrypted
    function server:newConnection() encrypted = self:nextPendingConnection():isEncrypted() end
    local socket = sslSocket()
    socket:connectToHostEncrypted("localhost", server:serverPort())
    helper.eventually(function() return encrypted ~= nil end)
    assert.is_true(encrypted)
  end)

  it("startedEncryptionHandshake has the client's address", function()
    local server, address, port = sslServer()
    function server:startedEncryptionHandshake(...) address, port = ... end
    local client = pair(server)
    assert.equal("127.0.0.1", address)
    assert.equal(client:localPort(), port)
  end)

  it("a client that says nothing ends with the time-out, and counts as no handshake", function()
    local server, code = sslServer()
    server:setHandshakeTimeout(50)
    function server:errorOccurred(_, what) code = what end
    local plain = helper.connect(server:serverPort())
    helper.settle(5)
    assert.equal(0, server:handshakeCount())
    helper.eventually(function() return code end)
    assert.equal("SocketTimeoutError", code)
    plain:close()
  end)

  it("one handshake too many ends the one that began first", function()
    local server, ended = sslServer(), {}
    server:setMaxHandshakes(2)
    function server:errorOccurred(peer) ended[#ended + 1] = peer:peerPort() end
    local plain = {}
    for i = 1, 3 do
      plain[i] = helper.connect(server:serverPort())
      plain[i]:send "\x16\x03\x01"
      helper.eventually(function() return server:handshakeCount() == math.min(i, 2) end)
    end
    helper.eventually(function() return #ended == 1 end)
    pair(server)
    for _, one in ipairs(plain) do one:close() end
  end)

  it("plain text and garbage end with a message, and nobody else is hurt", function()
    local server, texts = sslServer(), {}
    function server:errorOccurred(peer) texts[#texts + 1] = peer:errorString() end
    for i, text in ipairs { "GET / HTTP/1.0\r\n\r\n", "\x16\x03\x01\x00\x05hello", ("\xff"):rep(100) } do
      local plain = helper.connect(server:serverPort())
      plain:send(text)
      helper.eventually(function() return #texts == i end)
      plain:close()
    end
    assert.truthy(texts[1]:find "HTTP without TLS", texts[1])
    pair(server)
  end)

  describe("client certificates:", function()
    local function attempt(mode, options, handler)
      local server = sslServer { peerVerifyMode = mode, caCertificates = ssl.authority.caCertificates }
      local socket = sslSocket(options)
      server.connection.sslErrors = handler
      local failed
      function server:errorOccurred(peer) failed = peer:errorString() end
      local peer
      function server:newConnection() peer = self:nextPendingConnection() end
      socket:connectToHostEncrypted("localhost", server:serverPort())
      helper.eventually(function() return peer or failed end)
      if peer then sockets.closing(peer) end
      return peer, failed
    end

    it("VerifyPeer without one refuses, with one that is good it doesn't", function()
      local client = ssl.authority:certificate { client = true }
      assert.is_nil((attempt("VerifyPeer")))
      assert.truthy((attempt("VerifyPeer", { certificate = client.certificate, key = client.key })))
    end)

    it("one that nobody has signed is refused, unless a handler that may wait says otherwise", function()
      local client = ssl.authority:certificate { client = true, selfSigned = true }
      local options = { certificate = client.certificate, key = client.key }
      local peer, failed = attempt("VerifyPeer", options)
      assert.is_nil(peer)
      assert.truthy(failed:find "self%-signed", failed)
      assert.truthy((attempt("VerifyPeer", options, function(self)
        moonport.sleep(10)
        self:ignoreSslErrors()
      end)))
      assert.is_nil((attempt("VerifyPeer", options, function() end)))
    end)

    it("a missing one can be ignored too", function()
      local codes
      assert.truthy((attempt("VerifyPeer", nil, function(self, errors)
        codes = errors[1].code
        self:ignoreSslErrors()
      end)))
      assert.equal("NoPeerCertificate", codes)
    end)

    it("by default nobody is asked for one", function()
      local client = ssl.authority:certificate { client = true, selfSigned = true }
      assert.truthy((attempt("AutoVerifyPeer", { certificate = client.certificate, key = client.key })))
    end)
  end)

  it("protocols: the server's order decides, and none in common is an alert", function()
    local server = sslServer { allowedNextProtocols = { "b", "a" } }
    local client = pair(server, sslSocket { allowedNextProtocols = { "a", "b" } })
    assert.equal("b", client:nextNegotiatedProtocol())
    local socket = sslSocket { allowedNextProtocols = { "c" } }
    socket:connectToHostEncrypted("localhost", server:serverPort())
    local _, message = socket:waitForEncrypted(helper.timeout)
    assert.truthy(message:find "no application protocol", message)
    assert.equal("", pair(server):nextNegotiatedProtocol())
  end)

  for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
    it("a ticket resumes, in " .. version, function()
      local server = sslServer { maximumProtocol = version }
      local first, peer = pair(server)
      peer:write "x"
      assert.equal("x", first:receive(1, helper.timeout))
      assert.is_false(first:isSessionResumed())
      local ticket = first:sessionTicket()
      assert.is_true(#ticket > 0)
      local second = sslSocket()
      assert.is_true(second:setSessionTicket(ticket))
      pair(server, second)
      assert.is_true(second:isSessionResumed())
    end)
  end

  it("a ticket from a name without client certificates opens no name that wants them", function()
    local inner, peers, told = ssl.authority:certificate { names = { "inner.example" } }, tls.peers(), {}
    local server = sslServer { serverNames = { ["inner.example"] = {
      certificate = inner.certificate, key = inner.key, peerVerifyMode = "VerifyPeer",
      caCertificates = ssl.authority.caCertificates,
    } } }
    function server.connection:readyRead() self:write(self:readAll()) end
    function server:errorOccurred(peer) told[#told + 1] = peer:errorString() end
    local function connect(version, name, ...)
      return peers:start("client", server:serverPort(), "max=" .. version, "name=" .. name, ...)
    end
    for i, version in ipairs { "0x0303", "0x0304" } do
      local program = connect(version, "localhost", "handshake", "write=x", "send", "read=1", "keep")
      program:waitForLine("^done$", 4 * helper.timeout)
      connect(version, "localhost", "resume=0", "handshake", "facts"):waitForLine "^resumed 1 "
      program:waitForLine "^done$"
      connect(version, "inner.example", "resume=0", "handshake", "facts"):waitForLine "^resumed 0 "
      program:waitForLine "^done$"
      helper.eventually(function() return #told == i end)
      assert.equal("Error during SSL handshake: peer did not return a certificate", told[i])
    end
  end)

  it("pre-shared keys need no certificate", function()
    local key = ("k"):rep(32)
    local server = sockets.closing(moonport.SslServer())
    assert(server:setSslConfiguration { preSharedKeys = { device = key } })
    assert(server:listen("127.0.0.1"))
    local socket = sockets.closing(moonport.SslSocket())
    assert(socket:setSslConfiguration { preSharedKeys = { device = key } })
    socket:connectToHostEncrypted("127.0.0.1", server:serverPort())
    local ok, message = socket:waitForEncrypted(helper.timeout)
    assert.is_true(ok, message)
  end)
end)

describe("STARTTLS:", function()
  after_each(sockets.close)

  local function plainPair()
    local server = sslServer()
    server:setImplicitEncryption(false)
    local socket = sslSocket()
    socket:connectToHost("localhost", server:serverPort())
    assert(socket:waitForConnected(helper.timeout))
    return socket, sockets.accept(server)
  end

  it("both sides go on encrypted, and what was queued leaves in the clear first", function()
    local client, peer = plainPair()
    client:write "STARTTLS\n"
    assert.equal("STARTTLS", peer:receive("line", helper.timeout))
    peer:write "go\n"
    assert.is_true(peer:startServerEncryption())
    assert.equal("SslServerMode", peer:mode())
    assert.equal("go", client:receive("line", helper.timeout))
    assert.is_true(client:startClientEncryption())
    assert.is_true(client:waitForEncrypted(helper.timeout))
    assert.is_true(peer:waitForEncrypted(helper.timeout))
    client:write "secret"
    assert.equal("secret", peer:receive(6, helper.timeout))
  end)

  it("what is unread when encryption starts is never readable as if it had come encrypted", function()
    local client, peer = plainPair()
    client:write "STARTTLS\ninjected"
    assert.equal("STARTTLS", peer:receive("line", helper.timeout))
    assert.is_true(peer:startServerEncryption())
    helper.eventually(function() return peer:state() == "UnconnectedState" end)
    assert.equal("SslHandshakeFailedError", peer:error())
    assert.equal(0, peer:bytesAvailable())
    client:abort()
  end)

  describe("serverNameRequested:", function()
    local late

    setup(function() late = ssl.authority:certificate { names = { "late.test" } } end)

    -- Both ends of a connection that is about to be encrypted; the client asks for the name.
    local function starting(server, name)
      server:setImplicitEncryption(false)
      local client = sslSocket()
      client:setPeerVerifyName(name)
      client:connectToHost("localhost", server:serverPort())
      assert(client:waitForConnected(helper.timeout))
      local peer = sockets.accept(server)
      return client, peer
    end

    local function encrypted(client, peer)
      assert.is_true(peer:startServerEncryption())
      assert.is_true(client:startClientEncryption())
      return client:waitForEncrypted(helper.timeout)
    end

    it("is asked for a name that its server doesn't have, and may wait", function()
      local server, asked = sslServer(), {}
      function server:serverNameRequested(name)
        asked[#asked + 1] = name
        moonport.sleep(10)
        return { certificate = late.certificate, key = late.key }
      end
      local client, peer = starting(server, "late.test")
      assert(encrypted(client, peer))
      assert.same({ "late.test" }, asked)
      assert.equal("late.test", peer:requestedServerName())
      assert(encrypted(starting(server, "localhost")))
      assert.same({ "late.test" }, asked)
    end)

    it("is behind the connection's own configuration; nil means that one", function()
      local server, asked = sslServer(), 0
      function server:serverNameRequested() asked = asked + 1 end
      local client, peer = starting(server, "late.test")
      assert(peer:setSslConfiguration { certificate = late.certificate, key = late.key })
      assert(encrypted(client, peer))
      assert.equal(0, asked)
      client, peer = starting(server, "other.test")
      assert(peer:setSslConfiguration { certificate = late.certificate, key = late.key })
      assert.is_nil((encrypted(client, peer)))
      assert.equal(1, asked)
      assert.same({ "late.test" }, client:peerCertificate():subjectAlternativeNames().DnsEntry)
    end)

    it("refuses by an unusable answer, and when it doesn't answer in time", function()
      local server = sslServer()
      function server:serverNameRequested() return {} end
      local client, peer = starting(server, "late.test")
      local _, message = encrypted(client, peer)
      assert.truthy(message:find "internal error", message)
      local refused, over = false, false
      function server:serverNameRequested()
        repeat moonport.sleep(1) until refused
        over = true
      end
      client, peer = starting(server, "late.test")
      peer:setHandshakeTimeout(20)
      _, message = encrypted(client, peer)
      assert.truthy(message:find "internal error", message)
      refused = true
      helper.eventually(function() return over end)
    end)

    it("answers nobody whose connection ended meanwhile", function()
      local server, asked, gone, answers = sslServer(), false, false, false
      function server:serverNameRequested()
        asked = true
        repeat moonport.sleep(1) until gone
        answers = true
        return { certificate = late.certificate, key = late.key }
      end
      local client, peer = starting(server, "late.test")
      peer:startServerEncryption()
      client:startClientEncryption()
      helper.eventually(function() return asked end)
      peer:abort()
      gone = true
      helper.eventually(function() return answers end)
      sockets.eventuallyState(client, "UnconnectedState")
    end)

    it("isn't asked by a client, nor for a socket without a server", function()
      local server, asked = sslServer(), 0
      function server:serverNameRequested() asked = asked + 1 end
      local listener = helper.listen()
      local client = sslSocket()
      client:connectToHostEncrypted("127.0.0.1", listener:port(), "unknown.test")
      local fd = helper.eventually(function() return helper.posix.accept(listener.fd) end)
      local peer = sockets.closing(moonport.SslSocket())
      assert(peer:setSslConfiguration { certificate = late.certificate, key = late.key })
      assert(peer:setSocketDescriptor(fd))
      assert.is_true(peer:startServerEncryption())
      assert.is_nil((client:waitForEncrypted(helper.timeout)))
      -- A connection of the server may be the client of its peer.
      local other, ours = starting(server, "late.test")
      assert(other:setSslConfiguration { certificate = ssl.certificate.certificate, key = ssl.certificate.key })
      assert(ours:setSslConfiguration { caCertificates = ssl.authority.caCertificates })
      ours:setPeerVerifyName "localhost"
      assert.is_true(other:startServerEncryption())
      assert.is_true(ours:startClientEncryption())
      assert.is_true(ours:waitForEncrypted(helper.timeout))
      assert.equal(0, asked)
    end)
  end)

  it("a second start, and one without a connection, are refused", function()
    local client = plainPair()
    assert.is_true(client:startClientEncryption())
    local _, _, code = client:startClientEncryption()
    assert.equal("OperationError", code)
    local fresh = sslSocket()
    assert.is_nil((fresh:startClientEncryption()))
    assert.is_nil((fresh:startServerEncryption()))
  end)
end)
