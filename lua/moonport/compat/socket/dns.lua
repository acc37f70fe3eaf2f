-- LuaSocket's socket.dns: names and addresses, without blocking. c-ares looks up names; for the name of an address this
-- file reads the hosts file and asks the name servers itself.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local addresses = require "moonport.compat.socket.addresses"
local outside = require "moonport.compat.coroutine".outside

local dns = {}

local notFound = "host not found"

-- The lines of a file, each as a list of its words; nothing if it can't be read.
local function words(path)
  local file = io.open(path)
  return function()
    local line = file and file:read "l"
    if not line then return file and file:close() and nil end
    local list = {}
    for word in line:gsub("[#;].*", ""):gmatch "%S+" do list[#list + 1] = word end
    return list
  end
end

-- Names of an address in the hosts file. -> list
local function namesInHosts(address)
  for list in words(os.getenv "CARES_HOSTS" or "/etc/hosts") do
    local one = list[2] and moonport.HostAddress(list[1])
    if one and tostring(one) == tostring(address) then return table.move(list, 2, #list, 1, {}) end
  end
  return {}
end

-- "4.3.2.1.in-addr.arpa"
local function reversed(address)
  local parts = {}
  if address:protocol() == "IPv4Protocol" then
    for part in tostring(address):gmatch "%d+" do table.insert(parts, 1, part) end
    return table.concat(parts, ".") .. ".in-addr.arpa"
  end
  for byte in address:toIPv6Address():gmatch "." do
    for digit in ("%02x"):format(byte:byte()):gmatch "%x" do table.insert(parts, 1, digit) end
  end
  return table.concat(parts, ".") .. ".ip6.arpa"
end

local function encoded(name)
  return (name:gsub("([^.]+)%.?", function(label) return string.pack("s1", label) end)) .. "\0"
end

-- A name of an answer, at a place. -> the name and the place behind it; raises for what is none
local function decoded(data, place)
  local labels, behind = {}, nil
  for _ = 1, 128 do
    local size = data:byte(place) or error "cut"
    if size == 0 then return table.concat(labels, "."), behind or place + 1 end
    if size >= 0xc0 then
      behind = behind or place + 2
      place = (string.unpack(">I2", data, place) & 0x3fff) + 1
    else
      labels[#labels + 1] = string.unpack("s1", data, place)
      place = place + size + 1
    end
  end
  error "loop"
end

-- The name in an answer to that question. -> the name, false if there is none, or nil if it is no answer to it
local function pointed(data, id, question)
  local theirs, flags, questions, answers = string.unpack(">I2I2I2I2", data)
  if theirs ~= id or flags & 0x8000 == 0 or questions ~= 1 then return nil end
  local asked, place = decoded(data, 13)
  if asked:lower() ~= question then return nil end
  local code = flags & 15
  if code ~= 0 and code ~= 3 then return nil end
  place = place + 4
  for _ = 1, answers do
    local _, behind = decoded(data, place)
    local kind, _, _, size, content = string.unpack(">I2I2I4I2", data, behind)
    if kind == 12 then return (decoded(data, content)) end
    place = content + size
  end
  return false
end

local function servers()
  local list = {}
  for line in words("/etc/resolv.conf") do
    if line[1] == "nameserver" and moonport.HostAddress(line[2] or "") then list[#list + 1] = line[2] end
  end
  return list[1] and list or { "127.0.0.1" }
end

-- Asks one server. -> as pointed; nil also if it doesn't answer
local function ask(server, question)
  local socket <close> = moonport.UdpSocket()
  local id = math.random(0, 65535)
  if not socket:connectToHost(server, 53) then return nil end
  if not socket:write(string.pack(">I2I2I2I2I2I2", id, 0x100, 1, 0, 0, 0) .. encoded(question) .. "\0\12\0\1") then
    return nil
  end
  local till = moonport.now() + 2000
  repeat
    local data = socket:receive(math.max(till - moonport.now(), 0))
    if not data then return nil end
    local ok, name = pcall(pointed, data, id, question)
    if ok and name ~= nil then return name end
  until moonport.now() >= till
end

local function nameOf(address)
  local question = reversed(address)
  for _ = 1, 2 do
    for _, server in ipairs(servers()) do
      local name = ask(server, question)
      if name ~= nil then return name end
    end
  end
  return false
end

-- All that is known of an address. -> name, list of other names; or nil
local function reverse(address)
  local names = namesInHosts(address)
  if names[1] then return table.remove(names, 1), names end
  local name = outside(nameOf, address)
  if name then return name, {} end
end

local function text(name, value)
  if type(value) == "string" then return value end
  local got = value == nil and "no value" or type(value)
  error(("bad argument #1 to '%s' (string expected, got %s)"):format(name, got), 3)
end

--- -> the first IPv4 address, and { name =, alias = list, ip = list }
function dns.toip(host)
  local parsed = moonport.HostAddress(text("toip", host))
  if parsed and parsed:protocol() == "IPv4Protocol" then
    local name, alias = reverse(parsed)
    if not name then return nil, notFound end
    return host, { name = name, alias = alias, ip = { host } }
  end
  local list, problem = addresses.find(host, "IPv4Protocol")
  if not list then return nil, problem == addresses.noHost and notFound or problem end
  return list[1], { name = host, alias = {}, ip = list }
end

--- -> the name of an address, and the table of toip
function dns.tohostname(address)
  local parsed = moonport.HostAddress(text("tohostname", address))
  if not parsed then
    local ip, all = dns.toip(address)
    if not ip then return nil, all end
    return all.name, all
  end
  local name, alias = reverse(parsed)
  if not name then return nil, notFound end
  return name, { name = name, alias = alias, ip = { address } }
end

--- -> list of { family = "inet" or "inet6", addr = }
function dns.getaddrinfo(host)
  local list, problem = addresses.find(text("getaddrinfo", host), "AnyIPProtocol")
  if not list then return nil, problem end
  for i, address in ipairs(list) do list[i] = { family = addresses.family(address), addr = address } end
  return list
end

--- -> list of the names of a host's addresses, and the service
function dns.getnameinfo(host, service)
  if not host and not service then error("host and serv cannot be both nil", 2) end
  local number = service and addresses.port(service)
  if service and not number then return nil, addresses.noService end
  local names, list, problem = {}, {}, nil
  if host then list, problem = addresses.find(host, "AnyIPProtocol") end
  if not list then return nil, problem end
  for i, address in ipairs(list) do names[i] = reverse(moonport.HostAddress(address)) or address end
  return names, service and addresses.serviceOf(number) or nil
end

--- The name of this machine.
function dns.gethostname()
  local file, problem = io.open "/proc/sys/kernel/hostname"
  if not file then return nil, problem end
  local name = file:read "l"
  file:close()
  return name
end

return dns
