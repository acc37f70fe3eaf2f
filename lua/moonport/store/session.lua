-- A client's connection to a moonport.store: its commands are answered in order, a millisecond at a time.
--
-- A session is a plain table, which is kept over reloads: socket, reader, keys, store, number; version (of the
-- protocol), authenticated, name; subscriptions (their number), channels, patterns; own (messages to itself that follow
-- what it has asked before); queue (of a transaction).
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local resp = require "moonport.resp"
local authentication = require "moonport.store.authentication"
local commands = require "moonport.store.commands"
local pubsub = require "moonport.store.pubsub"

local answer, find, now = commands.answer, commands.find, moonport.now

-- Bytes that may wait to be sent: over that, a client's next command isn't served until half of it is sent.
local most = 1 << 20
local slice = 1    -- milliseconds that a client is served before others are
local between = 32 -- commands between two looks at the clock, at most; at first fewer: they may be slow ones

local session = {}

-- Sends `count` replies, the first of which is `first`; all are in `list` if there are several. -> whether the client
-- may go on
local function send(self, first, list, count)
  local socket = self.socket
  self.store.commands = self.store.commands + count
  if first and not socket:write(list and table.concat(list, "", 1, count) or first) then self.leaving = true end
  if self.leaving then
    socket:disconnectFromHost()
    return false
  end
  return true
end

local serve

-- The client doesn't take its replies: goes on when half of them are sent.
local function block(self)
  self.blocked = true
  function self.socket.bytesWritten(socket)
    if socket:bytesToWrite() > most // 2 then return end
    socket.bytesWritten, self.blocked = nil, nil
    serve(self, true)
  end
end

-- Answers what the reader has; only then what has arrived meanwhile, if this has waited.
function serve(self, waited)
  local socket, reader = self.socket, self.reader
  local first, list, count, size, since, left, step = nil, nil, 0, 0, nil, 2, 1
  self.busy = true
  while not self.leaving do
    local name, given, a, b, c = reader:next()
    if not (name or given) and waited then
      waited = false
      reader:feed(socket:readAll())
      name, given, a, b, c = reader:next()
    end
    local reply
    if name then
      local command = find(name)
      if command and command.waits then
        local goesOn = not first or send(self, first, list, count)
        first, list, count, size, waited = nil, nil, 0, 0, true
        if not goesOn then break end
      end
      reply = answer(self, command, name, given, a, b, c)
      if self.own then reply, self.own = self.own .. reply, nil end
    elseif given then
      reply = resp.error("ERR Protocol error: " .. given)
      self.leaving = true
    else
      break
    end
    count, size, left = count + 1, size + #reply, left - 1
    if count == 1 then
      first = reply
    else
      list = list or { first }
      list[count] = reply
    end
    if size > most or left == 0 then
      local time = now()
      since = since or time
      local over = time - since > slice
      left = step
      step = over and 1 or math.min(2 * step, between)
      if over or size > most then
        local goesOn = send(self, first, list, count)
        first, list, count, size = nil, nil, 0, 0
        if not goesOn then break end
        if socket:bytesToWrite() > most then
          self.busy = nil
          return block(self)
        end
        if over then
          moonport.sleep(0)
          since, waited = now(), true
        end
      end
    end
  end
  self.busy = nil
  if first then send(self, first, list, count) end
end

function session.readyRead(socket)
  local self = socket.session
  if self.busy or self.blocked then return end
  self.reader:feed(socket:readAll())
  serve(self)
end

function session.disconnected(socket)
  pubsub.leave(socket.session)
end

function session.open(store, socket)
  store.clients = store.clients + 1
  socket.session = {
    socket = socket, reader = resp.commands(), keys = store.keys, store = store, number = store.clients, version = 2,
    subscriptions = 0,
  }
  authentication.begin(socket.session)
end

return session
