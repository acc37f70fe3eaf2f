-- What the commands of moonport.store share: replies that are always the same, bounds, and numbers.
-- SPDX-License-Identifier: MIT

local resp = require "moonport.resp"
local keyspace = require "moonport.store.keyspace"

local failure = resp.error

local replies = {
  ok = "+OK\r\n", queued = "+QUEUED\r\n", zero = ":0\r\n", one = ":1\r\n", none = "*0\r\n",
  null = { [2] = "$-1\r\n", [3] = "_\r\n" }, -- of a version
  syntax = failure "ERR syntax error",
  notInteger = failure "ERR value is not an integer or out of range",
  notPositive = failure "ERR value is out of range, must be positive",
  wrongType = failure "WRONGTYPE Operation against a key holding the wrong kind of value",
  largest = 64 << 20, -- bytes of a reply
  longest = 16 << 20, -- bytes of a string
}

replies.tooLarge = failure(("ERR the reply is larger than %d bytes"):format(replies.largest))
replies.longGlob = failure(("ERR a pattern has at most %d bytes"):format(keyspace.longestGlob))

function replies.arity(name)
  return failure(("ERR wrong number of arguments for '%s' command"):format(name))
end

--- For a second word of a command that there isn't, or that has other arguments.
function replies.subcommand(name, list)
  return failure(("ERR unknown subcommand or wrong number of arguments for '%s'. Try %s HELP."):format(
    list[1]:sub(1, 128), name))
end

--- What Redis takes as an integer: without blanks, a plus or leading zeros. -> integer | nil
function replies.whole(word)
  return (word:find "^-?[1-9]%d*$" or word == "0") and math.tointeger(tonumber(word)) or nil
end

--- An array of `count` strings, of which `at(i)` gives the i-th, or nil or false. A command could name a large one
--- again and again, so none is taken beyond the bound.
function replies.collect(session, count, at)
  local list, size = {}, 0
  for i = 1, count do
    local value = at(i) or false
    size = size + (value and #value or 0) + 16
    if size > replies.largest then return replies.tooLarge end
    list[i] = value
  end
  return resp.array(list, session.version)
end

--- A list as an array, or by another function of moonport.resp. One request could take all memory, so it has a bound.
function replies.array(session, list, write)
  local size = 0
  for i = 1, #list do size = size + (list[i] and #list[i] or 0) + 16 end
  return size > replies.largest and replies.tooLarge or (write or resp.array)(list, session.version)
end

--- -> the sum of two integers | nil, reply: there is none
function replies.sum(number, amount)
  local sum = number + amount
  if amount > 0 and sum < number or amount < 0 and sum > number then
    return nil, failure "ERR increment or decrement would overflow"
  end
  return sum
end

return replies
