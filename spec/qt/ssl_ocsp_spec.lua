-- OCSP stapling: what a client that asks for it thinks of what a server staples.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

local ssl = require("spec.qt.ssl_sockets").use()

local function sslServer(response, shown, version)
  shown = shown or ssl.certificate
  local server = ssl.server { certificate = shown.certificate, key = shown.key, ocspResponse = response,
    maximumProtocol = version }
  function server:newConnection() sockets.closing(self:nextPendingConnection()) end
  return server
end

local function client(changes)
  local options = { ocspStapling = true }
  for name, value in pairs(changes or {}) do options[name] = value end
  return ssl.socket(options)
end

-- What a handler of sslErrors is told, and whether the handshake ends well.
local function codes(server, socket, handler)
  local list = {}
  function socket:sslErrors(errors)
    for _, one in ipairs(errors) do list[#list + 1] = one.code end
    if handler then handler(self, errors) end
  end
  assert(socket:connectToHostEncrypted("localhost", server:serverPort()))
  return socket:waitForEncrypted(helper.timeout), list
end

for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
  describe("OCSP stapling in " .. version .. ":", function()
    after_each(sockets.close)

    it("a good response lets the server in", function()
      local server, socket = sslServer(ssl.authority:ocspResponse(ssl.certificate), nil, version), client()
      local entered, list = codes(server, socket)
      assert.is_true(entered)
      assert.same({}, list)
      assert.equal(version, socket:sessionProtocol())
    end)

    it("a server that staples nothing is refused with an alert, and one error", function()
      local server, socket = sslServer(nil, nil, version), client()
      local told
      function server:errorOccurred(peer) told = peer:errorString() end
      assert(socket:connectToHostEncrypted("localhost", server:serverPort()))
      assert.is_nil((socket:waitForEncrypted(helper.timeout)))
      assert.equal("SslHandshakeFailedError", socket:error())
      assert.equal("No OCSP status response found", socket:errorString())
      assert.truthy(helper.eventually(function() return told end):find "certificate status")
    end)

    for _, case in ipairs {
      { "a revoked certificate", "CertificateRevoked", function(one) ssl.authority:revoke(one) end },
      { "a certificate that the authority doesn't know", "OcspStatusUnknown", nil, { unknown = true } },
      { "a response that has expired", "OcspResponseExpired", nil, { expired = true } },
    } do
      it(case[1] .. " is told as " .. case[2], function()
        local one = ssl.authority:certificate { commonName = case[1] }
        if case[3] then case[3](one) end
        local path = ssl.authority:ocspResponse(one, case[4])
        local _, port = tls.server(one, "-rev", "-status_file", path) -- ours doesn't staple what has expired
        local socket = client { maximumProtocol = version }
        local entered, list = codes({ serverPort = function() return port end }, socket)
        assert.is_nil(entered)
        assert.same({ case[2] }, list)
      end)
    end

    it("a response about another certificate, or by nobody who may, isn't believed", function()
      local another = ssl.authority:certificate { commonName = "another" }
      local _, list = codes(sslServer(ssl.authority:ocspResponse(another), nil, version), client())
      assert.same({ "OcspResponseCertIdUnknown" }, list)
      local stranger <close> = tls.authority()
      local path = ssl.authority:ocspResponse(ssl.certificate, { signer = stranger })
      _, list = codes(sslServer(path, nil, version), client())
      assert.same({ "OcspResponseCannotBeTrusted" }, list)
    end)

    it("the responder may be one that the authority has made for it", function()
      local responder = ssl.authority:certificate { extensions = { extendedKeyUsage = "OCSPSigning" },
        commonName = "OCSP" }
      local path = ssl.authority:ocspResponse(ssl.certificate, { signer = responder })
      local entered, list = codes(sslServer(path, nil, version), client())
      assert.same({}, list)
      assert.is_true(entered)
    end)

    it("a handler may overlook it, and ignoreSslErrors beforehand, too", function()
      local server = sslServer(nil, nil, version)
      local entered, list = codes(server, client(), function(self) self:ignoreSslErrors() end)
      assert.is_true(entered)
      assert.same({ "OcspNoResponseFound" }, list)
      local socket = client()
      socket:ignoreSslErrors { "OcspNoResponseFound" }
      assert(socket:connectToHostEncrypted("localhost", server:serverPort()))
      assert(socket:waitForEncrypted(helper.timeout))
    end)

    it("QueryPeer reports it and goes on, and VerifyNone asks for nothing", function()
      local server = sslServer(nil, nil, version)
      local entered, list = codes(server, client { peerVerifyMode = "QueryPeer" })
      assert.is_true(entered)
      assert.same({ "OcspNoResponseFound" }, list)
      entered, list = codes(server, client { peerVerifyMode = "VerifyNone" })
      assert.is_true(entered)
      assert.same({}, list)
    end)

    it("a ticket carries nobody past it", function()
      local server = sslServer(nil, nil, version)
      local first = client { ocspStapling = false }
      assert(first:connectToHostEncrypted("localhost", server:serverPort()))
      assert(first:waitForEncrypted(helper.timeout))
      helper.eventually(function() return #first:sessionTicket() > 0 end)
      local second = client()
      second:setSessionTicket(first:sessionTicket())
      local entered, list = codes(server, second)
      assert.is_nil(entered)
      assert.same({ "OcspNoResponseFound" }, list)
    end)
  end)
end

describe("ocspResponse:", function()
  after_each(sockets.close)

  it("a file that is no response is refused", function()
    local file = helper.file "nothing"
    local none, message = moonport.SslConfiguration { certificate = ssl.certificate.certificate,
      key = ssl.certificate.key, ocspResponse = file }
    assert.is_nil(none)
    assert.equal(("SslConfiguration: ocspResponse: '%s' has no OCSP response in DER"):format(file), message)
  end)

  it("one that has expired is not stapled", function()
    local server = sslServer(ssl.authority:ocspResponse(ssl.certificate, { expired = true }))
    local _, list = codes(server, client())
    assert.same({ "OcspNoResponseFound" }, list)
  end)
end)
