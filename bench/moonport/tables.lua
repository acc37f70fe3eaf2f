-- SPDX-License-Identifier: MIT
--
-- An echo service that keeps 200 MiB of live tables, the way a service keeps its users: records in rooms. Each
-- request replaces some of them, so that the collector has to go through all of it again and again. It writes a
-- line to stderr at the end of each of its cycles: moonport tables.lua PORT

local moonport = require "moonport"

local live, room_size, replaced = 200 * 1024, 500, 20

local function record(id)
  return { id = id, name = "user " .. id, seen = os.time(), tags = { id % 7, id % 11 } }
end

local rooms, count = {}, 0

local function add_room()
  local room = {}
  for i = 1, room_size do
    count = count + 1
    room[i] = record(count)
  end
  rooms[#rooms + 1] = room
end

repeat
  add_room()
until collectgarbage("count") > live and (collectgarbage() or collectgarbage("count") > live)

local function mark_cycle()
  setmetatable({}, { __gc = function()
    io.stderr:write("cycle\n")
    mark_cycle()
  end })
end
mark_cycle()

local server = moonport.TcpServer()

function server.connection:readyRead()
  for _ = 1, replaced do
    local id = math.random(count)
    rooms[(id - 1) // room_size + 1][(id - 1) % room_size + 1] = record(id)
  end
  self:write(self:readAll())
end

assert(server:listen("127.0.0.1", tonumber(arg[1])))
