-- The commands of moonport.store on sets.
-- SPDX-License-Identifier: MIT

local resp = require "moonport.resp"
local members = require "moonport.store.members"
local replies = require "moonport.store.replies"

local bulk, integer = resp.bulk, resp.integer
local one, whole, wrongType, zero = replies.one, replies.whole, replies.wrongType, replies.zero

local step = 1000 -- members that are looked at in one call

local commands = {}

commands.SADD, commands.SREM = members.each("set", "setMember", true), members.each("set", "removeMember")
commands.SCARD, commands.SISMEMBER = members.size "set", members.has "set"

commands.SMISMEMBER = { arity = -3, many = function(session, list)
  local keys, key, flags = session.keys, list[1], {}
  if not keys:size("set", key) then return wrongType end
  for i = 2, #list do flags[i - 1] = keys:member("set", key, list[i]) and 1 or 0 end
  return resp.array(flags)
end }

commands.SMEMBERS = { arity = 2, run = function(session, key)
  local count, text = session.keys:members("set", key, "keys", replies.largest)
  if not count then return count == nil and replies.tooLarge or wrongType end
  return ("%s%d\r\n%s"):format(session.version == 3 and "~" or "*", count, text)
end }

commands.SMOVE = { arity = 4, run = function(session, from, to, member)
  local keys = session.keys
  local kind = keys:kind(from)
  if not kind then return zero end
  if kind ~= "set" or (keys:kind(to) or "set") ~= "set" then return wrongType end
  if not keys:member("set", from, member) then return zero end
  if from == to then return one end
  keys:removeMember("set", from, member)
  keys:setMember("set", to, member)
  return one
end }

-- Random members -----------------------------------------------------------------------------------------------------

local function random(keys, key, size)
  return keys:memberAt("set", key, math.random(size))
end

-- So many different members, or all. -> list | nil: they are too large for a reply
local function choose(keys, key, size, count)
  local list, taken, bytes = {}, {}, 0
  for last = math.max(size - count, 0) + 1, size do -- Floyd: each choice is as likely as any other
    local place = math.random(last)
    if taken[place] then place = last end
    taken[place] = true
    local member = keys:memberAt("set", key, place)
    list[#list + 1], bytes = member, bytes + #member + 16
    if bytes > replies.largest then return nil end
  end
  return list
end

commands.SPOP = { arity = -2, many = function(session, list)
  local keys, key = session.keys, list[1]
  if list[3] then return replies.syntax end
  local count = list[2] and whole(list[2])
  if list[2] and (not count or count < 0) then return replies.notPositive end
  local size = keys:size("set", key)
  if not size then return wrongType end
  if not count then
    if size == 0 then return replies.null[session.version] end
    local member = random(keys, key, size)
    keys:removeMember("set", key, member)
    return bulk(member)
  end
  local chosen = choose(keys, key, size, count)
  if not chosen then return replies.tooLarge end
  for _, member in ipairs(chosen) do keys:removeMember("set", key, member) end
  return resp.set(chosen, session.version)
end }

commands.SRANDMEMBER = { arity = -2, many = function(session, list)
  local keys, key = session.keys, list[1]
  if list[3] then return replies.syntax end
  local count = list[2] and whole(list[2])
  if list[2] and not count then return replies.notInteger end
  if count and count < -(1 << 20) then return resp.error "ERR value is out of range" end
  local size = keys:size("set", key)
  if not size then return wrongType end
  if not count then return size > 0 and bulk(random(keys, key, size)) or replies.null[session.version] end
  if count < 0 then
    return replies.collect(session, size > 0 and -count or 0, function() return random(keys, key, size) end)
  end
  local chosen = choose(keys, key, size, count)
  return chosen and resp.array(chosen, session.version) or replies.tooLarge
end }

-- Several sets -------------------------------------------------------------------------------------------------------

local function eachMember(keys, key, fn)
  local cursor = 0
  repeat
    local found
    cursor, found = keys:scanMembers("set", key, cursor, step)
    for i = 1, #found do fn(found[i]) end
  until cursor == 0
end

local combine = {}

function combine.inter(keys, list)
  local smallest, result = list[1], {}
  for i = 2, #list do
    if keys:size("set", list[i]) < keys:size("set", smallest) then smallest = list[i] end
  end
  eachMember(keys, smallest, function(member)
    for i = 1, #list do
      if not keys:member("set", list[i], member) then return end
    end
    result[#result + 1] = member
  end)
  return result
end

function combine.union(keys, list)
  local seen, result = {}, {}
  for i = 1, #list do
    eachMember(keys, list[i], function(member)
      if not seen[member] then
        seen[member], result[#result + 1] = true, member
      end
    end)
  end
  return result
end

function combine.diff(keys, list)
  local result = {}
  eachMember(keys, list[1], function(member)
    for i = 2, #list do
      if keys:member("set", list[i], member) then return end
    end
    result[#result + 1] = member
  end)
  return result
end

-- Whether all are sets, or not there.
local function areSets(keys, list)
  for i = 1, #list do
    if not keys:size("set", list[i]) then return false end
  end
  return true
end

local function combined(how)
  return { arity = -2, many = function(session, list)
    if not areSets(session.keys, list) then return wrongType end
    return replies.array(session, combine[how](session.keys, list), resp.set)
  end }
end

local function stored(how)
  return { arity = -3, memory = true, many = function(session, list)
    local keys, target = session.keys, table.remove(list, 1)
    if not areSets(keys, list) then return wrongType end
    local result = combine[how](keys, list)
    keys:remove(target)
    for i = 1, #result do keys:setMember("set", target, result[i]) end
    return integer(#result)
  end }
end

for _, how in ipairs { "inter", "union", "diff" } do
  commands["S" .. how:upper()] = combined(how)
  commands["S" .. how:upper() .. "STORE"] = stored(how)
end

commands.SSCAN = members.scan "set"

return commands
