-- SPDX-License-Identifier: MIT
--
-- Sends what begins with "*" to every connection, and echoes everything else: moonport fanout.lua PORT

local moonport = require "moonport"

local server = moonport.TcpServer()

function server.connection:readyRead()
  local data = self:readAll()
  if data:byte() ~= 42 then
    self:write(data)
  else
    for each in server:connections() do each:write(data) end
  end
end

assert(server:listen("127.0.0.1", tonumber(arg[1])))
