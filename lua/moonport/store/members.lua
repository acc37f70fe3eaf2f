-- The commands that hashes and sets have alike: each of these makes one, of a kind that is "hash" or "set".
-- SPDX-License-Identifier: MIT

local resp = require "moonport.resp"
local replies = require "moonport.store.replies"
local scan = require "moonport.store.scan"

local integer = resp.integer
local one, wrongType, zero = replies.one, replies.wrongType, replies.zero

local members = {}

--- Calls a method of the keyspace with each member. The reply is how many that has changed.
function members.each(kind, method, memory)
  return { arity = -3, memory = memory, many = function(session, list)
    local keys, key, count = session.keys, list[1], 0
    for i = 2, #list do
      local changed = keys[method](keys, kind, key, list[i])
      if not changed then return wrongType end
      count = count + changed
    end
    return integer(count)
  end }
end

--- Whether a member is there.
function members.has(kind)
  return { arity = 3, run = function(session, key, member)
    local value = session.keys:member(kind, key, member)
    return value == false and wrongType or value and one or zero
  end }
end

--- How many members there are.
function members.size(kind)
  return { arity = 2, run = function(session, key)
    local size = session.keys:size(kind, key)
    return size and integer(size) or wrongType
  end }
end

--- Some of the members, from a cursor on.
function members.scan(kind)
  return { arity = -3, many = function(session, list)
    local at, problem = scan.options(list, 2)
    if not at then return problem end
    local next, found = session.keys:scanMembers(kind, list[1], at.cursor, at.count, at.glob)
    if not next then return wrongType end
    return scan.reply(session, next, found)
  end }
end

return members
