-- SPDX-License-Identifier: MIT
-- The keys of kv.lua, which may expire, and their file. A save writes what was there when it began, a little in each
-- turn of the loop. Meanwhile the table doesn't change; changes are kept beside it.
local moonport = require "moonport"
local protocol = require "kv_protocol"

local store = {}

-- What a reload keeps. An entry is a string, or { string, when it expires } in moonport.now's time.
local kept = moonport.persist("kv", {
  entries = {},  -- key -> entry
  frozen = nil,  -- entries, while a save writes them
  changes = {},  -- key -> entry or false: what changed since
  saving = nil,  -- the task that saves
  count = 0,     -- keys
  volatile = {}, -- key -> when it expires
  dirty = 0,     -- changes since the last save
  saved = os.time(),
})

local now = moonport.now

local function change(key, entry)
  if kept.frozen == kept.entries then
    kept.changes[key] = entry or false
  else
    if kept.changes[key] ~= nil then kept.changes[key] = nil end
    kept.entries[key] = entry
  end
  kept.dirty = kept.dirty + 1
end

local function find(key)
  local entry = kept.changes[key]
  if entry == nil then return kept.entries[key] end
  return entry or nil
end

--- Removes a key. -> whether it was there
function store.delete(key)
  local entry = find(key)
  if entry == nil then return false end
  change(key, nil)
  kept.count = kept.count - 1
  kept.volatile[key] = nil
  return type(entry) == "string" or entry[2] > now()
end

--- -> the value, and when it expires; or nil
function store.get(key)
  local entry = find(key)
  if type(entry) ~= "table" then return entry end
  if entry[2] > now() then return entry[1], entry[2] end
  store.delete(key)
end

--- Sets a value, and when it expires (in moonport.now's time; nil: never).
function store.set(key, value, expires)
  if find(key) == nil then kept.count = kept.count + 1 end
  kept.volatile[key] = expires
  change(key, expires and { value, expires } or value)
end

function store.clear()
  kept.dirty = kept.dirty + kept.count
  kept.entries, kept.changes, kept.volatile, kept.count = {}, {}, {}, 0
end

--- All keys of which matches(key) is true.
function store.keys(matches)
  local list = {}
  for _, map in ipairs { kept.entries, kept.changes } do
    for key in pairs(map) do
      local there = map == kept.changes or kept.changes[key] == nil
      if there and matches(key) and store.get(key) then list[#list + 1] = key end
    end
  end
  return list
end

function store.count() return kept.count end
function store.saving() return kept.saving ~= nil and kept.saving:isActive() end
function store.dirty() return kept.dirty end
function store.lastSave() return kept.saved end

--- Drops some of the expired keys that nobody asks for.
local at -- the last key that was looked at and is there
function store.expire(most)
  local time = now()
  local key = kept.volatile[at or ""] and at
  at = nil
  for _ = 1, most do
    local expires
    key, expires = next(kept.volatile, key)
    if not key then return end
    if expires <= time then store.delete(key) else at = key end
  end
end

-- The file -----------------------------------------------------------------------------------------------------------

-- It holds commands of the protocol: SET for each key, and a last one that has their number. So
-- `redis-cli --pipe <FILE` loads it into any Redis. A save writes a new file and renames it at the end, so there is
-- always a complete one. Lua has no fsync: a save survives the end of this program, but perhaps not a power cut within
-- half a minute.
local last = "ECHO"

local function command(...)
  return protocol.array { ... }
end

-- Lets others run when this task has run for a millisecond.
local function pause(since)
  if now() - since < 1 then return since end
  moonport.sleep(0)
  return now()
end

local function thaw()
  local since, changes, key = now(), kept.changes, nil
  kept.frozen = nil
  repeat -- moves each change back into the entries; what is set meanwhile goes there directly
    local entry
    key, entry = next(changes, key)
    if key then
      kept.entries[key] = entry or nil
      changes[key] = nil
    end
    since = pause(since)
  until not key or changes ~= kept.changes
end

local function write(path)
  local file <close>, why = io.open(path .. ".tmp", "wb")
  if not file then return nil, why end
  file:setvbuf("full", 1 << 16)
  local since, count = now(), 0
  local wall, time = os.time() * 1000, now()
  kept.frozen = kept.entries
  for key, entry in pairs(kept.frozen) do -- nothing changes this table now
    local text
    if type(entry) == "string" then
      text = command("SET", key, entry)
    elseif entry[2] > time then
      text = command("SET", key, entry[1], "PXAT", tostring(wall + (entry[2] - time) // 1 | 0))
    end
    if text then
      count = count + 1
      local written
      written, why = file:write(text)
      if not written then return nil, why end
    end
    since = pause(since)
  end
  local ended
  ended, why = file:write(command(last, count .. " keys"))
  if ended then ended, why = file:close() end
  if ended then ended, why = os.rename(path .. ".tmp", path) end
  return ended and count, why
end

-- A save that was running at a reload goes on with the old code, or ended with it.
local recovery = moonport.spawn(function()
  if store.saving() then kept.saving:join() else thaw() end
end)

local function save(path)
  recovery:join()
  local dirty = kept.dirty
  local ran, count, why = pcall(write, path)
  thaw()
  if not ran or not count then return nil, ran and why or count end
  kept.dirty, kept.saved = kept.dirty - dirty, os.time()
  return count
end

--- Saves what is there now, after a save that is running, and waits until that is done. -> number of keys, or nil and
--- why not
function store.save(path)
  while store.saving() do kept.saving:join() end
  kept.saving = moonport.spawn(save, path)
  return kept.saving:join()
end

--- Reads the file, if there is one. -> number of keys; raises if it is incomplete or unreadable, since a save
--- would replace it
function store.load(path)
  local file <close>, why, code = io.open(path, "rb")
  if not file and code == 2 then return 0 end -- ENOENT
  if not file then error(why, 0) end
  local state, data, pos, count, wall = {}, "", 1, 0, os.time() * 1000
  while true do
    local words, behind, need = protocol.parse(state, data, pos)
    if words and words[1] == "SET" then
      count, pos = count + 1, behind
      local expires = words[5] and now() + math.tointeger(words[5]) - wall
      if not expires or expires > now() then store.set(words[2], words[3], expires) end
    elseif words then
      if words[2] ~= count .. " keys" then error(path .. ": not all keys are there", 0) end
      kept.dirty = 0
      return kept.count
    else
      if not behind then error(("%s: %s"):format(path, need), 0) end
      local more = file:read(math.max(1 << 16, need))
      if not more then error(path .. ": its end is missing", 0) end
      data, pos = data:sub(behind) .. more, 1
    end
  end
end

return store
