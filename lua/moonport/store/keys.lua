-- The commands of moonport.store on keys of any type.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local resp = require "moonport.resp"
local keyspace = require "moonport.store.keyspace"
local replies = require "moonport.store.replies"
local scan = require "moonport.store.scan"

local failure, integer = resp.error, resp.integer
local ok, one, zero = replies.ok, replies.one, replies.zero

local step = 5000 -- keys that KEYS looks at before others run

local commands = {}

local function each(method)
  return { arity = -2, many = function(session, list)
    local keys, count = session.keys, 0
    for i = 1, #list do
      if keys[method](keys, list[i]) then count = count + 1 end
    end
    return integer(count)
  end }
end

commands.DEL, commands.EXISTS = each "remove", each "expires"
commands.UNLINK, commands.TOUCH = commands.DEL, commands.EXISTS

commands.TYPE = { arity = 2, run = function(session, key)
  return ("+%s\r\n"):format(session.keys:kind(key) or "none")
end }

local missing = failure "ERR no such key"

commands.RENAME = { arity = 3, memory = true, run = function(session, key, other)
  if not session.keys:expires(key) then return missing end
  session.keys:rename(key, other)
  return ok
end }

commands.RENAMENX = { arity = 3, memory = true, run = function(session, key, other)
  if not session.keys:expires(key) then return missing end
  if session.keys:expires(other) then return zero end
  session.keys:rename(key, other)
  return one
end }

-- Others run meanwhile, unless it is part of a transaction. So a key may come up twice.
commands.KEYS = { arity = 2, waits = true, run = function(session, glob)
  if #glob > keyspace.longestGlob then return replies.longGlob end
  local keys, list, seen, cursor, size = session.keys, {}, {}, 0, 0
  repeat
    local found
    cursor, found = keys:scan(cursor, step, glob)
    for i = 1, #found do
      local key = found[i]
      if not seen[key] then
        seen[key], list[#list + 1], size = true, key, size + #key + 16
      end
    end
    if size > replies.largest then return replies.tooLarge end
    if cursor ~= 0 and not session.inTransaction then moonport.sleep(0) end
  until cursor == 0
  return resp.array(list)
end }

commands.SCAN = { arity = -2, many = function(session, list)
  local at, problem = scan.options(list, 1)
  if not at then return problem end
  local next, found = session.keys:scan(at.cursor, at.count, at.glob, at.kind)
  return scan.reply(session, next, at.nothing and {} or found)
end }

commands.RANDOMKEY = { arity = 1, run = function(session)
  local keys = session.keys
  for _ = 1, 100 do -- some may have expired
    local count = keys:count()
    if count == 0 then break end
    local _, found = keys:scan(math.random(count), 1)
    if found[1] then return resp.bulk(found[1]) end
  end
  return replies.null[session.version]
end }

commands.DBSIZE = { arity = 1, run = function(session) return integer(session.keys:count()) end }

commands.FLUSHALL = { arity = -1, many = function(session, list)
  local option = list[1] and list[1]:upper()
  if list[2] or option and option ~= "ASYNC" and option ~= "SYNC" then return replies.syntax end
  session.keys:clear()
  return ok
end }
commands.FLUSHDB = commands.FLUSHALL

return commands
