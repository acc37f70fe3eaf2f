-- All commands of moonport.store, and how one is called.
--
-- A command is a table:
--   arity       number of words, with the name; negative: at least
--   run, many   function(session, first, second, third) or function(session, list) -> reply. With both, `run` is for
--               `plain` arguments.
--   memory      it may need more: not beyond the store's bound
--   waits       it may let others run
--   subscribed  a subscriber may use it, too; anybody: so may a client without a password; hidden: isn't counted
-- A session is a client's connection, see session.lua.
-- SPDX-License-Identifier: MIT

local resp = require "moonport.resp"
local expiry = require "moonport.store.expiry"
local pubsub = require "moonport.store.pubsub"
local replies = require "moonport.store.replies"
local transactions = require "moonport.store.transactions"

local failure = resp.error

local commands = {} -- by their names in upper and in lower case
local count = 0

for _, family in ipairs {
  require "moonport.store.strings", expiry.commands, require "moonport.store.keys", require "moonport.store.hashes",
  require "moonport.store.sets", transactions.commands, pubsub.commands, require "moonport.store.clients",
  (require "moonport.store.facts"),
} do
  for name, command in pairs(family) do
    commands[name], commands[name:lower()] = command, command
    if not command.hidden then count = count + 1 end
  end
end

local module = { count = count }

local outOfMemory = failure "OOM command not allowed when used memory > 'maxmemory'."
local noAuthentication = failure "NOAUTH Authentication required."

local function unknown(name, list)
  local rest = {}
  for i = 1, math.min(#list, 8) do rest[i] = ("'%s' "):format(list[i]:sub(1, 128)) end
  return failure(("ERR unknown command '%s', with args beginning with: %s"):format(name:sub(1, 128),
    table.concat(rest)))
end

-- A command that can't run, which spoils a transaction.
local function refuse(session, reply)
  if session.queue then session.failed = true end
  return reply
end

local function hasMemory(session)
  local most = session.store.maxMemory
  if most == 0 or session.keys:bytes() <= most then return true end
  session.keys:removeExpired(1000)
  while session.keys:sweep(1000) and session.keys:bytes() > most do end -- what was removed counts until it is freed
  return session.keys:bytes() <= most
end

--- Runs a command with its list of arguments. -> reply
function module.call(session, name, command, list)
  if command.memory and not hasMemory(session) then return outOfMemory end
  if not command.many or #list == command.plain then return command.run(session, list[1], list[2], list[3]) end
  return command.many(session, list, name)
end

-- What holds for few sessions: those in a transaction, subscribers, and who has to give a password.
local function callSpecial(session, name, command)
  if not session.authenticated and not command.anybody then return refuse(session, noAuthentication) end
  if session.subscriptions > 0 and session.version == 2 and not command.subscribed then
    return refuse(session, failure(("ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / " ..
      "RESET are allowed in this context"):format(name:lower())))
  end
  local list = session.reader:arguments()
  if not session.queue or transactions.atOnce[name:upper()] then return module.call(session, name, command, list) end
  if command.memory and not hasMemory(session) then return refuse(session, outOfMemory) end
  return transactions.queue(session, name, command, list)
end

--- The command of this name. -> nil: there is none
function module.find(name)
  return commands[name] or commands[name:upper()]
end

--- Runs the command that the session's reader has given. -> reply
function module.answer(session, command, name, given, first, second, third)
  if not command then return refuse(session, unknown(name, session.reader:arguments())) end
  local arity = command.arity
  if arity > 0 and given + 1 ~= arity or given + 1 < -arity then
    return refuse(session, replies.arity(name:lower()))
  end
  if session.queue or session.subscriptions > 0 or not session.authenticated then
    return callSpecial(session, name, command)
  end
  if command.memory and not hasMemory(session) then return outOfMemory end
  if not command.many or given == command.plain then return command.run(session, first, second, third) end
  return command.many(session, session.reader:arguments())
end

return module
