-- LuaSocket's TCP object on top of a TcpSocket or TcpServer.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Base = require "moonport.compat.socket.base"
local Options = require "moonport.compat.socket.options"
local Stream = require "moonport.compat.socket.stream"
local addresses = require "moonport.compat.socket.addresses"
local outside = require "moonport.compat.coroutine".outside

local check, said, text = Base.check, Base.said, Base.text

local Tcp = Base.class("tcp", Stream)

-- What connections and servers are made of from now on: moonport.compat.ssl puts in what can be encrypted later.
Tcp.makes = { stream = moonport.TcpSocket, server = moonport.TcpServer }

--- protocol: "AnyIPProtocol", "IPv4Protocol" or "IPv6Protocol"
function Tcp.new(protocol)
  local self = Base.make("master", Tcp)
  self.protocol, self.blank, self.options = protocol, protocol ~= "AnyIPProtocol", {}
  return self
end

local function newSocket(self)
  local socket = Tcp.makes.stream()
  socket:setAllowHalfOpen(true)
  for name, value in pairs(self.options) do socket:setSocketOption(name, value) end
  return self:use(socket)
end

-- Binding ------------------------------------------------------------------------------------------------

-- Takes an address. -> 1, or nil and why
local function take(self, address, port)
  local old = self.socket
  if old then old:abort() end
  local socket = newSocket(self)
  local ok, message, code = socket:bind(address, port, self.reuseaddr == false and "DontShareAddress"
    or "ReuseAddressHint|ShareAddress")
  if ok then return 1 end
  self.socket, self.flags = nil, nil
  return nil, said(message, code)
end

-- A tcp4 or tcp6 object has a descriptor from the first: here, from when somebody asks for it.
local function fill(self)
  if not self.blank then return end
  self.blank = nil
  self.unnamed = take(self, self.protocol == "IPv6Protocol" and "::" or "0.0.0.0", 0)
end

function Tcp:bind(host, port)
  check(self, "bind", "master")
  host, port = text(2, "bind", host), text(3, "bind", port)
  local number = addresses.port(port)
  if not number then return nil, addresses.noService end
  local list, problem = addresses.toBind(host, self.protocol)
  if not list then return nil, problem end
  self.blank, self.unnamed = nil, nil
  for _, address in ipairs(list) do
    local ok
    ok, problem = take(self, address, number)
    if ok then return 1 end
  end
  return nil, problem
end

Tcp.setsockname = Tcp.bind

function Tcp:listen(backlog)
  check(self, "listen", "master")
  fill(self)
  local socket = self.socket
  if not socket then return nil, "Bad file descriptor" end
  local host, port = socket:localAddress(), socket:localPort()
  local server = Tcp.makes.server()
  server:setAllowHalfOpen(true)
  server:setListenBacklogSize(tonumber(backlog) or 32)
  socket:abort()
  self.socket, self.unnamed = nil, nil
  local ok, message, code = server:listen(host, port)
  if not ok then return nil, said(message, code) end
  self.class, self.server = "server", server
  return 1
end

-- Connecting --------------------------------------------------------------------------------------------------

-- Begins, or goes on. -> 1, or nil and why
local function attempt(self, host, port)
  local flags = self.flags
  if self.connecting then
    outside(moonport.sleep, 0) -- lets the loop see how it goes
    if not flags.settled and self.socket then return nil, "Operation already in progress" end
    return self:settle(0)
  elseif self.unasked then -- the system says so once more
    self.unasked = nil
    return 1
  elseif self.server or self.established then
    if not self.server and self.socket and self.socket:state() ~= "ConnectedState" then return nil, "closed" end
    return nil, "already connected"
  end
  local number = addresses.port(port)
  if not number then return nil, addresses.noService end
  if host == "" then return nil, Base.noHost end
  local socket = self.socket
  if not socket or self.unnamed or self.failed then
    if socket then socket:abort() end
    socket = newSocket(self)
  end
  self.blank, self.unnamed, self.failed = nil, nil, nil
  local ok, message, code = socket:connectToHost(host, number, "ReadWrite", self.protocol)
  if not ok then
    self.socket = nil
    return nil, said(message, code)
  end
  self.connecting = true
  return self:settle(self:remaining())
end

function Tcp:connect(host, port)
  host, port = text(2, "connect", host), text(3, "connect", port)
  local ok, problem = attempt(self, host, port)
  if self.class == "master" then self.class = "client" end
  if ok then return 1 end
  return nil, problem
end

Tcp.setpeername = Tcp.connect

--- Takes a descriptor: a connection, or a listener. What the object had is closed.
function Tcp:setfd(fd)
  fd = math.tointeger(tonumber(fd)) or Base.bad(2, "setfd", "number expected, got " .. type(fd))
  if fd == self:getfd() then return end
  self:close()
  self.established = nil
  if fd < 0 then return end
  if self.class == "server" then
    local server = Tcp.makes.server()
    server:setAllowHalfOpen(true)
    if server:setSocketDescriptor(fd) then self.server = server end
    return
  end
  local socket = newSocket(self)
  if socket:setSocketDescriptor(fd, self.class == "client" and "ConnectedState" or "BoundState") then
    self.established = self.class == "client"
  else
    self.socket = nil
  end
end

-- Names ------------------------------------------------------------------------------------------------

--- The port is a string, as in LuaSocket.
function Tcp:getsockname()
  fill(self)
  local address, port
  if self.server then
    address, port = self.server:serverAddress(), self.server:serverPort()
  elseif self.socket then
    address, port = self.socket:localAddress(), self.unnamed and 0 or self.socket:localPort()
  end
  if not address then return nil, "Bad file descriptor" end
  return address, tostring(port), addresses.family(address)
end

function Tcp:getpeername()
  fill(self)
  if not self.socket and not self.server then return nil, "Bad file descriptor" end
  local address = self.socket and self.socket:peerAddress()
  if not address then return nil, "Transport endpoint is not connected" end
  return address, self.socket:peerPort(), addresses.family(address)
end

function Tcp:getfamily()
  if self.protocol ~= "AnyIPProtocol" then return self.protocol == "IPv6Protocol" and "inet6" or "inet4" end
  local object = self.socket or self.server
  local address = object and (self.server and object:serverAddress() or not self.server and object:localAddress())
  return address and addresses.family(address) == "inet6" and "inet6" or "inet4"
end

function Tcp:isHeld()
  fill(self)
  return Stream.isHeld(self)
end

function Tcp:getfd()
  fill(self)
  return Stream.getfd(self)
end

-- Options ------------------------------------------------------------------------------------------------

local known = {
  ["tcp-nodelay"] = { "LowDelayOption", "boolean" }, keepalive = { "KeepAliveOption", "boolean" },
  ["tcp-keepidle"] = { "KeepAliveIdleOption" }, ["tcp-keepintvl"] = { "KeepAliveIntervalOption" },
  ["tcp-keepcnt"] = { "KeepAliveCountOption" }, ["recv-buffer-size"] = { "ReceiveBufferSizeSocketOption" },
  ["send-buffer-size"] = { "SendBufferSizeSocketOption" }, linger = { "LingerOption", "linger" },
  reuseaddr = { "reuseaddr", "ours" }, reuseport = { "reuseport", "ours" }, ["ipv6-v6only"] = { "v6only", "ours" },
  bindtodevice = { "bindtodevice", "none" }, ["tcp-defer-accept"] = { "defer", "none" },
  ["tcp-fastopen"] = { "fastopen", "none" }, ["tcp-fastopen-connect"] = { "fastopen", "none" },
  error = { "error", "error" },
}

function Tcp:setoption(name, value) return Options.set(self, known, name, value) end

function Tcp:getoption(name) return Options.get(self, known, name) end

return Tcp
