-- LuaSocket's TCP object on top of a TcpSocket or TcpServer: a call suspends only its own handler or task.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local outside = require "moonport.compat.coroutine".outside

local sendBuffer = 65536 -- bytes that may be queued when send returns, as in the system's own buffer

-- LuaSocket's texts for moonport's codes. Those without a code of their own have the system's text.
local words = {
  SocketTimeoutError = "timeout",
  ConnectionRefusedError = "connection refused",
  RemoteHostClosedError = "closed",
  HostNotFoundError = "host or service not provided, or not known",
  AddressInUseError = "address already in use",
  SocketAddressNotAvailableError = "Cannot assign requested address",
  SocketAccessError = "permission denied",
  SocketResourceError = "Too many open files",
  UnsupportedSocketOperationError = "address family not supported",
}

local function said(message, code)
  if code == "NetworkError" then
    return message:find "Host unreachable" and "No route to host"
      or message:find "timed out" and "timeout" or "Network is unreachable"
  end
  return words[code] or message
end

-- Milliseconds, with a fraction: less than one is a time-out, too.
local function now() return moonport.hrtime() / 1e6 end

local Tcp = {}
Tcp.__index = Tcp

-- Classes as in LuaSocket: a master becomes a client or a server.
local function check(self, name, class)
  if self.class ~= class then error(("calling '%s' on bad self (tcp{%s} expected)"):format(name, class), 3) end
end

local function bad(index, name, text)
  error(("bad argument #%d to '%s' (%s)"):format(index, name, text), 3)
end

--- protocol: "AnyIPProtocol", "IPv4Protocol" or "IPv6Protocol"
function Tcp.new(protocol)
  return setmetatable({
    class = "master", protocol = protocol, block = -1, total = -1, options = {},
    received = 0, sent = 0, born = now(),
  }, Tcp)
end

-- The socket's handler refers only to the flags, not to the object: the object closes the socket when it is collected.
local function use(self, socket)
  local flags = {}
  function socket.readChannelFinished() flags.finished = true end
  self.socket, self.flags = socket, flags
  return socket
end

local function fromSocket(socket)
  local self = Tcp.new "AnyIPProtocol"
  self.class = "client"
  use(self, socket)
  return self
end

-- Time ----------------------------------------------------------------------------------------------------------------

local function deadline(self)
  local seconds = math.min(self.block < 0 and math.huge or self.block, self.total < 0 and math.huge or self.total)
  return now() + seconds * 1000
end

local function left(till)
  return math.max(till - now(), 0) -- inf waits for ever
end

function Tcp:settimeout(seconds, mode)
  local number = tonumber(seconds or -1) or bad(2, "settimeout", "number expected, got " .. type(seconds))
  seconds = number >= 0 and number or -1
  mode = mode or "b"
  if mode == "b" then
    self.block = seconds
  elseif mode == "t" or mode == "r" then
    self.total = seconds
  else
    bad(3, "settimeout", "invalid timeout mode")
  end
  return 1
end

function Tcp:gettimeout() return self.block, self.total end

-- Connecting ----------------------------------------------------------------------------------------------------------

local optionNames = {
  ["tcp-nodelay"] = "LowDelayOption", ["keepalive"] = "KeepAliveOption", ["tcp-keepidle"] = "KeepAliveIdleOption",
  ["tcp-keepintvl"] = "KeepAliveIntervalOption", ["tcp-keepcnt"] = "KeepAliveCountOption",
  ["recv-buffer-size"] = "ReceiveBufferSizeSocketOption", ["send-buffer-size"] = "SendBufferSizeSocketOption",
}
local booleans = { ["tcp-nodelay"] = true, keepalive = true }
local ignored = { reuseaddr = true, reuseport = false, linger = false, ["ipv6-v6only"] = true } -- whether it is set

local function newSocket(self)
  local socket = moonport.TcpSocket()
  socket:setAllowHalfOpen(true)
  return use(self, socket)
end

-- Waits for the attempt in self.attempt, which goes on when the time is up.
local function awaitConnection(self)
  local connected, message, code = outside(self.attempt.join, self.attempt, left(deadline(self)))
  if not connected and code == "SocketTimeoutError" and self.attempt:isActive() then return nil, "timeout" end
  self.attempt = nil
  if connected then
    for name, value in pairs(self.options) do self.socket:setSocketOption(name, value) end
    return 1
  end
  self.socket = nil
  return nil, said(message, code)
end

function Tcp:connect(host, port)
  if type(host) ~= "string" then bad(2, "connect", "string expected, got " .. type(host)) end
  local number = math.tointeger(tonumber(port))
  if self.class == "server" then check(self, "connect", "master") end
  self.class = "client"
  if self.attempt then return awaitConnection(self) end
  if self.socket and self.socket:state() == "ConnectedState" then return 1 end
  if not number or number < 0 or number > 65535 then return nil, words.HostNotFoundError end
  local socket = self.socket and self.socket:state() == "BoundState" and self.socket or newSocket(self)
  local ok, message, code = socket:connectToHost(host, number, "ReadWrite", self.protocol)
  if not ok then return nil, said(message, code) end
  self.attempt = moonport.spawn(socket.waitForConnected, socket, -1)
  return awaitConnection(self)
end

function Tcp:bind(host, port)
  check(self, "bind", "master")
  if type(host) ~= "string" then bad(2, "bind", "string expected, got " .. type(host)) end
  if host == "*" then host = self.protocol == "IPv6Protocol" and "::" or "0.0.0.0" end
  if not moonport.HostAddress(host) then return nil, words.HostNotFoundError end -- names are not looked up
  local socket = newSocket(self)
  local ok, message, code = socket:bind(host, math.tointeger(tonumber(port)) or 0, "ReuseAddressHint|ShareAddress")
  if ok then return 1 end
  self.socket = nil
  return nil, said(message, code)
end

function Tcp:listen(backlog)
  check(self, "listen", "master")
  local socket = self.socket
  if not socket then return nil, "Bad file descriptor" end
  local host, port = socket:localAddress(), socket:localPort()
  local server = moonport.TcpServer()
  server:setAllowHalfOpen(true)
  server:setListenBacklogSize(tonumber(backlog) or 32)
  socket:abort()
  self.socket = nil
  local ok, message, code = server:listen(host, port)
  if not ok then return nil, said(message, code) end
  self.class, self.server = "server", server
  return 1
end

function Tcp:accept()
  check(self, "accept", "server")
  if not self.server then return nil, "closed" end
  local ok, message, code = outside(self.server.waitForNewConnection, self.server, left(deadline(self)))
  if not ok then return nil, self.server and self.server:isListening() and said(message, code) or "closed" end
  return fromSocket(self.server:nextPendingConnection())
end

-- Receiving -----------------------------------------------------------------------------------------------------------

-- Calls `take(socket)`, and waits for more in between, until it says that it is done. -> done, or nil and why
local function fill(self, parts, take)
  local socket, till = self.socket, deadline(self)
  if not socket or self.deaf then return nil, "closed" end
  local ended
  while true do
    local piece, done = take(socket)
    if piece and piece ~= "" then
      parts[#parts + 1] = piece
      self.received = self.received + #piece
    end
    if done then return true end
    if not piece or piece == "" then
      if ended or socket ~= self.socket then return nil, "closed" end
      local _, _, code = outside(socket.waitForReadyRead, socket, left(till))
      if code == "SocketTimeoutError" then
        if socket:bytesAvailable() == 0 then return nil, "timeout" end
      elseif code then
        ended = true -- but takes what is left
      end
    end
  end
end

local takers = {
  l = function()
    return function(socket)
      local piece = socket:readLine()
      return piece, piece and piece:sub(-1) == "\n"
    end
  end,
  a = function()
    return function(socket) return socket:readAll() end
  end,
  n = function(size)
    local missing = size
    return function(socket)
      if missing == 0 and size > 0 or missing == 0 and socket:bytesAvailable() > 0 then return "", true end
      local piece = socket:read(missing)
      missing = missing - #(piece or "")
      return piece, missing == 0 and size > 0
    end
  end,
}

function Tcp:receive(pattern, prefix)
  check(self, "receive", "client")
  pattern = pattern == nil and "*l" or pattern
  prefix = prefix and tostring(prefix) or ""
  local parts, size, kind = { prefix }, tonumber(pattern), "n"
  if size then
    if size < 0 then bad(2, "receive", "invalid receive pattern") end
    size = size // 1 | 0
    if #prefix > 0 and #prefix >= size then return prefix, nil, nil end
    size = size - #prefix
  else
    kind = type(pattern) == "string" and pattern:match "^%*?([la])"
    if not kind then bad(2, "receive", "invalid receive pattern") end
  end
  local before = self.received
  local done, why = fill(self, parts, takers[kind](size))
  local bytes = table.concat(parts)
  if kind == "l" then bytes = prefix .. bytes:sub(#prefix + 1):gsub("[\r\n]", "") end
  if done or (kind == "a" and why == "closed" and self.received > before) then return bytes, nil, nil end
  return nil, why, bytes
end

-- Sending -------------------------------------------------------------------------------------------------------------

function Tcp:send(bytes, first, last)
  check(self, "send", "client")
  if type(bytes) == "number" then bytes = tostring(bytes) end
  if type(bytes) ~= "string" then bad(2, "send", "string expected, got " .. type(bytes)) end
  first, last = first or 1, last or -1
  first = math.max(first < 0 and #bytes + first + 1 or first, 1)
  last = math.min(last < 0 and #bytes + last + 1 or last, #bytes)
  local from, till = first, deadline(self)
  while from <= last do
    local socket = self.socket
    if not socket then return nil, "closed", from - 1 end
    local room = sendBuffer - socket:bytesToWrite()
    if room > 0 then
      local to = math.min(from + room - 1, last)
      if not socket:write(bytes:sub(from, to)) then return nil, "closed", from - 1 end
      self.sent = self.sent + to - from + 1
      from = to + 1
      socket:flush()
    else
      local _, _, code = outside(socket.waitForBytesWritten, socket, left(till))
      if code == "SocketTimeoutError" then return nil, "timeout", from - 1 end
      if code then return nil, "closed", from - 1 end
    end
  end
  return from - 1, nil, nil
end

-- The rest ------------------------------------------------------------------------------------------------------------

function Tcp:shutdown(how)
  check(self, "shutdown", "client")
  how = how or "both"
  if not ({ both = true, send = true, receive = true })[how] then
    bad(2, "shutdown", ("invalid option '%s'"):format(how))
  end
  if self.socket and how ~= "receive" then self.socket:closeWriteChannel() end
  self.deaf = self.deaf or how ~= "send"
  return 1
end

function Tcp:close()
  local socket, server = self.socket, self.server
  local connecting = self.attempt
  self.socket, self.server, self.attempt = nil, nil, nil
  if connecting then socket:abort() elseif socket then socket:close() end
  if server then server:close() end
  return 1
end

Tcp.__close = Tcp.close

function Tcp:__gc() pcall(self.close, self) end -- at the end of the program nothing may be left to close

local families = { IPv4Protocol = "inet", IPv6Protocol = "inet6" }

local function family(address) return families[moonport.HostAddress(address):protocol()] end

--- The port is a string, as in LuaSocket.
function Tcp:getsockname()
  local address, port
  if self.server then
    address, port = self.server:serverAddress(), self.server:serverPort()
  elseif self.socket then
    address, port = self.socket:localAddress(), self.socket:localPort()
  end
  if not address then return nil, "Bad file descriptor" end
  return address, tostring(port), family(address)
end

function Tcp:getpeername()
  if not self.socket and not self.server then return nil, "Bad file descriptor" end
  local address = self.socket and self.socket:peerAddress()
  if not address then return nil, "Transport endpoint is not connected" end
  return address, self.socket:peerPort(), family(address)
end

function Tcp:getfamily() return self.protocol == "IPv6Protocol" and "inet6" or "inet4" end

function Tcp:getfd()
  local object = self.socket or self.server
  return object and object:socketDescriptor() or -1
end

function Tcp:dirty() return self.socket ~= nil and self.socket:bytesAvailable() > 0 end

function Tcp:getstats() return self.received, self.sent, (now() - self.born) / 1000 end

function Tcp:setstats(received, sent, age)
  self.received, self.sent = received or self.received, sent or self.sent
  self.born = age and now() - age * 1000 or self.born
  return 1
end

function Tcp:setoption(name, value)
  local option = optionNames[name]
  if ignored[name] ~= nil then
    if ignored[name] or not value or type(value) == "table" and not value.on then return 1 end
    return nil, "setsockopt failed"
  end
  if not option then bad(2, "setoption", ("unsupported option `%s'"):format(name)) end
  self.options[option] = value
  if self.class ~= "client" or self.attempt then return 1 end -- set when it is connected
  if self.socket and self.socket:setSocketOption(option, value) then return 1 end
  return nil, "setsockopt failed"
end

function Tcp:getoption(name)
  if name == "error" then return nil end
  if ignored[name] ~= nil then return ignored[name] end
  local option = optionNames[name]
  if not option then bad(2, "getoption", ("unsupported option `%s'"):format(name)) end
  local value = self.socket and self.socket:socketOption(option)
  if not value then return nil, "getsockopt failed" end
  if booleans[name] then return value ~= 0 end
  return value
end

function Tcp:__tostring()
  local class = self.class
  setmetatable(self, nil)
  local address = tostring(self):match "0x%x+"
  setmetatable(self, Tcp)
  return ("tcp{%s}: %s"):format(class, address)
end

-- For select: can this be read or accepted, and written to, without waiting? ------------------------------------------

function Tcp:readable()
  if self.server then return self.server:hasPendingConnections() end
  local socket = self.socket
  return not socket or self.deaf or socket:bytesAvailable() > 0 or
    not self.attempt and (self.flags.finished or socket:state() ~= "ConnectedState" and socket:state() ~= "BoundState")
end

function Tcp:writable()
  if self.attempt then return not self.attempt:isActive() end
  return not self.socket or self.socket:bytesToWrite() < sendBuffer
end

return Tcp
