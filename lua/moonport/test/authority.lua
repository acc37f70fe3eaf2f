-- Throw-away certificates for tests, made by openssl in a temporary folder: an authority with its certificates,
-- intermediate authorities, revocation lists and OCSP responses.
-- SPDX-License-Identifier: MIT

local Folder = require "moonport.test.folder"
local failure = require "moonport.test.failure"
local ocsp = require "moonport.test.ocsp"
local openssl = require "moonport.test.openssl"
local reuse = require "moonport.test.reuse"

local Authority = { __name = "moonport.test.Authority" }
Authority.__index = Authority

local day = 24 * 60 * 60
local roots = {} -- entries that later tests use again; see issue
local authorities = 0 -- made so far: each has a name of its own

-- What can be asked for: option -> the type of its value.
local shared = {
  commonName = "string", key = "string", days = "number", expired = "boolean", notYetValid = "boolean",
  digest = "string", extensions = "table",
}
local validity = { days = "number", expired = "boolean" }
local known = {
  intermediate = setmetatable({}, { __index = shared }),
  authority = setmetatable({ program = "string", environment = "table" }, { __index = shared }),
  certificate = setmetatable({
    names = "table", client = "boolean", selfSigned = "boolean", passphrase = "string",
  }, { __index = shared }),
  crl = validity,
  ocspResponse = setmetatable({ unknown = "boolean", signer = "table" }, { __index = validity }),
}

local function check(options, what)
  for name, value in pairs(options) do
    local wanted = known[what][name]
    if not wanted then error(("'%s' is no option of %s"):format(name, what), 0) end
    if type(value) ~= wanted then
      error(("bad option '%s' of %s (%s expected, got %s)"):format(name, what, wanted, type(value)), 0)
    end
  end
end

-- A method: what fails in it is told at the line of the test.
local function method(fn)
  return function(self, ...)
    local results = table.pack(pcall(fn, self, ...))
    if not results[1] then failure.raise(results[2], 1) end
    return table.unpack(results, 2, results.n)
  end
end

-- From when until when something is valid, as openssl takes times. What is valid has been for an hour: clocks
-- differ.
local function period(options, days)
  local now = os.time()
  local from, to = now - 3600, now + (options.days or days) * day
  if options.expired then
    from, to = now - ((options.days or days) + 1) * day, now - day
  elseif options.notYetValid then
    from, to = now + day, to + day
  end
  return openssl.time(from), openssl.time(to)
end

local function extensions(options, isAuthority)
  local values = { subjectKeyIdentifier = "hash", authorityKeyIdentifier = "keyid" }
  if isAuthority then
    values.basicConstraints, values.keyUsage = "critical, CA:true", "critical, digitalSignature, keyCertSign, cRLSign"
  else
    local rsa = (options.key or ""):find "^rsa"
    values.basicConstraints = "critical, CA:false"
    values.keyUsage = "critical, digitalSignature" .. (rsa and ", keyEncipherment" or "")
    values.extendedKeyUsage = options.client and "clientAuth" or "serverAuth"
  end
  for name, value in pairs(options.extensions or {}) do values[name] = value end
  local names = options.names or (isAuthority or options.client) and {} or { "localhost", "127.0.0.1", "::1" }
  return openssl.extensions(values, names)
end

-- Makes base.key and base.pem with openssl, signed by the issuer, or by the own key. -> the line of openssl's list
local function make(tool, base, issuer, options, isAuthority)
  authorities = authorities + (isAuthority and 1 or 0)
  local key = base .. ".key"
  local own = issuer and issuer.base or base
  local from, to = period(options, isAuthority and 3650 or 30)
  local signer = issuer and not options.selfSigned and { "-cert", issuer.file, "-keyfile", issuer.key }
    or { "-selfsign", "-keyfile", key }
  local name = options.commonName or isAuthority and "Test authority " .. authorities
    or options.client and "Test client" or "Test server"
  openssl.request(tool, own, base, options.key or "ec", name)
  openssl.write(base .. ".extensions", extensions(options, isAuthority))
  openssl.run(tool, own, "ca", "-batch", "-notext", "-in", base .. ".csr", "-out", base .. ".pem", "-startdate", from,
    "-enddate", to, "-md", options.digest or "default", "-extfile", base .. ".extensions", table.unpack(signer))
  if options.passphrase then openssl.encryptKey(tool, own, key, options.passphrase) end
  return openssl.read(own .. ".index"):match "[^\n]*\n$"
end

-- Issues a certificate into base.pem and base.key, or takes one that an earlier test has given back. -> its entry:
-- the texts of both files, the line of openssl's list, and the entries of what it has itself issued
local function issue(home, kept, base, issuer, options, isAuthority)
  local kind = isAuthority and "authority " or "certificate "
  local entry = reuse.take(kept, kind .. reuse.described(options), home.taken)
  if entry.pem then
    openssl.write(base .. ".pem", entry.pem)
    openssl.write(base .. ".key", entry.key)
    local list <close> = assert(io.open((issuer and issuer.base or base) .. ".index", "ab"))
    assert(list:write(entry.line))
  else
    entry.line = make(home.tool, base, issuer, options, isAuthority)
    entry.pem, entry.key, entry.issued = openssl.read(base .. ".pem"), openssl.read(base .. ".key"), {}
  end
  return entry
end

local function new(home, base, issuer, options, kept)
  openssl.prepare(base, home.folder.path)
  local self = setmetatable({
    home = home, base = base, issuer = issuer, file = base .. ".pem", key = base .. ".key",
    caCertificates = issuer and issuer.caCertificates or base .. ".pem",
  }, Authority)
  local entry = issue(home, kept, base, issuer, options, true)
  self.issued, self.chain = entry.issued, issuer and entry.pem .. issuer.chain or ""
  return self
end

-- A path for the next file.
local function nextPath(self, name)
  local home = self.home
  if home.closed then error("the authority is closed", 0) end
  home.count = home.count + 1
  return ("%s/%s-%d"):format(home.folder.path, name, home.count)
end

--- Makes a root. -> the authority, or nil and a message
function Authority.open(options)
  local home = { taken = {}, count = 0 }
  local ok, result = pcall(function()
    check(options, "authority")
    local tool = { program = options.program or "openssl", environment = options.environment or {} }
    home.tool, home.folder = tool, Folder.open(tool.environment)
    return new(home, home.folder.path .. "/root", nil, options, roots)
  end)
  if ok then return result end
  if home.folder then home.folder:close() end
  reuse.giveBack(home.taken)
  return nil, result
end

--- Issues a certificate. -> the certificate: what SslConfiguration takes, and `file`, `issuer`
Authority.certificate = method(function(self, options)
  options = options or {}
  check(options, "certificate")
  local base = nextPath(self, options.client and "client" or "server")
  local entry = issue(self.home, self.issued, base, self, options)
  local chain = base .. "-chain.pem"
  openssl.write(chain, entry.pem .. (options.selfSigned and "" or self.chain))
  return setmetatable({
    certificate = chain, key = base .. ".key", passphrase = options.passphrase,
    caCertificates = options.selfSigned and base .. ".pem" or self.caCertificates,
  }, { __name = "moonport.test.Certificate", __index = { file = base .. ".pem", issuer = self } })
end)

--- Makes an authority whose own certificate this one issues.
Authority.intermediate = method(function(self, options)
  options = options or {}
  check(options, "intermediate")
  return new(self.home, nextPath(self, "intermediate"), self, options, self.issued)
end)

local function needIssued(self, certificate)
  if type(certificate) ~= "table" or certificate.issuer ~= self then
    error("this authority has not issued that certificate", 0)
  end
end

--- Revokes a certificate or an intermediate authority that it has issued.
Authority.revoke = method(function(self, certificate, reason)
  needIssued(self, certificate)
  openssl.run(self.home.tool, self.base, "ca", "-revoke", certificate.file, "-crl_reason", reason or "unspecified",
    "-cert", self.file, "-keyfile", self.key)
end)

--- Writes the list of what it has revoked so far, with those of the authorities above. -> its path
Authority.crl = method(function(self, options)
  options = options or {}
  check(options, "crl")
  local path = nextPath(self, "revoked") .. ".pem"
  local from, to = period(options, 30)
  openssl.run(self.home.tool, self.base, "ca", "-gencrl", "-crl_lastupdate", from, "-crl_nextupdate", to, "-out", path,
    "-cert", self.file, "-keyfile", self.key)
  if self.issuer then openssl.write(path, openssl.read(path) .. openssl.read(self.issuer:crl())) end
  return path
end)

--- Writes what it answers by OCSP about a certificate that it has issued. -> the path of the response
Authority.ocspResponse = method(function(self, certificate, options)
  options = options or {}
  check(options, "ocspResponse")
  needIssued(self, certificate)
  local path = nextPath(self, "ocsp")
  local signer, index = options.signer or self, options.unknown and path .. ".index" or self.base .. ".index"
  if options.unknown then openssl.write(index, "") end
  openssl.run(self.home.tool, self.base, "ocsp", "-index", index, "-CA", self.file, "-issuer", self.file,
    "-cert", certificate.file, "-rsigner", signer.file, "-rkey", signer.key, "-noverify", "-no_nonce",
    "-ndays", tostring(options.days or 7), "-respout", path .. ".der")
  if options.expired then
    local from, to = period(options, 7)
    ocsp.setPeriod(path .. ".der", from, to, function(...) openssl.run(self.home.tool, self.base, ...) end, signer.key)
  end
  return path .. ".der"
end)

--- Removes its files. Later tests use its keys again.
function Authority:close()
  local home = self.home
  if self.issuer or home.closed then return end
  home.closed = true
  reuse.giveBack(home.taken)
  local message = home.folder:close()
  if message ~= "" then error("the folder of an authority is not removed: " .. message, 0) end
end

Authority.__close = Authority.close

return Authority
