-- setoption and getoption of the objects of moonport.compat.socket: LuaSocket's names and values over moonport's.
-- SPDX-License-Identifier: MIT

local Base = require "moonport.compat.socket.base"

local Options = {}

local function expected(name, index, what, value)
  error(("bad argument #%d to '%s' (%s expected, got %s)"):format(index, name, what,
    value == nil and "no value" or type(value)), 4)
end

-- What an option has been set to, as moonport wants it.
local taken = {
  boolean = function(value)
    if type(value) ~= "boolean" then expected("setoption", 3, "boolean", value) end
    return value
  end,
  linger = function(value)
    if type(value) ~= "table" then expected("setoption", 3, "table", value) end
    if type(value.on) ~= "boolean" then error("bad argument #3 to 'setoption' (boolean 'on' field expected)", 4) end
    if not tonumber(value.timeout) then
      error("bad argument #3 to 'setoption' (number 'timeout' field expected)", 4)
    end
    return value.on and tonumber(value.timeout) // 1 == 0 and 0 or -1
  end,
}

--- known: name -> { moonport's name, kind }. What is "ours" LuaSocket sets and nothing here needs: it is remembered,
--- and is so or changes nothing.
function Options.set(self, known, name, value)
  local option, kind = table.unpack(known[name] or {})
  if not option or kind == "error" then
    Base.bad(2, "setoption", ("unsupported option `%.35s'"):format(tostring(name)))
  end
  if kind == "none" then return nil, "setsockopt failed" end
  if kind == "ours" then
    if type(value) ~= "boolean" then expected("setoption", 3, "boolean", value) end
    self[option] = value
    return 1
  end
  local wanted = taken[kind] and taken[kind](value) or not taken[kind] and (tonumber(value) or 0) // 1 | 0
  if kind == "linger" then self.lingers = { on = value.on, timeout = tonumber(value.timeout) // 1 | 0 } end
  local socket = self.socket
  if socket and socket:setSocketOption(option, wanted) then return 1 end
  if self.established and not self.connecting then return nil, "setsockopt failed" end
  self.options[option] = wanted -- set when there is a socket
  return 1
end

--- -> the value, or nil and why
function Options.get(self, known, name)
  local option, kind = table.unpack(known[name] or {})
  if not option then Base.bad(2, "getoption", ("unsupported option `%.35s'"):format(tostring(name))) end
  if kind == "none" or not self:isHeld() then return nil, "getsockopt failed" end
  if kind == "error" then return self:problem() end
  if kind == "ours" then
    if self[option] ~= nil then return self[option] end
    return name == "reuseaddr" or name == "ipv6-v6only"
  end
  if kind == "linger" then
    local linger = self.lingers or {}
    return { on = linger.on or false, timeout = linger.timeout or 0 }
  end
  local value = self.socket and self.socket:socketOption(option) or self.options[option]
  if value == nil then return nil, "getsockopt failed" end
  if kind == "boolean" then return value ~= 0 and value ~= false end
  return value
end

return Options
