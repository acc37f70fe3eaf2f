-- SPDX-License-Identifier: MIT
-- A UDP echo server: each datagram goes through Lua.   moonport datagrams.lua PORT
local moonport = require "moonport"

local socket = moonport.UdpSocket()

function socket:datagramReceived(data, address, port)
  self:writeDatagram(data, address, port)
end

assert(socket:bind("127.0.0.1", arg[1] or 7000))
