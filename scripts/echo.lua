-- Echo: sends back whatever a client sends.   moonport echo.lua [port [address]]
local moonport = require "moonport"

local port, address = arg[1] or 7000, arg[2] or "127.0.0.1"
local server = moonport.TcpServer()

function server.connection:readyRead()
  self:write(self:readAll())
end

if tostring(port):find "^unix:" then address, port = port, nil end -- unix:/path instead of both
assert(server:listen(address, port))
moonport.log.info("echo: listening on %s%s", address, port and " port " .. server:serverPort() or "")
