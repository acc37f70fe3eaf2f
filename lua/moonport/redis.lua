-- A client of Redis and Valkey: redis.connect(url). See docs/reference/redis.md. A store belongs to the run that made
-- it; its connections belong to the process.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local commands = require "moonport.redis.commands"
local default = require "moonport.redis.default"
local lasting = require "moonport.lasting"
local resp = require "moonport.resp"
local url = require "moonport.redis.url"

local sets = lasting.require "moonport.redis.sets"

local redis = {}

local defaults = { timeout = 5000, limit = 64 << 20, queue = 1000 }
local most = { timeout = 1 << 31, limit = 1 << 40, queue = math.maxinteger }
local known = { timeout = "number", limit = "number", queue = "number", ssl = "table" }

local encode = resp.command

-- What was attempted, in front of a failure.
local function result(what, value, message, code)
  if value ~= nil or not message then return value end
  return nil, what:lower() .. ": " .. message, code
end

-- Code of a run that is being loaded can be interrupted anywhere, so a task acts for it.
local function act(store, fn, ...)
  if not store.staged then return fn(...) end
  store.staged = lasting.life(store.run) == "staged"
  if not store.staged then return fn(...) end
  return lasting.spawn(fn, ...):join()
end

-- The same, without a result.
local function actLater(store, fn, ...)
  if store.staged then lasting.spawn(fn, ...) else fn(...) end
end

local function check(refuse, name, ...)
  if type(name) ~= "string" or name == "" then error("the name of a command expected", 3) end
  local upper = name:upper()
  local why = refuse(upper, ...)
  if why then error(("%s %s"):format(upper, why), 3) end
  return upper
end

-- A transaction that is being put together ---------------------------------------------------------------------------

local Multi = { __name = "multi" }
Multi.__index = Multi

local function note(self, name, ...)
  if self.sent then error("the transaction was sent already", 3) end
  self[#self + 1] = encode(name, ...)
end

function Multi:command(name, ...) note(self, check(commands.refusal, name, ...), ...) end

-- -> text, number of answers | nil: it is empty
local function transaction(fn)
  local multi = setmetatable({}, Multi)
  fn(multi)
  multi.sent = true
  if #multi == 0 then return nil end
  return encode "MULTI" .. table.concat(multi) .. encode "EXEC", #multi + 2
end

-- A connection of one's own ------------------------------------------------------------------------------------------

local Own = { __name = "dedicated" }
Own.__index = Own

local function ownCall(self, name, blocks, text, replies)
  if self.over then return nil, name:lower() .. ": the connection was given back", "OperationError" end
  local msec = blocks and -1 or self.store.options.timeout
  return result(name, act(self.store, self.link.call, self.link, text, msec, replies))
end

local function ownRun(self, name, ...)
  local trace = commands.trace(name)
  if trace == "clean" then self.open = false elseif trace == "until" then self.open = true end
  self.spoilt = self.spoilt or trace == "kept"
  return ownCall(self, name, commands.blocks(name, ...), encode(name, ...))
end

function Own:command(name, ...) return ownRun(self, check(commands.refusalOfOwn, name, ...), ...) end

function Own:multi(fn)
  local text, replies = transaction(fn)
  if not text then return {} end
  self.open = false
  return ownCall(self, "multi", false, text, replies)
end

function Own:__close()
  self.over = true
  local connections = self.connections
  actLater(self.store, connections.giveBack, connections, self.link, self.permit, not self.open and not self.spoilt)
end

-- The store ----------------------------------------------------------------------------------------------------------

local Store = { __name = "store" }
Store.__index = Store

local function call(store, text, replies)
  local connections = store.connections
  if not connections or connections.closed then connections = sets.of(store) end
  return connections.main:call(text, store.options.timeout, replies)
end

local function closed(name) return nil, name:lower() .. ": the store is closed", "OperationError" end

local function run(self, name, ...)
  if self.closed then return closed(name) end
  return result(name, act(self, call, self, encode(name, ...)))
end

--- Any command. -> its answer | nil, message, code
function Store:command(name, ...) return run(self, check(commands.refusal, name, ...), ...) end

for name in pairs(commands.methods) do
  local upper = name:upper()
  Multi[name] = function(self, ...) note(self, upper, ...) end
  Own[name] = function(self, ...) return ownRun(self, upper, ...) end
  Store[name] = function(self, ...) return run(self, upper, ...) end
end
for _, name in ipairs { "xread", "xreadgroup" } do
  Multi[name] = function(self, ...) return self:command(name, ...) end
  Store[name] = function(self, ...) return self:command(name, ...) end
end
for _, names in ipairs { commands.blocking, commands.guarding } do
  for name in pairs(names) do
    local upper = name:upper()
    Own[name] = function(self, ...) return ownRun(self, upper, ...) end
  end
end

--- Has fn(multi) name commands, and sends them as one transaction. -> list of answers | nil, message, code
function Store:multi(fn)
  if self.closed then return closed "multi" end
  local text, replies = transaction(fn)
  if not text then return {} end
  return result("multi", act(self, call, self, text, replies))
end

local function borrow(store)
  local connections = sets.of(store)
  local link, permit, code = connections:borrow(store.options.timeout)
  if link and store.staged and lasting.life(store.run) == "over" then connections:giveBack(link, permit, true) end
  return link, permit, code, connections
end

--- Calls fn(own) with a connection of its own. -> what fn returns | nil, message, code
function Store:dedicated(fn)
  if self.closed then return closed "dedicated" end
  local link, permit, code, connections = act(self, borrow, self)
  if not link then return nil, "dedicated: " .. permit, code end
  local own <close> = setmetatable({ store = self, link = link, permit = permit, connections = connections }, Own)
  return fn(own)
end

local function add(store, kind, name, handler) return sets.of(store).subscribed:add(kind, name, handler, store) end

local function subscribe(self, what, kind, name, handler)
  if type(name) ~= "string" then error(what .. ": the name of a channel expected", 3) end
  if type(handler) ~= "function" then error(what .. ": a function expected", 3) end
  if self.closed then return closed(what) end
  if lasting.life(self.run) == "over" then return nil, what .. ": newer code has taken over", "OperationError" end
  return result(what, act(self, add, self, kind, name, handler))
end

--- Calls handler(message, channel) for each message that is published to the channel from now on.
--- -> subscription | nil, message, code
function Store:subscribe(channel, handler) return subscribe(self, "subscribe", "message", channel, handler) end

--- The same for all channels whose names match the pattern.
function Store:psubscribe(pattern, handler) return subscribe(self, "psubscribe", "pmessage", pattern, handler) end

--- Ends its subscriptions, and its connections if no other store has them.
function Store:close()
  if self.closed then return end
  self.closed = true
  actLater(self, sets.remove, self)
end

Store.__close = Store.close

function Store:__tostring() return ("store(%s)"):format(self.options.place.name) end

-- connect ------------------------------------------------------------------------------------------------------------

-- The same text for tables with the same contents.
local function canonical(value)
  if type(value) ~= "table" then return ("%s:%s"):format(math.type(value) or type(value), tostring(value)) end
  local parts = {}
  for name, one in pairs(value) do parts[#parts + 1] = ("%s=%s"):format(canonical(name), canonical(one)) end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

-- -> the value, a number as a whole one | nil
local function option(name, value)
  if known[name] ~= type(value) then return nil end
  if type(value) ~= "number" then return value end
  local whole = math.tointeger(value)
  return whole and whole >= 1 and whole <= most[name] and whole or nil
end

local function checked(options)
  local all = {}
  for name, value in pairs(defaults) do all[name] = value end
  for name, value in pairs(options or {}) do
    all[name] = option(name, value) or error(("redis.connect: bad option %s"):format(tostring(name)), 3)
  end
  return all
end

--- redis.connect([url], [options]) -> store | nil, message, code
function redis.connect(address, options)
  if type(address) == "table" then address, options = nil, address end
  options = checked(options)
  if not address then
    local why, code
    address, why, code = default()
    if not address then return nil, why, code end
  end
  local place, why = url.parse(address)
  if not place then return nil, "connect: " .. why, "ProtocolUnknownError" end
  options.place = place
  options.ssl = options.ssl or place.ssl or {}
  if place.tls then
    local ok, message, code = moonport.SslConfiguration(options.ssl)
    if not ok then return nil, "connect: " .. message, code end
  end
  local store = setmetatable({
    options = options, key = ("%s %d %s"):format(address, options.limit, canonical(options.ssl)), run = moonport.spawn,
    staged = lasting.life(moonport.spawn) == "staged", closed = false,
  }, Store)
  sets.add(store)
  return store
end

return redis
