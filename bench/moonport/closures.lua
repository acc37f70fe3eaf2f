-- SPDX-License-Identifier: MIT
--
-- The echo service as in Qt, with a handler of its own for each connection: moonport closures.lua PORT

local moonport = require "moonport"

local server = moonport.TcpServer()

function server:newConnection()
  local socket = self:nextPendingConnection()
  while socket do
    local peer = socket
    function peer:readyRead() peer:write(peer:readAll()) end
    socket = self:nextPendingConnection()
  end
end

assert(server:listen("127.0.0.1", tonumber(arg[1])))
