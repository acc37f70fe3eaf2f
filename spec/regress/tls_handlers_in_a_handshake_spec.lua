-- SPDX-License-Identifier: MIT
-- Two causes. The verdict of sslErrors waited until no handler was at work on the socket, so that a `connected`
-- handler that waits for the encryption waited for itself. And whether there is a handler of sslErrors was asked
-- in the middle of OpenSSL's work, although that may run code of the script: a prototype's __index that ended the
-- connection freed what OpenSSL was at.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

describe("Handlers during a handshake:", function()
  local ssl = require("spec.qt.ssl_sockets").use()
  after_each(sockets.close)

  local function sslServer(changes)
    local server = ssl.server(changes)
    function server:newConnection() sockets.closing(self:nextPendingConnection()) end
    return server
  end

  it("a connected handler waits for the encryption while sslErrors is asked", function()
    local server, socket = sslServer(), sockets.closing(moonport.SslSocket())
    local encrypted
    function socket:connected() encrypted = self:waitForEncrypted(helper.timeout) end
    function socket:sslErrors()
      moonport.sleep(5)
      self:ignoreSslErrors()
    end
    socket:connectToHostEncrypted("localhost", server:serverPort())
    helper.eventually(function() return encrypted ~= nil end)
    assert.is_true(encrypted)
  end)

  it("an sslErrors handler that waits for the end of its connection has given its verdict", function()
    local server, socket = sslServer(), sockets.closing(moonport.SslSocket())
    local ended
    function socket:sslErrors() ended = self:waitForDisconnected(helper.timeout) end
    socket:connectToHostEncrypted("localhost", server:serverPort())
    helper.eventually(function() return ended ~= nil end)
    assert.is_true(ended)
    assert.equal("SslHandshakeFailedError", socket:error())
  end)

  it("a prototype's __index may end the connection that it is asked for", function()
    local server = sslServer { peerVerifyMode = "VerifyPeer", caCertificates = ssl.authority.caCertificates }
    local wanting, asked = sockets.closing(moonport.SslSocket()), false
    function wanting:sslErrors() end
    setmetatable(server.connection, { __index = function(_, name)
      if name == "sslErrors" then
        asked = true
        server:close()
      end
    end })
    local socket = sockets.closing(moonport.SslSocket())
    assert(socket:setSslConfiguration { caCertificates = ssl.authority.caCertificates })
    socket:connectToHostEncrypted("localhost", server:serverPort())
    assert.is_nil((socket:waitForEncrypted(helper.timeout)))
    assert.is_true(asked)
  end)
end)
