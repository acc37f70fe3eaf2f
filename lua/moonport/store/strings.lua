-- The commands of moonport.store on strings, also as numbers.
-- SPDX-License-Identifier: MIT

local resp = require "moonport.resp"
local expiry = require "moonport.store.expiry"
local replies = require "moonport.store.replies"

local bulk, failure, integer = resp.bulk, resp.error, resp.integer
local ok, null, one, zero = replies.ok, replies.null, replies.one, replies.zero
local notInteger, syntax, whole, wrongType = replies.notInteger, replies.syntax, replies.whole, replies.wrongType

local commands = {}

-- The reply for what keys:get gives.
local function reply(session, value)
  if value then return bulk(value) end
  return value == nil and null[session.version] or wrongType
end

commands.GET = { arity = 2, run = function(session, key)
  local text = session.keys:bulk(key)
  if text then return text end
  return text == nil and null[session.version] or wrongType
end }

local function set(session, key, value)
  session.keys:set(key, value)
  return ok
end

-- Sets a value that expires, or has already.
local function setUntil(keys, key, value, expires)
  if expires > 0 and expires <= expiry.now() then keys:remove(key) else keys:set(key, value, expires) end
end

local function setWithOptions(session, list)
  local keys, key, only, unit, time, keep, get = session.keys, list[1], nil, nil, nil, false, false
  local i = 3
  while list[i] do
    local option = list[i]:upper()
    if (option == "NX" or option == "XX") and (not only or only == option) then
      only = option
    elseif option == "GET" then
      get = true
    elseif option == "KEEPTTL" and not unit then
      keep = true
    elseif expiry.units[option] and list[i + 1] and not keep and (not unit or unit == expiry.units[option]) then
      unit, time, i = expiry.units[option], list[i + 1], i + 1
    else
      return syntax
    end
    i = i + 1
  end
  local expires = 0
  if unit then
    local problem
    expires, problem = expiry.at(time, unit, "set")
    if not expires then return problem end
  end
  local before
  if get then
    before = keys:get(key)
    if before == false then return wrongType end
  end
  local there = keys:expires(key)
  if only and (only == "XX") ~= (there ~= nil) then return get and reply(session, before) or null[session.version] end
  setUntil(keys, key, list[2], keep and there or expires)
  return get and reply(session, before) or ok
end

commands.SET = { arity = -3, memory = true, run = set, plain = 2, many = setWithOptions }

local function setExpiring(unit, name)
  return { arity = 4, memory = true, run = function(session, key, time, value)
    local expires, problem = expiry.at(time, unit, name)
    if not expires then return problem end
    setUntil(session.keys, key, value, expires)
    return ok
  end }
end

commands.SETEX, commands.PSETEX = setExpiring(expiry.units.EX, "setex"), setExpiring(expiry.units.PX, "psetex")

commands.SETNX = { arity = 3, memory = true, run = function(session, key, value)
  if session.keys:expires(key) then return zero end
  session.keys:set(key, value)
  return one
end }

commands.GETSET = { arity = 3, memory = true, run = function(session, key, value)
  local before = session.keys:get(key)
  if before ~= false then session.keys:set(key, value) end
  return reply(session, before)
end }

commands.GETDEL = { arity = 2, run = function(session, key)
  local before = session.keys:get(key)
  if before then session.keys:remove(key) end
  return reply(session, before)
end }

commands.GETEX = { arity = -2, many = function(session, list)
  local key, option, persist = list[1], list[2] and list[2]:upper(), false
  if option == "PERSIST" and not list[3] then
    persist = true
  elseif option and (not expiry.units[option] or not list[3] or list[4]) then
    return syntax
  end
  local value = session.keys:get(key)
  if value and option then
    local expires, problem = 0, nil
    if not persist then expires, problem = expiry.at(list[3], expiry.units[option], "getex") end
    if not expires then return problem end
    expiry.set(session.keys, key, expires)
  end
  return reply(session, value)
end }

commands.MGET = { arity = -2, many = function(session, list)
  local keys = session.keys
  return replies.collect(session, #list, function(i) return keys:get(list[i]) end)
end }

commands.MSET = { arity = -3, memory = true, many = function(session, list)
  if #list % 2 ~= 0 then return replies.arity "mset" end
  for i = 1, #list, 2 do session.keys:set(list[i], list[i + 1]) end
  return ok
end }

commands.MSETNX = { arity = -3, memory = true, many = function(session, list)
  if #list % 2 ~= 0 then return replies.arity "msetnx" end
  for i = 1, #list, 2 do
    if session.keys:expires(list[i]) then return zero end
  end
  for i = 1, #list, 2 do session.keys:set(list[i], list[i + 1]) end
  return one
end }

commands.APPEND = { arity = 3, memory = true, run = function(session, key, more)
  local keys = session.keys
  local value = keys:get(key)
  if value == false then return wrongType end
  value = (value or "") .. more
  if #value > replies.longest then return failure "ERR string exceeds maximum allowed size (proto-max-bulk-len)" end
  keys:set(key, value, keys:expires(key))
  return integer(#value)
end }

commands.STRLEN = { arity = 2, run = function(session, key)
  local value = session.keys:get(key)
  return value == false and wrongType or integer(#(value or ""))
end }

commands.GETRANGE = { arity = 4, run = function(session, key, first, last)
  first, last = whole(first), whole(last)
  if not first or not last then return notInteger end
  local value = session.keys:get(key)
  if value == false then return wrongType end
  value = value or ""
  if first < 0 and last < 0 and first > last then return bulk "" end
  first = first < 0 and math.max(#value + first, 0) or math.min(first, #value)
  last = last < 0 and math.max(#value + last, 0) or math.min(last, #value)
  return bulk(value:sub(first + 1, last + 1))
end }
commands.SUBSTR = commands.GETRANGE

-- Numbers ------------------------------------------------------------------------------------------------------------

local function add(session, key, amount)
  local keys = session.keys
  local value = keys:get(key)
  if value == false then return wrongType end
  local number = whole(value or "0")
  if not number or not amount then return notInteger end
  local sum, problem = replies.sum(number, amount)
  if not sum then return problem end
  keys:set(key, sum, keys:expires(key))
  return integer(sum)
end

commands.INCR = { arity = 2, memory = true, run = function(session, key) return add(session, key, 1) end }
commands.DECR = { arity = 2, memory = true, run = function(session, key) return add(session, key, -1) end }
commands.INCRBY = { arity = 3, memory = true, run = function(session, key, amount)
  amount = whole(amount)
  return amount and add(session, key, amount) or notInteger
end }
commands.DECRBY = { arity = 3, memory = true, run = function(session, key, amount)
  amount = whole(amount)
  if amount == math.mininteger then return failure "ERR decrement would overflow" end
  return amount and add(session, key, -amount) or notInteger
end }

return commands
