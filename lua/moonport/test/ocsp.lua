-- OCSP responses of another time: openssl makes none, so their times are rewritten, and they are signed again.
-- SPDX-License-Identifier: MIT

local openssl = require "moonport.test.openssl"

local ocsp = {}

-- The elements of DER in text: list of { whole =, content = }.
local function elements(text)
  local list, at = {}, 1
  while at <= #text do
    local length, content = text:byte(at + 1), at + 2
    if length > 127 then
      local bytes = length - 128
      length, content = string.unpack(">I" .. bytes, text, content), content + bytes
    end
    list[#list + 1] = { whole = text:sub(at, content + length - 1), content = text:sub(content, content + length - 1) }
    at = content + length
  end
  return list
end

-- The element of DER with that tag and content.
local function element(tag, ...)
  local content = table.concat { ... }
  if #content < 128 then return string.char(tag, #content) .. content end
  local bytes = #content < 256 and 1 or 2
  return string.char(tag, 128 + bytes) .. string.pack(">I" .. bytes, #content) .. content
end

--- Rewrites the file of a response: it is from, and until, these times (YYYYMMDDHHMMSSZ). run calls openssl.
function ocsp.setPeriod(path, from, to, run, key)
  -- RFC 6960: OCSPResponse { status, [0] { ResponseBytes { type, octets of BasicOCSPResponse } } }
  local status, bytes = table.unpack(elements(elements(openssl.read(path))[1].content))
  local kind, octets = table.unpack(elements(elements(bytes.content)[1].content))
  local data, algorithm, _, certificates = table.unpack(elements(elements(octets.content)[1].content))
  -- thisUpdate and nextUpdate follow each other.
  local times = "\x18\x0f%d+Z\xa0\x11\x18\x0f%d+Z"
  openssl.write(path .. ".data", (data.whole:gsub(times, "\x18\x0f" .. from .. "\xa0\x11\x18\x0f" .. to)))
  local isEd25519 = algorithm.content:find("\x2b\x65\x70", 1, true)
  local command = { "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", path .. ".data", "-out", path .. ".signature" }
  if not isEd25519 then table.move({ "-digest", "sha256" }, 1, 2, #command + 1, command) end
  run(table.unpack(command))
  local signature = element(0x03, "\0", openssl.read(path .. ".signature"))
  local basic = element(0x30, openssl.read(path .. ".data"), algorithm.whole, signature,
    certificates and certificates.whole)
  openssl.write(path, element(0x30, status.whole, element(0xa0, element(0x30, kind.whole, element(0x04, basic)))))
end

return ocsp
