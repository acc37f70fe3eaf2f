-- LuaSocket's UDP object on top of a UdpSocket. What is sent goes to the system within the call.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Base = require "moonport.compat.socket.base"
local Options = require "moonport.compat.socket.options"
local addresses = require "moonport.compat.socket.addresses"
local groups = require "moonport.compat.socket.groups"
local outside = require "moonport.compat.coroutine".outside

local said, text = Base.said, Base.text

local Udp = Base.class "udp"

Udp.size = 8192 -- the most bytes that a call receives unless it says otherwise

--- protocol: "AnyIPProtocol", "IPv4Protocol" or "IPv6Protocol". -> a udp, or nil and why
function Udp.new(protocol)
  local self = Base.make("unconnected", Udp)
  self.protocol, self.options = protocol, {}
  if protocol ~= "AnyIPProtocol" then
    local ok, problem = self:take(protocol == "IPv6Protocol" and "::" or "0.0.0.0", 0)
    if not ok then return nil, problem end
    self.unnamed = true
  end
  return self
end

-- Binding ------------------------------------------------------------------------------------------------

-- -> a socket, and the flags in which it leaves its errors
local function newSocket()
  local socket, flags = moonport.UdpSocket(), {}
  function socket:errorOccurred(code) flags.problem = said(self:errorString(), code) end
  return socket, flags
end

--- Leaves its socket for a new one at that address. -> 1, or nil and why
function Udp:take(address, port)
  self:drop()
  local socket, flags = newSocket()
  local ok, message, code = socket:bind(address, port, self.shares and "ReuseAddressHint|ShareAddress"
    or "DefaultForPlatform")
  if not ok then return nil, said(message, code) end
  for name, value in pairs(self.options) do socket:setSocketOption(name, value) end
  self.socket, self.flags, self.unnamed, self.bound = socket, flags, nil, nil
  groups.again(self)
  return 1
end

function Udp:drop()
  local socket = self.socket
  self.socket, self.flags = nil, nil
  if socket then socket:close() end
end

-- A socket of the family of that address. -> 1, or nil and why
local function fill(self, address)
  if self.socket then return 1 end
  local ok, problem = self:take(addresses.family(address) == "inet6" and "::" or "0.0.0.0", 0)
  self.unnamed = ok
  return ok, problem
end

function Udp:setsockname(host, port)
  Base.check(self, "setsockname", "unconnected")
  host, port = text(2, "setsockname", host), text(3, "setsockname", port)
  local number = addresses.port(port)
  if not number then return nil, addresses.noService end
  if self.socket and not self.unnamed then return nil, "Invalid argument" end
  local list, problem = addresses.toBind(host, self.protocol)
  if not list then return nil, problem end
  for _, address in ipairs(list) do
    local ok
    ok, problem = self:take(address, number)
    if ok then
      self.bound = { address, self.socket:localPort() }
      return 1
    end
  end
  return nil, problem
end

-- Forgets its peer: the socket is another one, at the same address if it was bound.
local function release(self)
  if self.class == "unconnected" then return end
  self.class = "unconnected"
  if self.bound then
    local address, port = table.unpack(self.bound)
    if self:take(address, port) then self.bound = { address, port } end
  else
    self.released = self:getfamily()
    self:drop()
  end
end

-- Fixes a peer. -> 1, or nil and why
local function fix(self, address, port)
  local ok, problem = fill(self, address)
  if not ok then return nil, problem end
  local socket = self.socket
  local message, code
  ok, message, code = socket:connectToHost(address, port)
  if ok and socket:state() ~= "ConnectedState" then
    ok, message, code = outside(socket.waitForConnected, socket, 5000)
  end
  if ok then return 1 end
  return nil, said(message, code)
end

function Udp:setpeername(host, port)
  host = text(2, "setpeername", host)
  release(self)
  if host == "*" then return 1 end
  local number = addresses.port(text(3, "setpeername", port))
  if not number then return nil, addresses.noService end
  local list, problem = addresses.find(host, self.protocol)
  if not list then return nil, problem end
  for _, address in ipairs(list) do
    local ok
    ok, problem = fix(self, address, number)
    if ok then
      self.class = "connected"
      return 1
    end
  end
  return nil, problem
end

-- Sending and receiving ---------------------------------------------------------------------------------------

--- What the socket was told since the last call, as a failure of this one.
function Udp:problem()
  local flags = self.flags
  local problem = flags and flags.problem
  if problem then flags.problem = nil end
  return problem
end

-- Sends what was written now. -> the number of its bytes, or nil and why
local function sent(self, size, message, code)
  local socket = self.socket
  if not size then return nil, said(message, code) end
  local till, longest = self:clock()
  while not socket:flush() do
    if socket:bytesToWrite() == 0 and size > 0 then -- the system has refused it, which is signalled, too
      outside(moonport.sleep, 0)
      return nil, self:problem() or said(socket:errorString(), socket:error())
    elseif size == 0 then
      break
    end
    local _, _, why = outside(socket.waitForBytesWritten, socket, Base.left(till, longest))
    if why == "SocketTimeoutError" then return nil, "timeout" end
    if why then return nil, said(socket:errorString(), why) end
  end
  self.sent = self.sent + size
  return size
end

function Udp:send(data)
  Base.check(self, "send", "connected")
  data = text(2, "send", data)
  local problem = self:problem()
  if not self.socket then return nil, "refused" end
  if problem then return nil, problem end
  return sent(self, self.socket:write(data))
end

function Udp:sendto(data, address, port)
  Base.check(self, "sendto", "unconnected")
  data, address, port = text(2, "sendto", data), text(3, "sendto", address), text(4, "sendto", port)
  local number = math.tointeger(tonumber(port))
  local family = addresses.family(address)
  if not family or not number or number < 0 or number > 65535 then return nil, "Name or service not known" end
  local ok, problem = fill(self, address)
  if not ok then return nil, problem end
  return sent(self, self.socket:writeDatagram(data, address, number))
end

-- The next datagram. -> data, address, port, or nil and why
local function receive(self, name, size)
  size = size == nil and Udp.size or tonumber(size) or Base.bad(2, name, "number expected, got " .. type(size))
  local socket = self.socket
  if not socket then return nil, self.protocol == "AnyIPProtocol" and "refused" or "closed" end
  local till, longest = self:clock()
  repeat
    if not socket:hasPendingDatagrams() then outside(moonport.sleep, 0) end
    local data, address, port = socket:receiveDatagram(math.max(size // 1 | 0, 0))
    if data then
      self.received = self.received + #data
      return data, address, port
    end
    local problem = self:problem()
    if problem then return nil, problem end
    local time = Base.left(till, longest)
    if time <= 0 then return nil, "timeout" end
    outside(self.await, self, time)
  until socket ~= self.socket
  return nil, "closed"
end

--- Waits for a datagram or an error, without either being taken.
function Udp:await(msec)
  local socket = self.socket
  local changed = moonport.Condition()
  local connections = {}
  for _, signal in ipairs { "readyRead", "errorOccurred", "disconnected" } do
    connections[#connections + 1] = moonport.connect(socket, signal, function() changed:notifyAll() end)
  end
  changed:wait(msec)
  for _, connection in ipairs(connections) do moonport.disconnect(connection) end
end

function Udp:receive(size)
  local data, problem = receive(self, "receive", size)
  if data then return data end
  return nil, problem
end

--- -> data, address, port, or nil and why
function Udp:receivefrom(size)
  Base.check(self, "receivefrom", "unconnected")
  return receive(self, "receivefrom", size)
end

-- The rest ------------------------------------------------------------------------------------------------

function Udp:close()
  self.released = nil
  self:drop()
  return 1
end

Udp.__close = Udp.close

function Udp:__gc() pcall(self.close, self) end

function Udp:getfd() return self.socket and self.socket:socketDescriptor() or -1 end

--- Takes a descriptor of a datagram socket. What the object had is closed.
function Udp:setfd(fd)
  fd = math.tointeger(tonumber(fd)) or Base.bad(2, "setfd", "number expected, got " .. type(fd))
  if fd == self:getfd() then return end
  self:drop()
  if fd < 0 then return end
  local socket, flags = newSocket()
  if socket:setSocketDescriptor(fd) then self.socket, self.flags, self.unnamed = socket, flags, nil end
end

function Udp.dirty() return false end

function Udp:getfamily()
  local address = self.socket and self.socket:localAddress()
  local family = address and addresses.family(address)
  return family == "inet6" and "inet6" or self.protocol == "IPv6Protocol" and "inet6" or "inet4"
end

--- The port is a string, as in LuaSocket.
function Udp:getsockname()
  local socket = self.socket
  if not socket and self.released == "inet6" then return "::", "0", "inet6" end
  if not socket and self.released then return "0.0.0.0", "0", "inet" end
  if not socket then return nil, "Bad file descriptor" end
  local hidden = self.unnamed and self.class == "unconnected" and socket:bytesSent() == 0
  local address = socket:localAddress()
  return address, tostring(hidden and 0 or socket:localPort()), addresses.family(address)
end

function Udp:getpeername()
  Base.check(self, "getpeername", "connected")
  local address = self.socket and self.socket:peerAddress()
  if not address then return nil, self.socket and "Transport endpoint is not connected" or "Bad file descriptor" end
  return address, self.socket:peerPort(), addresses.family(address)
end

local known = {
  reuseaddr = { "shares", "ours" }, reuseport = { "shares", "ours" }, broadcast = { "broadcasts", "ours" },
  ["ipv6-v6only"] = { "v6only", "ours" }, dontroute = { "dontroute", "none" }, error = { "error", "error" },
  ["ip-multicast-ttl"] = { "MulticastTtlOption" }, ["ipv6-multicast-hops"] = { "MulticastTtlOption" },
  ["ip-multicast-loop"] = { "MulticastLoopbackOption", "boolean" },
  ["ipv6-multicast-loop"] = { "MulticastLoopbackOption", "boolean" },
  ["ipv6-unicast-hops"] = { "hops", "none" }, bindtodevice = { "device", "none" },
  ["recv-buffer-size"] = { "ReceiveBufferSizeSocketOption" }, ["send-buffer-size"] = { "SendBufferSizeSocketOption" },
}

function Udp:setoption(name, value)
  if groups.options[name] then return groups.set(self, name, value) end
  return Options.set(self, known, name, value)
end

function Udp:getoption(name)
  if name == "ip-multicast-if" then return self.from or "0.0.0.0" end
  return Options.get(self, known, name)
end

-- For select. What has no descriptor is never ready.

function Udp:isHeld() return self.socket ~= nil end

function Udp:readable()
  return self.socket ~= nil and (self.socket:hasPendingDatagrams() or self.flags.problem ~= nil)
end

function Udp:writable() return self.socket ~= nil and self.socket:bytesToWrite() == 0 end

function Udp:signals(reading)
  return self.socket, { reading and "readyRead" or "bytesWritten", "errorOccurred", "disconnected" }
end

return Udp
