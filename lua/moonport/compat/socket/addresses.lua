-- Hosts and ports as LuaSocket takes them.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Base = require "moonport.compat.socket.base"
local outside = require "moonport.compat.coroutine".outside

local addresses = { noHost = Base.noHost, noService = "service not supported for socket type" }

local families = { IPv4Protocol = "inet", IPv6Protocol = "inet6" }

--- "inet" or "inet6"
function addresses.family(address)
  local parsed = moonport.HostAddress(address)
  return parsed and families[parsed:protocol()]
end

-- The services that the system knows: port -> name, and name -> port; read when one is asked for.
local services

local function service(key)
  if not services then
    services = {}
    local file = io.open "/etc/services"
    for line in file and file:lines() or function() end do
      local first, port, others = line:gsub("#.*", ""):match "^(%S+)%s+(%d+)/%a+(.*)"
      port = tonumber(port)
      for one in ((first or "") .. " " .. (others or "")):gmatch "%S+" do
        services[one], services[port] = services[one] or port, services[port] or one
      end
    end
    if file then file:close() end
  end
  return services[key]
end

--- The name of the service at a port, or its number as text.
function addresses.serviceOf(port) return service(port) or tostring(port) end

--- A number, its text, or the name of a service. -> the number, or nil
function addresses.port(port)
  local number = math.tointeger(tonumber(port))
  if not number then number = service(port) end
  return number and number >= 0 and number <= 65535 and number or nil
end

--- The addresses of a name, waits. protocol: "AnyIPProtocol", "IPv4Protocol" or "IPv6Protocol". -> list, or nil and why
function addresses.find(host, protocol)
  local list, message, code = outside(moonport.lookup, host, protocol)
  if list then return list end
  if code == "HostNotFoundError" then return nil, Base.noHost end
  return nil, Base.said(message, code)
end

--- Those to bind to; "*" and the like are all addresses of this machine.
function addresses.toBind(host, protocol)
  if host == "*" then return { protocol == "IPv6Protocol" and "::" or "0.0.0.0" } end
  if host == "" then return nil, Base.noHost end
  if host == "localhost" and protocol ~= "IPv6Protocol" then return { "127.0.0.1" } end
  local parsed = moonport.HostAddress(host)
  if parsed and host ~= "any" then
    if protocol ~= "AnyIPProtocol" and parsed:protocol() ~= protocol then
      return nil, "address family for hostname not supported"
    end
    return { host }
  end
  return addresses.find(host, protocol)
end

return addresses
