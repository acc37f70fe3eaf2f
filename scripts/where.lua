-- SPDX-License-Identifier: MIT
-- Where a script listens, which http.lua, kv.lua, mail.lua and gateway.lua take from their arguments: [PORT [ADDRESS]],
-- or unix:/path, or unix:@name, an abstract name of Linux.
--
--   local where = require "where"
--   local place, rest = where.from(words, 8080)
--   assert(server:listen(table.unpack(place)))
--   print(where.of(server)) -- "127.0.0.1 port 8080" or "unix:/path"
local moonport = require "moonport"

local where = {}

--- A number for `listen`; an error names what it is.
function where.port(text, what)
  local port = math.tointeger(tonumber(text))
  if not port or port < 0 or port > 65535 then error(("not a %s: %s"):format(what or "port", text), 0) end
  return port
end

function where.isPath(text) return tostring(text):find "^unix:" ~= nil end

--- From the first words: the arguments for `listen`; and the words that follow.
function where.from(words, port)
  if where.isPath(words[1]) then return { words[1] }, table.move(words, 2, #words, 1, {}) end
  local address = words[2] or "127.0.0.1"
  port = where.port(words[1] or port)
  if address ~= "localhost" and not moonport.HostAddress(address) then error("not an address: " .. address, 0) end
  return { address, port }, table.move(words, 3, #words, 1, {})
end

--- Where the server listens, in words.
function where.of(server)
  local address, port = server:serverAddress(), server:serverPort()
  return where.isPath(address) and address or ("%s port %d"):format(address, port)
end

return where
