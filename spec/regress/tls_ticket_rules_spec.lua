-- SPDX-License-Identifier: MIT
-- Cause: a session was resumed whatever had been overlooked when it began. A ticket of a client that verified nothing,
-- or ignored errors, let the same server in to one that does verify; and a client that an sslErrors handler refused
-- has had its ticket by then, with which it got in.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

describe("A ticket lets nobody past a rule:", function()
  local ssl = require("spec.qt.ssl_sockets").use()
  after_each(sockets.close)

  local function sslServer(changes)
    local server = ssl.server(changes)
    function server:newConnection()
      local peer = sockets.closing(self:nextPendingConnection())
      peer:write "x" -- behind the ticket
    end
    return server
  end

  local function ticketed(server, socket)
    socket:connectToHostEncrypted("localhost", server:serverPort())
    assert(socket:waitForEncrypted(helper.timeout))
    assert.equal("x", socket:receive(1, helper.timeout))
    helper.eventually(function() return #socket:sessionTicket() > 0 end)
    socket:abort()
    return socket:sessionTicket()
  end

  for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
    it("a client that verified nothing does so from now on, " .. version, function()
      local server, socket = sslServer { maximumProtocol = version }, sockets.closing(moonport.SslSocket())
      assert(socket:setSslConfiguration { peerVerifyMode = "VerifyNone" })
      local ticket = ticketed(server, socket)
      assert(socket:setSslConfiguration {})
      socket:connectToHostEncrypted("localhost", server:serverPort())
      assert.is_nil((socket:waitForEncrypted(helper.timeout)))
      local other = sockets.closing(moonport.SslSocket())
      assert(other:setSessionTicket(ticket))
      other:connectToHostEncrypted("localhost", server:serverPort())
      assert.is_nil((other:waitForEncrypted(helper.timeout)))
    end)

    it("a client that ignored errors doesn't any more, " .. version, function()
      local server, socket = sslServer { maximumProtocol = version }, sockets.closing(moonport.SslSocket())
      function socket:sslErrors() self:ignoreSslErrors { "UnableToGetLocalIssuerCertificate",
        "UnableToVerifyFirstCertificate" } end
      local ticket = ticketed(server, socket)
      local other = sockets.closing(moonport.SslSocket())
      assert(other:setSessionTicket(ticket))
      other:connectToHostEncrypted("localhost", server:serverPort())
      assert.is_nil((other:waitForEncrypted(helper.timeout)))
    end)
  end

  it("a client that a server's handler has refused", function()
    local server = sslServer { peerVerifyMode = "VerifyPeer", caCertificates = ssl.authority.caCertificates }
    local client, asked = ssl.authority:certificate { client = true, selfSigned = true }, 0
    function server.connection:sslErrors()
      asked = asked + 1
      moonport.sleep(20)
    end
    local got = 0
    function server:newConnection()
      sockets.closing(self:nextPendingConnection())
      got = got + 1
    end
    local ticket
    for i = 1, 2 do
      local socket = sockets.closing(moonport.SslSocket())
      assert(socket:setSslConfiguration { certificate = client.certificate, key = client.key,
        caCertificates = ssl.authority.caCertificates })
      if ticket then assert(socket:setSessionTicket(ticket)) end
      socket:connectToHostEncrypted("localhost", server:serverPort())
      helper.eventually(function() return asked + got == i end)
      sockets.eventuallyState(socket, "UnconnectedState")
      ticket = socket:sessionTicket()
      assert.is_true(#ticket > 0)
    end
    assert.equal(2, asked)
    assert.equal(0, got)
  end)
end)
