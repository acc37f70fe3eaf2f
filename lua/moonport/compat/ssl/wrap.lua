-- How a connection of moonport.compat.socket becomes one of moonport.compat.ssl.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Connection = require "moonport.compat.ssl.connection"
local Context = require "moonport.compat.ssl.context"
local Tcp = require "moonport.compat.socket.tcp"

-- From now on connections can be encrypted later, those of servers too. A server wants a configuration before it
-- listens; nobody knows the key of this one.
Tcp.makes.stream = moonport.SslSocket

function Tcp.makes.server()
  local server = moonport.SslServer()
  local key = ("%016x%016x"):format(math.random(0), math.random(0))
  assert(server:setSslConfiguration { preSharedKeys = { [key] = key } })
  server:setImplicitEncryption(false)
  return server
end

return function(tcp, parameters)
  local context, why = parameters, nil
  if getmetatable(parameters) ~= Context then context, why = Context.new(parameters) end
  if not context then return nil, why end
  if type(tcp) ~= "table" or tcp.class ~= "client" then
    error("bad argument #1 to 'wrap' (a connection of moonport.compat.socket expected)", 2)
  end
  if not tcp.socket then return nil, "closed" end
  if not tcp.socket.startClientEncryption then
    return nil, "the connection was made before moonport.compat.ssl was loaded"
  end
  return Connection.wrap(tcp, context)
end
