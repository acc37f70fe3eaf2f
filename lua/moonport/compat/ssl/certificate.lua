-- LuaSec's certificate on top of an SslCertificate.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"

local Certificate = { __name = "X509 certificate" }
Certificate.__index = Certificate

function Certificate.new(certificate) return setmetatable({ certificate = certificate }, Certificate) end

--- Reads PEM. -> a certificate, or nil
function Certificate.load(pem)
  local certificate = type(pem) == "string" and pem:find("-----BEGIN", 1, true) and moonport.SslCertificate(pem)
  return certificate and Certificate.new(certificate) or nil
end

-- The attributes of a name as LuaSec calls them, and their numbers.
local attributes = {
  CN = { "commonName", "2.5.4.3" }, C = { "countryName", "2.5.4.6" }, L = { "localityName", "2.5.4.7" },
  ST = { "stateOrProvinceName", "2.5.4.8" }, O = { "organizationName", "2.5.4.10" },
  OU = { "organizationalUnitName", "2.5.4.11" }, DC = { "domainComponent", "0.9.2342.19200300.100.1.25" },
  serialNumber = { "serialNumber", "2.5.4.5" }, emailAddress = { "emailAddress", "1.2.840.113549.1.9.1" },
}

local function name(certificate, list, values)
  local parts = {}
  for _, attribute in ipairs(list(certificate)) do
    local long, number = table.unpack(attributes[attribute] or { attribute })
    for _, value in ipairs(values(certificate, attribute)) do
      parts[#parts + 1] = { name = long, oid = number, value = value }
    end
  end
  return parts
end

function Certificate:subject()
  return name(self.certificate, self.certificate.subjectInfoAttributes, self.certificate.subjectInfo)
end

function Certificate:issuer()
  return name(self.certificate, self.certificate.issuerInfoAttributes, self.certificate.issuerInfo)
end

function Certificate:serial() return (self.certificate:serialNumber():gsub(":", ""):upper()) end

--- In hexadecimal; "sha1", "sha256", "sha512" …
function Certificate:digest(algorithm)
  algorithm = (algorithm or "sha1"):lower():gsub("^%l", string.upper)
  local known, bytes = pcall(self.certificate.digest, self.certificate, algorithm)
  if not known then return nil, "invalid digest algorithm" end
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function date(milliseconds)
  return milliseconds and os.date("!%b %d %H:%M:%S %Y GMT", milliseconds // 1000):gsub("^(%a+) 0", "%1  ") or nil
end

function Certificate:notbefore() return (date(self.certificate:effectiveDate())) end
function Certificate:notafter() return (date(self.certificate:expiryDate())) end

function Certificate:validat(time)
  local from, till = self.certificate:effectiveDate(), self.certificate:expiryDate()
  return from ~= nil and till ~= nil and time * 1000 >= from and time * 1000 <= till
end

function Certificate:pem() return self.certificate:toPem() end

--- -> PEM, algorithm, bits
function Certificate:pubkey()
  local key = self.certificate:publicKey()
  if not key then return nil end
  local algorithm = key:algorithm()
  return key:toPem(), algorithm == "Ec" and "EC" or algorithm:upper(), key:length()
end

--- The names for which it was made, as LuaSec has them.
function Certificate:extensions()
  local names = self.certificate:subjectAlternativeNames()
  local found = {}
  for kind, entry in pairs { dNSName = "DnsEntry", iPAddress = "IpAddressEntry", rfc822Name = "EmailEntry" } do
    if names[entry][1] then found[kind] = names[entry] end
  end
  if not next(found) then return {} end
  found.name = "X509v3 Subject Alternative Name"
  return { ["2.5.29.17"] = found }
end

--- All texts are UTF-8.
function Certificate.setencode(_, encoding) return encoding == "utf8" end

return Certificate
