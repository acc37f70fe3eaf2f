-- SPDX-License-Identifier: MIT
-- moonport.test makes certificates, and openssl says of them what a test has asked for.

local helper = require "spec.helper"
local test = require "moonport.test"
local tls = require "spec.tls"

-- What openssl says; the status comes first.
local function openssl(...)
  local status, out, err = helper.run({ "openssl", ... })
  return status, out .. err
end

local function about(certificate, ...)
  return select(2, openssl("x509", "-noout", "-in", certificate.file, ...))
end

-- Verifies as a peer does that has the chain. -> "OK", or openssl's reason
local function verify(certificate, trusted, ...)
  local options = table.pack(...)
  options[#options + 1] = certificate.file
  local _, said = openssl("verify", "-CAfile", trusted, "-untrusted", certificate.certificate, table.unpack(options))
  return said:match ": (OK)\n" or said:match "depth lookup: ([^\n]*)" or said
end

local function exists(path)
  local file <close> = io.open(path)
  return file ~= nil
end

local function failing(fn)
  local ok, problem = pcall(fn)
  assert.is_false(ok)
  local text, at = tostring(problem), debug.getinfo(fn, "S")
  local place = ("%s:%d: "):format(at.short_src, at.linedefined)
  assert.equal(place, text:sub(1, #place))
  return text:sub(#place + 1)
end

describe("moonport.test's authority", function()
  after_each(test.cleanup)

  it("issues a certificate for this machine, which is the table of an SslConfiguration, and verifies", function()
    local authority = tls.authority()
    local server = authority:certificate()
    local members = {}
    for name in pairs(server) do members[#members + 1] = name end
    table.sort(members)
    assert.same({ "caCertificates", "certificate", "key" }, members)
    assert.equal("OK", verify(server, server.caCertificates, "-purpose", "sslserver", "-verify_hostname", "localhost"))
    assert.equal("OK", verify(server, server.caCertificates, "-verify_ip", "127.0.0.1"))
    assert.equal("OK", verify(server, server.caCertificates, "-verify_ip", "::1"))
    assert.equal("hostname mismatch", verify(server, server.caCertificates, "-verify_hostname", "other"))
    assert.matches("id%-ecPublicKey.*prime256v1", about(server, "-text"))
    assert.matches("will not expire", about(server, "-checkend", tostring(29 * 24 * 3600)))
    assert.matches("will expire", about(server, "-checkend", tostring(31 * 24 * 3600)))
    local _, public = openssl("pkey", "-in", server.key, "-pubout")
    assert.equal(public, about(server, "-pubkey"))
  end)

  it("issues a certificate with the names that are asked for", function()
    local authority = tls.authority()
    local named = authority:certificate { names = { "a.example", "*.b.example", "10.1.2.3", "email:me@a.example",
      "URI:urn:x" }, commonName = "a/b=c, d" }
    assert.matches("DNS:a.example, DNS:*.b.example, IP Address:10.1.2.3, email:me@a.example, URI:urn:x\n",
      about(named, "-ext", "subjectAltName"), 1, true)
    assert.matches('CN = "a/b=c, d"', about(named, "-subject"), 1, true)
    assert.equal("OK", verify(named, authority.caCertificates, "-verify_hostname", "x.b.example"))
    local nameless = authority:certificate { names = {}, commonName = "localhost" }
    assert.matches("No extensions", about(nameless, "-ext", "subjectAltName"))
  end)

  it("issues a certificate for a client, which no server may use", function()
    local authority = tls.authority()
    local client = authority:certificate { client = true }
    assert.equal("OK", verify(client, authority.caCertificates, "-purpose", "sslclient"))
    assert.matches("unsuit?able certificate purpose", verify(client, authority.caCertificates, "-purpose", "sslserver"))
    assert.matches("No extensions", about(client, "-ext", "subjectAltName"))
  end)

  it("issues a certificate that has expired, isn't valid yet, or ends on another day", function()
    local authority = tls.authority()
    local trusted = authority.caCertificates
    assert.equal("certificate has expired", verify(authority:certificate { expired = true }, trusted))
    assert.equal("certificate is not yet valid", verify(authority:certificate { notYetValid = true }, trusted))
    local short = authority:certificate { days = 3 }
    assert.equal("OK", verify(short, trusted))
    assert.matches("will expire", about(short, "-checkend", tostring(3 * 24 * 3600 + 60)))
    local expired = tls.authority { expired = true }
    assert.equal("certificate has expired", verify(expired:certificate(), expired.caCertificates))
  end)

  it("makes keys of each kind, encrypted if there is a passphrase", function()
    local authority = tls.authority { key = "ed25519" }
    for key, kind in pairs { rsa = "rsaEncryption.*2048 bit", ["ec:P-384"] = "secp384r1", ed25519 = "ED25519" } do
      local server = authority:certificate { key = key }
      assert.matches(kind, about(server, "-text"))
      assert.equal("OK", verify(server, authority.caCertificates))
    end
    local secret = authority:certificate { passphrase = "open sesame" }
    assert.equal("open sesame", secret.passphrase)
    assert.not_equal(0, (openssl("pkey", "-noout", "-in", secret.key, "-passin", "pass:wrong")))
    local status, public = openssl("pkey", "-pubout", "-in", secret.key, "-passin", "pass:open sesame")
    assert.equal(0, status)
    assert.equal(public, about(secret, "-pubkey"))
  end)

  it("never gives one key to two certificates of a test, and uses it again in a later test", function()
    local function keys(authority)
      local set, list = {}, {}
      for _, one in ipairs { authority, authority:certificate(), authority:certificate(), authority:intermediate() } do
        local file <close> = assert(io.open(one.key))
        local key = file:read "a"
        assert.is_nil(set[key])
        set[key], list[#list + 1] = true, key
      end
      return set, list
    end
    local first, other = tls.authority(), tls.authority()
    local one, list = keys(first)
    local two = keys(other)
    for key in pairs(one) do assert.is_nil(two[key]) end
    assert.not_equal("OK", verify(first:certificate(), other.caCertificates))
    first:close()
    local again <close> = tls.authority()
    assert.same(list, select(2, keys(again)))
    assert.equal("OK", verify(again:certificate(), again.caCertificates))
  end)

  it("signs a certificate with its own key if it is asked to, and nobody else trusts that", function()
    local authority = tls.authority()
    local own = authority:certificate { selfSigned = true }
    assert.equal("OK", verify(own, own.caCertificates, "-verify_hostname", "localhost"))
    assert.matches("^self.signed certificate$", verify(own, authority.caCertificates))
  end)

  it("takes a digest and extensions", function()
    local authority = tls.authority()
    local server = authority:certificate { digest = "sha384",
      extensions = { tlsfeature = "status_request", extendedKeyUsage = false, keyUsage = "keyAgreement" } }
    local text = about(server, "-text")
    assert.matches("ecdsa-with-SHA384", text, 1, true)
    assert.matches("status_request", text)
    assert.matches("Key Usage: \n +Key Agreement\n", text)
    assert.is_nil(text:find "Extended Key Usage")
  end)

  it("makes intermediate authorities, whose certificates come with their chain", function()
    local authority = tls.authority()
    local lower = authority:intermediate():intermediate { commonName = "lower" }
    local server = lower:certificate()
    assert.equal(authority.caCertificates, server.caCertificates)
    assert.equal("OK", verify(server, server.caCertificates))
    local _, chain = openssl("crl2pkcs7", "-nocrl", "-certfile", server.certificate)
    assert.not_equal("", chain)
    local file <close> = assert(io.open(server.certificate))
    assert.equal(3, select(2, file:read "a":gsub("BEGIN CERTIFICATE", "")))
    local _, alone = openssl("verify", "-CAfile", server.caCertificates, server.file)
    assert.matches("unable to get local issuer certificate", alone)
  end)

  it("revokes certificates, and writes lists of them with those of the authorities above", function()
    local authority = tls.authority()
    local lower = authority:intermediate()
    local good, bad = lower:certificate(), lower:certificate()
    lower:revoke(bad, "keyCompromise")
    local function checked(certificate, list)
      return verify(certificate, authority.caCertificates, "-crl_check_all", "-CRLfile", list)
    end
    local list = lower:crl()
    assert.equal("OK", checked(good, list))
    assert.equal("certificate revoked", checked(bad, list))
    assert.equal("CRL has expired", checked(good, lower:crl { expired = true }))
    authority:revoke(lower)
    assert.equal("certificate revoked", checked(good, lower:crl()))
    assert.equal("this authority has not issued that certificate", failing(function() authority:revoke(good) end))
  end)

  it("doesn't revoke for the next test", function()
    for _ = 1, 2 do
      local authority <close> = tls.authority()
      local server = authority:certificate()
      local function checked()
        return verify(server, authority.caCertificates, "-crl_check", "-CRLfile", authority:crl())
      end
      assert.equal("OK", checked())
      authority:revoke(server)
      assert.equal("certificate revoked", checked())
    end
  end)

  it("answers by OCSP that a certificate is good, revoked or unknown", function()
    local authority = tls.authority()
    local server, revoked = authority:certificate(), authority:certificate()
    authority:revoke(revoked)
    local function says(certificate, options)
      local path = authority:ocspResponse(certificate, options)
      local _, said = openssl("ocsp", "-respin", path, "-issuer", authority.file, "-cert", certificate.file, "-CAfile",
        authority.file)
      return said
    end
    assert.matches("%.pem: good\n.*Response verify OK\n", says(server))
    assert.matches("%.pem: revoked\n.*Response verify OK\n", says(revoked))
    assert.matches("%.pem: unknown\n.*Response verify OK\n", says(server, { unknown = true }))
    assert.matches("Response Verify Failure\n", says(server, { signer = tls.authority() }))
    for _, key in ipairs { "ec", "rsa", "ed25519" } do
      authority = tls.authority { key = key }
      local text = says(authority:certificate(), { expired = true })
      assert.matches("%.pem: WARNING: Status times invalid.*status expired.*\ngood\n.*Response verify OK", text)
    end
  end)

  it("removes its files at the end, also if the process is killed", function()
    local authority = tls.authority()
    local server = authority:certificate()
    assert.is_true(exists(server.key))
    authority:close()
    assert.is_false(exists(server.key))
    assert.is_false(exists(server.key:match "^.*/"))
    assert.equal("the authority is closed", failing(function() authority:certificate() end))

    local program = helper.program { source = [[
      local authority = require "moonport.test".authority()
      print(authority.key)
      require "moonport".sleep(-1)
    ]] }
    local path = program:waitForLine "^(.+)$"
    assert.is_true(exists(path))
    program:signal "KILL"
    program:wait()
    helper.eventually(function() return not exists(path:match "^(.*)/") end)
  end)

  it("reports mistakes, and what openssl has said, at the test's line", function()
    local authority = tls.authority()
    local function fails(options) return failing(function() authority:certificate(options) end) end
    assert.equal("'name' is no option of certificate", fails { name = "localhost" })
    assert.equal("bad option 'names' of certificate (table expected, got string)", fails { names = "localhost" })
    assert.equal("'a b' can't be a name of a certificate", fails { names = { "a b" } })
    assert.equal("no key can be made as 'dsa'", fails { key = "dsa" })
    assert.matches("^openssl ca .* failed with status 1:\n.*unsupported", fails { digest = "nonsense" })
    assert.equal("OK", verify(authority:certificate(), authority.caCertificates))
    assert.equal("'names' is no option of authority", failing(function() test.authority { names = {} } end))
    assert.equal("/no/openssl: No such file or directory; moonport.test makes certificates with the program openssl: "
      .. "install the package openssl", failing(function() tls.authority { program = "/no/openssl" } end))
    assert.matches("^there is no temporary folder: mktemp: .*/nowhere/",
      failing(function() test.authority { environment = { TMPDIR = "/nowhere", LD_PRELOAD = false } } end))
  end)

  it("lets openssl as client and server talk to each other, and refuses what it doesn't trust", function()
    local authority = tls.authority()
    local server, port = tls.server(authority:intermediate():certificate())
    local client = tls.client(port, authority)
    client:write "hello\n"
    server:waitForLine "^hello$"
    server:write "welcome\n"
    client:waitForLine "^welcome$"
    client:closeInput()
    assert.equal(0, client:wait())
    client = tls.client(port, tls.authority())
    assert.equal(1, client:wait())
    assert.matches("unable to get local issuer certificate", client:stderr())
  end)

  it("connects by TLS to openssl, a server of this process and a service, and trusts only its authority", function()
    local moonport = require "moonport"
    local authority = tls.authority()
    local certificate = authority:certificate()
    local _, port = tls.server(certificate, "-rev")
    test.connect({ port = port, tls = authority }):send("abc\n"):expectLine "cba"

    local server <close> = moonport.SslServer()
    assert(server:setSslConfiguration(certificate))
    function server.connection:readyRead() self:write(self:readAll():reverse()) end
    assert(server:listen())
    test.connect({ port = server, tls = authority }):send("abc"):expect "cba"
    local shown = authority:certificate { client = true }
    test.connect({ port = server, tls = shown }):send("abc"):expect "cba"
    assert.matches("^connect to 127.0.0.1 port %d+: ",
      failing(function() test.connect { port = server, tls = tls.authority() } end))

    local service = test.start { tls = authority, environment = { LD_PRELOAD = false }, script = helper.file([[
      local server = require "moonport".SslServer()
      assert(server:setSslConfiguration { certificate = arg[1], key = arg[2] })
      function server.connection:readyRead() self:write(self:readAll():upper()) end
      assert(server:listen "127.0.0.1")
    ]], "service.lua"), arguments = { certificate.certificate, certificate.key } }
    service:connect():send("tea"):expect "TEA"
    service:connect({ tls = shown }):send("tea"):expect "TEA"
  end)
end)
