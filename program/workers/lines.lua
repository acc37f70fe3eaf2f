-- What a worker may say to its master: the words of each line, and whether it brings a descriptor. A worker runs a
-- script, and whoever has taken that over; so what isn't here isn't listened to. See channel.h.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local words = require "moonport.program.words"

local lines = { longest = 1 << 20 } -- bytes, as in channel.c

local function number(most)
  local digits = #("%d"):format(most)
  return function(word) return #word <= digits and word:find "^%d+$" and tonumber(word) <= most end
end

local any, flag, port, count = function() return true end, number(1), number(65535), number(2^31 - 1)
local cookie = function(word) return #word <= 20 and word:find "^%d+$" end -- also a question's number: 64 bits
local counter = number(10^15)
local address = function(word) return word == "any" or moonport.HostAddress(word) end
local name = function(word) return words.to(word):find "^unix:." end
local mode = function(word) return word == "-" or word:find "^0[0-7][0-7][0-7]$" end
local group = function(word) return word == "-1" or number(2^32 - 2)(word) end

-- By the first word: what the others are; `brings`: a descriptor may come.
local known = {
  listen = { cookie, address, port, flag },
  ["local"] = { cookie, name, flag, mode, group, count },
  store = { cookie },
  closed = { cookie },
  serving = { flag, brings = true },
  loaded = { counter, brings = true },
  ready = { flag, brings = true },
  failed = { any },
  committed = { counter, counter, counter, counter, counter, any },
  quit = { number(255) },
}
for _, word in ipairs { "reload", "rollback", "hungup", "pong", "full", "done" } do known[word] = {} end

--- Whether the words of a line have a meaning.
function lines.fit(list, fd)
  local kinds = known[list[1]]
  if not kinds or #list ~= #kinds + 1 or fd and not kinds.brings then return false end
  for i, fits in ipairs(kinds) do
    if not fits(list[i + 1]) then return false end
  end
  return true
end

return lines
