-- SPDX-License-Identifier: MIT
-- Echoes what a WebSocket sends; what begins with "*" goes to all. /loop has a loop, all else has handlers.
--                                                                                      moonport websocket.lua PORT
local http = require "moonport.http"
local websocket = require "moonport.websocket"

local all = {}

local server = http.server(function(request, socket)
  local ws = websocket.accept(request, socket)
  if not ws then return end
  all[ws] = true
  if request.path == "/loop" then
    for message, kind in ws:messages() do ws:send(message, kind) end
  end
end, { connections = 100000 })

function server.websocket:message(message, kind)
  if message:byte() ~= 42 then
    self:send(message, kind)
  else
    for each in pairs(all) do each:send(message, kind) end
  end
end

function server.websocket:closed() all[self] = nil end

assert(server:listen("127.0.0.1", tonumber(arg[1])))
