-- Multicast groups as LuaSocket's options have them: interfaces are addresses of theirs (IPv4), or numbers (IPv6).
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"

local groups = {}

groups.options = {
  ["ip-add-membership"] = "join", ["ipv6-add-membership"] = "join", ["ip-drop-membership"] = "leave",
  ["ipv6-drop-membership"] = "leave", ["ip-multicast-if"] = "from",
}

-- The bytes of a.b.c.d as the system writes them in /proc/net/route.
local function number(address)
  local a, b, c, d = address:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
  return a and a + (b << 8) + (c << 16) + (d << 24)
end

-- The network to which an address of this machine belongs, by the routes of the system, tells its interface.
local function interfaceOf(address)
  if address:find "^127%." then return "lo" end
  for line in io.lines "/proc/net/route" do
    local fields = {}
    for field in line:gmatch "%S+" do fields[#fields + 1] = field end
    local network, mask = tonumber(fields[2], 16), tonumber(fields[8] or "", 16)
    if network and mask and mask ~= 0 and number(address) & mask == network then return fields[1] end
  end
end

-- An option's interface as moonport has it. -> true and it, or nil
local function interface(value)
  if value == nil or value == "*" or value == 0 then return true, nil end
  if type(value) == "number" then return true, math.tointeger(value) end
  local ok, name = pcall(interfaceOf, value)
  if ok and name then return true, name end
end

local function raise(message) error("bad argument #3 to 'setoption' (" .. message .. ")", 4) end

local function change(self, method, group, value)
  local ok, where = interface(value)
  local member = self.socket[method == "join" and "joinMulticastGroup" or "leaveMulticastGroup"]
  local called, done = pcall(member, self.socket, group, where)
  if ok and called and done then return 1 end
  return nil, "setsockopt failed"
end

--- Joins the groups of a udp again, whose socket is a new one.
function groups.again(self)
  for _, one in ipairs(self.joined or {}) do change(self, "join", one.multiaddr, one.interface) end
  if self.from then self.socket:setMulticastInterface(select(2, interface(self.from))) end
end

function groups.set(self, name, value)
  local method, v6 = groups.options[name], name:find("ipv6", 1, true)
  if method == "from" then
    if type(value) ~= "string" or value ~= "*" and not moonport.HostAddress(value) then raise "ip expected" end
    local ok, where = interface(value)
    if not ok or not self.socket or not self.socket:setMulticastInterface(where) then
      return nil, "setsockopt failed"
    end
    self.from = value ~= "*" and value or nil
    return 1
  end
  if type(value) ~= "table" then raise("table expected, got " .. type(value)) end
  if type(value.multiaddr) ~= "string" then raise "string 'multiaddr' field expected" end
  if not moonport.HostAddress(value.multiaddr) then raise "invalid 'multiaddr' ip address" end
  if not v6 and type(value.interface) ~= "string" then raise "string 'interface' field expected" end
  if not v6 and value.interface ~= "*" and not moonport.HostAddress(value.interface) then
    raise "invalid 'interface' ip address"
  end
  if not self.socket then return nil, "setsockopt failed" end
  local ok, problem = change(self, method, value.multiaddr, value.interface)
  if not ok then return nil, problem end
  self.joined = self.joined or {}
  if method == "join" then
    table.insert(self.joined, { multiaddr = value.multiaddr, interface = value.interface })
  else
    for i = #self.joined, 1, -1 do
      if self.joined[i].multiaddr == value.multiaddr then table.remove(self.joined, i) end
    end
  end
  return 1
end

return groups
