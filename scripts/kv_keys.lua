-- SPDX-License-Identifier: MIT
-- The commands of kv.lua on keys: strings, numbers and expiry. No command knows which client asked.
local moonport = require "moonport"
local glob = require "kv_glob"
local protocol = require "kv_protocol"
local store = require "kv_store"

local largest = 64 << 20 -- bytes of a reply

local now = moonport.now
local integer, text, array, failure = protocol.integer, protocol.string, protocol.array, protocol.error
local ok, null, whole, notInteger = protocol.ok, protocol.null, protocol.whole, protocol.notInteger
local syntax = failure "ERR syntax error"

-- NAME -> { number of words, with the name (negative: at least); function(words) -> reply }
local commands = {}

commands.GET = { 2, function(words)
  local value = store.get(words[2])
  return value and text(value) or null
end }

-- unit: the milliseconds of one unit. -> when it expires | nil, reply
local function deadline(word, unit, name)
  local amount = whole(word)
  if not amount then return nil, notInteger end
  if amount * unit // unit ~= amount or math.abs(amount * unit) > 1 << 52 then
    return nil, failure(("ERR invalid expire time in '%s' command"):format(name))
  end
  return now() + amount * unit, amount
end

commands.SET = { -3, function(words)
  local expires, only
  local i = 4
  while words[i] do
    local option = words[i]:upper()
    if option == "NX" or option == "XX" then
      if only then return syntax end
      only = option
    elseif (option == "EX" or option == "PX" or option == "PXAT") and words[i + 1] and not expires then
      local amount
      expires, amount = deadline(words[i + 1], option == "EX" and 1000 or 1, "set")
      if not expires then return amount end
      if amount <= 0 then return failure "ERR invalid expire time in 'set' command" end
      if option == "PXAT" then expires = expires - os.time() * 1000 end
      i = i + 1
    else
      return syntax
    end
    i = i + 1
  end
  if only and (only == "XX") ~= (store.get(words[2]) ~= nil) then return null end
  if expires and expires <= now() then store.delete(words[2]) else store.set(words[2], words[3], expires) end
  return ok
end }

local function each(words, fn)
  local count = 0
  for i = 2, #words do
    if fn(words[i]) then count = count + 1 end
  end
  return integer(count)
end

commands.DEL = { -2, function(words) return each(words, store.delete) end }
commands.UNLINK = commands.DEL
commands.EXISTS = { -2, function(words) return each(words, store.get) end }

local function add(key, amount, verb)
  local value, expires = store.get(key)
  local number = whole(value or "0")
  if not number or not amount then return notInteger end
  if amount > 0 and number > math.maxinteger - amount or amount < 0 and number < math.mininteger - amount then
    return failure(("ERR %s would overflow"):format(verb or "increment or decrement"))
  end
  store.set(key, tostring(number + amount), expires)
  return integer(number + amount)
end

commands.INCR = { 2, function(words) return add(words[2], 1) end }
commands.DECR = { 2, function(words) return add(words[2], -1) end }
commands.INCRBY = { 3, function(words) return add(words[2], whole(words[3])) end }
commands.DECRBY = { 3, function(words)
  local amount = whole(words[3])
  if amount == math.mininteger then return failure "ERR decrement would overflow" end
  return add(words[2], amount and -amount)
end }

local function expire(unit, name)
  return { 3, function(words)
    local expires, reply = deadline(words[3], unit, name)
    if not expires then return reply end
    local value = store.get(words[2])
    if not value then return integer(0) end
    if expires <= now() then store.delete(words[2]) else store.set(words[2], value, expires) end
    return integer(1)
  end }
end

commands.EXPIRE, commands.PEXPIRE = expire(1000, "expire"), expire(1, "pexpire")

local function left(unit)
  return { 2, function(words)
    local value, expires = store.get(words[2])
    if not expires then return integer(value and -1 or -2) end
    return integer(math.floor((expires - now() + unit // 2) / unit))
  end }
end

commands.TTL, commands.PTTL = left(1000), left(1)

commands.PERSIST = { 2, function(words)
  local value, expires = store.get(words[2])
  if expires then store.set(words[2], value) end
  return integer(expires and 1 or 0)
end }

-- Without this bound, one request could take all memory.
local function bounded(list)
  local size = 0
  for _, value in ipairs(list) do size = size + (value and #value or 0) + 16 end
  return size > largest and failure(("ERR the reply is larger than %d bytes"):format(largest)) or array(list)
end

commands.KEYS = { 2, function(words)
  local valid, list = pcall(store.keys, glob(words[2]))
  return valid and bounded(list) or failure "ERR invalid pattern"
end }

commands.MGET = { -2, function(words)
  local list = {}
  for i = 2, #words do list[i - 1] = store.get(words[i]) or false end
  return bounded(list)
end }

commands.MSET = { -3, function(words)
  if #words % 2 == 0 then return failure "ERR wrong number of arguments for 'mset' command" end
  for i = 2, #words, 2 do store.set(words[i], words[i + 1]) end
  return ok
end }

commands.APPEND = { 3, function(words)
  local value, expires = store.get(words[2])
  value = (value or "") .. words[3]
  if #value > protocol.bulk then
    return failure "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
  end
  store.set(words[2], value, expires)
  return integer(#value)
end }

commands.STRLEN = { 2, function(words) return integer(#(store.get(words[2]) or "")) end }
commands.TYPE = { 2, function(words) return store.get(words[2]) and "+string\r\n" or "+none\r\n" end }
commands.DBSIZE = { 1, function() return integer(store.count()) end }
commands.FLUSHALL = { -1, function() store.clear() return ok end }
commands.FLUSHDB = commands.FLUSHALL

return commands
