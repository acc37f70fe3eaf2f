-- LuaSec's connection on top of an SslSocket: what a tcp object can, and the handshake.
-- SPDX-License-Identifier: MIT

local Base = require "moonport.compat.socket.base"
local Certificate = require "moonport.compat.ssl.certificate"
local outside = require "moonport.compat.coroutine".outside
local Tcp = require "moonport.compat.socket.tcp"

local Connection = { __name = "SSL connection" }
Connection.__index = Connection

-- LuaSec's https copies all functions of this table, so that they have to be in it.
for _, name in ipairs { "close", "dirty", "getfd", "getpeername", "getsockname", "getstats", "gettimeout", "setoption",
  "setstats", "settimeout", "shutdown", "remaining", "clock", "isHeld", "problem", "settle" } do
  Connection[name] = Tcp[name]
end
Connection.__gc, Connection.__close = Tcp.__gc, Tcp.__close

--- Takes the socket out of a tcp object, which is then as one that is closed.
function Connection.wrap(tcp, context)
  local self = setmetatable({
    class = "client", context = context, socket = tcp.socket, flags = tcp.flags, connecting = tcp.connecting,
    established = tcp.established, options = tcp.options, block = -1, total = -1, received = 0, sent = 0,
    born = tcp.born,
  }, Connection)
  Base.living[self] = true
  tcp.socket, tcp.connecting = nil, nil
  return self
end

-- The handshake -------------------------------------------------------------------------------------------------------

-- LuaSec's words for what went wrong.
local function reason(socket, message, code)
  if code == "RemoteHostClosedError" or code == "SslTruncatedError" then return "closed" end
  if socket:sslHandshakeErrors()[1] then return "certificate verify failed" end
  return message:match ": ([^:]+)$" or message
end

-- Whose certificate it has to be: the name that sni has set. LuaSec verifies none.
local function begin(self)
  local socket, context = self.socket, self.context
  local ignored = {}
  if not self.name then ignored[1] = "HostNameMismatch" end
  if context.mayBeMissing then ignored[#ignored + 1] = "NoPeerCertificate" end
  if ignored[1] then socket:ignoreSslErrors(ignored) end
  socket:setHandshakeTimeout(0) -- settimeout bounds it
  local ok, message, code = socket:setSslConfiguration(self.configuration or context.configuration)
  if ok then
    local start = context.mode == "server" and socket.startServerEncryption or socket.startClientEncryption
    ok, message, code = start(socket)
  end
  if not ok then return nil, reason(socket, message, code) end
  self.begun = true
  return true
end

--- -> true, or false and why not: "wantread" as long as it goes on
function Connection:dohandshake()
  local socket = self.socket
  if self.connecting then
    local connected, why = self:settle(self:remaining())
    if why == "timeout" and self.connecting then return false, "wantwrite" end
    if not connected then return false, why end
  end
  if not socket then return false, "closed" end
  if not self.begun then
    local ok, why = begin(self)
    if not ok then return false, why end
  end
  if not socket:isEncrypted() then
    local ok, message, code = outside(socket.waitForEncrypted, socket, self:remaining())
    if code == "SocketTimeoutError" then
      self.wants = "read"
      return false, "wantread"
    end
    if not ok then return false, reason(socket, message, code) end
  end
  self.secret, self.wants = true, nil
  return true
end

--- A client: the name to ask for, and to verify. A server: its contexts by name, and whether other names are refused.
function Connection:sni(name, strict)
  if type(name) == "table" then
    local why
    self.configuration, why = self.context:withNames(name, strict)
    if not self.configuration then error(why, 2) end
    return
  end
  self.name = name
  if self.socket then self.socket:setPeerVerifyName(name) end
end

function Connection:getsniname()
  if self.context.mode == "client" then return self.name end
  local name = self.socket and self.socket:requestedServerName()
  return name ~= "" and name or nil
end

-- Bytes ---------------------------------------------------------------------------------------------------------------

function Connection:receive(...)
  if not self.secret then return nil, "closed", "" end
  local bytes, why, part = Tcp.receive(self, ...)
  self.wants = why == "timeout" and "read" or nil
  if bytes then return bytes, nil, nil end
  return nil, why == "timeout" and "wantread" or why, part
end

function Connection:send(...)
  if not self.secret then return nil, "closed", 0 end
  local last, why, sent = Tcp.send(self, ...)
  self.wants = why == "timeout" and "write" or nil
  if last then return last, nil, nil end
  return nil, why == "timeout" and "wantwrite" or why, sent
end

function Connection:want() return self.wants or "nothing" end

-- For select. The loop shakes hands by itself: who waits to go on with that is ready when it is done or has failed.
local function shaken(self)
  local socket = self.socket
  return socket:isEncrypted() or socket:state() ~= "ConnectedState"
end

function Connection:readable()
  if self.begun and not self.secret and self.socket then return shaken(self) end
  return Tcp.readable(self)
end

function Connection:writable()
  if self.begun and not self.secret and self.socket then return shaken(self) end
  return Tcp.writable(self)
end

function Connection:signals(reading)
  local socket, signals = Tcp.signals(self, reading)
  if self.begun and not self.secret then table.insert(signals, "encrypted") end
  return socket, signals
end

-- Facts ---------------------------------------------------------------------------------------------------------------

--- The peer's certificate, or the one that many steps above it. -> a certificate, or nil
function Connection:getpeercertificate(steps)
  if not self.secret then return nil, "closed" end
  local certificate = self.socket and self.socket:peerCertificateChain()[(steps or 1)]
  return certificate and Certificate.new(certificate) or nil
end

function Connection:getpeerchain()
  local chain = self.secret and self.socket and self.socket:peerCertificateChain() or {}
  for i, certificate in ipairs(chain) do chain[i] = Certificate.new(certificate) end
  return chain
end

--- -> true, or false and what is wrong: a text; with "lsec_continue" a table, depth + 1 -> list of texts
function Connection:getpeerverification()
  local socket = self.socket
  if not self.secret or not socket then return false, "closed" end
  if self.context.options.peerVerifyMode == "VerifyNone" then return false, "nothing was verified" end
  local wrong, chain, count = {}, socket:peerCertificateChain(), 0
  for _, one in ipairs(socket:sslHandshakeErrors()) do
    if one.code ~= "HostNameMismatch" or self.name then
      local depth = 1
      for i, certificate in ipairs(chain) do if certificate == one.certificate then depth = i end end
      wrong[depth] = wrong[depth] or {}
      table.insert(wrong[depth], one.message)
      count = count + 1
    end
  end
  if count == 0 then return true end
  return false, wrong
end

function Connection:getalpn()
  local protocol = self.socket and self.socket:nextNegotiatedProtocol()
  return protocol ~= "" and protocol or nil
end

function Connection:exportkeyingmaterial(label, size, context)
  return self.socket and self.socket:exportKeyingMaterial(label, size, context)
end

--- A table of facts, or one of them.
function Connection:info(field)
  local cipher = self.secret and self.socket and self.socket:sessionCipher()
  if not cipher then return nil, "closed" end
  local info = {
    cipher = cipher.name, bits = cipher.usedBits, algbits = cipher.supportedBits, export = false,
    protocol = self.socket:sessionProtocol():gsub("^TlsV", "TLSv"):gsub("_", "."),
  }
  if field then return info[field] end
  return info
end

function Connection:__tostring() return ("SSL connection: %p"):format(self) end

return Connection
