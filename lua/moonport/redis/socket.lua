-- The socket of one connection to a store, with the commands that begin it.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport.lasting"
local resp = require "moonport.resp"

local socket = {}

local unsent = 64 << 20 -- bytes of commands that may wait to be sent

-- A peer that has vanished is noticed within half a minute, also by a connection that only listens.
local keepAlive = {
  KeepAliveOption = true, KeepAliveIdleOption = 15, KeepAliveIntervalOption = 5, KeepAliveCountOption = 3,
}

--- Begins to connect. -> the socket, its signal that tells when commands can be sent | nil, message, code
function socket.open(place, ssl)
  local made = place.tls and moonport.SslSocket() or moonport.TcpSocket()
  local ok, message, code
  if place.tls then
    ok, message, code = made:setSslConfiguration(ssl)
    if ok then ok, message, code = made:connectToHostEncrypted(place.host, place.port, place.host) end
  else
    ok, message, code = made:connectToHost(place.host, place.port)
  end
  if not ok then
    made:abort()
    return nil, message, code
  end
  made:setWriteBufferLimit(unsent)
  made:setHighWaterMark(0)
  if place.port then
    for name, value in pairs(keepAlive) do made:setSocketOption(name, value) end
  end
  return made, place.tls and "encrypted" or "connected"
end

--- The commands that begin a connection: a list of name and text. The last one asks whether the server serves.
function socket.greeting(place)
  local list = {}
  if place.password then
    local text = place.user and resp.command("AUTH", place.user, place.password) or resp.command("AUTH", place.password)
    list[#list + 1] = { name = "AUTH", text = text }
  end
  if place.database and place.database > 0 then
    list[#list + 1] = { name = "SELECT", text = resp.command("SELECT", place.database) }
  end
  list[#list + 1] = { name = "PING", text = resp.command "PING" }
  return list
end

return socket
