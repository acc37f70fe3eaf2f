-- SPDX-License-Identifier: MIT
-- Cause: behind a failed handshake the alert was sent, and then the descriptor closed although input was unread: the
-- system answers that with a reset, and the peer loses what it has not read yet, so it never learned why.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

describe("A peer that is refused reads the alert:", function()
  local ssl = require("spec.qt.ssl_sockets").use()
  local sslServer = ssl.server
  after_each(sockets.close)

  it("a client without a certificate, though it has sent much behind its handshake", function()
    local server = sslServer { peerVerifyMode = "VerifyPeer", caCertificates = ssl.authority.caCertificates }
    local client = tls.peer("client", server:serverPort(), "min=0x0304", "steps=1", "fill=400000", "send", "end")
    client:waitForLine "^alert .*certificate required"
    client:waitForLine "^fin$"
  end)

  it("a client of an old version that has sent much behind its hello", function()
    local client = tls.peer("client", sslServer():serverPort(), "max=0x0302", "hello", "raw=" .. ("ff"):rep(60000),
      "raw=" .. ("ff"):rep(60000), "raw=" .. ("ff"):rep(60000), "send", "end")
    client:waitForLine "^alert .*protocol version"
    client:waitForLine "^fin$"
  end)

  it("one that a handler refuses behind its handshake gets a close_notify", function()
    local server = sslServer { peerVerifyMode = "VerifyPeer", caCertificates = ssl.authority.caCertificates }
    function server.connection:sslErrors() moonport.sleep(5) end
    local client = tls.peer("client", server:serverPort(), "min=0x0304", "handshake", "fill=400000", "send", "end")
    client:waitForLine "^closed$"
  end)

  for _, version in ipairs { "-tls1_2", "-tls1_3" } do
    it("openssl's client without a certificate " .. version, function()
      local server = sslServer { peerVerifyMode = "VerifyPeer", caCertificates = ssl.authority.caCertificates }
      local client = tls.client(server:serverPort(), ssl.authority, version)
      client:wait()
      local alert = version == "-tls1_3" and "alert certificate required" or "alert handshake failure"
      assert.truthy((client:stdout() .. client:stderr()):find(alert, 1, true), client:stderr())
    end)

    it("openssl's server with a certificate that nobody has signed " .. version, function()
      local server, port = tls.server(ssl.authority:certificate { selfSigned = true }, version)
      local socket = sockets.closing(moonport.SslSocket())
      socket:connectToHostEncrypted("localhost", port)
      assert.is_nil((socket:waitForEncrypted(helper.timeout)))
      server:waitForLine "alert unknown ca"
    end)
  end

  it("the answer of serverNameRequested comes too late", function()
    local server = sslServer()
    server:setHandshakeTimeout(1000)
    local texts = {}
    function server:errorOccurred(peer) texts[#texts + 1] = peer:errorString() end
    function server:serverNameRequested()
      repeat moonport.sleep(5) until texts[1]
    end
    local client = tls.peer("client", server:serverPort(), "name=late.test", "handshake")
    client:waitForLine "^failed .*alert internal error"
    helper.eventually(function() return texts[1] end)
    assert.truthy(texts[1]:find("gave no configuration", 1, true), texts[1])
  end)
end)
