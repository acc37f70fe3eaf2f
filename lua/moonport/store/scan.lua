-- What SCAN, HSCAN and SSCAN have in common.
-- SPDX-License-Identifier: MIT

local resp = require "moonport.resp"
local keyspace = require "moonport.store.keyspace"
local replies = require "moonport.store.replies"

local most = 10000 -- entries that one call looks at, whatever COUNT says

local scan = {}

local kinds = { string = true, hash = true, set = true }

--- The words from list[first] on: cursor [MATCH glob] [COUNT n] [TYPE kind]. -> table | nil, reply
function scan.options(list, first)
  local cursor = list[first]
  if not cursor:find "^%d+$" or #cursor > 19 then return nil, resp.error "ERR invalid cursor" end
  local at = { cursor = math.tointeger(tonumber(cursor)) or 0, count = 10 }
  for i = first + 1, #list, 2 do
    local option, value = list[i]:upper(), list[i + 1]
    if option == "COUNT" and value then
      at.count = replies.whole(value)
      if not at.count then return nil, replies.notInteger end
      if at.count < 1 then return nil, replies.syntax end
    elseif option == "MATCH" and value then
      if #value > keyspace.longestGlob then return nil, replies.longGlob end
      at.glob = value
    elseif option == "TYPE" and value and first == 1 then
      at.kind = kinds[value] and value or nil
      at.nothing = not at.kind
    else
      return nil, replies.syntax
    end
  end
  at.count = math.min(at.count, most)
  return at
end

function scan.reply(session, next, found)
  return resp.array({ tostring(next), found }, session.version)
end

return scan
