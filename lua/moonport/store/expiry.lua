-- When a key expires: from a command's words to milliseconds since 1970, and the commands on that.
-- SPDX-License-Identifier: MIT

local resp = require "moonport.resp"
local keyspace = require "moonport.store.keyspace"
local replies = require "moonport.store.replies"

local failure, integer = resp.error, resp.integer
local notInteger, one, whole, zero = replies.notInteger, replies.one, replies.whole, replies.zero

local expiry = { now = keyspace.now }

-- Milliseconds of one unit, and whether the time counts from now on.
expiry.units = {
  EX = { 1000, true }, PX = { 1, true }, EXAT = { 1000, false }, PXAT = { 1, false },
}

local function deadline(word, unit, name)
  local amount = whole(word)
  if not amount then return nil, notInteger end
  local msec, from = amount * unit[1], unit[2] and expiry.now() or 0
  if msec // unit[1] ~= amount or msec > math.maxinteger - from then
    return nil, failure(("ERR invalid expire time in '%s' command"):format(name))
  end
  return msec + from, amount
end

--- -> when | nil, reply
function expiry.at(word, unit, name)
  local expires, amount = deadline(word, unit, name)
  if not expires then return nil, amount end
  if amount <= 0 then return nil, failure(("ERR invalid expire time in '%s' command"):format(name)) end
  return expires
end

--- Sets when a key expires that is there; it may have expired already. 0: never
function expiry.set(keys, key, expires)
  if expires ~= 0 and expires <= expiry.now() then keys:remove(key) else keys:expireAt(key, expires) end
end

-- Commands -----------------------------------------------------------------------------------------------------------

local commands = {}

-- -> set of options | nil, reply
local function conditions(list)
  local set = {}
  for i = 3, #list do
    local option = list[i]:upper()
    if option ~= "NX" and option ~= "XX" and option ~= "GT" and option ~= "LT" then
      return nil, failure("ERR Unsupported option " .. list[i])
    end
    set[option] = true
  end
  if set.NX and (set.XX or set.GT or set.LT) then
    return nil, failure "ERR NX and XX, GT or LT options at the same time are not compatible"
  end
  if set.GT and set.LT then return nil, failure "ERR GT and LT options at the same time are not compatible" end
  return set
end

-- Whether a key that expires `before` (0: never) may do so at `expires`.
local function allows(set, before, expires)
  if set.NX and before ~= 0 or set.XX and before == 0 then return false end
  if set.GT and (before == 0 or expires <= before) then return false end
  return not (set.LT and before ~= 0 and expires >= before)
end

local function expire(unit, name)
  return { arity = -3, many = function(session, list)
    local set, problem = conditions(list)
    if not set then return problem end
    local expires, reply = deadline(list[2], unit, name)
    if not expires then return reply end
    local before = session.keys:expires(list[1])
    if not before or not allows(set, before, expires) then return zero end
    expiry.set(session.keys, list[1], expires ~= 0 and expires or 1)
    return one
  end }
end

commands.EXPIRE, commands.PEXPIRE = expire(expiry.units.EX, "expire"), expire(expiry.units.PX, "pexpire")
commands.EXPIREAT, commands.PEXPIREAT = expire(expiry.units.EXAT, "expireat"), expire(expiry.units.PXAT, "pexpireat")

local function left(unit, relative)
  return { arity = 2, run = function(session, key)
    local expires = session.keys:expires(key)
    if not expires then return integer(-2) end
    if expires == 0 then return integer(-1) end
    local time = expires - (relative and expiry.now() or 0)
    return integer(time // unit + (unit > 1 and time % unit * 2 >= unit and 1 or 0))
  end }
end

commands.TTL, commands.PTTL = left(1000, true), left(1, true)
commands.EXPIRETIME, commands.PEXPIRETIME = left(1000, false), left(1, false)

commands.PERSIST = { arity = 2, run = function(session, key)
  if (session.keys:expires(key) or 0) == 0 then return zero end
  session.keys:expireAt(key, 0)
  return one
end }

expiry.commands = commands

return expiry
