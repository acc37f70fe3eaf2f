-- What all objects of moonport.compat.socket have: LuaSocket's classes, times and texts of errors.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"

local Base = {}

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
  DatagramTooLargeError = "Message too long",
}

--- moonport's message and code in LuaSocket's words.
function Base.said(message, code)
  if code == "NetworkError" then
    return message:find "Host unreachable" and "No route to host"
      or message:find "timed out" and "timeout" or "Network is unreachable"
  end
  return words[code] or message
end

Base.noHost = words.HostNotFoundError

--- Milliseconds, with a fraction: less than one is a time-out, too.
function Base.now() return moonport.hrtime() / 1e6 end

local now = Base.now

--- Raises as a function of LuaSocket does.
function Base.bad(index, name, text)
  error(("bad argument #%d to '%s' (%s)"):format(index, name, text), 3)
end

--- Classes as in LuaSocket: a tcp{master} becomes a client or a server.
function Base.check(self, name, class)
  if self.class ~= class then
    error(("calling '%s' on bad self (%s{%s} expected)"):format(name, self.kind, class), 3)
  end
end

--- A string or a number as a string; raises for others.
function Base.text(index, name, value)
  if type(value) ~= "string" and type(value) ~= "number" then
    error(("bad argument #%d to '%s' (string expected, got %s)"):format(index, name,
      value == nil and "no value" or type(value)), 3)
  end
  return tostring(value)
end

-- All objects that exist: select finds by them whose descriptor another object has.
local living = setmetatable({}, { __mode = "k" })
Base.living = living

--- An object of a class, which has no socket yet.
function Base.make(class, metatable)
  local self = setmetatable({ class = class, block = -1, total = -1, received = 0, sent = 0, born = now() }, metatable)
  living[self] = true
  return self
end

-- Times ------------------------------------------------------------------------------------------------

--- When a call that begins now has to end, and how long each of its waits may take; in milliseconds.
function Base:clock()
  local start = now()
  local block, total = self.block * 1000, self.total * 1000
  if total < 0 then return block < 0 and math.huge or start + block, math.huge end
  return start + total, block < 0 and math.huge or block
end

--- The milliseconds that a wait has; inf waits for ever.
function Base.left(till, longest) return math.min(math.max(till - now(), 0), longest or math.huge) end

--- The milliseconds that a call which begins now has.
function Base:remaining()
  local till, longest = self:clock()
  return Base.left(till, longest)
end

function Base:settimeout(seconds, mode)
  local number = tonumber(seconds or -1) or Base.bad(2, "settimeout", "number expected, got " .. type(seconds))
  seconds = number >= 0 and number or -1
  local letter = mode == nil and "b" or type(mode) == "string" and mode:sub(1, 1)
  if letter == "b" then
    self.block = seconds
  elseif letter == "t" or letter == "r" then
    self.total = seconds
  else
    Base.bad(3, "settimeout", "invalid timeout mode")
  end
  return 1
end

function Base:gettimeout() return self.block, self.total end

function Base:getstats() return self.received, self.sent, (now() - self.born) / 1000 end

function Base:setstats(received, sent, age)
  self.received, self.sent = received or self.received, sent or self.sent
  self.born = age and now() - age * 1000 or self.born
  return 1
end

-- As text ------------------------------------------------------------------------------------------------

function Base:__tostring() return ("%s{%s}: %p"):format(self.kind, self.class, self) end

--- The metatable of a class that has everything of the others, its own instances named `kind`.
function Base.class(kind, ...)
  local class = {}
  for _, from in ipairs { Base, ... } do
    for name, value in pairs(from) do class[name] = value end
  end
  for _, name in ipairs { "said", "noHost", "now", "bad", "check", "text", "living", "make", "left", "class" } do
    class[name] = nil
  end
  class.kind, class.__index = kind, class
  return class
end

return Base
