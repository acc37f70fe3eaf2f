-- SPDX-License-Identifier: MIT
--
-- The echo service in its shortest form: moonport echo.lua PORT

local moonport = require "moonport"

local server = moonport.TcpServer()

function server.connection:readyRead() self:write(self:readAll()) end

assert(server:listen("127.0.0.1", tonumber(arg[1])))
