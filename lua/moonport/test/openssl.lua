-- The program openssl, as moonport.test uses it: keys, requests, certificates, revocations. What fails raises, with
-- what openssl has said.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local program = require "moonport.test.program"

local openssl = {}

local longest = 60000 -- milliseconds, for one command

local configuration = [[
[req]
distinguished_name = subject
[subject]
[ca]
default_ca = authority
[authority]
database = %s.index
new_certs_dir = %s
rand_serial = yes
unique_subject = no
default_md = default
policy = policy
crl_extensions = crl
[policy]
commonName = optional
[crl]
authorityKeyIdentifier = keyid
]]

function openssl.write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

function openssl.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

--- A time as openssl takes it; seconds since 1970.
function openssl.time(seconds) return os.date("!%Y%m%d%H%M%SZ", math.floor(seconds)) end

--- Makes the files of an authority at `base` that openssl needs: its configuration, and its list of certificates.
function openssl.prepare(base, folder)
  openssl.write(base .. ".cnf", configuration:format(base, folder))
  openssl.write(base .. ".index", "")
end

local function environment(self, base)
  local variables = { OPENSSL_CONF = base .. ".cnf" }
  for name, value in pairs(self.environment) do variables[name] = value end
  return variables
end

-- One at a time: two would spoil the list of certificates.
local function reserve(self)
  while self.busy do moonport.sleep(1) end
  self.busy = true
  return setmetatable({}, { __close = function() self.busy = false end })
end

--- Runs it with the configuration of the authority at `base`: run(self, base, "req", "-new", …). self has the name
--- of the program, and changes of the environment.
function openssl.run(self, base, ...)
  local reserved <close> = reserve(self) -- luacheck: ignore 211
  local command = {}
  local started, message = program.start(command, { self.program, ... }, environment(self, base))
  if not started then
    error(message .. "; moonport.test makes certificates with the program openssl: install the package openssl", 0)
  end
  command.process:closeWriteChannel()
  if not program.waitForEnd(command, longest) then
    command.process:killTree()
    program.waitForEnd(command, math.huge)
    error(("openssl %s did not end within %d s:\n%s"):format((...), longest // 1000, command.errors), 0)
  end
  if command.status ~= 0 then
    local signal = command.endedBy
    local how = signal and "was killed by signal " .. signal or "failed with status " .. command.status
    error(("openssl %s %s:\n%s"):format(table.concat({ ... }, " "), how, command.errors), 0)
  end
end

local algorithms = {
  ec = function(curve) return "ec", "-pkeyopt", "ec_paramgen_curve:" .. (curve or "P-256") end,
  rsa = function(bits) return "rsa:" .. (bits or "2048") end,
  ed25519 = function() return "ed25519" end,
}

--- Makes a key in base.key ("ec", "ec:P-384", "rsa", "rsa:4096" or "ed25519"), and a request for a certificate
--- in base.csr; `own` is the base of the authority.
function openssl.request(self, own, base, key, commonName)
  local name, size = key:match "^(%w+):?(.*)$"
  local algorithm = algorithms[name]
  if not algorithm then error(("no key can be made as '%s'"):format(key), 0) end
  openssl.run(self, own, "req", "-new", "-utf8", "-nodes", "-keyout", base .. ".key", "-out", base .. ".csr",
    "-subj", "/CN=" .. commonName:gsub("[/+=\\]", "\\%0"), "-newkey", algorithm(size ~= "" and size or nil))
end

--- Encrypts the key in that file.
function openssl.encryptKey(self, base, path, passphrase)
  local encrypted = path .. ".new"
  openssl.run(self, base, "pkcs8", "-topk8", "-in", path, "-out", encrypted, "-v2", "aes-256-cbc",
    "-passout", "pass:" .. passphrase)
  assert(os.rename(encrypted, path))
end

local kinds = { DNS = true, IP = true, URI = true, email = true }

-- The kind and value of a name in subjectAltName: "www.example.org", "::1", "email:me@example.org".
local function alternative(name)
  local kind, value = name:match "^(%a+):(.+)$"
  if kinds[kind] then return kind, value end
  return (name:find "^[%d.]+$" or name:find ":") and "IP" or "DNS", name
end

--- The text of a file of extensions: { name = value or false }, and names. authorityKeyIdentifier comes last:
--- openssl takes it from subjectKeyIdentifier in what is signed by its own key.
function openssl.extensions(values, names)
  local lines, list = {}, {}
  for name, value in pairs(values) do
    if value then lines[#lines + 1] = ("%s = %s"):format(name, value) end
  end
  table.sort(lines, function(one, other)
    local late, later = one:find "^authorityKey" ~= nil, other:find "^authorityKey" ~= nil
    if late ~= later then return later end
    return one < other
  end)
  for i, name in ipairs(names) do
    if not name:find "^[!-~]+$" or name:find "[$\\,;#\"']" then
      error(("'%s' can't be a name of a certificate"):format(name), 0)
    end
    local kind, value = alternative(name)
    list[i] = ("%s.%d = %s"):format(kind, i, value)
  end
  if names[1] then table.insert(lines, 1, "subjectAltName = @names") end
  return table.concat(lines, "\n") .. "\n[names]\n" .. table.concat(list, "\n") .. "\n"
end

return openssl
