-- QSslKey: keys of every algorithm and form, passphrases, and that nobody is asked for one.
--
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local helper = require "spec.helper"
local ssl = require "spec.ssl"

local SslKey = moonport.SslKey

-- How each key of the folder is made, and what it is.
local keys = {
  { name = "rsa", make = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", algorithm = "Rsa", length = 1024 },
  { name = "pss", make = "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:1024", algorithm = "RsaPss",
    length = 1024 },
  { name = "ec", make = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", algorithm = "Ec", length = 384 },
  { name = "ed25519", make = "genpkey -algorithm ED25519", algorithm = "Ed25519", length = 256 },
  { name = "ed448", make = "genpkey -algorithm ED448", algorithm = "Ed448", length = 456 },
  { name = "x25519", make = "genpkey -algorithm X25519", algorithm = "X25519", length = 253 },
}

local function refused(words, ...)
  local key, message, code = SslKey(...)
  assert.is_nil(key)
  assert.equal("SslKey: " .. words, message)
  assert.equal("SslInvalidUserDataError", code)
end

describe("SslKey", function()
  local folder, path

  setup(function()
    folder = ssl.folder()
    path = folder.path .. "/"
    for _, key in ipairs(keys) do
      folder.openssl(("%s -out @%s.pem"):format(key.make, key.name))
      folder.openssl(("pkey -in @%s.pem -outform der -out @%s.der"):format(key.name, key.name))
      folder.openssl(("pkey -in @%s.pem -pubout -out @%s.pub.pem"):format(key.name, key.name))
      folder.openssl(("pkey -in @%s.pem -pubout -outform der -out @%s.pub.der"):format(key.name, key.name))
    end
  end)

  teardown(function() folder.remove() end)

  it("K1 reads private and public keys of each algorithm, in PEM and DER, from files and from text", function()
    for _, made in ipairs(keys) do
      for _, form in ipairs { ".pem", ".der", ".pub.pem", ".pub.der" } do
        local file = made.name .. form
        for _, key in ipairs { assert(SslKey(path .. file)), assert(SslKey(folder.read(file))) } do
          assert.equal(made.algorithm, key:algorithm(), file)
          assert.equal(made.length, key:length(), file)
          assert.equal(form:find "pub" and "PublicKey" or "PrivateKey", key:type(), file)
        end
      end
    end
  end)

  it("K1 reads the older forms, and finds a key behind a certificate or parameters", function()
    folder.openssl "rsa -in @rsa.pem -traditional -out @pkcs1.pem"
    folder.openssl "rsa -in @rsa.pem -RSAPublicKey_out -out @pkcs1.pub.pem"
    folder.openssl "ecparam -name prime256v1 -genkey -out @parameters.pem"
    assert.equal("PrivateKey", SslKey(path .. "pkcs1.pem"):type())
    assert.equal("PublicKey", SslKey(path .. "pkcs1.pub.pem"):type())
    assert.truthy(folder.read "parameters.pem":find("EC PARAMETERS", 1, true))
    assert.equal("PrivateKey", SslKey(path .. "parameters.pem"):type())
    assert.is_true(SslKey(ssl.certificate .. ssl.key) == SslKey(ssl.key))
  end)

  it("K1 says which file has no key, and why", function()
    refused(("'%smissing': No such file or directory"):format(path), path .. "missing")
    refused(("'%s': is a folder"):format(folder.path), folder.path)
    local file = folder.write("certificate.pem", ssl.certificate)
    refused(("'%s': no key is in it, or a damaged one"):format(file), file)
    refused("no key is in it, or a damaged one", "-----BEGIN PRIVATE KEY-----\n")
    refused("no key is in it, or a damaged one", (ssl.key:gsub("MC4C", "MC4D")))
    refused("no key is in it, neither in PEM nor in DER", "")
    refused("no key is in it, neither in PEM nor in DER", "nothing\nof the kind\0")
    refused("no key is in it, neither in PEM nor in DER", folder.read "rsa.der":sub(1, -2))
  end)

  it("K2 writes PEM and DER that are read as the same key, encrypted only if it is private", function()
    for _, made in ipairs(keys) do
      local key, public = SslKey(path .. made.name .. ".pem"), SslKey(path .. made.name .. ".pub.pem")
      for _, one in ipairs { key, public } do
        assert.is_true(SslKey(one:toPem()) == one, made.name)
        assert.is_true(SslKey(one:toDer()) == one, made.name)
        assert.is_true(SslKey(one:toPem "secret", "secret") == one, made.name)
        assert.equal(one:toPem(), one:toPem "")
      end
      refused("it needs a passphrase", key:toPem "secret")
      assert.equal(public:toPem(), public:toPem "secret")
      assert.is_false(key == public)
    end
    local _, message = pcall(SslKey(ssl.key).toPem, SslKey(ssl.key), ("x"):rep(1024))
    assert.truthy(message:find("a passphrase has at most 1023 bytes", 1, true))
    local longest = ("x"):rep(1023)
    assert.is_true(SslKey(SslKey(ssl.key):toPem(longest), longest) == SslKey(ssl.key))
  end)

  it("K3 opens what is encrypted with the right passphrase only, and what isn't with any", function()
    for _, cipher in ipairs { "des3", "aes128", "aes192", "aes256" } do
      folder.openssl(("rsa -in @rsa.pem -%s -traditional -passout pass:secret -out @old.pem"):format(cipher))
      local encrypt = ("pkcs8 -topk8 -in @rsa.pem -v2 %s -passout pass:secret "):format(cipher)
      folder.openssl(encrypt .. "-out @new.pem")
      folder.openssl(encrypt .. "-outform der -out @new.der")
      for _, name in ipairs { "old.pem", "new.pem", "new.der" } do
        local file = path .. name
        assert.truthy(folder.read(name) ~= "")
        refused(("'%s': it needs a passphrase"):format(file), file)
        refused(("'%s': the passphrase is wrong"):format(file), file, "")
        refused(("'%s': the passphrase is wrong"):format(file), file, "Secret")
        refused(("'%s': the passphrase is wrong"):format(file), file, "secret\0x")
        assert.is_true(SslKey(file, "secret") == SslKey(path .. "rsa.pem"))
      end
    end
    for _, passphrase in ipairs { "", "secret" } do
      assert.is_true(SslKey(path .. "rsa.pem", passphrase) == SslKey(path .. "rsa.pem"))
    end
  end)

  it("K3 never asks on the terminal", function()
    local encrypted = SslKey(ssl.key):toPem "secret"
    local file = folder.write("ask.lua", ("print(require 'moonport'.SslKey(%q))"):format(encrypted))
    local program = os.getenv "MOONPORT" or "build/asan/moonport"
    if helper.noTerminal() then return pending(helper.noTerminal()) end
    local status, out = helper.run { "script", "-qec", program .. " " .. file, "/dev/null" }
    assert.equal(0, status)
    assert.equal("nil\tSslKey: it needs a passphrase\tSslInvalidUserDataError\r\n", out)
  end)

  it("shows nothing secret as text", function()
    assert.equal("SslKey (Ed25519, 256 bits, PrivateKey)", tostring(SslKey(ssl.key)))
  end)
end)
