-- The connections of this process to its stores: for each URL one for commands, one for subscriptions, and a few that
-- are borrowed. They live over reloads, as long as a store of a run that isn't over has the URL.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport.lasting"
local entries = require "moonport.redis.entries"
local link = require "moonport.redis.link"
local subscriptions = require "moonport.redis.subscriptions"

local sets = { borrowed = 8 } -- connections that may be borrowed at a time

local open = {}                                     -- by key
local stores = setmetatable({}, { __mode = "k" })   -- those that were made and not closed

local Set = {}
Set.__index = Set

-- Whether the store's run isn't over.
local function counts(store) return not store.closed and moonport.life(store.run) ~= "over" end

-- All connections that were wanted are there again, with their subscriptions.
local function back(self)
  if not self.interrupted or self.main.used and self.main.state ~= "ready" then return end
  if not self.subscribed:isEmpty() and (self.listening.state ~= "ready" or not self.subscribed:isConfirmed()) then
    return
  end
  self.interrupted = false
  for store in pairs(stores) do
    if store.key == self.key and moonport.life(store.run) == "serving" and store.reconnected then
      store.run(store.reconnected, store)
    end
  end
end

local function new(key, options)
  local self = setmetatable({ key = key, options = options, free = {}, own = {} }, Set)
  local function lost() self.interrupted = true end
  local function backAgain() back(self) end
  local function make(more)
    more.place, more.limit, more.ssl = options.place, options.limit, options.ssl
    return link.new(more)
  end
  self.make = make
  self.main = make { ready = backAgain, lost = lost }
  self.listening = make {
    ready = function() self.subscribed:begin() end,
    lost = function()
      lost()
      self.subscribed:lose()
    end,
    push = function(value) return self.subscribed:push(value) end,
  }
  self.subscribed = subscriptions.new(self.listening, backAgain)
  self.permits = moonport.Semaphore(sets.borrowed)
  return self
end

-- Ends its connections, as soon as nothing waits for an answer.
local function close(self)
  open[self.key] = nil
  self.closed = true
  self.main:close()
  self.listening:close()
  for _, one in ipairs(self.free) do one:close() end
  self.free = {}
end

--- The connections of a store, which it keeps in its field `connections`.
function sets.of(store)
  local set = store.connections
  if set and not set.closed then return set end
  set = open[store.key] or new(store.key, store.options)
  open[store.key], store.connections = set, set
  return set
end

-- Closes the sets that no store has any more.
local function sweep()
  local used = {}
  for store in pairs(stores) do
    if counts(store) then used[store.key] = true end
  end
  local unused = {}
  for key, set in pairs(open) do
    if not used[key] then unused[#unused + 1] = set end
  end
  for _, set in ipairs(unused) do close(set) end
  if not next(open) then entries.clear() end
end

--- A store was made.
function sets.add(store) stores[store] = true end

--- A store was closed.
function sets.remove(store)
  stores[store] = nil
  local set = open[store.key]
  if set then set.subscribed:closeOf(store) end
  sweep()
end

moonport.onSuccession(function()
  for _, set in pairs(open) do set.subscribed:settle() end
  sweep()
end)

-- Borrowed connections -----------------------------------------------------------------------------------------------

--- Waits for a connection of one's own. -> link, permit | nil, message, code
function Set:borrow(msec)
  local permit, _, code = self.permits:acquire(msec)
  if not permit then
    return nil, ("%d connections are borrowed already"):format(sets.borrowed), code
  end
  local one = table.remove(self.free)
  while one and one.state ~= "ready" do one = table.remove(self.free) end
  return one or self.make { once = true }, permit
end

--- `clean`: it has no state that the next borrower would see.
function Set:giveBack(one, permit, clean)
  permit:release()
  if clean and one.state == "ready" and one:isIdle() and not self.closed then
    self.free[#self.free + 1] = one
  else
    one:abort()
  end
end

return sets
