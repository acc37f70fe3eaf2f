-- QSslCertificate::verify: Qt's cases K10 (tst_qsslcertificate) and L36 (tst_qsslsocket).
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

local ssl = require("spec.qt.ssl_sockets").use()

local SslCertificate = moonport.SslCertificate

describe("SslCertificate.verify", function()
  local trusted, other

  setup(function()
    trusted = { caCertificates = ssl.authority.caCertificates }
    other = tls.authority()
  end)

  teardown(function() other:close() end)
  after_each(sockets.close)

  local function chain(certificate) return assert(SslCertificate.fromPath(certificate.certificate)) end

  local function codes(errors)
    local list = {}
    for i, one in ipairs(errors) do list[i] = one.code end
    return table.concat(list, " ")
  end

  it("K10 an empty chain is an UnspecifiedError", function()
    local errors = SslCertificate.verify {}
    assert.equal("UnspecifiedError", codes(errors))
    assert.is_string(errors[1].message)
    assert.is_nil(errors[1].certificate)
  end)

  it("K10 a good one has no errors, also by way of an intermediate authority", function()
    local below = ssl.authority:intermediate():certificate()
    assert.same({}, SslCertificate.verify(chain(ssl.certificate), nil, trusted))
    assert.same({}, SslCertificate.verify(chain(below), nil, trusted))
    assert.same({}, SslCertificate.verify(chain(below), "localhost", trusted))
    -- Without the intermediate one the way to the root is missing.
    assert.equal("UnableToGetLocalIssuerCertificate UnableToVerifyFirstCertificate",
      codes(SslCertificate.verify({ chain(below)[1] }, nil, trusted)))
    -- Its own root in the chain is no reason to trust it.
    local foreign = chain(other:certificate())
    foreign[#foreign + 1] = SslCertificate(other.caCertificates)
    assert.equal("SelfSignedCertificateInChain", codes(SslCertificate.verify(foreign, nil, trusted)))
    assert.same({}, SslCertificate.verify(foreign, nil, { caCertificates = other.caCertificates }))
  end)

  it("K10 an expired one that nobody has signed has both errors, which name it", function()
    local bad = chain(ssl.authority:certificate { selfSigned = true, expired = true })
    local errors = SslCertificate.verify(bad, nil, trusted)
    local words = codes(errors)
    assert.truthy(words:find "SelfSignedCertificate", words)
    assert.truthy(words:find "CertificateExpired", words)
    assert.equal(2, #errors)
    for _, one in ipairs(errors) do assert.is_true(one.certificate == bad[1]) end
  end)

  it("K10 an issuer that is no authority is an InvalidCaCertificate, of the issuer", function()
    local folder = helper.folder()
    local function openssl(text)
      local words = { "openssl" }
      for word in text:gmatch "%S+" do words[#words + 1] = (word:gsub("^@", folder .. "/")) end
      local status, _, message = helper.run(words)
      assert(status == 0, message)
    end
    openssl "req -newkey ed25519 -nodes -keyout @leaf.key -out @leaf.csr -subj /CN=below"
    openssl(("x509 -req -in @leaf.csr -CA %s -CAkey %s -out @leaf.pem -days 3"):format(ssl.certificate.file,
      ssl.certificate.key))
    local list = { assert(SslCertificate(folder .. "/leaf.pem")), SslCertificate(ssl.certificate.file) }
    os.execute(("rm -rf '%s'"):format(folder))
    local errors = SslCertificate.verify(list, nil, trusted)
    assert.equal("InvalidCaCertificate", errors[1].code)
    assert.is_true(errors[1].certificate == list[2])
  end)

  it("K10 the name must be the leaf's", function()
    local named = chain(ssl.authority:certificate { names = { "a.example", "*.b.example", "192.0.2.7" } })
    for name, good in pairs { ["a.example"] = true, ["A.Example"] = true, ["x.b.example"] = true, ["192.0.2.7"] = true,
      ["b.example"] = false, ["192.0.2.8"] = false, [""] = false, [".b.example"] = false,
      ["a.example.evil"] = false } do
      local errors = SslCertificate.verify(named, name, trusted)
      assert.equal(good and "" or "HostNameMismatch", codes(errors), name)
      if not good then assert.is_true(errors[1].certificate == named[1]) end
    end
    assert.same({}, SslCertificate.verify(named, moonport.HostAddress "192.0.2.7", trusted))
  end)

  it("takes an SslConfiguration, whose depth and revocation lists count", function()
    local authority = tls.authority()
    local certificate = authority:certificate()
    local list = chain(certificate)
    local below = chain(authority:intermediate():intermediate():certificate())
    assert.same({}, SslCertificate.verify(below, nil, { caCertificates = authority.caCertificates }))
    assert.not_same({}, SslCertificate.verify(below, nil,
      { caCertificates = authority.caCertificates, peerVerifyDepth = 1 }))
    authority:revoke(certificate)
    local configuration = assert(moonport.SslConfiguration { caCertificates = authority.caCertificates,
      crl = authority:crl() })
    assert.equal("CertificateRevoked", codes(SslCertificate.verify(list, nil, configuration)))
    authority:close()
  end)

  it("K13 onDemandCertificates: the system's roots are found without a list, and don't count with one", function()
    local status, out, err = helper.run({ "env", "SSL_CERT_FILE=" .. ssl.authority.caCertificates, "SSL_CERT_DIR=",
      os.getenv "MOONPORT" or "build/asan/moonport", "-e", ([[
        local moonport = require "moonport"
        local chain = moonport.SslCertificate.fromPath "%s"
        for _, own in ipairs { false, "system", "%s" } do
          local errors = moonport.SslCertificate.verify(chain, nil, own and { caCertificates = own } or nil)
          print(#errors > 0 and errors[1].code or "good")
        end
      ]]):format(ssl.certificate.certificate, other.caCertificates) })
    assert.equal(0, status, err)
    assert.equal("good\ngood\nUnableToGetLocalIssuerCertificate\n", out)
  end)

  it("L36 verifyAndDefaultConfiguration: it changes nobody's authorities", function()
    local list = chain(ssl.certificate)
    assert.same({}, SslCertificate.verify(list, nil, trusted))
    assert.equal("UnableToGetLocalIssuerCertificate UnableToVerifyFirstCertificate",
      codes(SslCertificate.verify(list)))
    assert.equal("UnableToGetLocalIssuerCertificate UnableToVerifyFirstCertificate",
      codes(SslCertificate.verify(list, nil, { caCertificates = other.caCertificates })))
    local socket = sockets.closing(moonport.SslSocket())
    socket:connectToHostEncrypted("localhost", ssl.server():serverPort())
    assert.is_nil((socket:waitForEncrypted(helper.timeout)))
  end)
end)
