-- SPDX-License-Identifier: MIT
-- Key-value server that speaks the Redis protocol (RESP2): strings that may expire, publish and subscribe.
--   moonport kv.lua [PORT [ADDRESS [FILE [SAVE]]]] [--tls CERTIFICATE KEY [--clients AUTHORITY]]
-- The defaults are port 6379 of 127.0.0.1, the file kv.resp, and 60 seconds; unix:/path may take the place of both PORT
-- and ADDRESS. Then talk to it:
--   redis-cli set greeting hello
-- The next start reads FILE again. kv.lua saves it every SAVE seconds if something changed (0: never), by the commands
-- SAVE and BGSAVE, and when the program is told to stop. A crash loses what came after the last save.
-- Whoever can connect may read and write everything: keep it on an address that only friends reach, or let --clients
-- admit only those with a certificate of your authority.
local moonport = require "moonport"
local glob = require "kv_glob"
local keys = require "kv_keys"
local protocol = require "kv_protocol"
local store = require "kv_store"
local where = require "where"

local given, server = require "tls_option" (arg)
local place, others = where.from(given, 6379)
local path, interval = others[1] or "kv.resp", tonumber(others[2] or 60)
if not interval or interval < 0 then error("not a number of seconds: " .. others[2], 0) end

-- Bytes that may wait to be sent. Over `most`, a connection's next request isn't served until half of it is sent. A
-- subscriber that lets more than `behind` pile up is dropped.
local most, behind = 1 << 20, 8 << 20

local log = moonport.log
local integer, text, array, failure = protocol.integer, protocol.string, protocol.array, protocol.error
local ok, null = protocol.ok, protocol.null

-- Who subscribes to what: channel or pattern -> set of sockets. A socket has the set of its own, and their number.
local topics = moonport.persist("topics", { channels = {}, patterns = {} })
local totals = moonport.persist("totals", { commands = 0, since = os.time(), clients = 0 })

-- Commands -----------------------------------------------------------------------------------------------------------

-- NAME -> { number of words, with the name (negative: at least); function(words, socket) -> reply }
local commands = {}
for name, command in pairs(keys) do commands[name] = command end

-- Publish and subscribe ----------------------------------------------------------------------------------------------

local function publish(topic, message)
  local count = 0
  for socket in pairs(topic or {}) do
    count = count + 1
    socket:write(message)
    if socket:bytesToWrite() > behind then
      log.warning("kv: %s:%d doesn't read what it has subscribed to", socket:peerAddress() or "unix", socket:peerPort())
      socket:abort()
    end
  end
  return count
end

commands.PUBLISH = { 3, function(words)
  local channel, message = words[2], words[3]
  local count = publish(topics.channels[channel], array { "message", channel, message })
  for pattern, topic in pairs(topics.patterns) do
    local valid, fits = pcall(glob(pattern), channel)
    if valid and fits then count = count + publish(topic, array { "pmessage", pattern, channel, message }) end
  end
  return integer(count)
end }

local function leave(socket, kind, name)
  local topic = socket[kind] and socket[kind][name] and topics[kind][name]
  if not topic then return end
  socket[kind][name], topic[socket] = nil, nil
  socket.subscriptions = socket.subscriptions - 1
  if not next(topic) then topics[kind][name] = nil end
end

local function subscribing(kind, word)
  return { -2, function(words, socket)
    local replies = {}
    for i = 2, #words do
      local name = words[i]
      socket[kind] = socket[kind] or {}
      if not socket[kind][name] then
        topics[kind][name] = topics[kind][name] or {}
        topics[kind][name][socket], socket[kind][name] = true, true
        socket.subscriptions = (socket.subscriptions or 0) + 1
      end
      replies[#replies + 1] = array { word, name, socket.subscriptions }
    end
    return table.concat(replies)
  end }
end

local function unsubscribing(kind, word)
  return { -1, function(words, socket)
    local replies, names = {}, table.move(words, 2, #words, 1, {})
    if not names[1] then
      for name in pairs(socket[kind] or {}) do names[#names + 1] = name end
    end
    for i = 1, math.max(#names, 1) do
      if names[i] then leave(socket, kind, names[i]) end
      replies[i] = array { word, names[i] or false, socket.subscriptions or 0 }
    end
    return table.concat(replies)
  end }
end

commands.SUBSCRIBE, commands.PSUBSCRIBE = subscribing("channels", "subscribe"), subscribing("patterns", "psubscribe")
commands.UNSUBSCRIBE = unsubscribing("channels", "unsubscribe")
commands.PUNSUBSCRIBE = unsubscribing("patterns", "punsubscribe")

-- The server and its clients -----------------------------------------------------------------------------------------

commands.PING = { -1, function(words, socket)
  if #words > 2 then return failure "ERR wrong number of arguments for 'ping' command" end
  if (socket.subscriptions or 0) > 0 then return array { "pong", words[2] or "" } end
  return words[2] and text(words[2]) or "+PONG\r\n"
end }

commands.ECHO = { 2, function(words) return text(words[2]) end }

commands.SELECT = { 2, function(words)
  if words[2] == "0" then return ok end
  return protocol.whole(words[2]) and failure "ERR DB index is out of range" or protocol.notInteger
end }

commands.QUIT = { -1, function(_, socket)
  socket.leaving = true
  return ok
end }

commands.SAVE = { 1, function() -- only this client waits
  local saved, why = store.save(path)
  return saved and ok or failure("ERR " .. why)
end }

local function saveSoon()
  moonport.spawn(function()
    local count, why = store.save(path)
    if not count then return log.error("kv: not saved: %s", why) end
    log.info("kv: %d keys saved to %s", count, path)
  end)
end

commands.BGSAVE = { -1, function()
  if store.saving() then return failure "ERR Background save already in progress" end
  saveSoon()
  return "+Background saving started\r\n"
end }

commands.LASTSAVE = { 1, function() return integer(store.lastSave()) end }

commands.HELLO = { -1, function(words, socket)
  if words[2] and words[2] ~= "2" then return failure "NOPROTO unsupported protocol version" end
  return array { "server", "moonport", "version", moonport.version, "proto", 2, "id", socket.number or 0,
    "mode", "standalone", "role", "master", "modules", { protocol.none } }
end }

local parameters = { save = tostring(interval), appendonly = "no", databases = "1", maxmemory = "0" }

commands.CONFIG = { -2, function(words)
  if words[2]:upper() ~= "GET" then return failure "ERR only CONFIG GET is there" end
  local list = {}
  for i = 3, #words do
    local matches = glob(words[i]:lower())
    for name, value in pairs(parameters) do
      if matches(name) then table.move({ name, value }, 1, 2, #list + 1, list) end
    end
  end
  return array(list)
end }

commands.CLIENT = { -2, function(words, socket)
  local what = words[2]:upper()
  if what == "SETNAME" and words[3] then socket.name = words[3] end
  if what == "GETNAME" then return socket.name and text(socket.name) or null end
  if what == "ID" then return integer(socket.number or 0) end
  return (what == "SETNAME" or what == "SETINFO") and ok or failure("ERR there is no CLIENT " .. what)
end }

commands.COMMAND = { -1, function(words)
  local what = words[2] and words[2]:upper()
  if what ~= "COUNT" then return protocol.none end -- redis-cli then gives no hints
  local count = 0
  for _ in pairs(commands) do count = count + 1 end
  return integer(count)
end }

commands.INFO = { -1, function()
  local stats = moonport.stats()
  return text(("# Server\r\nredis_version:%s\r\nserver_name:moonport\r\nuptime_in_seconds:%d\r\n# Clients\r\n" ..
    "connected_clients:%d\r\n# Memory\r\nused_memory:%d\r\n# Persistence\r\nrdb_changes_since_last_save:%d\r\n" ..
    "rdb_last_save_time:%d\r\n# Stats\r\ntotal_connections_received:%d\r\ntotal_commands_processed:%d\r\n" ..
    "# Keyspace\r\ndb0:keys=%d\r\n"):format(moonport.version, os.time() - totals.since, server:connectionCount(),
    stats.memory, store.dirty(), store.lastSave(), totals.clients, totals.commands, store.count()))
end }

-- Connections --------------------------------------------------------------------------------------------------------

local whileSubscribed = { SUBSCRIBE = true, UNSUBSCRIBE = true, PSUBSCRIBE = true, PUNSUBSCRIBE = true, PING = true,
  QUIT = true }

local function run(socket, words)
  local name = words[1]
  local command = commands[name]
  if not command then
    name = name:upper()
    command = commands[name]
  end
  totals.commands = totals.commands + 1
  if not command then
    local rest = {}
    for i = 2, math.min(#words, 8) do rest[i - 1] = ("'%s' "):format(words[i]:sub(1, 64)) end
    return failure(("ERR unknown command '%s', with args beginning with: %s"):format(words[1]:sub(1, 64),
      table.concat(rest)))
  end
  local count = command[1]
  if count > 0 and #words ~= count or #words < -count then
    return failure(("ERR wrong number of arguments for '%s' command"):format(name:lower()))
  end
  if (socket.subscriptions or 0) > 0 and not whileSubscribed[name] then
    return failure(("ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are " ..
      "allowed in this context"):format(name:lower()))
  end
  return command[2](words, socket)
end

local client = server.connection

-- Serves the requests that have arrived, and answers them together. -> whether there may be more
function client:serve()
  local available = self:bytesAvailable()
  if self.busy or self.leaving or available < (self.need or 1) or self:bytesToWrite() > most then return false end
  self.busy = true -- a command may wait
  local data, pos, replies, size = self:peek(available), 1, {}, self:bytesToWrite()
  self.request = self.request or {}
  repeat
    local words, after, need = protocol.parse(self.request, data, pos)
    local reply
    if words then
      reply = run(self, words)
      self.need = nil
    elseif after then
      self.need = need
    else
      reply = failure("ERR Protocol error: " .. need)
      self.leaving = true
    end
    pos = after or #data + 1
    if reply then
      replies[#replies + 1] = reply
      size = size + #reply
    end
  until not words or self.leaving or size > most
  self:skip(pos - 1)
  if not self:write(table.concat(replies)) then self.leaving = true end -- it disconnected
  self.busy = nil
  if self.leaving then self:disconnectFromHost() end
  return true
end

function client:readyRead()
  while self:serve() do end
end

function client:bytesWritten()
  if self:bytesAvailable() > 0 and self:bytesToWrite() <= most // 2 then self:readyRead() end
end

function client:disconnected()
  for _, kind in ipairs { "channels", "patterns" } do
    for name in pairs(self[kind] or {}) do leave(self, kind, name) end
  end
end

function server:newConnection()
  totals.clients = totals.clients + 1
  self:nextPendingConnection().number = totals.clients
end

server:setReadBufferSize(protocol.bulk + protocol.inline)
server:setWriteBufferLimit(0) -- `most` and `behind` are the bounds

-- Time and the file --------------------------------------------------------------------------------------------------

local expiry = moonport.Timer()
function expiry:timeout() store.expire(500) end
expiry:start(50)

local autosave = moonport.Timer()
function autosave:timeout()
  if store.dirty() > 0 and not store.saving() then saveSoon() end
end
if interval > 0 then autosave:start(interval * 1000) end

moonport.onQuit(function()
  if store.dirty() == 0 then return end
  local count, why = store.save(path)
  if count then log.info("kv: %d keys saved to %s", count, path) else log.error("kv: not saved: %s", why) end
end)

if moonport.generation() == 1 then
  local count = store.load(path)
  if count > 0 then log.info("kv: %d keys from %s", count, path) end
end

assert(server:listen(table.unpack(place)))
log.info("kv: listening on %s", where.of(server))
