-- The commands of moonport.store on hashes.
-- SPDX-License-Identifier: MIT

local resp = require "moonport.resp"
local members = require "moonport.store.members"
local replies = require "moonport.store.replies"

local bulk, failure, integer = resp.bulk, resp.error, resp.integer
local ok, one, whole, wrongType, zero = replies.ok, replies.one, replies.whole, replies.wrongType, replies.zero

local commands = {}

-- -> how many are new | false: the key is no hash
local function setAll(session, list)
  local keys, key, count = session.keys, list[1], 0
  if not keys:size("hash", key) then return false end
  for i = 2, #list, 2 do count = count + keys:setMember("hash", key, list[i], list[i + 1]) end
  return count
end

commands.HSET = { arity = -4, memory = true, many = function(session, list)
  if #list % 2 == 0 then return replies.arity "hset" end
  local count = setAll(session, list)
  return count and integer(count) or wrongType
end }

commands.HMSET = { arity = -4, memory = true, many = function(session, list)
  if #list % 2 == 0 then return replies.arity "hmset" end
  return setAll(session, list) and ok or wrongType
end }

commands.HSETNX = { arity = 4, memory = true, run = function(session, key, field, value)
  local before = session.keys:member("hash", key, field)
  if before == false then return wrongType end
  if before then return zero end
  session.keys:setMember("hash", key, field, value)
  return one
end }

commands.HGET = { arity = 3, run = function(session, key, field)
  local value = session.keys:member("hash", key, field)
  if value then return bulk(value) end
  return value == nil and replies.null[session.version] or wrongType
end }

commands.HMGET = { arity = -3, many = function(session, list)
  local keys, key = session.keys, list[1]
  if not keys:size("hash", key) then return wrongType end
  return replies.collect(session, #list - 1, function(i) return keys:member("hash", key, list[i + 1]) end)
end }

commands.HDEL, commands.HEXISTS = members.each("hash", "removeMember"), members.has "hash"
commands.HLEN = members.size "hash"

commands.HSTRLEN = { arity = 3, run = function(session, key, field)
  local value = session.keys:member("hash", key, field)
  return value == false and wrongType or integer(#(value or ""))
end }

local function all(part)
  return { arity = 2, run = function(session, key)
    local count, text = session.keys:members("hash", key, part, replies.largest)
    if not count then return count == nil and replies.tooLarge or wrongType end
    if part == "both" and session.version == 2 then count = count * 2 end
    return ("%s%d\r\n%s"):format(part == "both" and session.version == 3 and "%" or "*", count, text)
  end }
end

commands.HGETALL, commands.HKEYS, commands.HVALS = all "both", all "keys", all "values"

commands.HINCRBY = { arity = 4, memory = true, run = function(session, key, field, amount)
  amount = whole(amount)
  if not amount then return replies.notInteger end
  local value = session.keys:member("hash", key, field)
  if value == false then return wrongType end
  local number = whole(value or "0")
  if not number then return failure "ERR hash value is not an integer" end
  local sum, problem = replies.sum(number, amount)
  if not sum then return problem end
  session.keys:setMember("hash", key, field, sum)
  return integer(sum)
end }

commands.HSCAN = members.scan "hash"

return commands
