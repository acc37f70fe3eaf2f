-- SPDX-License-Identifier: MIT
-- ignoreSslErrors() without a list was never forgotten: an object that had ignored what is wrong with one
-- peer, for instance in its sslErrors handler, let in every later peer unverified. As in Qt it holds for one
-- connection.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local ssl = require "spec.ssl"

describe("ignoreSslErrors without a list", function()
  after_each(sockets.close)

  local function server()
    local made = sockets.closing(moonport.SslServer())
    assert(made:setSslConfiguration { certificate = ssl.certificate, key = ssl.key })
    function made:newConnection() sockets.closing(self:nextPendingConnection()) end
    assert(made:listen "127.0.0.1")
    return made
  end

  local function connect(socket, to)
    assert(socket:connectToHostEncrypted("127.0.0.1", to:serverPort()))
    local ok, _, code = socket:waitForEncrypted(helper.timeout)
    return ok or code
  end

  it("holds for the next connection, and for no other", function()
    local to, socket = server(), sockets.closing(moonport.SslSocket())
    socket:ignoreSslErrors()
    assert.is_true(connect(socket, to))
    socket:abort()
    assert.equal("SslHandshakeFailedError", connect(socket, to))
  end)

  it("holds, from a handler, for that connection alone", function()
    local to, socket = server(), sockets.closing(moonport.SslSocket())
    function socket:sslErrors() self:ignoreSslErrors() end
    assert.is_true(connect(socket, to))
    socket.sslErrors = nil
    socket:disconnectFromHost()
    socket:waitForDisconnected(helper.timeout)
    assert.equal("SslHandshakeFailedError", connect(socket, to))
  end)

  it("with errors of a peer holds for its certificate", function()
    local to, socket = server(), sockets.closing(moonport.SslSocket())
    connect(socket, to)
    local errors = socket:sslHandshakeErrors()
    assert.equal("SelfSignedCertificate", errors[1].code)
    assert.is_true(errors[1].certificate == socket:peerCertificate())
    socket:ignoreSslErrors(errors)
    assert.is_true(connect(socket, to))
    assert.equal("CN = example.org", tostring(socket:peerCertificateChain()[1]):match "%((.*)%)")
    socket:abort()

    local folder = ssl.folder()
    folder.selfSigned("other", "CN=other", "subjectAltName=IP:127.0.0.1")
    assert(to:setSslConfiguration { certificate = folder.read "other.pem", key = folder.read "other.key" })
    folder.remove()
    assert.equal("SslHandshakeFailedError", connect(socket, to))
    socket:ignoreSslErrors { "SelfSignedCertificate" }
    assert.is_true(connect(socket, to))
  end)
end)
