-- Connections between moonport and moonport, or moonport and a plain peer, as the parity specs need them.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

local pair = {}

--- A listening server. -> server, port
function pair.server(address)
  local server = moonport.TcpServer()
  assert(server:listen(address or "127.0.0.1", 0))
  return server, server:serverPort()
end

--- A socket connected to a plain peer of spec.helper. -> socket, peer
function pair.client()
  local listener = helper.listen()
  local socket = moonport.TcpSocket()
  assert(socket:connectToHost("127.0.0.1", listener:port()))
  assert(socket:waitForConnected(helper.timeout))
  local peer = listener:accept()
  listener:close()
  return socket, peer
end

--- A connection that a server of moonport has accepted from a plain client. -> socket, client, server (closed already)
function pair.accepted()
  local server, port = pair.server()
  local client = helper.connect(port)
  assert(server:waitForNewConnection(helper.timeout))
  local socket = server:nextPendingConnection()
  server:close()
  return socket, client, server
end

return pair
