-- SPDX-License-Identifier: MIT
-- A simulated lamp, to try gateway.lua with.   moonport device.lua [id [port [address]]], or [id [unix:/path]]
-- The defaults are lamp-1 and port 7070 of 127.0.0.1. It obeys "on" and "off", and answers "state". When its connection
-- ends it connects again, unless another lamp of its name has taken its place.
local moonport = require "moonport"

local id, port, address = arg[1] or "lamp-1", math.tointeger(tonumber(arg[2] or 7070)), arg[3] or "127.0.0.1"
if #id > 64 or not id:find "^[%w._-]+$" then error("not an id: " .. id, 0) end
if (arg[2] or ""):find "^unix:" then port, address = nil, arg[2]
elseif not port or port < 1 or port > 65535 then error("not a port: " .. arg[2], 0) end

local lamp = { state = "off", battery = 100 }

local function obey(text)
  if text == "on" or text == "off" then lamp.state = text end
  if text == "on" or text == "off" or text == "state" then return "the lamp is " .. lamp.state end
  return "I know on, off and state"
end

local function say(socket, kind, format, ...)
  return socket:write(string.pack(">s4", string.pack(">B" .. format, kind, ...)))
end

local function beat(socket, seconds)
  while say(socket, 2, "I1i2", lamp.battery, math.random(1800, 2500)) do
    lamp.battery = math.max(lamp.battery - 1, 1)
    moonport.sleep(seconds * 1000)
  end
end

-- Everything from hello to the end. -> why it ended, whether to connect again
local function serve(socket)
  socket:connectToHost(address, port)
  local connected, problem = socket:waitForConnected(5000)
  if not connected then return problem, true end
  say(socket, 1, "s1s1", id, "lamp")
  while true do
    local head, why = socket:receive(4, -1)
    local message = head and socket:receive(string.unpack(">I4", head), 10000)
    if not message then return why or "half a message", true end
    local kind = message:byte()
    if kind == 129 then
      moonport.log.info("device: %s is connected", id)
      socket.beat = moonport.spawn(beat, socket, string.unpack(">I2", message, 2) / 2)
    elseif kind == 130 then
      local number, text = string.unpack(">I4s2", message, 2)
      local answer = obey(text)
      moonport.log.info("device: command %q: %s", text, answer)
      say(socket, 3, "I4s2", number, answer)
    elseif kind == 131 then
      local reason = string.unpack(">s1", message, 2)
      return "goodbye: " .. reason, not reason:find "^replaced"
    end
  end
end

moonport.spawn(function()
  local reason, again
  repeat
    local socket <close> = moonport.TcpSocket()
    reason, again = serve(socket)
    if socket.beat then socket.beat:cancel() end
    moonport.log.info("device: %s", reason)
    if again then moonport.sleep(2000) end
  until not again
end)
