-- Commands whose answers somebody waits for, and queues of them.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport.lasting"

local entries = {}

local spare, spares = {}, 0 -- entries that were answered, with their conditions

--- `replies`: how many answers belong to it, of which the last one counts.
function entries.new(replies)
  local entry
  if spares > 0 then
    entry, spare[spares], spares = spare[spares], nil, spares - 1
    entry.done = false
  else
    entry = { condition = moonport.Condition(), done = false }
  end
  entry.replies = replies
  return entry
end

--- Its answer has come, or never will. An error of an earlier one of several is the reason of the last one's.
function entries.settle(entry, ok, value, code)
  if entry.problem then
    value = not ok and value:find "^EXECABORT" and value .. " The first: " .. entry.problem or value
    entry.problem = nil
  end
  entry.done, entry.ok, entry.value, entry.code = true, ok, value, code
  if entry.told then
    entry:told(ok, value, code)
  else
    entry.condition:notify()
  end
end

--- What the caller of the command gets, who was woken. -> value | nil, message, code
function entries.result(entry)
  local ok, value, code = entry.ok, entry.value, entry.code
  entry.value, entry.text = nil, nil
  if spares < 1000 then spares, spare[spares + 1] = spares + 1, entry end
  if ok then return value end
  return nil, value, code or value:match "^(%u[%u%d_]*)" or "ERR"
end

--- Nobody uses stores any more.
function entries.clear() spare, spares = {}, 0 end

-- Queues -------------------------------------------------------------------------------------------------------------

local Queue = {}
Queue.__index = Queue

function entries.queue() return setmetatable({ first = 1, last = 0, count = 0 }, Queue) end

function Queue:isEmpty() return self.count == 0 end

function Queue:put(entry)
  local last = self.last + 1
  self.last, self.count, self[last] = last, self.count + 1, entry
end

-- Skips those that were removed.
local function advance(self)
  local first, last = self.first, self.last
  while first <= last and not self[first] do first = first + 1 end
  if first > last then first, self.last = 1, 0 end
  self.first = first
end

--- Takes the first one. An entry with several replies stays until its last one.
function Queue:take()
  local first = self.first
  local entry = self[first]
  if not entry then return nil end
  local replies = entry.replies
  if replies and replies > 1 then
    entry.replies = replies - 1
    return entry, true
  end
  self[first], self.count = nil, self.count - 1
  if self.count == 0 then
    self.first, self.last = 1, 0
  else
    self.first = first + 1
  end
  return entry
end

--- Takes the last one; for a queue from which none was removed.
function Queue:takeLast()
  local last = self.last
  local entry = self[last]
  self[last], self.last, self.count = nil, last - 1, self.count - 1
  return entry
end

--- -> whether it was there
function Queue:remove(entry)
  for i = self.first, self.last do
    if self[i] == entry then
      self[i], self.count = nil, self.count - 1
      advance(self)
      return true
    end
  end
  return false
end

--- for entry in queue:all() do … end
function Queue:all()
  local i = self.first - 1
  return function()
    i = i + 1
    while i <= self.last and not self[i] do i = i + 1 end
    return self[i]
  end
end

return entries
