-- SPDX-License-Identifier: MIT
--
-- An echo service that is reloaded while it has connections, and then sets a field and a handler on each of them:
-- moonport reload.lua PORT

local moonport = require "moonport"

local server = moonport.TcpServer()

function server.connection:readyRead() self:write(self:readAll()) end

function server:connectionResumed(socket)
  socket.generation = moonport.generation()
  function socket:disconnected() self.generation = nil end
end

assert(server:listen("127.0.0.1", tonumber(arg[1])))
