-- A store for the clients of Redis: store.server([options]). See docs/reference/store.md.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local commands = require "moonport.store.commands"
local keyspace = require "moonport.store.keyspace"
local session = require "moonport.store.session"
local snapshot = require "moonport.store.snapshot"

local kinds = { file = "string", maxMemory = "number", name = "string", password = "string", saveEvery = "number",
  server = "userdata" }

local mostSeconds = 2^31 // 1000
local unread = 256 << 10 -- bytes that may be unread in a connection

-- Numbers are whole, or seconds that a timer can have.
local function isNumber(name, value)
  if name == "saveEvery" then return value >= 0 and value <= mostSeconds end
  return math.tointeger(value) and value >= 0
end

local function check(options)
  for name, value in pairs(options) do
    if not kinds[name] then error(("store.server: unknown option %s"):format(tostring(name)), 3) end
    if type(value) ~= kinds[name] or kinds[name] == "number" and not isNumber(name, value) then
      error(("store.server: bad option %s"):format(name), 3)
    end
  end
end

-- What a reload keeps.
local function kept(name)
  return moonport.persist("moonport.store." .. name, {
    keys = false,
    channels = {}, patterns = {}, -- name -> set of the sessions that subscribe to it
    commands = 0, clients = 0, since = os.time(),
    saved = os.time(), savedChanges = 0,
  })
end

-- Nobody uses it, and nobody can. Its timers would be all that keeps the program running.
local function isOver(store) return not store.server:isListening() and store.server:connectionCount() == 0 end

-- Removes what has expired, and frees what was removed, a little at a time.
local function tidier(store)
  local timer = moonport.Timer()
  function timer.timeout()
    store.keys:removeExpired(500)
    local more = store.keys:sweep(2000)
    if isOver(store) then timer:stop() else timer:setInterval(more and 1 or 50) end
  end
  return timer
end

local function saver(store)
  local timer = moonport.Timer()
  function timer.timeout()
    local changed = snapshot.changes(store) > 0
    if changed and not snapshot.isSaving(store) then snapshot.begin(store) end
    if not changed and isOver(store) then timer:stop() end
  end
  timer:setInterval(store.saveEvery * 1000)
  return timer
end

--- Makes a server that keeps keys for the clients of Redis. You let it listen. Raises if its file is there and can't be
--- read.
local function new(options)
  options = options or {}
  check(options)
  local server, store = options.server or moonport.TcpServer(), kept(options.name or "store")
  store.name, store.server = options.name or "store", server
  store.file, store.password = options.file, options.password
  store.saveEvery, store.maxMemory = options.saveEvery or 60, math.tointeger(options.maxMemory or 256 << 20)
  store.call, store.commandCount = commands.call, commands.count
  if store.keys then
    snapshot.recover(store)
  else
    store.keys = keyspace.new()
    if store.file then
      local count = snapshot.load(store)
      if count > 0 then moonport.log.info("%s: %d keys from %s", store.name, count, store.file) end
    end
  end

  local tidies = tidier(store)
  local saves = store.file and store.saveEvery > 0 and saver(store)
  local function keepTidy()
    if not tidies:isActive() then tidies:start(50) end
    if saves and not saves:isActive() then saves:start() end
  end

  function server:newConnection()
    keepTidy()
    session.open(store, self:nextPendingConnection())
  end
  server.connection.readyRead, server.connection.disconnected = session.readyRead, session.disconnected
  server:setReadBufferSize(unread)
  server:setWriteBufferLimit(0) -- session.lua and pubsub.lua have the bounds

  --- Saves all keys. -> their number | nil, why
  function server.save() return snapshot.save(store) end

  --- Saves all keys if any has changed since the last save, and there is a file. -> their number, or true: there was
  --- nothing to save | nil, why
  function server.finish()
    if not store.file or snapshot.changes(store) == 0 then return true end
    return snapshot.save(store)
  end

  keepTidy()
  return server
end

return { server = new }
