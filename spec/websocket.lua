-- SPDX-License-Identifier: MIT
-- A WebSocket client by hand, for specs, and a server: they send any bytes as frames, and take frames apart. They check
-- what every peer must do: masks from a client only, no reserved bits, shortest lengths.

local moonport = require "moonport"
local frames = require "moonport.websocket.frames"

local wire = { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 }

local function masked(payload, key)
  if key == "\0\0\0\0" then return payload end
  local padded, mask, words = payload .. ("\0"):rep(-#payload % 8), ("i8"):unpack(key .. key), {}
  for at = 1, #padded, 8 do words[#words + 1] = ("i8"):pack(("i8"):unpack(padded, at) ~ mask) end
  return table.concat(words):sub(1, #payload)
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

--- A server by hand for one client, which connect(url) connects: it agrees to the upgrade. -> it, with `fields`; what
--- connect returned
function wire.serve(connect)
  local server <close> = moonport.TcpServer()
  assert(server:listen("127.0.0.1", 0))
  local task = moonport.spawn(connect, ("ws://127.0.0.1:%d/"):format(server:serverPort()))
  assert(server:waitForNewConnection(5000))
  local self = setmetatable({ socket = server:nextPendingConnection(), serves = true }, Client)
  self.fields = select(2, self:head())
  self:send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    .. "Sec-WebSocket-Accept: " .. frames.accept(self.fields["sec-websocket-key"]) .. "\r\n\r\n")
  return self, task:join(5000)
end

function Client:send(text) assert(self.socket:write(text)) end

--- Sends bytes, or a list of frames, in packets of so many bytes, or with "frames" each frame by itself. Stops when the
--- connection has ended.
function Client:pieces(bytes, size)
  local parts = size == "frames" and bytes or {}
  if size ~= "frames" then
    local all = type(bytes) == "table" and table.concat(bytes) or bytes
    for at = 1, #all, size do parts[#parts + 1] = all:sub(at, at + size - 1) end
  end
  for _, part in ipairs(parts) do
    if self.socket:state() ~= "ConnectedState" then return end
    self:send(part)
    self.socket:flush()
    if #parts > 1 then moonport.sleep(0) end
  end
end

--- The bytes of a frame of this side, see wire.frame.
function Client:frame(opcode, payload, options)
  local all = {}
  if self.serves then all.mask = false end
  for name, value in pairs(options or {}) do all[name] = value end
  return wire.frame(opcode, payload, all)
end

--- Reads the head of a response, or of a request. -> status or nil, fields by names in lower case
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
  assert((second > 127) == (self.serves or false), second > 127 and "a frame with a mask" or "a frame without a mask")
  local length = second & 127
  if length == 126 then
    length = (">I2"):unpack(assert(self.socket:receive(2, 5000)))
    assert(length > 125, "a length in too long a form")
  elseif length == 127 then
    length = (">I8"):unpack(assert(self.socket:receive(8, 5000)))
    assert(length > 65535, "a length in too long a form")
  end
  local key = self.serves and assert(self.socket:receive(4, 5000))
  local payload = length == 0 and "" or assert(self.socket:receive(length, 5000))
  return first & 15, key and masked(payload, key) or payload, first & 0x80 ~= 0
end

--- Reads a close, and then the end of the connection, which is the server's part. -> code or nil, reason
function Client:closed()
  local opcode, payload = self:take()
  assert(opcode == wire.CLOSE, "a frame of opcode " .. opcode)
  if self.serves then self.socket:closeWriteChannel() end
  local rest = assert(self.socket:receive("all", 5000))
  assert(rest == "", "bytes behind a close")
  if payload == "" then return nil end
  return (">I2"):unpack(payload), payload:sub(3)
end

function Client:close() self.socket:abort() end

return wire
