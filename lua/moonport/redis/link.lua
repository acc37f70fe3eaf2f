-- One connection to a store, which is made anew when it is lost. Commands leave in the order of their calls, and the
-- n-th answer is the n-th command's. Without a connection they wait for one, in their order.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport.lasting"
local entries = require "moonport.redis.entries"
local resp = require "moonport.resp"
local socket = require "moonport.redis.socket"

local link = {
  most = 10000,         -- commands that may wait for a connection
  abandoned = 10000,    -- commands that were given up and keep their places, until the server counts as dead
  silence = 30000,      -- milliseconds after which it does if one of them still has no answer
  connectTime = 5000,   -- milliseconds for a connection with its greeting
  firstPause = 50, lastPause = 5000,
}

local Link = {}
Link.__index = Link

--- options: place, limit (bytes of an answer), ssl; once: it isn't made anew; and what is called: ready(),
--- lost(), push(value) -> true if the value is no answer, or nil and what is malformed.
function link.new(options)
  return setmetatable({
    place = options.place, limit = options.limit, ssl = options.ssl, once = options.once,
    ready = options.ready, lost = options.lost, push = options.push,
    state = "down",                     -- "connecting", "greeting", "ready", "leaving": no more commands; "closed"
    sent = entries.queue(), waiting = entries.queue(),
    givenUp = 0,                        -- commands in `sent` for which nobody waits
    pause = link.firstPause,
    since = 0, received = 0, asked = 0, -- when it was ready, bytes came, a command left while none was under way
    timer = moonport.Timer(),           -- until the next attempt, or for this one
    quiet = false, told = false,        -- whether the log needs no line of a loss, and whether it has one
  }, Link)
end

local function log(self, level, text, ...)
  moonport.log[level]("redis: %s: " .. text, self.place.name, ...)
end

-- The end ------------------------------------------------------------------------------------------------------------

local function failWaiting(self, message, code)
  local waiting = self.waiting
  self.waiting = entries.queue()
  for entry in waiting:all() do entries.settle(entry, false, message, code) end
end

-- Ends what was sent: it may have been done, or not. `malformed`: what was wrong with the answer to the first.
local function failSent(self, message, code, malformed)
  local sent = self.sent
  self.sent, self.givenUp = entries.queue(), 0
  for entry in sent:all() do
    entries.settle(entry, false, malformed or message, malformed and "ProtocolFailure" or code)
    malformed = nil
  end
end

local function endTimer(self)
  self.timer:stop()
  self.pausing = false
end

local function again(self)
  self.pausing = true
  function self.timer.timeout()
    self.pausing = false
    self:open()
  end
  self.timer:start(self.pause)
  self.pause = math.min(2 * self.pause, link.lastPause)
end

-- The connection is over, or was none.
local function drop(self, message, code, malformed)
  local was = self.state
  if was == "down" or was == "closed" then return end
  local served, old = was == "ready" or was == "leaving", self.socket
  self.socket, self.reader, self.texts, self.state = nil, nil, nil, "down"
  endTimer(self)
  if old then old:abort() end
  self.problem = malformed or message
  failSent(self, message, served and "RemoteHostClosedError" or code, malformed)
  if self.shut or self.once then
    self.state = "closed"
    return failWaiting(self, message, code)
  end
  if served and moonport.now() - self.since >= 1000 then self.pause = link.firstPause end
  if not self.quiet then
    log(self, "warning", served and "the connection was lost: %s" or "no connection: %s", self.problem)
    self.quiet, self.told = true, true
  end
  if was == "leaving" then self:open() else again(self) end
  if served and self.lost then self.lost() end
end

--- Ends the connection at once; what was sent and what waits fails.
function Link:abort()
  local message, code = "the store is closed", "OperationError"
  self.shut = true
  drop(self, message, code)
  endTimer(self)
  self.state = "closed"
  failWaiting(self, message, code)
end

function Link:isIdle() return self.waiting:isEmpty() and self.sent:isEmpty() end

--- Ends the connection as soon as nothing waits for an answer.
function Link:close()
  self.shut = true
  if self:isIdle() then self:abort() end
end

--- Makes the connection anew as soon as what was sent is answered.
function Link:renew()
  if self.once or self.state ~= "ready" or moonport.now() - self.since < 1000 then return end
  self.state = "leaving"
  function self.timer.timeout() drop(self, "the server takes no writes, and answers no more", "SocketTimeoutError") end
  self.timer:start(link.connectTime)
end

-- The beginning ------------------------------------------------------------------------------------------------------

local function write(self, entry, text)
  local ok, message, code = self.socket:write(text)
  if ok then
    self.sent:put(entry)
  else
    entries.settle(entry, false, message, code)
  end
  return ok
end

local function begin(self)
  endTimer(self)
  self.state, self.since, self.problem = "ready", moonport.now(), nil
  self.asked = self.since
  if self.told then log(self, "info", "connected again") end
  self.quiet, self.told = false, false
  local waiting = self.waiting
  self.waiting = entries.queue()
  for entry in waiting:all() do write(self, entry, entry.text) end
  if self.ready then self.ready() end
end

-- Answers of a server that will serve later; others are for whoever waits.
local later = { "^LOADING", "^MASTERDOWN", "^BUSY", "max number of clients" }

local function isForLater(message)
  for _, pattern in ipairs(later) do
    if message:find(pattern) then return true end
  end
end

-- The answer to a command of the greeting.
local function greeted(self, name, ok, message)
  if self.state ~= "greeting" then return end
  if ok or name == "PING" and message:find "^NOPERM" then
    if name == "PING" then begin(self) end
    return
  end
  if not isForLater(message) then failWaiting(self, message) end
  drop(self, message, "RemoteHostClosedError")
end

local function greet(self)
  self.state = "greeting"
  for _, command in ipairs(socket.greeting(self.place)) do
    write(self, { told = function(_, ok, message) greeted(self, command.name, ok, message) end }, command.text)
  end
end

local function late(self)
  drop(self, ("no connection within %d ms"):format(link.connectTime), "SocketTimeoutError")
end

--- Begins to connect, unless it has.
function Link:open()
  if self.state ~= "down" or self.pausing then return end
  self.state, self.used = "connecting", true
  local made, signal, code = socket.open(self.place, self.ssl)
  if not made then return drop(self, signal, code) end
  self.socket, self.reader = made, resp.replies { maxSize = self.limit }
  made[signal] = function() greet(self) end
  function made.readyRead() self:receive() end
  function made.errorOccurred(_, what)
    if self.socket ~= made then return end
    self:receive() -- what came before the end
    if self.socket == made then drop(self, made:errorString(), what) end
  end
  function made.disconnected() -- without an error: this program ends, and has closed it
    if self.socket ~= made then return end
    self.quiet = true
    drop(self, "the connection was closed", "RemoteHostClosedError")
  end
  function self.timer.timeout() late(self) end
  self.timer:start(link.connectTime)
end

-- Answers ------------------------------------------------------------------------------------------------------------

-- One of several answers of an entry: an error is the reason of the last one's.
local function noteEarlier(entry, ok, value)
  if not ok and not entry.problem then entry.problem = value end
end

local function answered(self, ok, value)
  local entry, more = self.sent:take()
  if not entry then
    return drop(self, ok and "it sent an answer to no command" or value, "RemoteHostClosedError")
  end
  if more then return noteEarlier(entry, ok, value) end
  if entry.givenUp then self.givenUp = self.givenUp - 1 end
  if not ok and value:find "^READONLY" then self:renew() end
  entries.settle(entry, ok, value)
end

-- All commands are answered.
local function rest(self)
  if self.state == "leaving" then
    self.quiet = true
    drop(self, "the server takes no writes", "RemoteHostClosedError")
  elseif self.shut and self.waiting:isEmpty() then
    self:abort()
  end
end

local function malformed(self, what)
  drop(self, "another answer was malformed", "RemoteHostClosedError", "malformed answer: " .. what)
end

--- Takes what has arrived.
function Link:receive()
  local reader, push, served = self.reader, self.push, self.state == "ready"
  local bytes = self.socket:readAll()
  if bytes == "" then return end
  self.received = moonport.now()
  reader:feed(bytes)
  while self.reader == reader do
    local ok, value = reader:next()
    if ok == nil then
      if value then return malformed(self, value) end
      break
    end
    local taken, why
    if push and ok then taken, why = push(value) end
    if why then return malformed(self, why) end
    if not taken then answered(self, ok, value) end
  end
  if self.reader ~= reader then return end
  if served then self.pause = link.firstPause end -- it answers
  if self.sent:isEmpty() then rest(self) end
end

-- Commands -----------------------------------------------------------------------------------------------------------

-- Writes the commands of all handlers that run in this turn of the loop.
local function flush(self, to, texts)
  if self.socket ~= to then return end -- they have failed with their connection
  self.texts = nil
  local ok, message, code = to:write(table.concat(texts))
  if ok then return end
  for _ = 1, #texts do entries.settle(self.sent:takeLast(), false, message, code) end
end

-- Sends a command at once if none is under way and no handler follows in this turn; else with those of the others.
-- -> true | nil, message, code
local function sendNow(self, entry, text)
  local first = self.sent.count == 0
  if first then self.asked = moonport.now() end
  if first and moonport.queued() <= 1 then -- one is the end of this handler's last wait
    local ok, message, code = self.socket:write(text)
    if not ok then return nil, message, code end
  elseif self.texts then
    self.texts[#self.texts + 1] = text
  else
    self.texts = { text }
    moonport.spawn(flush, self, self.socket, self.texts)
  end
  self.sent:put(entry)
  return true
end

--- Sends a command, or has it wait. `entry.told` is called with the answer. -> true | nil, message, code
function Link:send(entry, text)
  if self.state == "ready" then return sendNow(self, entry, text) end
  if self.state == "closed" then return nil, self.problem or "the connection is closed", "RemoteHostClosedError" end
  if self.waiting.count >= link.most then
    return nil, ("%d commands wait for a connection already"):format(link.most), "SocketResourceError"
  end
  entry.text = text
  self.waiting:put(entry)
  self:open()
  return true
end

-- Nobody waits for this entry any more.
local function giveUp(self, entry)
  if entry.done then return end
  if self.waiting:remove(entry) then
    if self.shut and self:isIdle() then self:abort() end
    return
  end
  entry.givenUp = true
  self.givenUp = self.givenUp + 1
  if self.shut and self.waiting:isEmpty() and self.givenUp == self.sent.count then return self:abort() end
  if self.state ~= "ready" then return end
  local silent = moonport.now() - math.max(self.received, self.asked)
  if silent >= link.silence or self.givenUp >= link.abandoned and silent >= link.connectTime then
    drop(self, ("no answer within %d ms"):format(silent), "RemoteHostClosedError")
  end
end

local leaving = { __close = function(self) giveUp(self.link, self.entry) end }

--- Why a wait for an answer has failed with the code.
function Link:reason(code)
  if code ~= "SocketTimeoutError" then return "cancelled" end
  if self.state == "ready" then return "no answer in time" end
  return ("no connection to %s: %s"):format(self.place.name, self.problem or "it is being made")
end

-- Waits in the list: the command leaves it if its caller is cancelled.
local function waitLonger(self, entry, msec)
  local _ <close> = setmetatable({ link = self, entry = entry }, leaving)
  return entry.condition:wait(msec)
end

--- Sends a command and waits for its answer. `replies`: how many there are, if it is several commands.
--- -> value | nil, message, code
function Link:call(text, msec, replies)
  local entry = entries.new(replies)
  if not moonport.canWait() then entry.condition:wait() end -- raises, with the reason
  local direct = self.state == "ready"
  local sent, message, code = self:send(entry, text)
  if not sent then return nil, message, code end
  local ok, _
  if direct then
    ok, _, code = entry.condition:wait(msec)
    if not ok then giveUp(self, entry) end
  else
    ok, _, code = waitLonger(self, entry, msec)
  end
  if ok then return entries.result(entry) end
  return nil, self:reason(code), code
end

return link
