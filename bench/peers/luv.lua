-- SPDX-License-Identifier: MIT
--
-- The same echo server on luv: lua5.4 luv.lua PORT

local uv = require "luv"

local connections = {}
local server = uv.new_tcp()

local function received(socket, err, data)
  if err or not data then
    connections[socket] = nil
    socket:close()
  elseif data:byte() ~= 42 then
    socket:write(data)
  else
    for each in pairs(connections) do each:write(data) end
  end
end

assert(server:bind("127.0.0.1", tonumber(arg[1])))
assert(server:listen(4096, function()
  local socket = uv.new_tcp()
  server:accept(socket)
  socket:nodelay(true)
  connections[socket] = true
  socket:read_start(function(err, data) received(socket, err, data) end)
end))
uv.run()
