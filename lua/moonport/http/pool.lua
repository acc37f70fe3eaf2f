-- Connections of requests that are kept for the next one: by host, a few, for a short time.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"

local pool = {
  each = 8,     -- connections of one host
  all = 64,
  idle = 5000,  -- milliseconds until one closes
}

local kept, count = {}, 0

-- Another network: the addresses of this one, and what leads to them.
local own = {
  "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
  "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "fc00::/7",
  "fe80::/10", "fec0::/10", "ff00::/8",
}

--- Whether the address is one that a stranger may have us connect to.
function pool.isPublic(text)
  local address = moonport.HostAddress(text)
  if not address or not address:isGlobal() then return false end
  for _, subnet in ipairs(own) do
    if address:isInSubnet(subnet) then return false end
  end
  return true
end

local function key(place, options)
  return ("%s %s %s %s"):format(place.scheme, place.host, place.port or "", options.key)
end

--- A kept connection, or nil.
function pool.take(place, options)
  local name = key(place, options)
  local list = kept[name]
  while list and #list > 0 do
    local socket = table.remove(list)
    count = count - 1
    if #list == 0 then kept[name] = nil end
    if socket:state() == "ConnectedState" and socket:bytesAvailable() == 0 then
      socket:setIdleTimeout(0)
      return socket
    end
    socket:abort()
  end
end

function pool.give(socket, place, options)
  local name = key(place, options)
  -- The list holds the tables of the options, so that no later ones have their addresses, which the key has.
  local list = kept[name] or { ssl = options.ssl, resolve = options.resolve }
  for i = #list, 1, -1 do
    if list[i]:state() ~= "ConnectedState" then
      table.remove(list, i)
      count = count - 1
    end
  end
  if #list >= pool.each or count >= pool.all or socket:bytesAvailable() > 0 then return socket:close() end
  kept[name], list[#list + 1], count = list, socket, count + 1
  socket:setIdleTimeout(pool.idle)
  function socket:disconnected()
    for i, one in ipairs(list) do
      if one == self then
        table.remove(list, i)
        count = count - 1
      end
    end
    if #list == 0 and kept[name] == list then kept[name] = nil end
  end
end

-- -> the host or address to connect to | nil, message, code
local function target(place, options)
  local host = place.host
  if place.scheme == "unix" then
    if options.private == false then return nil, "a Unix-domain socket is of this network", "SocketAccessError" end
    return host
  end
  local resolve = options.resolve
  if type(resolve) == "table" then host = resolve[host] or host end
  if type(resolve) == "function" then host = resolve(host) or host end
  if options.private ~= false then return host end
  local addresses, message, code = moonport.lookup(host)
  if not addresses then return nil, message, code end
  for _, address in ipairs(addresses) do
    if not pool.isPublic(address) then
      return nil, ("%s is an address of this network"):format(address), "SocketAccessError"
    end
  end
  return addresses[1]
end

--- A new connection. -> socket | nil, message, code
function pool.connect(place, options)
  local host, message, code = target(place, options)
  if not host then return nil, message, code end
  local socket, ok
  if place.scheme == "https" then
    socket = moonport.SslSocket()
    ok, message, code = socket:setSslConfiguration(options.ssl or {})
    if ok then ok, message, code = socket:connectToHostEncrypted(host, place.port, place.host) end
    if ok then ok, message, code = socket:waitForEncrypted(-1) end
  else
    socket = moonport.TcpSocket()
    ok, message, code = socket:connectToHost(host, place.port)
    if ok then ok, message, code = socket:waitForConnected(-1) end
  end
  if ok then return socket end
  socket:abort()
  return nil, message, code
end

return pool
