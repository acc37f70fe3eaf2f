-- MULTI, EXEC and DISCARD of moonport.store. What is queued runs as one, with nothing of others in between.
-- SPDX-License-Identifier: MIT

local resp = require "moonport.resp"
local replies = require "moonport.store.replies"

local failure = resp.error

local largest = 64 << 20 -- bytes of all that a transaction queues

local transactions = {
  -- What isn't queued within a transaction but runs at once.
  atOnce = { MULTI = true, EXEC = true, DISCARD = true, QUIT = true, RESET = true },
}

local commands = {}

--- Notes a command for EXEC. -> reply
function transactions.queue(session, name, command, list)
  local size = session.queued + 64
  for i = 1, #list do size = size + #list[i] + 32 end
  if size > largest then
    session.failed = true
    return failure "ERR the transaction is too large"
  end
  session.queued = size
  session.queue[#session.queue + 1] = { name, command, list }
  return replies.queued
end

--- Ends a transaction, if there is one.
function transactions.discard(session)
  session.queue, session.queued, session.failed = nil, nil, nil
end

commands.MULTI = { arity = 1, run = function(session)
  if session.queue then return failure "ERR MULTI calls can not be nested" end
  session.queue, session.queued = {}, 0
  return replies.ok
end }

commands.DISCARD = { arity = 1, run = function(session)
  if not session.queue then return failure "ERR DISCARD without MULTI" end
  transactions.discard(session)
  return replies.ok
end }

commands.EXEC = { arity = 1, run = function(session)
  local queue = session.queue
  if not queue then return failure "ERR EXEC without MULTI" end
  local failed = session.failed
  transactions.discard(session)
  if failed then return failure "EXECABORT Transaction discarded because of previous errors." end
  local parts, size = { ("*%d\r\n"):format(#queue) }, 0
  session.inTransaction = true
  for i = 1, #queue do
    local reply = session.store.call(session, table.unpack(queue[i]))
    if size + #reply > replies.largest and #reply > #replies.tooLarge then reply = replies.tooLarge end
    size, parts[i + 1] = size + #reply, reply
  end
  session.inTransaction = nil
  return table.concat(parts)
end }

transactions.commands = commands

return transactions
