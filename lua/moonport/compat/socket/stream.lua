-- LuaSocket's objects for connections, over whatever their bytes go: what tcp and unix objects have in common. A call
-- suspends only its own handler or task.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Base = require "moonport.compat.socket.base"
local outside = require "moonport.compat.coroutine".outside

local bad, check, left, said = Base.bad, Base.check, Base.left, Base.said

local Stream = {}

local sendBuffer = 65536 -- bytes that may be queued when send returns, as in the system's own buffer

-- The socket's handlers refer only to the flags, not to the object: the object closes the socket when it is collected.
function Stream:use(socket)
  local flags = {}
  function socket.readChannelFinished() flags.finished = true end
  function socket.connected()
    flags.settled = true
    if flags.waiting then flags.waiting:notifyAll() end
  end
  function socket:errorOccurred(code)
    if flags.settled then return end
    flags.settled, flags.problem = true, said(self:errorString(), code)
    if flags.waiting then flags.waiting:notifyAll() end
  end
  self.socket, self.flags = socket, flags
  return socket
end

-- Connecting ------------------------------------------------------------------------------------------------

--- Waits for the attempt, which goes on when the time is up. -> 1, or nil and why
function Stream:settle(msec)
  local flags, socket = self.flags, self.socket
  local till = Base.now() + msec
  while not flags.settled and self.socket == socket and msec > 0 do
    flags.waiting = flags.waiting or moonport.Condition()
    outside(flags.waiting.wait, flags.waiting, msec)
    msec = till - Base.now()
  end
  if self.socket ~= socket then return nil, "closed" end
  if not flags.settled then return nil, "timeout" end
  self.connecting = nil
  if not flags.problem then
    self.established, self.unasked = true, msec > 0
    return 1
  end
  self.socket = nil
  return nil, flags.problem
end

-- A server ------------------------------------------------------------------------------------------------

function Stream:accept()
  check(self, "accept", "server")
  local server = self.server
  if not server then return nil, "closed" end
  if not server.waitForNewConnection then return nil, "Invalid argument" end
  local ok, message, code = outside(server.waitForNewConnection, server, self:remaining())
  if not ok then return nil, self.server and server:isListening() and said(message, code) or "closed" end
  local peer = Base.make("client", getmetatable(self))
  peer.options, peer.established = {}, true
  peer:use(server:nextPendingConnection())
  return peer
end

-- Receiving ------------------------------------------------------------------------------------------------

-- Calls `take(socket)`, and waits for more in between, until it says that it is done. -> done, or nil and why
local function fill(self, parts, take)
  local socket, till, longest = self.socket, self:clock()
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
      local _, _, code = outside(socket.waitForReadyRead, socket, left(till, longest))
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
      return piece, piece and piece:byte(-1) == 10
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

-- A line without its end, and without other CRs, of which there are hardly ever any.
local function stripped(line)
  if line:byte(-1) == 10 then line = line:sub(1, line:byte(-2) == 13 and -3 or -2) end
  return line:find("\r", 1, true) and line:gsub("\r", "") or line
end

function Stream:receive(pattern, prefix)
  check(self, "receive", "client")
  pattern = pattern == nil and "*l" or pattern
  prefix = prefix and tostring(prefix) or ""
  local parts, size, kind = {}, tonumber(pattern), "n"
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
  local bytes = #parts > 1 and table.concat(parts) or parts[1] or ""
  if kind == "l" then bytes = stripped(bytes) end
  if prefix ~= "" then bytes = prefix .. bytes end
  if done or (kind == "a" and why == "closed" and self.received > before) then return bytes, nil, nil end
  return nil, why, bytes
end

-- Sending ------------------------------------------------------------------------------------------------

-- Writes and sends. -> true, or nil and how many of these bytes the system has taken before it refused the others
local function put(socket, bytes)
  local queued, sent = socket:bytesToWrite(), socket:bytesSent()
  if not socket:write(bytes) then return nil, 0 end
  socket:flush()
  sent = socket:bytesSent() - sent
  if sent + socket:bytesToWrite() >= queued + #bytes then return true end
  return nil, math.max(sent - queued, 0)
end

function Stream:send(bytes, first, last)
  check(self, "send", "client")
  if type(bytes) == "number" then bytes = tostring(bytes) end
  if type(bytes) ~= "string" then bad(2, "send", "string expected, got " .. type(bytes)) end
  first, last = first or 1, last or -1
  first = math.max(first < 0 and #bytes + first + 1 or first, 1)
  last = math.min(last < 0 and #bytes + last + 1 or last, #bytes)
  local from, till, longest = first, self:clock()
  while from <= last do
    local socket = self.socket
    if not socket then return nil, "closed", from - 1 end
    local room = sendBuffer - socket:bytesToWrite()
    if room > 0 then
      local to = math.min(from + room - 1, last)
      local ok, taken = put(socket, bytes:sub(from, to))
      if not ok then
        self.sent = self.sent + taken
        return nil, "closed", from - 1 + taken
      end
      self.sent = self.sent + to - from + 1
      from = to + 1
    else
      local _, _, code = outside(socket.waitForBytesWritten, socket, left(till, longest))
      if code == "SocketTimeoutError" then return nil, "timeout", from - 1 end
      if code then return nil, "closed", from - 1 end
    end
  end
  return from - 1, nil, nil
end

-- The rest ------------------------------------------------------------------------------------------------

function Stream:shutdown(how)
  check(self, "shutdown", "client")
  how = how or "both"
  if not ({ both = true, send = true, receive = true })[how] then
    bad(2, "shutdown", ("invalid option '%s'"):format(how))
  end
  if self.socket and how ~= "receive" then self.socket:closeWriteChannel() end
  self.deaf = self.deaf or how ~= "send"
  return 1
end

function Stream:close()
  local socket, server = self.socket, self.server
  local connecting, flags = self.connecting, self.flags
  self.socket, self.server, self.connecting, self.blank = nil, nil, nil, nil
  if connecting then socket:abort() elseif socket then socket:close() end
  if flags and flags.waiting then flags.waiting:notifyAll() end
  if server then server:close() end
  return 1
end

Stream.__close = Stream.close

function Stream:__gc() pcall(self.close, self) end -- at the end of the program nothing may be left to close

--- The error that the socket has had, once.
function Stream:problem()
  local flags = self.flags
  local problem = flags and flags.problem
  if problem then flags.problem, self.connecting, self.failed = nil, nil, true end
  return problem
end

--- Whether there is something that can become ready.
function Stream:isHeld() return self.socket ~= nil or self.server ~= nil end

function Stream:getfd()
  local object = self.socket or self.server
  return object and object:socketDescriptor() or -1
end

function Stream:dirty() return self.socket ~= nil and self.socket:bytesAvailable() > 0 end

-- For select: can this be read or accepted, and written to, without waiting? ---------------------------------

function Stream:readable()
  if self.server then return self.server:hasPendingConnections() end
  local socket, flags = self.socket, self.flags
  if not socket then return false end
  if self.connecting then return flags.problem ~= nil end
  return self.deaf or socket:bytesAvailable() > 0 or flags.finished or not self.established
    or socket:state() ~= "ConnectedState"
end

function Stream:writable()
  local socket = self.socket
  if not socket then return false end
  if self.connecting then return self.flags.settled or false end
  return socket:bytesToWrite() < sendBuffer
end

-- The signals after which the answers may be others.
function Stream:signals(reading)
  if self.server then return self.server, reading and { "newConnection" } or {} end
  return self.socket, reading and { "readyRead", "readChannelFinished", "errorOccurred", "disconnected" }
    or { "bytesWritten", "connected", "errorOccurred", "disconnected" }
end

return Stream
