-- The rows of docs/differences.md about TLS, one spec for each; differences_spec.lua has the others. spec/qt tests
-- most of them in detail.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local ssl = require "spec.ssl"

local function sslServer(changes)
  local server = sockets.closing(moonport.SslServer())
  local options = { certificate = ssl.certificate, key = ssl.key }
  for name, value in pairs(changes or {}) do options[name] = value end
  assert(server:setSslConfiguration(options))
  assert(server:listen "127.0.0.1")
  return server
end

local function sslSocket(changes)
  local socket = sockets.closing(moonport.SslSocket())
  local options = { caCertificates = ssl.certificate }
  for name, value in pairs(changes or {}) do options[name] = value end
  assert(socket:setSslConfiguration(options))
  return socket
end

-- -> true, or nil, message, code
local function encrypt(socket, server, name)
  assert(socket:connectToHostEncrypted("127.0.0.1", server:serverPort(), name))
  return socket:waitForEncrypted(helper.timeout)
end

local function pair(server, socket)
  server, socket = server or sslServer(), socket or sslSocket()
  assert(encrypt(socket, server))
  return socket, sockets.accept(server)
end

-- A client and a server's connection, both in the clear.
local function plainPair()
  local server = sockets.closing(moonport.SslServer())
  assert(server:setSslConfiguration { certificate = ssl.certificate, key = ssl.key })
  server:setImplicitEncryption(false)
  assert(server:listen "127.0.0.1")
  local socket = sslSocket()
  socket:connectToHost("127.0.0.1", server:serverPort())
  return socket, sockets.accept(server)
end

describe("The differences from Qt, with TLS:", function()
  after_each(sockets.close)

  it("D16 handshakes have a time and a number, and one too many ends the one that began first", function()
    local server, codes = sslServer(), {}
    server:setMaxHandshakes(1)
    function server:errorOccurred(_, code) codes[#codes + 1] = code end
    local first, second = helper.connect(server:serverPort()), helper.connect(server:serverPort())
    for _, one in ipairs { first, second } do
      one:send "\x16\x03\x01"
      helper.eventually(function() return server:handshakeCount() == 1 end)
    end
    helper.eventually(function() return #codes == 1 end)
    assert.same({ "SslHandshakeFailedError" }, codes)
    pair(server)
    server:setHandshakeTimeout(20)
    local silent = helper.connect(server:serverPort())
    helper.eventually(function() return codes[#codes] == "SocketTimeoutError" end)
    for _, one in ipairs { first, second, silent } do one:close() end
  end)

  it("D17 what is unread when encryption starts is never readable", function()
    local client, peer = plainPair()
    client:write "STARTTLS\ninjected"
    assert.equal("STARTTLS", peer:receive("line", helper.timeout))
    assert.is_true(peer:startServerEncryption())
    helper.eventually(function() return peer:state() == "UnconnectedState" end)
    assert.equal("SslHandshakeFailedError", peer:error())
    assert.equal("", peer:readAll())
  end)

  it("D18 bytesToWrite is what the system hasn't taken", function()
    local client, peer = pair()
    local size = 8 << 20
    peer:setReadBufferSize(1)
    client:write(("x"):rep(size))
    helper.eventually(function() return client:bytesSent() > 0 end)
    helper.settle(20)
    assert.is_true(client:bytesToWrite() > 0)
    assert.equal(size, client:bytesSent() + client:bytesToWrite())
  end)

  it("D19 a connection that is cut isn't one that ended", function()
    for how, code in pairs { abort = "SslTruncatedError", disconnectFromHost = "RemoteHostClosedError" } do
      local client, peer = pair()
      client:write "all"
      assert.equal("a", peer:receive(1, helper.timeout))
      client[how](client)
      helper.eventually(function() return peer:state() ~= "ConnectedState" end)
      assert.equal(code, peer:error())
      assert.equal("ll", peer:readAll())
    end
  end)

  it("D20 connectToHost on an encrypted socket changes nothing", function()
    local client = pair()
    local ok, _, code = client:connectToHost("127.0.0.1", 1)
    assert.is_nil(ok)
    assert.equal("OperationError", code)
    assert.is_true(client:isEncrypted())
  end)

  it("D21 only alternative names count, and VerifyNone verifies nothing", function()
    local folder = ssl.folder()
    folder.selfSigned("common", "CN=common.example", "subjectAltName=DNS:f*.example.org,DNS:other.example")
    local certificate, key = folder.read "common.pem", folder.read "common.key"
    folder.remove()
    local server = sslServer { certificate = certificate, key = key }
    for _, name in ipairs { "common.example", "foo.example.org" } do
      local socket = sslSocket { caCertificates = certificate }
      assert.is_nil((encrypt(socket, server, name)))
      assert.equal("HostNameMismatch", socket:sslHandshakeErrors()[1].code)
    end
    local socket = sslSocket { peerVerifyMode = "VerifyNone" }
    function socket.sslErrors() error "never" end
    assert.is_true(encrypt(socket, server, "common.example"))
    assert.same({}, socket:sslHandshakeErrors())
  end)

  it("D22 who is refused is told why, and there is one error", function()
    local server, text = sslServer(), nil
    function server:errorOccurred(peer) text = peer:errorString() end
    local socket, errors = sslSocket { caCertificates = "system" }, 0
    function socket.errorOccurred() errors = errors + 1 end
    assert.is_nil((encrypt(socket, server)))
    helper.eventually(function() return text and socket:state() == "UnconnectedState" end)
    assert.equal("Error during SSL handshake: tlsv1 alert unknown ca", text)
    assert.equal(1, errors)
  end)

  it("D23 a server answers by name, and its tickets resume", function()
    local server = sslServer { requireServerName = true, serverNames = {
      ["a.example"] = { certificate = ssl.certificate, key = ssl.key, peerVerifyMode = "VerifyNone" },
    } }
    local first = sslSocket { peerVerifyMode = "VerifyNone" }
    assert.is_true(encrypt(first, server, "a.example"))
    local peer = sockets.accept(server)
    assert.equal("a.example", peer:requestedServerName())
    peer:write "x"
    assert.equal("x", first:receive(1, helper.timeout))
    local second = sslSocket { peerVerifyMode = "VerifyNone" }
    assert.is_true(second:setSessionTicket(first:sessionTicket()))
    assert.is_true(encrypt(second, server, "a.example"))
    assert.is_true(second:isSessionResumed())
  end)

  it("D24 renegotiation is refused, and there is nothing older than TLS 1.2", function()
    local server = sslServer()
    function server:newConnection() sockets.closing(self:nextPendingConnection()) end
    local client = helper.spawn { "openssl", "s_client", "-tls1_2", "-connect", "127.0.0.1:" .. server:serverPort() }
    client:waitForLine "Verify return code"
    client:write "R\n"
    client:waitForLine "no renegotiation"
    assert.is_true(client:wait() ~= 0)
    for _, version in ipairs { "TlsV1_0", "TlsV1_1", "SslV3" } do
      assert.is_false((pcall(moonport.SslConfiguration, { minimumProtocol = version })))
    end
  end)

  it("D30 newConnection comes with a connection that is encrypted", function()
    local server, order = sslServer(), {}
    function server:startedEncryptionHandshake(address) order[#order + 1] = address end
    function server:pendingConnectionAvailable() order[#order + 1] = "available" end
    function server:newConnection()
      local socket = sockets.closing(self:nextPendingConnection())
      order[#order + 1] = socket:isEncrypted() and "encrypted" or "in the clear"
    end
    assert.is_true(encrypt(sslSocket(), server))
    helper.eventually(function() return #order == 3 end)
    assert.same({ "127.0.0.1", "available", "encrypted" }, order)
  end)

  it("D42 the server's order of protocols decides, and none in common is refused", function()
    local server = sslServer { allowedNextProtocols = { "b", "a" } }
    local socket = pair(server, sslSocket { allowedNextProtocols = { "a", "b" } })
    assert.equal("b", socket:nextNegotiatedProtocol())
    local _, message = encrypt(sslSocket { allowedNextProtocols = { "c" } }, server)
    assert.truthy(message:find("no application protocol", 1, true), message)
  end)

  it("D43 ignoreSslErrors before the connect holds for it", function()
    local server, socket = sslServer(), sslSocket { caCertificates = "system" }
    socket:ignoreSslErrors()
    assert.is_true(encrypt(socket, server))
    socket:abort()
    assert.is_nil((encrypt(socket, server)))
  end)

  it("D44 a server asks nobody for a certificate unless it is told to", function()
    local socket = sslSocket { certificate = ssl.certificate, key = ssl.key }
    local _, peer = pair(sslServer(), socket)
    assert.is_nil(peer:peerCertificate())
    local other = sslSocket { certificate = ssl.certificate, key = ssl.key }
    _, peer = pair(sslServer { peerVerifyMode = "QueryPeer" }, other)
    assert.is_true(peer:peerCertificate() == moonport.SslCertificate(ssl.certificate))
  end)
end)
