-- SPDX-License-Identifier: MIT
-- Gateway: devices that speak small binary messages, and people who watch and command them over HTTP.
--   moonport gateway.lua [device port [HTTP port [address]]]      defaults: 7070, 8080, 127.0.0.1
-- A device to try it with: moonport device.lua lamp-1, and then http://127.0.0.1:8080/ in a browser, or
--   curl http://127.0.0.1:8080/devices
--   curl --json '{"command":"on"}' http://127.0.0.1:8080/devices/lamp-1/command
-- Needs lua-cjson. It trusts everybody who reaches its ports: make sure that only your own devices and people do.
--
-- A message is its length (4 bytes, the highest first) and that many bytes. The first of them is the type; the others
-- are packed as string.pack(">…") does it:
--   the device says     1 hello: s1 id, s1 kind; once and first
--                       2 heartbeat: I1 battery in per cent, i2 temperature in hundredths of a degree
--                       3 answer: I4 number of the command, s2 text
--   the gateway says    129 welcome: I2 seconds in which it wants to hear something
--                       130 command: I4 number, s2 text
--                       131 goodbye: s1 reason; and then it closes
local moonport = require "moonport"

local found, json = pcall(require, "cjson")
if not found then error("needs lua-cjson: apt install lua-cjson, or luarocks install lua-cjson", 0) end
local http = require "moonport.http"
local where = require "where"

local longest = 64 * 1024   -- bytes of a message
local most = 1000           -- devices
local every = 10            -- seconds between heartbeats, sent to each device
local silence = 25          -- seconds without a message after which a device is dropped
local greeting = 5          -- seconds that a device has to say hello
local patience = 10         -- seconds to wait for the answer to a command
local pending = 16          -- commands of one device that wait for their answers

-- What a reload keeps. What is known of a device is kept on its socket.
local devices = moonport.persist("devices", {}) -- id -> socket
local kept = moonport.persist("gateway", { commands = 0 })

-- Devices -------------------------------------------------------------------------------------------------------------

local server = moonport.TcpServer()
local device = server.connection

function device:say(kind, format, ...)
  return self:write(string.pack(">s4", string.pack(">B" .. format, kind, ...)))
end

-- Removes the device from the list, and ends the waits for its answers.
function device:leave(reason)
  if self.id and devices[self.id] == self then
    devices[self.id] = nil
    moonport.log.info("gateway: %s disconnected: %s", self.id, reason)
  end
  for _, command in pairs(self.commands) do command.wait:cancel() end
  self.commands = {}
end

function device:dismiss(reason)
  self.dismissed = true
  self:leave(reason)
  self:say(131, "s1", reason)
  self:disconnectFromHost()
end

local function count()
  local n = 0
  for _ in pairs(devices) do n = n + 1 end
  return n
end

-- What a device may say: the format, and the function for it. If that returns a text, the device is dismissed with it.
local messages = {}

messages[1] = { format = ">s1s1", hear = function(self, id, kind)
  if not id:find "^[%w._-]+$" or #id > 64 then return "bad id" end
  if not utf8.len(kind) then return "bad message" end
  local before = devices[id]
  if not before and count() >= most then return "too many devices" end
  if before then before:dismiss "replaced by a newer connection" end -- it may not have noticed that its line is dead
  self.id, self.kind, self.since = id, kind, os.time()
  devices[id] = self
  self:say(129, "I2", every)
  moonport.log.info("gateway: %s connected: %s at %s", id, kind, self:peerAddress() or "unix")
end }

messages[2] = { format = ">I1i2", hear = function(self, battery, temperature)
  self.battery, self.temperature = battery, temperature / 100
end }

messages[3] = { format = ">I4s2", hear = function(self, number, text)
  local command = self.commands[number]
  if not utf8.len(text) then return "bad message" end
  if not command then return end -- too late
  command.answer = text
  command.wait:cancel()
end }

-- -> nothing, or the reason to dismiss the device
function device:hear(text)
  local message = messages[text:byte()]
  local fields = message and table.pack(pcall(string.unpack, message.format, text, 2))
  if not fields or not fields[1] or fields[fields.n] ~= #text + 1 then return "bad message" end
  if (message == messages[1]) == (self.id ~= nil) then return "hello comes once and first" end
  self.heard = moonport.now()
  return message.hear(self, table.unpack(fields, 2, fields.n - 1))
end

function device:readyRead()
  while not self.dismissed and self:bytesAvailable() >= 4 do
    local length = string.unpack(">I4", self:peek(4))
    if length == 0 or length > longest then return self:dismiss "bad length" end
    if self:bytesAvailable() < 4 + length then return end -- the rest comes later
    self:skip(4)
    local problem = self:hear(self:read(length))
    if problem then return self:dismiss(problem) end
  end
end

function device:disconnected()
  self:leave "it closed"
end

function server:newConnection()
  local socket = self:nextPendingConnection()
  socket.heard, socket.commands = moonport.now(), {}
end

local watch = moonport.Timer()

function watch:timeout()
  local now = moonport.now()
  for socket in server:connections() do
    local allowed = socket.id and silence or greeting
    if socket.dismissed then
      socket:abort() -- doesn't even read the goodbye
    elseif now - socket.heard > allowed * 1000 then
      socket:dismiss(("no message for %d s"):format(allowed))
    end
  end
end

-- Gives a device a command and waits for its answer. -> answer | nil, HTTP status, why
local function command(socket, text)
  local waiting = 0
  for _ in pairs(socket.commands) do waiting = waiting + 1 end
  if waiting >= pending then return nil, 503, "too many commands wait for its answers" end
  kept.commands = (kept.commands + 1) % 0x100000000
  local number, one = kept.commands, { wait = moonport.spawn(moonport.sleep, patience * 1000) }
  if not socket:say(130, "I4s2", number, text) then
    one.wait:cancel()
    return nil, 503, "it doesn't read its commands"
  end
  socket.commands[number] = one
  local timeUp = one.wait:join() -- the answer, or the device's end, ends it earlier
  socket.commands[number] = nil
  if one.answer then return one.answer end
  if timeUp then return nil, 504, "no answer in time" end
  return nil, 502, "the device disconnected"
end

-- HTTP ----------------------------------------------------------------------------------------------------------------

local function description(socket)
  return {
    kind = socket.kind, address = socket:peerAddress() or "unix", since = socket.since,
    heard = math.floor((moonport.now() - socket.heard) / 1000), -- seconds ago
    battery = socket.battery, temperature = socket.temperature,
  }
end

local function answer(status, value)
  return status, { ["Content-Type"] = "application/json", ["Cache-Control"] = "no-store" }, json.encode(value) .. "\n"
end

local function escaped(text)
  return (tostring(text):gsub("[&<>\"']", function(c) return ("&#%d;"):format(c:byte()) end))
end

local function page()
  local ids, rows = {}, {}
  for id in pairs(devices) do ids[#ids + 1] = id end
  table.sort(ids)
  for i, id in ipairs(ids) do
    local one = description(devices[id])
    local cells = { id, one.kind, one.address, os.date("!%F %T", one.since), one.heard .. " s ago",
      one.battery and one.battery .. " %" or "", one.temperature and ("%.2f °C"):format(one.temperature) or "" }
    for j, cell in ipairs(cells) do cells[j] = "<td>" .. escaped(cell) end
    rows[i] = "<tr>" .. table.concat(cells)
  end
  return ([[
<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Devices</title>
<style>body { font-family: sans-serif; margin: 2em } td, th { text-align: left; padding: .3em 1em .3em 0 }</style>
<h1>Devices: %d</h1>
<table><tr><th>Id<th>Kind<th>Address<th>Since (UTC)<th>Heard<th>Battery<th>Temperature
%s
</table>
]]):format(#ids, table.concat(rows, "\n"))
end

local function give(socket, request)
  -- A form of another site in somebody's browser can't send this type.
  local kind = request:header "Content-Type" or ""
  if not kind:lower():find "^application/json" then return answer(415, { error = "send application/json" }) end
  local sound, value = pcall(json.decode, request.body)
  local text = sound and type(value) == "table" and value.command
  if type(text) ~= "string" or #text > 1000 then return answer(400, { error = 'send {"command": "..."}' }) end
  local result, status, why = command(socket, text)
  if not result then return answer(status, { error = why }) end
  return answer(200, { answer = result })
end

local routes = http.router()

routes:post("/devices/:id/command", function(request)
  local socket = devices[request.params.id]
  if not socket then return answer(404, { error = "no such device" }) end
  return give(socket, request)
end)

routes:get("/", function()
  return 200, { ["Content-Type"] = "text/html; charset=utf-8", ["Cache-Control"] = "no-store" }, page()
end)

routes:get("/devices", function()
  local list = {}
  for id, socket in pairs(devices) do list[id] = description(socket) end
  return answer(200, { devices = list })
end)

routes:get("/devices/:id", function(request)
  local socket = devices[request.params.id]
  if not socket then return answer(404, { error = "no such device" }) end
  return answer(200, description(socket))
end)

function routes.otherwise()
  return answer(404, { error = "there are /, /devices, /devices/ID and /devices/ID/command" })
end

local web = http.server(routes)

-- The arguments for `listen`: unix:/path, or a port of the address.
local function place(text, what)
  if where.isPath(text) then return text end
  local address = arg[3] or "127.0.0.1"
  local port = where.port(text, "valid " .. what)
  if address ~= "localhost" and not moonport.HostAddress(address) then error("not an address: " .. address, 0) end
  return address, port
end

local devicePlace, webPlace = { place(arg[1] or 7070, "device port") }, { place(arg[2] or 8080, "HTTP port") }

server:setReadBufferSize(longest + 4)
server:setWriteBufferLimit(256 * 1024)
server:setMaxConnections(most + 100) -- including those that haven't said hello yet
moonport.onQuit(function() web:finish() end)
assert(server:listen(table.unpack(devicePlace)))
assert(web:listen(table.unpack(webPlace)))
watch:start(1000)
moonport.log.info("gateway: listening on %s for devices, %s for HTTP", where.of(server),
  web:serverPort() > 0 and "port " .. web:serverPort() or where.of(web))
