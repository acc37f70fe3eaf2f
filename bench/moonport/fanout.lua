-- SPDX-License-Identifier: MIT
--
-- What begins with '*' goes to every connection, all else is echoed: moonport fanout.lua PORT

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
