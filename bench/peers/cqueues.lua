-- SPDX-License-Identifier: MIT
--
-- The same echo server on cqueues, one coroutine per connection: lua5.4 cqueues.lua PORT

local cqueues = require "cqueues"
local socket = require "cqueues.socket"

local connections = {}
local loop = cqueues.new()
local server = assert(socket.listen { host = "127.0.0.1", port = tonumber(arg[1]), nodelay = true })

local function converse(peer)
  peer:setmode("b", "bn")
  connections[peer] = true
  while true do
    local data = peer:read(-65536)
    if not data then break end
    if data:byte() ~= 42 then
      peer:write(data)
    else
      for each in pairs(connections) do each:write(data) end
    end
  end
  connections[peer] = nil
  peer:close()
end

loop:wrap(function()
  for peer in server:clients() do loop:wrap(converse, peer) end
end)
assert(loop:loop())
