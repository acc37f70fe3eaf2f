-- SPDX-License-Identifier: MIT
-- Two causes. Answers of TLS itself, such as to a KeyUpdate, were counted by no limit, so that a peer that
-- asks without end and reads nothing had them pile up in memory. And a write in the middle of a message of the peer's
-- TLS, a ticket in two records, failed, although OpenSSL only wants to see the rest of that first.
-- #thorough: it takes long

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

describe("What TLS itself says on an open connection:", function()
  local ssl = require("spec.qt.ssl_sockets").use()
  after_each(sockets.close)

  it("a peer that asks for keys and reads nothing of the answers isn't read any more", function()
    local server = ssl.server()
    local client = tls.peer("client", server:serverPort(), "small", "min=0x0304", "handshake", "keyupdates=12000",
      "stuff", "line", "exchange", "write=end", "send", "read=3")
    local peer = sockets.accept(server)
    peer:setSocketOption("SendBufferSizeSocketOption", 4096) -- or the system takes all of the answers
    peer:setSocketOption("ReceiveBufferSizeSocketOption", 4096)
    function peer:readyRead() self:write(self:readAll()) end
    local left = tonumber((client:waitForLine("^left (%d+)$", 30000)))
    assert.is_true(left > 0)
    assert.equal("ConnectedState", peer:state())
    assert.equal(0, peer:bytesToWrite())
    client:write "\n"
    client:waitForLine("^read end$", 30000)
  end)

  it("a write in the middle of a ticket waits for the rest of that", function()
    local of_client = ssl.authority:certificate { client = true }
    local server = tls.peer("server", "min=0x0304", "frag=512", "cert=" .. ssl.certificate.certificate,
      "key=" .. ssl.certificate.key, "ca=" .. ssl.authority.caCertificates, "steps=1", "head=600", "line", "send",
      "read=5", "write=there", "send", "hold")
    local socket = sockets.closing(moonport.SslSocket())
    assert(socket:setSslConfiguration { caCertificates = ssl.authority.caCertificates,
      certificate = of_client.certificate, key = of_client.key })
    socket:connectToHostEncrypted("localhost", tonumber((server:waitForLine "^port (%d+)$")))
    assert(socket:waitForEncrypted(helper.timeout))
    server:waitForLine "^encrypted"
    helper.settle(50)
    socket:write "hello"
    helper.settle(20)
    assert.equal(5, socket:bytesToWrite())
    server:write "\n"
    server:waitForLine "^read hello$"
    assert.equal("there", socket:receive(5, helper.timeout))
    assert.equal(0, socket:bytesToWrite())
  end)
end)
