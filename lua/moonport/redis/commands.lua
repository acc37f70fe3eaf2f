-- What the client knows of Redis' commands: those that are methods of a store, those that a connection can't take which
-- others use too, and those that block.
-- SPDX-License-Identifier: MIT

local commands = {}

local function set(text)
  local names = {}
  for name in text:gmatch "%S+" do names[name] = true end
  return names
end

commands.methods = set [[
  append bitcount bitop bitpos copy dbsize decr decrby del dump echo eval evalsha exists expire expireat expiretime
  flushdb geoadd geodist geopos geosearch get getbit getdel getex getrange getset hdel hexists hget hgetall hincrby
  hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset hsetnx hstrlen hvals incr incrby incrbyfloat info keys
  lindex linsert llen lmove lpop lpos lpush lpushx lrange lrem lset ltrim mget mset msetnx object persist pexpire
  pexpireat pfadd pfcount pfmerge ping psetex pttl publish pubsub randomkey rename renamenx restore rpop rpush rpushx
  sadd scan scard sdiff sdiffstore set setbit setex setnx setrange sinter sinterstore sismember smembers smismember
  smove spop srandmember srem sscan strlen sunion sunionstore time touch ttl type unlink xack xadd xautoclaim xclaim
  xdel xgroup xinfo xlen xpending xrange xread xreadgroup xrevrange xtrim zadd zcard zcount zincrby zinter zlexcount
  zmscore zpopmax zpopmin zrandmember zrange zrangebyscore zrangestore zrank zrem zremrangebyrank zremrangebyscore
  zrevrange zrevrank zscan zscore zunion zunionstore
]]

--- The methods that a connection of one's own has besides.
commands.blocking = set [[
  blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin wait waitaof
]]
commands.guarding = set "unwatch watch"

local never = set [[
  HELLO MONITOR PSUBSCRIBE PSYNC PUNSUBSCRIBE QUIT RESET SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SYNC UNSUBSCRIBE
]]
local ofOne = set "ASKING AUTH DISCARD EXEC MULTI READONLY READWRITE SELECT UNWATCH WATCH"
local clients = set "CACHING NO-EVICT NO-TOUCH REPLY TRACKING"

local reading = { XREAD = true, XREADGROUP = true }

-- The first word of the arguments, in capitals.
local function first(word) return type(word) == "string" and word:upper() or "" end

--- Whether a command may take as long as it likes.
function commands.blocks(name, ...)
  if commands.blocking[name:lower()] then return true end
  if not reading[name] then return false end
  for i = 1, select("#", ...) do
    local word = first((select(i, ...)))
    if word == "BLOCK" then return true end
    if word == "STREAMS" then break end
  end
  return false
end

--- Why a shared connection can't take the command; nil: it can. `name` is in capitals.
function commands.refusal(name, ...)
  if never[name] or name == "CLIENT" and first((...)) == "REPLY" then
    return "changes what a connection is for; use store:subscribe for messages"
  end
  if ofOne[name] or name == "CLIENT" and clients[first((...))] then
    return "changes the state of a connection that others use too; use store:dedicated, or store:multi"
  end
  if commands.blocks(name, ...) then return "would block everybody; use store:dedicated" end
end

--- The same for a connection of one's own.
function commands.refusalOfOwn(name, ...)
  if never[name] or name == "CLIENT" and first((...)) == "REPLY" then
    return "changes what a connection is for; use store:subscribe for messages"
  end
end

--- What a command leaves behind on its connection: "kept" for good, "until" a later one, "clean" for that one; or nil.
function commands.trace(name)
  if name == "MULTI" or name == "WATCH" then return "until" end
  if name == "EXEC" or name == "DISCARD" or name == "UNWATCH" then return "clean" end
  if ofOne[name] or name == "CLIENT" then return "kept" end
end

return commands
