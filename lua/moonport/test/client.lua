-- A connection to a service under test: it sends, and expects what comes, in time.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Authority = require "moonport.test.authority"
local failure = require "moonport.test.failure"

local quoted = failure.quoted

local Client = { __name = "moonport.test.Client" }
Client.__index = Client

-- Begins to connect. `tls` is an authority that it trusts, or an SslConfiguration or its table. -> the socket, what
-- waits until it is connected, or nil and a message
local function begin(host, port, tls)
  local socket = tls and moonport.SslSocket() or moonport.TcpSocket()
  socket:setAllowHalfOpen(true)
  if not tls then
    socket:connectToHost(host, port)
    return socket, socket.waitForConnected
  end
  if getmetatable(tls) == Authority then tls = { caCertificates = tls.caCertificates } end
  local taken, message = socket:setSslConfiguration(tls)
  if taken then taken, message = socket:connectToHostEncrypted(host, port) end
  return socket, taken and socket.waitForEncrypted, message
end

--- `about()` returns lines about the service, for failures.
function Client.connect(host, port, msec, about, tls)
  local socket, wait, message = begin(host, port, tls)
  local connected = wait
  if wait then connected, message = wait(socket, msec) end
  if not connected then
    socket:abort()
    return nil, ("connect to %s port %d: %s"):format(host, port, message:match ": (.*)" or message)
  end
  local self = setmetatable({ socket = socket, unread = "", about = about }, Client)
  function socket.readChannelFinished() self.finished = true end
  return self
end

--- Closes its side too if the peer has closed: otherwise a service that stops would wait for it.
function Client:giveWay()
  if self.finished then self.socket:disconnectFromHost() end
end

-- Reads what has arrived. -> whether there was anything
local function read(self)
  local bytes = self.socket:readAll()
  self.unread = self.unread .. bytes
  return bytes ~= ""
end

-- Waits until find(unread) returns the number of bytes to take. -> the bytes, or nil and why there aren't enough
local function take(self, find, msec)
  local began = moonport.now()
  while true do
    read(self)
    local size, why = find(self.unread), nil
    local spent = moonport.now() - began
    if not size and self.ended then
      size, why = find(self.unread, true), ("the peer %s the connection"):format(self.ended)
    elseif not size and spent >= msec then
      why = ("nothing more came within %d ms"):format(msec)
    end
    if size then
      local bytes = self.unread:sub(1, size)
      self.unread = self.unread:sub(size + 1)
      return bytes
    elseif why then
      return nil, ("%s (after %.0f ms); unread: %s"):format(why, spent, quoted(self.unread))
    end
    local _, _, code = self.socket:waitForReadyRead(msec - spent)
    if code and code ~= "SocketTimeoutError" and not read(self) then
      -- The end is orderly if the socket, which is half-open, is still Connected, or if both sides have closed.
      local orderly = code == "UnknownSocketError" or self.socket:state() == "ConnectedState"
      self.ended = orderly and "closed" or "reset"
    end
  end
end

local function fail(self, what, why)
  local about = self.about and self.about() or ""
  failure.raise(("expected %s: %s%s"):format(what, why, about), 2)
end

local finders = {
  line = function(unread) return unread:find("\n", 1, true) end,
  all = function(unread, ended) return ended and #unread end,
}

--- Sends bytes, or fails when the connection is closed.
function Client:send(bytes)
  local taken, message = self.socket:write(bytes)
  if not taken then fail(self, "to send " .. quoted(bytes), message) end
  self.socket:flush()
  return self
end

--- Reads n bytes, a "line" without its end, or "all" until the peer closes.
function Client:receive(what, msec)
  local find = finders[what] or function(unread) return #unread >= what and what end
  local bytes, why = take(self, find, msec or Client.timeout())
  if not bytes then
    fail(self, finders[what] and (what == "line" and "a line" or "the end") or what .. " bytes", why)
  end
  return what == "line" and bytes:gsub("\r?\n$", "") or bytes
end

--- Exactly these bytes come next.
function Client:expect(bytes, msec)
  failure.needString(bytes, "expect")
  local came, why = take(self, function(unread)
    return (#unread >= #bytes or unread ~= bytes:sub(1, #unread)) and math.min(#bytes, #unread)
  end, msec or Client.timeout())
  if came ~= bytes then fail(self, quoted(bytes), why or "came " .. quoted(came .. self.unread)) end
  return came
end

--- This is the next line; its end, "\n" or "\r\n", isn't part of it.
function Client:expectLine(line, msec)
  failure.needString(line, "expectLine")
  local came, why = take(self, finders.line, msec or Client.timeout())
  came = came and came:gsub("\r?\n$", "")
  if came ~= line then fail(self, "the line " .. quoted(line), why or "came " .. quoted(came)) end
  return came
end

--- Reads until it finds the pattern, and takes everything up to the end of the match. -> the captures, or the match
function Client:expectMatch(pattern, msec)
  failure.needString(pattern, "expectMatch")
  local from = 1
  local bytes, why = take(self, function(unread)
    local first, last = unread:find(pattern)
    from = first or from
    return last
  end, msec or Client.timeout())
  if not bytes then fail(self, "something like " .. quoted(pattern), why) end
  return bytes:match(pattern, from)
end

--- The peer ends the connection, and nothing comes before. -> "closed" or "reset"
function Client:expectEnd(msec)
  local bytes, why = take(self, function(unread, ended)
    return (unread ~= "" or ended) and #unread
  end, msec or Client.timeout())
  if not bytes then fail(self, "the end", why) end
  if bytes ~= "" then fail(self, "the end", "came " .. quoted(bytes)) end
  return self.ended
end

--- Nothing comes for that time, and the peer stays connected.
function Client:expectNothing(msec)
  local bytes = take(self, function(unread, ended)
    return (unread ~= "" or ended) and #unread
  end, msec or 50)
  if bytes then
    fail(self, "nothing", bytes == "" and ("the peer %s the connection"):format(self.ended) or "came " .. quoted(bytes))
  end
end

--- Tells the peer that no more comes; reading goes on.
function Client:closeWriteChannel()
  self.socket:closeWriteChannel()
end

function Client:close()
  self.socket:abort()
end

Client.__close = Client.close

return Client
