---@meta moonport.redis
-- SPDX-License-Identifier: MIT
-- Types of moonport.redis for LuaLS. spec/api/docs_library_spec.lua compares them with the module and its page.

---A client of Redis and Valkey.
---@class moonport.redis
local redis = {}

---A string, an integer, a list in which null is false, or nil for null.
---@alias moonport.redis.Answer string|integer|table|nil

---Waits for the answer.
---@alias moonport.redis.Command fun(self: moonport.redis.Commands, ...: string|number): moonport.redis.Answer, string?, string?

---@class moonport.redis.Options
---@field timeout? integer # Milliseconds that a command may take.
---@field limit? integer # Bytes of an answer.
---@field queue? integer # Messages that may wait for a handler.
---@field ssl? moonport.SslOptions

---The commands that are methods.
---@class moonport.redis.Commands
---@field append moonport.redis.Command
---@field bitcount moonport.redis.Command
---@field bitop moonport.redis.Command
---@field bitpos moonport.redis.Command
---@field copy moonport.redis.Command
---@field dbsize moonport.redis.Command
---@field decr moonport.redis.Command
---@field decrby moonport.redis.Command
---@field del moonport.redis.Command
---@field dump moonport.redis.Command
---@field echo moonport.redis.Command
---@field eval moonport.redis.Command
---@field evalsha moonport.redis.Command
---@field exists moonport.redis.Command
---@field expire moonport.redis.Command
---@field expireat moonport.redis.Command
---@field expiretime moonport.redis.Command
---@field flushdb moonport.redis.Command
---@field geoadd moonport.redis.Command
---@field geodist moonport.redis.Command
---@field geopos moonport.redis.Command
---@field geosearch moonport.redis.Command
---@field get moonport.redis.Command
---@field getbit moonport.redis.Command
---@field getdel moonport.redis.Command
---@field getex moonport.redis.Command
---@field getrange moonport.redis.Command
---@field getset moonport.redis.Command
---@field hdel moonport.redis.Command
---@field hexists moonport.redis.Command
---@field hget moonport.redis.Command
---@field hgetall moonport.redis.Command
---@field hincrby moonport.redis.Command
---@field hincrbyfloat moonport.redis.Command
---@field hkeys moonport.redis.Command
---@field hlen moonport.redis.Command
---@field hmget moonport.redis.Command
---@field hmset moonport.redis.Command
---@field hrandfield moonport.redis.Command
---@field hscan moonport.redis.Command
---@field hset moonport.redis.Command
---@field hsetnx moonport.redis.Command
---@field hstrlen moonport.redis.Command
---@field hvals moonport.redis.Command
---@field incr moonport.redis.Command
---@field incrby moonport.redis.Command
---@field incrbyfloat moonport.redis.Command
---@field info moonport.redis.Command
---@field keys moonport.redis.Command
---@field lindex moonport.redis.Command
---@field linsert moonport.redis.Command
---@field llen moonport.redis.Command
---@field lmove moonport.redis.Command
---@field lpop moonport.redis.Command
---@field lpos moonport.redis.Command
---@field lpush moonport.redis.Command
---@field lpushx moonport.redis.Command
---@field lrange moonport.redis.Command
---@field lrem moonport.redis.Command
---@field lset moonport.redis.Command
---@field ltrim moonport.redis.Command
---@field mget moonport.redis.Command
---@field mset moonport.redis.Command
---@field msetnx moonport.redis.Command
---@field object moonport.redis.Command
---@field persist moonport.redis.Command
---@field pexpire moonport.redis.Command
---@field pexpireat moonport.redis.Command
---@field pfadd moonport.redis.Command
---@field pfcount moonport.redis.Command
---@field pfmerge moonport.redis.Command
---@field ping moonport.redis.Command
---@field psetex moonport.redis.Command
---@field pttl moonport.redis.Command
---@field publish moonport.redis.Command
---@field pubsub moonport.redis.Command
---@field randomkey moonport.redis.Command
---@field rename moonport.redis.Command
---@field renamenx moonport.redis.Command
---@field restore moonport.redis.Command
---@field rpop moonport.redis.Command
---@field rpush moonport.redis.Command
---@field rpushx moonport.redis.Command
---@field sadd moonport.redis.Command
---@field scan moonport.redis.Command
---@field scard moonport.redis.Command
---@field sdiff moonport.redis.Command
---@field sdiffstore moonport.redis.Command
---@field set moonport.redis.Command
---@field setbit moonport.redis.Command
---@field setex moonport.redis.Command
---@field setnx moonport.redis.Command
---@field setrange moonport.redis.Command
---@field sinter moonport.redis.Command
---@field sinterstore moonport.redis.Command
---@field sismember moonport.redis.Command
---@field smembers moonport.redis.Command
---@field smismember moonport.redis.Command
---@field smove moonport.redis.Command
---@field spop moonport.redis.Command
---@field srandmember moonport.redis.Command
---@field srem moonport.redis.Command
---@field sscan moonport.redis.Command
---@field strlen moonport.redis.Command
---@field sunion moonport.redis.Command
---@field sunionstore moonport.redis.Command
---@field time moonport.redis.Command
---@field touch moonport.redis.Command
---@field ttl moonport.redis.Command
---@field type moonport.redis.Command
---@field unlink moonport.redis.Command
---@field xack moonport.redis.Command
---@field xadd moonport.redis.Command
---@field xautoclaim moonport.redis.Command
---@field xclaim moonport.redis.Command
---@field xdel moonport.redis.Command
---@field xgroup moonport.redis.Command
---@field xinfo moonport.redis.Command
---@field xlen moonport.redis.Command
---@field xpending moonport.redis.Command
---@field xrange moonport.redis.Command
---@field xread moonport.redis.Command
---@field xreadgroup moonport.redis.Command
---@field xrevrange moonport.redis.Command
---@field xtrim moonport.redis.Command
---@field zadd moonport.redis.Command
---@field zcard moonport.redis.Command
---@field zcount moonport.redis.Command
---@field zincrby moonport.redis.Command
---@field zinter moonport.redis.Command
---@field zlexcount moonport.redis.Command
---@field zmscore moonport.redis.Command
---@field zpopmax moonport.redis.Command
---@field zpopmin moonport.redis.Command
---@field zrandmember moonport.redis.Command
---@field zrange moonport.redis.Command
---@field zrangebyscore moonport.redis.Command
---@field zrangestore moonport.redis.Command
---@field zrank moonport.redis.Command
---@field zrem moonport.redis.Command
---@field zremrangebyrank moonport.redis.Command
---@field zremrangebyscore moonport.redis.Command
---@field zrevrange moonport.redis.Command
---@field zrevrank moonport.redis.Command
---@field zscan moonport.redis.Command
---@field zscore moonport.redis.Command
---@field zunion moonport.redis.Command
---@field zunionstore moonport.redis.Command
local commands = {}

---A connection of one's own.
---@class moonport.redis.Dedicated: moonport.redis.Commands
---@field blmove moonport.redis.Command
---@field blmpop moonport.redis.Command
---@field blpop moonport.redis.Command
---@field brpop moonport.redis.Command
---@field brpoplpush moonport.redis.Command
---@field bzmpop moonport.redis.Command
---@field bzpopmax moonport.redis.Command
---@field bzpopmin moonport.redis.Command
---@field unwatch moonport.redis.Command
---@field wait moonport.redis.Command
---@field waitaof moonport.redis.Command
---@field watch moonport.redis.Command
local dedicated = {}

---Sends any command, and waits for its answer.
---@param name string
---@param ... string|number
---@return moonport.redis.Answer answer
---@return string? message
---@return string? code
function dedicated:command(name, ...) end

---Sends the commands that fn names as one transaction; nil without a message: a watched key has changed.
---@param fn fun(transaction: moonport.redis.Commands)
---@return table? answers
---@return string? message
---@return string? code
function dedicated:multi(fn) end

---@class moonport.redis.Subscription
local subscription = {}

---Ends it.
function subscription:close() end

---How many messages wait for the handler.
---@return integer
function subscription:pending() end

---How many messages were dropped because too many waited.
---@return integer
function subscription:dropped() end

---@class moonport.redis.Store: moonport.redis.Commands
---@field reconnected? fun(self: moonport.redis.Store) # A lost connection is back.
local store = {}

---Sends any command, and waits for its answer.
---@param name string
---@param ... string|number
---@return moonport.redis.Answer answer
---@return string? message
---@return string? code
function store:command(name, ...) end

---Sends the commands that fn names as one transaction.
---@param fn fun(transaction: moonport.redis.Commands)
---@return table? answers
---@return string? message
---@return string? code
function store:multi(fn) end

---Calls fn with a connection that nobody else uses.
---@param fn fun(own: moonport.redis.Dedicated): ...
---@return any ...
function store:dedicated(fn) end

---Calls the handler for each message that is published to the channel.
---@param channel string
---@param handler fun(message: string, channel: string)
---@return moonport.redis.Subscription? subscription
---@return string? message
---@return string? code
function store:subscribe(channel, handler) end

---The same for all channels whose names match the pattern.
---@param pattern string
---@param handler fun(message: string, channel: string)
---@return moonport.redis.Subscription? subscription
---@return string? message
---@return string? code
function store:psubscribe(pattern, handler) end

---Ends its subscriptions, and its connections if no other store has them.
function store:close() end

---Makes a store. Without a URL it is the one that --store or MOONPORT_STORE names, or else the
---program's own, which it starts if none runs.
---@param url? string
---@param options? moonport.redis.Options
---@return moonport.redis.Store? store
---@return string? message
---@return string? code
function redis.connect(url, options) end

return redis
