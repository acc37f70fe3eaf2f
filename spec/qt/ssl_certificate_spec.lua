-- QSslCertificate: reading, names, dates, extensions, PKCS #12, and names that are made to deceive.
--
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local ssl = require "spec.ssl"

local SslCertificate = moonport.SslCertificate

local function refused(message, certificate, ...)
  assert.is_nil(certificate)
  assert.same({ message, "SslInvalidUserDataError" }, { ... })
end

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- Other bytes in a certificate: its signature is wrong then, which nobody looks at.
local function changed(der, from, to)
  assert.equal(#from, #to)
  local at = assert(der:find(from, 1, true))
  local count = 0
  while at do
    der = der:sub(1, at - 1) .. to .. der:sub(at + #to)
    count, at = count + 1, der:find(from, at + #to, true)
  end
  assert(count > 0)
  return der
end

describe("SslCertificate", function()
  local folder, path, full

  setup(function()
    folder = ssl.folder()
    path = folder.path .. "/"
    full = SslCertificate(folder.selfSigned("full", [[
C=DE
O=Moon/port
OU=Größe
0.CN=first.example
1.CN=second.example
emailAddress=a@b.example
0.1.2.3.4.5=other]], [[
subjectAltName=email:a@b.example,DNS:one.example,DNS:*.two.example,IP:127.0.0.1,IP:2001:db8::1,URI:http://x.example/
basicConstraints=critical,CA:TRUE,pathlen:1
1.2.3.4=ASN1:UTF8String:hello]], "-days 36500 -set_serial 0x0102ff"))
  end)

  teardown(function() folder.remove() end)

  it("K5 reads PEM and DER, from files and from text, and tells one from the other", function()
    local der = folder.read "full.der"
    for _, text in ipairs { path .. "full.pem", path .. "full.der", folder.read "full.pem", der } do
      assert.is_true(SslCertificate(text) == full)
    end
    assert.is_false(full == SslCertificate(ssl.certificate))
    assert.is_false(full == der)
  end)

  it("K5 says which file has no certificate, and why", function()
    local key = folder.write("alone.pem", ssl.key)
    refused(("SslCertificate: '%s': no certificate is in it"):format(key), SslCertificate(key))
    refused(("SslCertificate: '%snone': No such file or directory"):format(path), SslCertificate(path .. "none"))
    refused(("SslCertificate: '%s': is a folder"):format(folder.path), SslCertificate(folder.path))
    refused("SslCertificate: '/dev/zero': is no file", SslCertificate "/dev/zero")
    refused("SslCertificate: no certificate is in it", SslCertificate(ssl.key))
    local der = folder.read "full.der"
    for _, text in ipairs { "", "\0", "some\ntext", der:sub(1, -2), der .. "x" } do
      refused("SslCertificate: no certificate is in it, neither in PEM nor in DER", SslCertificate(text))
    end
    refused("SslCertificate: a certificate in it is damaged", SslCertificate((ssl.certificate:gsub("MIIB", "MIIC"))))
    assert.error_matches(function() SslCertificate() end, "string expected")
    assert.error_matches(function() SslCertificate(5) end, "string expected")
  end)

  it("K6 has version, serial number and digests", function()
    assert.equal("3", full:version())
    assert.equal("01:02:ff", full:serialNumber())
    assert.equal("11", SslCertificate(ssl.certificate):serialNumber())
    local large = "0x" .. ("9f"):rep(20)
    local certificate = SslCertificate(folder.selfSigned("large", "CN=x", nil, "-set_serial " .. large))
    assert.equal((("9f:"):rep(20):sub(1, -2)), (certificate:serialNumber():gsub("^00:", "")))
    local digests = { Sha256 = "sha256", Sha1 = "sha1", Md5 = "md5", Sha512 = "sha512", Sha3_256 = "sha3-256" }
    for name, option in pairs(digests) do
      local printed = folder.openssl("dgst -r -" .. option .. " @full.der"):match "^%x+"
      assert.equal(printed, hex(full:digest(name)), name)
    end
    assert.equal(full:digest "Sha256", full:digest())
    assert.error_matches(function() full:digest "sha256" end, "unknown algorithm 'sha256'; did you mean 'Sha256'%?")
  end)

  it("K6 has the attributes of subject and issuer: several, beyond ASCII, by all their names", function()
    for _, name in ipairs { "CommonName", "CN", "commonName", "2.5.4.3" } do
      assert.same({ "first.example", "second.example" }, full:subjectInfo(name))
      assert.same({ "first.example", "second.example" }, full:issuerInfo(name))
    end
    assert.same({ "Moon/port" }, full:subjectInfo "Organization")
    assert.same({ "Größe" }, full:subjectInfo "OrganizationalUnitName")
    assert.same({ "DE" }, full:subjectInfo "CountryName")
    assert.same({ "a@b.example" }, full:subjectInfo "EmailAddress")
    assert.same({ "other" }, full:subjectInfo "1.2.3.4.5")
    assert.same({}, full:subjectInfo "LocalityName")
    assert.same({}, full:subjectInfo "no such attribute")
    local attributes = { "C", "O", "OU", "CN", "emailAddress", "1.2.3.4.5" }
    assert.same(attributes, full:subjectInfoAttributes())
    assert.same(attributes, full:issuerInfoAttributes())
  end)

  it("K6 shows the name, else the organization, else its unit", function()
    assert.equal("first.example", full:subjectDisplayName())
    assert.equal("first.example", full:issuerDisplayName())
    local subjects = { ["OU=unit\nO=organization"] = "organization", ["C=DE\nOU=unit"] = "unit", ["C=DE"] = "" }
    for subject, name in pairs(subjects) do
      assert.equal(name, SslCertificate(folder.selfSigned("shown", subject)):subjectDisplayName())
    end
  end)

  it("K6 has dates beyond 2050, as OpenSSL prints them", function()
    for _, date in ipairs { "effectiveDate", "expiryDate" } do
      local msec, text = full[date](full)
      local option = date == "effectiveDate" and "-startdate" or "-enddate"
      local printed = folder.openssl("x509 -in @full.pem -noout -dateopt iso_8601 " .. option):match "=(.-)\n"
      assert.equal(printed, (text:gsub("T", " ")))
      assert.equal(os.date("!%Y-%m-%dT%H:%M:%SZ", msec // 1000), text)
      assert.equal("integer", math.type(msec))
    end
    assert.is_true(full:expiryDate() > 2 ^ 31 * 1000)
  end)

  it("K7 keeps what follows a NUL in a name, so that it equals no other", function()
    local der = folder.selfSigned("bank", "CN=www.bank.com!.badguy.com", "subjectAltName=DNS:www.bank.com!.badguy.com")
    local bank = assert(SslCertificate(changed(der, "bank.com!", "bank.com\0")))
    local name = "www.bank.com\0.badguy.com"
    assert.same({ name }, bank:subjectInfo "CN")
    assert.same({ name }, bank:issuerInfo "CommonName")
    assert.equal(name, bank:subjectDisplayName())
    assert.same({ name }, bank:subjectAlternativeNames().DnsEntry)
    assert.is_nil(tostring(bank):find("\0", 1, true))
    assert.is_nil(bank:toText():find("\0", 1, true))
  end)

  it("K7 shows names with line ends on one line, and refuses those that are no UTF-8", function()
    local der = folder.selfSigned("line", "CN=xx!!yy")
    local line = assert(SslCertificate(changed(der, "!!", "\r\n")))
    assert.same({ "xx\r\nyy" }, line:subjectInfo "CN")
    assert.equal([[SslCertificate (CN = xx\0D\0Ayy)]], tostring(line))
    refused("SslCertificate: no certificate is in it, neither in PEM nor in DER",
      SslCertificate(changed(der, "!!", "\xff\xfe")))
  end)

  it("K8 has alternative names by kind, each list even if it is empty", function()
    assert.same({ EmailEntry = { "a@b.example" }, DnsEntry = { "one.example", "*.two.example" },
      IpAddressEntry = { "127.0.0.1", "2001:db8::1" } }, full:subjectAlternativeNames())
    local none = SslCertificate(folder.selfSigned("none", "CN=one.example"))
    assert.same({ EmailEntry = {}, DnsEntry = {}, IpAddressEntry = {} }, none:subjectAlternativeNames())
  end)

  it("K8 has its public key, of any algorithm", function()
    local key = SslCertificate(ssl.certificate):publicKey()
    assert.equal("PublicKey", key:type())
    assert.equal("Ed25519", key:algorithm())
    assert.is_false(key == full:publicKey())
    assert.is_true(full:publicKey() == moonport.SslKey(folder.openssl "pkey -in @full.key -pubout"))
  end)

  it("K8 writes PEM in lines of 64, and DER, which are read as the same certificate", function()
    for _, certificate in ipairs { full, SslCertificate(ssl.certificate) } do
      local pem, der = certificate:toPem(), certificate:toDer()
      assert.is_true(SslCertificate(pem) == certificate)
      assert.is_true(SslCertificate(der) == certificate)
      local lines = {}
      for line in pem:gmatch "[^\n]+" do lines[#lines + 1] = line end
      for i = 2, #lines - 2 do assert.equal(64, #lines[i]) end
    end
    assert.equal(folder.read "full.pem", full:toPem())
    assert.equal(folder.read "full.der", full:toDer())
  end)

  it("K9 reads all certificates of a file, whatever is between and behind them", function()
    local both = folder.read "full.pem" .. "text\n" .. ssl.key .. "\n" .. ssl.certificate:gsub("\n$", "")
    for _, list in ipairs {
      assert(SslCertificate.fromPath(folder.write("both.pem", both))), assert(SslCertificate.fromData(both)),
      assert(SslCertificate.fromData(both .. "\n\n  \n")), assert(SslCertificate.fromData((both:gsub("\n", "\r\n")))),
    } do
      assert.equal(2, #list)
      assert.is_true(list[1] == full)
      assert.is_true(list[2] == SslCertificate(ssl.certificate))
    end
    assert.equal(1, #SslCertificate.fromPath(path .. "full.der"))
    local begin = "-----BEGIN CERTIFICATE-----\n"
    refused("fromData: a certificate in it is damaged", SslCertificate.fromData(both .. "\n" .. begin))
    local lone = folder.write("lone.pem", begin)
    refused(("fromPath: '%s': a certificate in it is damaged"):format(lone), SslCertificate.fromPath(lone))
    refused("fromPath: 'some\n': No such file or directory", SslCertificate.fromPath "some\n")
    refused("fromPath: '': No such file or directory", SslCertificate.fromPath "")
    refused("fromData: no certificate is in it, neither in PEM nor in DER", SslCertificate.fromData(path .. "full.pem"))
  end)

  it("K9 and verify raise for what is no list of certificates", function()
    assert.is_false((pcall(SslCertificate.verify)))
    assert.is_false((pcall(SslCertificate.verify, full)))
    assert.is_false((pcall(SslCertificate.verify, { full, "text" })))
    assert.is_false((pcall(SslCertificate.verify, { full }, "a\0b")))
    assert.is_false((pcall(SslCertificate.verify, { full }, nil, { certficate = "" })))
    assert.is_false((pcall(SslCertificate.verify, { full }, nil, nil, 1)))
    refused("verify: caCertificates: '/nowhere' can't be read: No such file or directory",
      SslCertificate.verify({ full }, nil, { caCertificates = "/nowhere" }))
  end)

  it("K11 has extensions in words, or else in bytes", function()
    local found = {}
    for _, extension in ipairs(full:extensions()) do found[extension.oid] = extension end
    assert.same({ oid = "2.5.29.19", name = "basicConstraints", value = "CA:TRUE, pathlen:1", isCritical = true,
      isSupported = true }, found["2.5.29.19"])
    assert.same({ oid = "1.2.3.4", name = "1.2.3.4", value = "\12\5hello", isCritical = false, isSupported = false },
      found["1.2.3.4"])
    assert.truthy(found["2.5.29.17"].value:find("DNS:one.example, DNS:*.two.example", 1, true))
    local text = full:toText()
    assert.truthy(text:find("^Certificate:\n"))
    assert.truthy(text:find("OU = Größe", 1, true))
  end)

  it("K11 knows what is signed by its own key", function()
    assert.is_true(full:isSelfSigned())
    folder.openssl "req -newkey ed25519 -nodes -keyout @leaf.key -out @leaf.csr -subj /CN=leaf"
    folder.openssl "x509 -req -in @leaf.csr -CA @full.pem -CAkey @full.key -set_serial 2 -out @leaf.pem"
    local leaf = SslCertificate(path .. "leaf.pem")
    assert.is_false(leaf:isSelfSigned())
    assert.same({ "leaf" }, leaf:subjectInfo "CN")
    assert.equal("first.example", leaf:issuerDisplayName())
  end)

  it("K11 answers nil for a date that is none", function()
    local _, expiry = full:expiryDate()
    local digits = expiry:gsub("[-T:]", "")
    local wrong = digits:sub(1, 4) .. "99" .. digits:sub(7)
    local odd = assert(SslCertificate(changed(folder.read "full.der", digits, wrong)))
    assert.is_nil(odd:expiryDate())
    assert.truthy(odd:effectiveDate())
    assert.is_string(odd:toText())
  end)

  it("K11 imports PKCS #12, with and without other certificates, and says why it can't", function()
    local import = SslCertificate.importPkcs12
    folder.write("other.pem", ssl.certificate)
    local export = "pkcs12 -export -in @full.pem -inkey @full.key "
    folder.openssl(export .. "-certfile @other.pem -passout pass:secret -out @full.p12")
    folder.openssl(export .. "-passout pass: -out @open.p12")
    folder.openssl "pkcs12 -export -in @full.pem -nokeys -passout pass:secret -out @nokey.p12"
    for _, source in ipairs { path .. "full.p12", folder.read "full.p12" } do
      local key, certificate, others = assert(import(source, "secret"))
      assert.is_true(key == moonport.SslKey(path .. "full.key"))
      assert.is_true(certificate == full)
      assert.equal(1, #others)
      assert.is_true(others[1] == SslCertificate(ssl.certificate))
    end
    for _, passphrase in ipairs { false, "" } do
      local key, certificate, others = assert(import(path .. "open.p12", passphrase or nil))
      assert.equal("PrivateKey", key:type())
      assert.is_true(certificate == full)
      assert.same({}, others)
    end
    local key, certificate, others = import(path .. "nokey.p12", "secret")
    assert.is_nil(key)
    assert.is_nil(certificate)
    assert.is_true(others[1] == full)
    local file = path .. "full.p12"
    refused(("importPkcs12: '%s': it needs a passphrase"):format(file), import(file))
    for _, wrong in ipairs { "", "Secret", "secret\0" } do
      refused(("importPkcs12: '%s': the passphrase is wrong"):format(file), import(file, wrong))
    end
    refused("importPkcs12: it is no PKCS #12", import(ssl.certificate, "secret"))
  end)
end)
