-- LuaSocket's select over all objects of moonport.compat.socket, and over what stands for one.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Base = require "moonport.compat.socket.base"
local outside = require "moonport.compat.coroutine".outside

-- The objects by their descriptors.
local function byDescriptor()
  local found = {}
  for object in pairs(Base.living) do found[object:getfd()] = object end
  found[-1] = nil
  return found
end

-- The object of ours that an entry of a list is or stands for: it has the same descriptor. -> object, or nil
local function objectOf(entry, cache)
  if Base.living[entry] then return entry:isHeld() and entry or nil end
  local getfd = entry.getfd
  local fd = getfd and tonumber((getfd(entry))) or -1
  if fd < 0 then return nil end
  cache.found = cache.found or byDescriptor()
  return cache.found[math.tointeger(fd)]
    or error(("select: descriptor %d belongs to no object of moonport.compat.socket"):format(fd), 0)
end

-- The entries of a list that have a descriptor. -> list of { entry, object, descriptor }
local function collect(list, index, cache)
  if list ~= nil and type(list) ~= "table" then
    error(("bad argument #%d to 'select' (table expected, got %s)"):format(index, type(list)), 3)
  end
  local found, i = {}, 1
  while list and list[i] ~= nil do
    local entry = list[i]
    local object = objectOf(entry, cache)
    if object then found[#found + 1] = { entry, object } end
    i = i + 1
  end
  return found
end

-- Those that `is` says are ready: first those that say themselves that they have something.
local function ready(entries, is, dirty)
  local first, others, found = {}, {}, {}
  for _, one in ipairs(entries) do
    local entry, object = one[1], one[2]
    if dirty and entry.dirty and entry:dirty() then
      first[#first + 1] = entry
    elseif object[is](object) then
      others[#others + 1] = { entry, object:getfd() }
    end
  end
  table.sort(others, function(a, b) return a[2] < b[2] end)
  for _, entry in ipairs(first) do found[#found + 1] = entry end
  for _, one in ipairs(others) do found[#found + 1] = one[1] end
  for i = 1, #found do found[found[i]] = i end
  return found
end

-- Waits until something happens to one of them, or the time is up.
local function waitForAny(readers, writers, msec)
  local changed = moonport.Condition()
  local connections = {}
  local function wake() changed:notifyAll() end
  local function watch(entries, reading)
    for _, one in ipairs(entries) do
      local object, signals = one[2]:signals(reading)
      for _, signal in ipairs(object and signals or {}) do
        connections[#connections + 1] = moonport.connect(object, signal, wake)
      end
    end
  end
  watch(readers, true)
  watch(writers, false)
  changed:wait(msec)
  for _, connection in ipairs(connections) do moonport.disconnect(connection) end
end

--- -> the readers that can be read from or have a connection to accept, and the writers that can be written to or
--- failed to connect; also "timeout" if there are none
return function(readers, writers, seconds)
  local cache = {}
  if seconds ~= nil and not tonumber(seconds) then
    error(("bad argument #3 to 'select' (number expected, got %s)"):format(type(seconds)), 2)
  end
  seconds = tonumber(seconds)
  local till = seconds and seconds >= 0 and Base.now() + seconds * 1000 or math.huge
  readers, writers = collect(readers, 1, cache), collect(writers, 2, cache)
  outside(moonport.sleep, 0) -- lets the loop see what the system has
  while true do
    local readable, writable = ready(readers, "readable", true), ready(writers, "writable")
    if readable[1] or writable[1] then return readable, writable end
    local left = till - Base.now()
    if left <= 0 then return readable, writable, "timeout" end
    outside(waitForAny, readers, writers, left)
  end
end
