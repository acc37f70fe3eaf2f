-- LuaSec's ssl.https: LuaSocket's socket.http over an encrypted connection of moonport.compat.ssl. Unlike LuaSec's it
-- verifies the server's certificate and name, unless `verify` says otherwise.
-- SPDX-License-Identifier: MIT

local socket = require "moonport.compat.socket"
local wrap = require "moonport.compat.ssl.wrap"

local https = { PORT = 443, TIMEOUT = 60 }

local defaults = { protocol = "any", verify = "peer" }

-- What socket.http uses as a tcp object: it connects and encrypts in one.
local function creator(parameters)
  local given = { mode = "client" }
  for name, value in pairs(parameters) do given[name] = value end
  for name, value in pairs(defaults) do
    if given[name] == nil then given[name] = value end
  end
  return function()
    local connection, object = socket.tcp(), {}
    function object.connect(_, host, port)
      connection:settimeout(https.TIMEOUT)
      socket.try(connection:connect(host, port))
      connection = socket.try(wrap(connection, given))
      connection:sni(host)
      connection:settimeout(https.TIMEOUT)
      socket.try(connection:dohandshake())
      return 1
    end
    return setmetatable(object, { __index = function(_, name)
      return function(_, ...) return connection[name](connection, ...) end
    end })
  end
end

https.tcp = creator

--- As socket.http.request, with LuaSec's parameters in the table beside. Follows no redirects, and uses no proxy.
function https.request(request, body)
  local http, url, ltn12 = require "socket.http", require "socket.url", require "ltn12"
  local parts, isText = {}, type(request) == "string"
  if isText then
    request = { url = request, method = body and "POST" or "GET", sink = ltn12.sink.table(parts) }
    if body then
      request.source = ltn12.source.string(body)
      request.headers = { ["content-length"] = #body, ["content-type"] = "application/x-www-form-urlencoded" }
    end
  end
  if http.PROXY or request.proxy then return nil, "proxy not supported" end
  if request.redirect then return nil, "redirect not supported" end
  if request.create then return nil, "create function not permitted" end
  local copy = {}
  for name, value in pairs(request) do copy[name] = value end
  copy.url = url.build(url.parse(request.url, { port = https.PORT }))
  copy.create, copy.redirect = creator(request), false
  local result, code, headers, status = http.request(copy)
  if result and isText then result = table.concat(parts) end
  return result, code, headers, status
end

return https
