-- LuaSocket's socket.unix: Unix-domain stream sockets on top of a LocalSocket or LocalServer.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Base = require "moonport.compat.socket.base"
local Options = require "moonport.compat.socket.options"
local Stream = require "moonport.compat.socket.stream"

local check, said, text = Base.check, Base.said, Base.text

local Unix = Base.class("unixstream", Stream)

local function new()
  local self = Base.make("master", Unix)
  self.options = {}
  return self
end

-- A path as moonport's classes take it; a NUL in front makes it an abstract name. -> name, whether it is abstract
local function nameOf(path)
  if path:byte() == 0 then return path:sub(2), true end
  return path:find("/", 1, true) and path or "./" .. path
end

local function problemOf(message, code)
  if code == "HostNotFoundError" then return "No such file or directory" end
  return said(message, code)
end

--- Makes the file and listens: who connects before listen is in the backlog.
function Unix:bind(path)
  check(self, "bind", "master")
  path = text(2, "bind", path)
  if #path > 107 then return nil, "path too long" end
  if self.bound then return nil, "Invalid argument" end
  local server, name, abstract = moonport.LocalServer(), nameOf(path)
  server:setAllowHalfOpen(true)
  server:setListenBacklogSize(32)
  if abstract then server:setSocketOptions "AbstractNamespaceOption" end
  local ok, message, code = server:listen(name)
  if not ok then return nil, problemOf(message, code) end
  self.bound, self.path = server, path
  return 1
end

Unix.setsockname = Unix.bind

function Unix:listen()
  check(self, "listen", "master")
  if not self.bound then return nil, "Invalid argument" end
  self.class, self.server, self.bound = "server", self.bound, nil
  return 1
end

function Unix:connect(path)
  if self.class ~= "client" or not self.connecting then check(self, "connect", "master") end
  path = text(2, "connect", path)
  if #path > 107 then return nil, "path too long" end
  if self.bound then return nil, "Invalid argument" end
  local socket, name, abstract = moonport.LocalSocket(), nameOf(path)
  if abstract then socket:setSocketOptions "AbstractNamespaceOption" end
  self:use(socket)
  local ok, message, code = socket:connectToServer(name)
  local problem = not ok and problemOf(message, code)
  if ok then
    self.connecting = true
    ok, problem = self:settle(math.max(self:remaining(), 1)) -- the system knows at once, unless the backlog is full
    if problem == Base.noHost then problem = "No such file or directory" end
  end
  if not ok then
    self.connecting, self.socket = nil, nil
    socket:abort()
    return nil, problem
  end
  self.class, self.path = "client", nil
  return 1
end

Unix.setpeername = Unix.connect

function Unix:close()
  local bound = self.bound
  self.bound = nil
  if bound then bound:close() end
  return Stream.close(self)
end

Unix.__close = Unix.close

function Unix:getfd()
  return self.bound and self.bound:socketDescriptor() or Stream.getfd(self)
end

--- Takes a descriptor: a connection, or a listener. What the object had is closed.
function Unix:setfd(fd)
  fd = math.tointeger(tonumber(fd)) or Base.bad(2, "setfd", "number expected, got " .. type(fd))
  if fd == self:getfd() then return end
  self:close()
  if fd < 0 then return end
  local object = self.class == "server" and moonport.LocalServer() or moonport.LocalSocket()
  object:setAllowHalfOpen(true)
  if not object:setSocketDescriptor(fd) then return end
  if self.class == "server" then
    self.server = object
  else
    self:use(object)
    self.established, self.class = true, "client"
  end
end

--- The path; "" if it has none.
function Unix:getsockname()
  if self:getfd() < 0 then return nil, "Bad file descriptor" end
  local path = self.path or self.server and self.server:fullServerName() or ""
  return path:byte() == 0 and "" or path
end

local known = {
  keepalive = { "KeepAliveOption", "boolean" }, reuseaddr = { "reuseaddr", "ours" },
  linger = { "LingerOption", "linger" },
}

function Unix:setoption(name, value) return Options.set(self, known, name, value) end

-- What LuaSocket says of a datagram socket; there is none here.
local function dgram() return nil, "Protocol not supported" end

return setmetatable({ stream = new, tcp = new, dgram = dgram, udp = dgram, class = Unix }, { __call = new })
