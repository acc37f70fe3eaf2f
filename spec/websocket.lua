-- SPDX-License-Identifier: MIT
-- A WebSocket client by hand, for specs: it sends any bytes as frames, and takes frames apart. It checks what every
-- server must do: no mask, no reserved bits, shortest lengths.

local moonport = require "moonport"

local wire = { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 }

local function masked(payload, key)
  local bytes = {}
  for i = 1, #payload do bytes[i] = string.char(payload:byte(i) ~ key:byte((i - 1) % 4 + 1)) end
  return table.concat(bytes)
end

--- The bytes of a frame. options: final = false; reserved = bits; mask = false or four bytes; length = what the head
--- says; form = 16 or 64: how many bits that has
function wire.frame(opcode, payload, options)
  options = options or {}
  local length, key = options.length or #payload, options.mask
  if key == nil then key = "\x12\x34\xa5\xf0" end
  local first = opcode | (options.final == false and 0 or 0x80) | (options.reserved or 0) << 4
  local mask = key and 0x80 or 0
  local form = options.form or length < 126 and length >= 0 and 7 or length >= 0 and length < 65536 and 16 or 64
  local head = form == 7 and ("BB"):pack(first, mask | length)
    or form == 16 and (">BBI2"):pack(first, mask | 126, length) or (">BBi8"):pack(first, mask | 127, length)
  return head .. (key and key .. masked(payload, key) or payload)
end

function wire.text(payload, options) return wire.frame(wire.TEXT, payload, options) end

--- The payload of a close.
function wire.code(code, reason) return (">I2"):pack(code) .. (reason or "") end

--- The bytes of a request. fields: header fields that replace the usual ones; false removes one, a list repeats it
function wire.request(fields, line)
  local all = {
    Host = "localhost", Upgrade = "websocket", Connection = "Upgrade", ["Sec-WebSocket-Version"] = "13",
    ["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ==",
  }
  for name, value in pairs(fields or {}) do all[name] = value or nil end
  local lines = { line or "GET /chat HTTP/1.1" }
  for name, values in pairs(all) do
    for _, value in ipairs(type(values) == "table" and values or { values }) do
      lines[#lines + 1] = name .. ": " .. value
    end
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local Client = {}
Client.__index = Client

--- Connects, without a handshake.
function wire.connect(port)
  local socket = moonport.TcpSocket()
  assert(socket:connectToHost("127.0.0.1", port))
  assert(socket:waitForConnected(5000))
  return setmetatable({ socket = socket }, Client)
end

--- Connects, and shakes hands. behind: what is sent behind the request at once
function wire.open(port, fields, behind)
  local client = wire.connect(port)
  client:send(wire.request(fields) .. (behind or ""))
  client.status, client.fields = client:head()
  assert(client.status == 101, "status " .. client.status)
  return client
end

function Client:send(text) assert(self.socket:write(text)) end

--- Reads the head of a response. -> status, fields by names in lower case
function Client:head()
  local status, fields = tonumber(assert(self.socket:receive("line", 5000)):match "^HTTP/1%.1 (%d+) "), {}
  while true do
    local line = assert(self.socket:receive("line", 5000))
    if line == "" then return status, fields end
    local name, value = line:match "^([^:]+): (.*)$"
    fields[name:lower()] = value
  end
end

--- Reads a frame. -> opcode, payload, whether it is final
function Client:take()
  local first, second = assert(self.socket:receive(2, 5000)):byte(1, 2)
  assert(first & 0x70 == 0, "a reserved bit is set")
  assert(second < 128, "a frame with a mask")
  local length = second
  if length == 126 then
    length = (">I2"):unpack(assert(self.socket:receive(2, 5000)))
    assert(length > 125, "a length in too long a form")
  elseif length == 127 then
    length = (">I8"):unpack(assert(self.socket:receive(8, 5000)))
    assert(length > 65535, "a length in too long a form")
  end
  return first & 15, length == 0 and "" or assert(self.socket:receive(length, 5000)), first & 0x80 ~= 0
end

--- Reads a close, and then the end of the connection. -> code or nil, reason
function Client:closed()
  local opcode, payload = self:take()
  assert(opcode == wire.CLOSE, "a frame of opcode " .. opcode)
  local rest = assert(self.socket:receive("all", 5000))
  assert(rest == "", "bytes behind a close")
  if payload == "" then return nil end
  return (">I2"):unpack(payload), payload:sub(3)
end

function Client:close() self.socket:abort() end

return wire
