-- The commands of moonport.store on the server itself: what clients ask it by default, and saving.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local resp = require "moonport.resp"
local keyspace = require "moonport.store.keyspace"
local replies = require "moonport.store.replies"
local snapshot = require "moonport.store.snapshot"

local bulk, failure, integer = resp.bulk, resp.error, resp.integer
local ok = replies.ok

local commands = {}

commands.ECHO = { arity = 2, run = function(_, text) return bulk(text) end }

commands.SELECT = { arity = 2, run = function(_, number)
  if number == "0" then return ok end
  return replies.whole(number) and failure "ERR DB index is out of range" or replies.notInteger
end }

commands.TIME = { arity = 1, run = function()
  local now = keyspace.now()
  return resp.array { tostring(now // 1000), tostring(now % 1000 * 1000) }
end }

commands.SAVE = { arity = 1, waits = true, run = function(session) -- only this client waits
  if session.inTransaction then return failure "ERR Command not allowed inside a transaction" end
  local count, why = snapshot.save(session.store)
  return count and ok or failure("ERR " .. why)
end }

commands.BGSAVE = { arity = -1, many = function(session)
  if snapshot.isSaving(session.store) then return failure "ERR Background save already in progress" end
  local can, why = snapshot.begin(session.store)
  return can and "+Background saving started\r\n" or failure("ERR " .. why)
end }

commands.LASTSAVE = { arity = 1, run = function(session) return integer(session.store.saved) end }

-- What clients ask, as Redis names it.
local function parameters(store)
  return {
    save = store.saveEvery > 0 and ("%d 1"):format(math.max(store.saveEvery // 1, 1)) or "",
    appendonly = "no", databases = "1", maxmemory = tostring(store.maxMemory), ["maxmemory-policy"] = "noeviction",
    timeout = "0", ["proto-max-bulk-len"] = tostring(replies.longest),
  }
end

commands.CONFIG = { arity = -2, many = function(session, list)
  if list[1]:upper() ~= "GET" then return replies.subcommand("CONFIG", list) end
  if not list[2] then return replies.arity "config|get" end
  local found, taken = {}, {}
  for i = 2, #list do
    if #list[i] > keyspace.longestGlob then return replies.longGlob end
    for name, value in pairs(parameters(session.store)) do
      if not taken[name] and keyspace.matches(list[i]:lower(), name) then
        taken[name], found[#found + 1], found[#found + 2] = true, name, value
      end
    end
  end
  return resp.map(found, session.version)
end }

-- redis-cli then gives no hints.
commands.COMMAND = { arity = -1, many = function(session, list)
  local what = list[1] and list[1]:upper()
  if what == "COUNT" and not list[2] then return integer(session.store.commandCount) end
  if what == "DOCS" then return resp.map({}, session.version) end
  if what == "INFO" then
    local none = {}
    for i = 2, #list do none[i - 1] = false end
    return resp.array(none, session.version)
  end
  return (not what or what == "LIST") and replies.none or replies.subcommand("COMMAND", list)
end }

local sections = {
  { "server", function(store)
    return ("redis_version:7.0.0\r\nserver_name:moonport\r\nmoonport_version:%s\r\nredis_mode:standalone\r\n" ..
      "uptime_in_seconds:%d\r\n"):format(moonport.version, os.time() - store.since)
  end },
  { "clients", function(store)
    return ("connected_clients:%d\r\n"):format(store.server:connectionCount())
  end },
  { "memory", function(store)
    return ("used_memory:%d\r\nmaxmemory:%d\r\nmaxmemory_policy:noeviction\r\n"):format(store.keys:bytes(),
      store.maxMemory)
  end },
  { "persistence", function(store)
    return ("loading:0\r\nrdb_changes_since_last_save:%d\r\nrdb_bgsave_in_progress:%d\r\nrdb_last_save_time:%d\r\n" ..
      "rdb_last_bgsave_status:%s\r\naof_enabled:0\r\n"):format(snapshot.changes(store),
      snapshot.isSaving(store) and 1 or 0, store.saved, store.saveFailed and "err" or "ok")
  end },
  { "stats", function(store)
    return ("total_connections_received:%d\r\ntotal_commands_processed:%d\r\n"):format(store.clients, store.commands)
  end },
  { "replication", function() return "role:master\r\nconnected_slaves:0\r\n" end },
  { "keyspace", function(store)
    local count = store.keys:count()
    return count > 0 and ("db0:keys=%d,expires=0,avg_ttl=0\r\n"):format(count) or ""
  end },
}

commands.INFO = { arity = -1, many = function(session, list)
  local wanted, parts = {}, {}
  for _, name in ipairs(list) do wanted[name:lower()] = true end
  local all = #list == 0 or wanted.all or wanted.everything or wanted.default
  for _, section in ipairs(sections) do
    local name, text = section[1], section[2]
    if all or wanted[name] then
      parts[#parts + 1] = ("# %s\r\n%s"):format(name:gsub("^%l", string.upper), text(session.store))
    end
  end
  return bulk(table.concat(parts, "\r\n"))
end }

return commands
