-- Qt's own cases of QSslSocket (L) and QSslServer (V) about what handlers decide in a handshake, and about names that
-- are given by hand.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

local ssl = require("spec.qt.ssl_sockets").use()
local sslServer = ssl.server

describe("Qt's cases of handlers of TLS:", function()
  after_each(sockets.close)

  local unknown = { "UnableToGetLocalIssuerCertificate", "UnableToVerifyFirstCertificate" }
  local rows = {
    ["with nothing"] = { function() end, false },
    ["having ignored all"] = { function(socket) socket:ignoreSslErrors() end, true },
    ["having ignored the right errors"] = { function(socket) socket:ignoreSslErrors(unknown) end, true },
    ["having ignored another error"] = { function(socket) socket:ignoreSslErrors { "HostNameMismatch" } end, false },
  }
  for what, row in pairs(rows) do
    it("L48 resume: an sslErrors handler waits, and goes on " .. what, function()
      local server, socket = sslServer(), sockets.closing(moonport.SslSocket())
      local counts, goes = { errorOccurred = 0, encrypted = 0, sslErrors = 0 }, false
      for _, name in ipairs { "errorOccurred", "encrypted" } do
        socket[name] = function() counts[name] = counts[name] + 1 end
      end
      function socket:sslErrors()
        counts.sslErrors = counts.sslErrors + 1
        repeat moonport.sleep(1) until goes
        row[1](self)
      end
      socket:connectToHostEncrypted("localhost", server:serverPort())
      helper.eventually(function() return counts.sslErrors == 1 end)
      helper.settle(20)
      assert.same({ errorOccurred = 0, encrypted = 0, sslErrors = 1 }, counts)
      assert.equal("ConnectedState", socket:state())
      assert.is_false(socket:isEncrypted())
      goes = true
      helper.eventually(function() return counts.errorOccurred + counts.encrypted > 0 end)
      helper.settle(5)
      assert.same({ errorOccurred = row[2] and 0 or 1, encrypted = row[2] and 1 or 0, sslErrors = 1 }, counts)
      assert.equal(row[2], socket:isEncrypted())
      if not row[2] then assert.equal("SslHandshakeFailedError", socket:error()) end
    end)
  end

  for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
    it("V4 testHandshakeInterruptedOnError: a server refuses at the first error, with an alert, " .. version, function()
      local of_client = ssl.authority:certificate { selfSigned = true, client = true }
      local server = sslServer { peerVerifyMode = "VerifyPeer", caCertificates = ssl.authority.caCertificates,
        maximumProtocol = version }
      local counts = { errorOccurred = 0, pendingConnectionAvailable = 0, encrypted = 0 }
      local function count(object, name) object[name] = function() counts[name] = counts[name] + 1 end end
      count(server, "pendingConnectionAvailable")
      count(server.connection, "encrypted")
      function server:errorOccurred(_, code)
        counts.errorOccurred = counts.errorOccurred + 1
        assert.equal("SslHandshakeFailedError", code)
      end
      local socket, heard = ssl.socket { certificate = of_client.certificate, key = of_client.key }, nil
      function socket:alertReceived(level, number) heard = { level, number } end
      socket:connectToHostEncrypted("localhost", server:serverPort())
      sockets.eventuallyState(socket, "UnconnectedState")
      helper.eventually(function() return counts.errorOccurred > 0 end)
      helper.settle(5)
      assert.same({ errorOccurred = 1, pendingConnectionAvailable = 0, encrypted = 0 }, counts)
      assert.same({ 2, 48 }, heard)
    end)
  end

  it("names with a zero byte are no names", function()
    local socket = sockets.closing(moonport.SslSocket())
    assert.is_false((pcall(socket.setPeerVerifyName, socket, "localhost\0.evil")))
    assert.is_false((pcall(socket.connectToHostEncrypted, socket, "127.0.0.1", 1, "localhost\0.evil")))
    assert.equal("", socket:peerVerifyName())
  end)

  it("a name that looks like an open mode is a name", function()
    local server, socket = sslServer(), ssl.socket()
    assert.is_true(socket:connectToHostEncrypted("127.0.0.1", server:serverPort(), "Reader.example"))
    assert.is_nil((socket:waitForEncrypted(helper.timeout)))
    assert.equal("Reader.example", socket:peerVerifyName())
    assert.equal("HostNameMismatch", socket:sslHandshakeErrors()[1].code)
  end)
end)
