-- SPDX-License-Identifier: MIT
--
-- The echo service in its shortest form: moonport echo.lua PORT

local moonport = require "moonport"

local server = moonport.TcpServer()

function server.connection:readyRead() self:write(self:readAll()) end

-- @name is an abstract Unix-domain socket
assert(server:listen(arg[1]:find "^@" and "unix:" .. arg[1] or "127.0.0.1", tonumber(arg[1])))
