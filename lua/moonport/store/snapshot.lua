-- The file of a moonport.store: it is read at the start, and written by saves.
--
-- It holds commands: SET for a string, HSET or SADD for each member, PEXPIREAT, and a last one with the number of keys.
-- So `redis-cli --pipe <FILE` loads it into any Redis. A save writes what was there when it began to a temporary file,
-- a little at a time while others are served, has the disk take it, and gives it the file's name. So there is always
-- a complete one.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local resp = require "moonport.resp"
local sync = require "moonport.store.sync"

local snapshot = {}

local bytes, entries = 1 << 16, 1000 -- of a step

-- Lets others run when this task has run for a millisecond. -> since when it runs
local function pause(since)
  if moonport.now() - since < 1 then return since end
  moonport.sleep(0)
  return moonport.now()
end

-- Writing ------------------------------------------------------------------------------------------------------------

-- A save that isn't done. However its task ends, nothing of it stays. One that ended with the run before may be
-- collected when the next save is running, which it leaves alone.
local Attempt = {}

function Attempt.giveUp(attempt)
  if attempt.done then return end
  attempt.done = true
  attempt.file:close()
  local own = attempt.written or not attempt.number or attempt.keys:endSave(attempt.number)
  if own then os.remove(attempt.path) end
end
Attempt.__close, Attempt.__gc = Attempt.giveUp, Attempt.giveUp

-- The disk may take long; a thread waits for it.
local function settle(path)
  local ran, done, why = pcall(moonport.work, function(name) return require "moonport.store.sync"(name) end, path)
  if ran then return done, why end
  return sync(path)
end

local function writeKeys(attempt)
  local keys, file, since = attempt.keys, attempt.file, moonport.now()
  while keys:sweep(entries) do since = pause(since) end
  attempt.changes = keys:changes()
  attempt.number = keys:beginSave()
  local text, more, done, why
  repeat
    text, more = keys:saveSome(bytes, entries)
    done, why = file:write(text)
    if not done then return nil, why end
    if more then since = pause(since) end
  until not more
  local count = keys:endSave(attempt.number)
  attempt.written = true
  done, why = file:write(resp.command("ECHO", count .. " keys"))
  if done then done, why = file:close() end
  return done and count, why
end

-- -> number of keys | nil, why
local function write(keys, path)
  local temporary = path .. ".tmp"
  local file, why = io.open(temporary, "wb")
  if not file then return nil, why end
  file:setvbuf "no"
  local attempt <close> = setmetatable({ keys = keys, file = file, path = temporary }, Attempt)
  local count, done
  count, why = writeKeys(attempt)
  if not count then return nil, why end
  done, why = settle(temporary)
  if done then done, why = os.rename(temporary, path) end
  if not done then return nil, why end
  attempt.done = true
  settle(path:match "^(.*/)" or ".") -- a file system may have no need of it, and say so by an error
  return count, attempt.changes
end

local function save(store)
  local ran, count, more = pcall(write, store.keys, store.file)
  store.saveFailed = not (ran and count)
  if store.saveFailed then return nil, tostring(ran and more or count) end
  store.savedChanges, store.saved = more, os.time()
  return count
end

function snapshot.isSaving(store) return store.task ~= nil and store.task:isActive() end

--- Changes since the last save.
function snapshot.changes(store) return store.keys:changes() - store.savedChanges end

--- Saves what is there now, after a save that is running, and waits until that is done. -> number of keys | nil, why
function snapshot.save(store)
  if not store.file then return nil, "there is no file to save to" end
  while snapshot.isSaving(store) do store.task:join() end
  store.task = moonport.spawn(save, store)
  return store.task:join()
end

--- The same, without waiting. -> true | nil, why
function snapshot.begin(store)
  if not store.file then return nil, "there is no file to save to" end
  moonport.spawn(function()
    local count, why = snapshot.save(store)
    if not count then return moonport.log.error("%s: not saved: %s", store.name, why) end
    moonport.log.info("%s: %d keys saved to %s", store.name, count, store.file)
  end)
  return true
end

--- At a reload: a save that was running goes on with the old code, or has ended with it.
function snapshot.recover(store)
  if not snapshot.isSaving(store) then store.keys:endSave() end
end

-- Reading ------------------------------------------------------------------------------------------------------------

local apply = {}

function apply.SET(keys, key, value, _, reader, count)
  keys:set(key, value, count == 4 and math.tointeger(tonumber(reader:arguments()[4])) or 0)
end

function apply.HSET(keys, key, field, value) keys:setMember("hash", key, field, value) end
function apply.SADD(keys, key, member) keys:setMember("set", key, member) end
function apply.PEXPIREAT(keys, key, time) keys:expireAt(key, math.tointeger(tonumber(time))) end

--- Reads the file, if there is one. -> number of keys; raises if it is incomplete or unreadable, since a save would
--- replace it
function snapshot.load(store)
  local path, keys = store.file, store.keys
  os.remove(path .. ".tmp") -- of a run that was killed
  local file <close>, why, code = io.open(path, "rb")
  if not file and code == 2 then return 0 end -- ENOENT
  if not file then error(why, 0) end
  local reader = resp.commands()
  while true do
    local name, count, a, b, c = reader:next()
    if apply[name] then
      apply[name](keys, a, b, c, reader, count)
    elseif name then
      if name ~= "ECHO" or a ~= keys:count() .. " keys" then error(path .. ": not all keys are there", 0) end
      break
    else
      if count then error(("%s: %s"):format(path, count), 0) end
      local more = file:read(1 << 16)
      if not more then error(path .. ": its end is missing", 0) end
      reader:feed(more)
    end
  end
  keys:removeExpired(1 << 30)
  store.savedChanges = keys:changes()
  return keys:count()
end

return snapshot
