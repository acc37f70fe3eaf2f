-- SPDX-License-Identifier: MIT
-- Reads the name that a TLS client asks for (SNI, RFC 6066) from the first bytes that it sends, for proxy.lua. It knows
-- no sockets, and decrypts nothing.
local hello = {}

hello.most = 16384 -- bytes of a hello. Real ones have 200 to 2000.
local records = 8  -- in which it may come

--- What a client is told before its connection ends: a fatal alert "unrecognized_name".
hello.unrecognized = "\x15\x03\x03\0\2\2\x70"

-- The handshake message that begins in the first record. It may go on in further records. -> the message | nil: more
-- is needed | false, why
local function message(bytes)
  local parts, at, size, wanted = {}, 1, 0, 4
  while size < wanted do
    if #parts == records then return false, "a hello in too many records" end
    if at > #bytes then return nil end
    if bytes:byte(at) ~= 22 or at + 1 <= #bytes and bytes:byte(at + 1) ~= 3 then return false, "it isn't TLS" end
    if at + 4 > #bytes then return nil end
    local length = string.unpack(">I2", bytes, at + 3)
    if length == 0 or length > hello.most then return false, "a record of a wrong length" end
    parts[#parts + 1] = bytes:sub(at + 5, at + 4 + length)
    size, at = size + #parts[#parts], at + 5 + length
    if wanted == 4 and size >= 4 then
      local kind, high, low = string.unpack(">BBI2", table.concat(parts))
      wanted = 4 + (high << 16 | low)
      if kind ~= 1 then return false, "it doesn't begin with a hello" end
      if wanted > hello.most then return false, "a hello that is too long" end
    end
  end
  return table.concat(parts):sub(5, wanted)
end

-- The content of the extension server_name, or nil. Raises if a length is wrong.
local function serverNames(text)
  local _, _, _, _, _, at = string.unpack(">I2c32s1s2s1", text)
  if at > #text then return nil end
  local extensions, last = string.unpack(">s2", text, at)
  assert(last == #text + 1)
  local found
  at = 1
  while at <= #extensions do
    local kind, content
    kind, content, at = string.unpack(">I2s2", extensions, at)
    if kind == 0 then
      assert(not found)
      found = content
    end
  end
  return found
end

-- The name in a hello, or "". Raises if it is wrong.
local function name(text)
  local content = serverNames(text)
  if not content then return "" end
  local list, last = string.unpack(">s2", content)
  assert(last == #content + 1)
  local kind, host, rest = string.unpack(">Bs2", list)
  assert(kind == 0 and rest == #list + 1)
  assert(#host <= 255 and host:find "^[%w_.-]+$")
  return host:lower()
end

--- bytes: what a client has sent so far. -> the name that it asks for, in lower case, "" if it asks for none | nil:
--- more is needed | false, why: it isn't the hello of a TLS client
function hello.name(bytes)
  local text, why = message(bytes)
  if not text then return text, why end
  local sound, found = pcall(name, text)
  if not sound then return false, "a malformed hello" end
  return found
end

--- The value of a name in a table: of the name itself, or else of its wildcard, "*.example.org" for "a.example.org".
function hello.find(names, host)
  return names[host] or names[host:gsub("^[^.]+%.", "*.", 1)]
end

return hello
