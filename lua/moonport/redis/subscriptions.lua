-- The subscriptions of a store's connection, and how messages reach the handlers: those of one subscription in order,
-- one at a time. A subscription is of the run that made it. Behind a reload the n-th one to a channel of the new run
-- goes on where the n-th of the old run was, when that one's handler has returned.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport.lasting"
local resp = require "moonport.resp"

local subscriptions = {}

local queueSize = 16 << 20 -- bytes of messages that wait for a handler

local held = 0 -- subscriptions that keep the loop running

local function hold(count)
  local before = held
  held = held + count
  if (before > 0) ~= (held > 0) then moonport.hold(held > 0 and 1 or -1) end
end

-- Messages -----------------------------------------------------------------------------------------------------------

local Subscription = { __name = "subscription" }
Subscription.__index = Subscription

local function serves(self) return not self.closed and moonport.life(self.run) == "serving" end

local work

local function pump(self)
  if self.busy or self.first > self.last or not serves(self) then return end
  self.busy = true
  self.run(work, self)
end

-- Its handler has returned, or failed.
local function rested(self)
  self.busy = false
  if self.heir then
    local heir = self.heir
    self.heir = nil
    return rested(heir)
  end
  pump(self)
end

local working = { __close = function(guard) rested(guard[1]) end }

local function take(self)
  local first = self.first
  local channel, message = self.channels[first], self.messages[first]
  self.channels[first], self.messages[first] = nil, nil
  self.first, self.size = first + 1, self.size - #message
  return message, channel
end

-- A task of the subscription's own run, as long as there are messages.
function work(self)
  local _ <close> = setmetatable({ self }, working)
  while self.first <= self.last and serves(self) do self.handler(take(self)) end
end

local function deliver(self, channel, message)
  if self.last - self.first + 1 >= self.most or self.size + #message > queueSize then
    self.lost = self.lost + 1
    if not self.warned then
      moonport.log.warning("redis: the handler of '%s' is too slow: messages are dropped", self.topic.name)
    end
    self.warned = true
    return
  end
  if self.first > self.last then self.first, self.last, self.warned = 1, 0, false end
  local last = self.last + 1
  self.last, self.channels[last], self.messages[last] = last, channel, message
  self.size = self.size + #message
  pump(self)
end

local function finish(self)
  if self.finished then return end
  self.closed, self.finished = true, true
  hold(-1)
  self.owner:remove(self)
end

--- Ends the subscription. Its handler isn't called again.
function Subscription:close()
  self.closed = true
  if moonport.life(self.run) == "staged" then moonport.spawn(finish, self) else finish(self) end
end

Subscription.__close = Subscription.close

--- How many messages wait for the handler.
function Subscription:pending() return self.last - self.first + 1 end

--- How many messages were dropped because the queue was full.
function Subscription:dropped() return self.lost end

-- Channels -----------------------------------------------------------------------------------------------------------

local Subscriptions = {}
Subscriptions.__index = Subscriptions

--- `changed` is called when the server has confirmed all of them.
function subscriptions.new(link, changed)
  return setmetatable({
    link = link, changed = changed, topics = { message = {}, pmessage = {} }, waiting = 0, count = 0,
    seen = moonport.successions(),
  }, Subscriptions)
end

-- Asks the server for the channel, as soon as there is a connection. -> true | nil, message, code
local function ask(self, topic)
  local entry = { told = function(_, ok, message, code)
    self.waiting = self.waiting - 1
    topic.asked, topic.confirmed = ok, ok
    if not ok and not code then -- with a code the connection is lost: it is asked again
      topic.refusal = message
      if topic.served then
        moonport.log.warning("redis: the subscription to '%s' has ended: %s", topic.name, message)
      end
    end
    topic.served = topic.served or ok
    topic.told:notifyAll()
    if self.waiting == 0 then self.changed() end
  end }
  topic.entry, topic.asked, topic.confirmed, topic.refusal = entry, true, false, nil
  self.waiting = self.waiting + 1
  local text = resp.command(topic.kind == "pmessage" and "PSUBSCRIBE" or "SUBSCRIBE", topic.name)
  local ok, message, code = self.link:send(entry, text)
  if not ok then self.waiting, topic.asked = self.waiting - 1, false end
  return ok, message, code
end

local function nothing() end

local function leave(self, topic)
  self.topics[topic.kind][topic.name] = nil
  self.count = self.count - 1
  if not topic.asked then return end
  if self.link.waiting:remove(topic.entry) then
    self.waiting = self.waiting - 1
  elseif self.link.state == "ready" then
    local text = resp.command(topic.kind == "pmessage" and "PUNSUBSCRIBE" or "UNSUBSCRIBE", topic.name)
    self.link:send({ told = nothing }, text)
  end
end

function Subscriptions:remove(subscription)
  local topic = subscription.topic
  for i, one in ipairs(topic.members) do
    if one == subscription then
      table.remove(topic.members, i)
      break
    end
  end
  if #topic.members == 0 and self.topics[topic.kind][topic.name] == topic then leave(self, topic) end
end

--- The connection is ready.
function Subscriptions:begin()
  for _, topics in pairs(self.topics) do
    for _, topic in pairs(topics) do
      if not topic.asked then ask(self, topic) end
    end
  end
  if self.waiting == 0 then self.changed() end
end

--- The connection is lost.
function Subscriptions:lose()
  for _, topics in pairs(self.topics) do
    for _, topic in pairs(topics) do
      if topic.confirmed then topic.asked, topic.confirmed = false, false end
    end
  end
end

function Subscriptions:isEmpty() return self.count == 0 end

function Subscriptions:isConfirmed() return self.waiting == 0 end

-- One takes over from another, of an older run.
local function inherit(new, old)
  new.first, new.last, new.size = old.first, old.last, old.size
  new.channels, new.messages, new.lost = old.channels, old.messages, old.lost
  old.channels, old.messages, old.first, old.last = {}, {}, 1, 0
  if old.busy then new.busy, old.heir = true, new end
end

local function settleTopic(topic)
  local old, new = {}, {}
  for _, one in ipairs(topic.members) do
    local life = moonport.life(one.run)
    if life == "over" then old[#old + 1] = one end
    if life == "serving" and one.fresh then new[#new + 1] = one end
  end
  for i, one in ipairs(new) do
    one.fresh = false
    if old[i] and not old[i].fresh then inherit(one, old[i]) end
  end
  for _, one in ipairs(old) do finish(one) end
  for _, one in ipairs(new) do pump(one) end
end

--- A run has taken over, or was rolled back: ends the subscriptions of those that are over.
function Subscriptions:settle()
  self.seen = moonport.successions()
  for _, topics in pairs(self.topics) do
    local list = {}
    for _, topic in pairs(topics) do list[#list + 1] = topic end
    for _, topic in ipairs(list) do settleTopic(topic) end
  end
end

-- Words of a message, by its kind.
local lengths = { message = 3, pmessage = 4 }

local function isMessage(value)
  for i = 1, lengths[value[1]] do
    if type(value[i]) ~= "string" then return false end
  end
  return #value == lengths[value[1]]
end

--- An answer that nobody has asked for. -> whether it is one | nil, what is malformed
function Subscriptions:push(value)
  local kind = type(value) == "table" and value[1]
  local topics = self.topics[kind]
  if not topics then return false end
  if not isMessage(value) then return nil, "no message" end
  if self.seen ~= moonport.successions() then self:settle() end
  local topic = topics[value[2]]
  if not topic or not topic.confirmed then return true end
  local channel, message = value[#value - 1], value[#value]
  for _, one in ipairs(topic.members) do
    if not one.fresh then deliver(one, channel, message) end
  end
  return true
end

-- Waits until the server has confirmed the channel. -> true | nil, message, code
local function confirmed(self, topic, msec)
  if not topic.asked then
    local ok, message, code = ask(self, topic)
    if not ok then return nil, message, code end
  end
  local deadline = moonport.now() + msec
  while not topic.confirmed and not topic.refusal do
    local ok, _, code = topic.told:wait(math.max(deadline - moonport.now(), 0))
    if not ok then return nil, self.link:reason(code), code end
  end
  if topic.confirmed then return true end
  return nil, topic.refusal, topic.refusal:match "^(%u[%u%d_]*)" or "ERR"
end

local joining = { __close = function(guard)
  if not guard.done then finish(guard[1]) end
end }

--- Ends all of a store.
function Subscriptions:closeOf(store)
  for _, topics in pairs(self.topics) do
    local list = {}
    for _, topic in pairs(topics) do
      for _, one in ipairs(topic.members) do
        if one.store == store then list[#list + 1] = one end
      end
    end
    for _, one in ipairs(list) do finish(one) end
  end
end

--- kind: "message" or "pmessage". -> subscription | nil, message, code
function Subscriptions:add(kind, name, handler, store)
  local topic = self.topics[kind][name]
  if not topic then
    topic = { kind = kind, name = name, members = {}, told = moonport.Condition() }
    self.topics[kind][name], self.count = topic, self.count + 1
  end
  local subscription = setmetatable({
    owner = self, topic = topic, handler = handler, store = store, run = store.run, most = store.options.queue,
    fresh = moonport.life(store.run) == "staged",
    first = 1, last = 0, channels = {}, messages = {}, size = 0, lost = 0,
  }, Subscription)
  topic.members[#topic.members + 1] = subscription
  hold(1)
  local guard <close> = setmetatable({ subscription }, joining)
  local ok, message, code = confirmed(self, topic, store.options.timeout)
  if not ok then return nil, message, code end
  guard.done = true
  return subscription
end

return subscriptions
