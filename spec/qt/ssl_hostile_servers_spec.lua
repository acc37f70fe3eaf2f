-- Servers that a client must not trust, or that don't speak TLS: one error each, with its text and its code, and the
-- server learns why by an alert. The clients' side is ssl_hostile_spec.lua.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

local ssl = require("spec.qt.ssl_sockets").use()
local patience = 4 * helper.timeout -- for a program that a busy machine starts slowly

-- The texts of the errors that a socket has signalled so far.
local function told(socket)
  local list = {}
  function socket:errorOccurred(code) list[#list + 1] = code .. ": " .. self:errorString() end
  return list
end

local function codes(socket)
  local list = {}
  for i, one in ipairs(socket:sslHandshakeErrors()) do list[i] = one.code end
  return table.concat(list, " ")
end

-- What the socket says of the attempt: its errors, and the codes of what is wrong with the certificate.
local function attempt(port, changes, name)
  local socket = ssl.socket(changes)
  local errors = told(socket)
  assert(socket:connectToHostEncrypted("127.0.0.1", port, name or "localhost"))
  sockets.eventuallyState(socket, "UnconnectedState")
  helper.settle(2)
  return table.concat(errors, "\n"), codes(socket)
end

describe("A server that isn't to be trusted:", function()
  after_each(sockets.close)

  local issuer = "The issuer certificate of a locally looked up certificate could not be found"

  for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
    it("each certificate has its own error, one, and the server is told; others are served, in " .. version, function()
      local authority, stranger <close> = ssl.authority, tls.authority()
      local revoked = authority:certificate { commonName = "revoked " .. version }
      authority:revoke(revoked)
      local later = authority:intermediate()
      local lone = later:certificate()
      lone.certificate = lone.file -- without the one that has issued it

      -- What it is; its certificate; its error; the codes; the alert that the server gets; what the client wants beside
      local cases = {
        { "for another name", authority:certificate { names = { "other.example" } },
          "The host name did not match any of the valid hosts for this certificate", "HostNameMismatch",
          "sslv3 alert bad certificate" },
        { "signed by itself", authority:certificate { selfSigned = true },
          "The certificate is self-signed, and untrusted", "SelfSignedCertificate", "tlsv1 alert unknown ca" },
        { "expired", authority:certificate { expired = true }, "The certificate has expired", "CertificateExpired",
          "sslv3 alert certificate expired" },
        { "not yet valid", authority:certificate { notYetValid = true }, "The certificate is not yet valid",
          "CertificateNotYetValid", "sslv3 alert bad certificate" },
        { "of an unknown root", stranger:certificate(), issuer,
          "UnableToGetLocalIssuerCertificate UnableToVerifyFirstCertificate", "tlsv1 alert unknown ca" },
        { "without its intermediate authority", lone, issuer,
          "UnableToGetLocalIssuerCertificate UnableToVerifyFirstCertificate", "tlsv1 alert unknown ca" },
        { "for clients only", authority:certificate { client = true, names = { "localhost" } },
          "The supplied certificate is unsuitable for this purpose", "InvalidPurpose",
          "sslv3 alert unsupported certificate" },
        { "revoked, says a list", revoked, "certificate revoked", "CertificateRevoked",
          "sslv3 alert certificate revoked", { crl = authority:crl() } },
        { "for which the authority has no list", authority:certificate(), "unable to get certificate CRL",
          "UnspecifiedError", "tlsv1 alert unknown ca", { crl = stranger:crl() } },
        { "for which the list has expired", authority:certificate(), "CRL has expired", "UnspecifiedError",
          "sslv3 alert certificate expired", { crl = authority:crl { expired = true } } },
        { "revoked, says OCSP", revoked, "certificate revoked", "CertificateRevoked",
          "tlsv1 bad certificate status response", { ocspStapling = true },
          { ocspResponse = authority:ocspResponse(revoked) } },
      }
      -- The list that refuses one lets others in.
      local listed = ssl.socket { crl = authority:crl() }
      ssl.pair(ssl.server(), listed)
      local good = ssl.server()
      function good.connection:readyRead() self:write(self:readAll()) end
      for _, case in ipairs(cases) do
        local options = { certificate = case[2].certificate, key = case[2].key, maximumProtocol = version }
        for name, value in pairs(case[7] or {}) do options[name] = value end
        local server, alert = ssl.server(options), {}
        function server:errorOccurred(peer, code) alert[#alert + 1] = code .. ": " .. peer:errorString() end
        local errors, found = attempt(server:serverPort(), case[6])
        assert.same({ case[1], "SslHandshakeFailedError: " .. case[3], case[4] }, { case[1], errors, found })
        helper.eventually(function() return #alert > 0 end)
        assert.same({ case[1], "SslHandshakeFailedError: Error during SSL handshake: " .. case[5] },
          { case[1], table.unpack(alert) })
        assert.is_nil((server:nextPendingConnection()))
        local other = ssl.socket()
        other:connectToHostEncrypted("127.0.0.1", good:serverPort(), "localhost")
        other:write "hello"
        assert.equal("hello", (other:receive(5, helper.timeout)))
      end
    end)
  end

  it("each that speaks something else has its own error, one", function()
    local failed, shaking = "SslHandshakeFailedError: ", "Error during SSL handshake: "
    local early = "RemoteHostClosedError: The peer closed the connection during the handshake"
    local cert, key = "cert=" .. ssl.certificate.certificate, "key=" .. ssl.certificate.key
    local function hex(text) return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
    local peers = tls.peers()
    for _, case in ipairs {
      { "HTTP", "raw=" .. hex "HTTP/1.1 400 Bad Request\r\n\r\n", "send", "end",
        error = failed .. shaking .. "wrong version number" },
      { "a greeting of SMTP", "raw=" .. hex "220 mail.example ESMTP\r\n", "send", "end",
        error = failed .. shaking .. "wrong version number" },
      { "garbage", "raw=" .. ("ff"):rep(5000), "send", "end", error = failed .. shaking .. "wrong version number" },
      { "TLS 1.0", "max=0x0301", cert, key, "handshake", error = failed .. shaking .. "tlsv1 alert protocol version" },
      { "no cipher in common", "max=0x0303", "ciphers=AES128-SHA", cert, key, "handshake",
        error = failed .. shaking .. "sslv3 alert handshake failure" },
      { "no certificate", "max=0x0303", "handshake", error = failed .. shaking .. "sslv3 alert handshake failure" },
      { "nothing, and goes", "steps=0", "cut=0", "fin", "end", error = early },
      { "nothing, and resets", "steps=0", "rst",
        error = "RemoteHostClosedError: The remote host closed the connection" },
      { "an alert", "raw=15030300020228", "send", "end",
        error = failed .. shaking .. "sslv3 alert handshake failure" },
      { "close_notify", "raw=15030300020100", "send", "end", error = early },
      { "a record larger than allowed", "raw=16030348010200", "send", "end",
        error = failed .. shaking .. "packet length too long" },
      { "data before its hello", "raw=1703030005aabbccddee", "send", "end",
        error = failed .. shaking .. "unexpected message" },
    } do
      peers:start("server", table.unpack(case, 2))
      assert.same({ case[1], case.error }, { case[1], (attempt(peers:port(patience))) })
      peers.program:waitForLine("^done$", patience)
    end
  end)
end)
