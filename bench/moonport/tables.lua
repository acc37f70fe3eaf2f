-- SPDX-License-Identifier: MIT
--
-- An echo service that keeps 200 MiB of live tables, as a service keeps its users: records in rooms. Each request
-- changes a record and leaves garbage behind, and one in a hundred replaces the record, so the collector has to go
-- through everything again and again. stderr gets a line at the end of each of the collector's cycles, and a line
-- for each pause longer than those before it, in CPU time between two ticks of a millisecond:
-- moonport tables.lua PORT

local moonport = require "moonport"

local live, room_size = 200 * 1024, 500
local rooms, count, requests = {}, 0, 0

local function record(id)
  return { id = id, name = "user " .. id, seen = os.time(), tags = { id % 7, id % 11 } }
end

local function add_room()
  local room = {}
  for i = 1, room_size do
    count = count + 1
    room[i] = record(count)
  end
  rooms[#rooms + 1] = room
end

local function mark_cycle()
  setmetatable({}, { __gc = function()
    io.stderr:write("cycle\n")
    mark_cycle()
  end })
end

local function work()
  local id = math.random(count)
  local room, place = rooms[(id - 1) // room_size + 1], (id - 1) % room_size + 1
  local user = room[place]
  requests = requests + 1
  user.seen, user.tags = requests, { requests % 7, requests % 11 }
  if requests % 100 == 0 then room[place] = record(id) end
  local lines = {}
  for i = 1, 20 do lines[i] = { user.name, tostring(requests + i), {} } end
  return lines
end

repeat
  add_room()
until collectgarbage("count") > live and (collectgarbage() or collectgarbage("count") > live)
mark_cycle()

local server = moonport.TcpServer()

function server.connection:readyRead()
  work()
  self:write(self:readAll())
end

local ticker, last, longest = moonport.Timer(), os.clock(), 0

function ticker.timeout()
  local now = os.clock()
  if now - last > longest then
    longest = now - last
    io.stderr:write(("pause %.2f\n"):format(longest * 1000))
  end
  last = now
end

ticker:start(1)
assert(server:listen("127.0.0.1", tonumber(arg[1])))
