-- Servers, connections and the machine's addresses, as the specs of the parity with Qt need them.
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
function pair.client(prepare)
  local listener = helper.listen()
  local socket = moonport.TcpSocket()
  if prepare then prepare(socket) end
  assert(socket:connectToHost("127.0.0.1", listener:port()))
  assert(socket:waitForConnected(helper.timeout))
  local peer = listener:accept()
  listener:close()
  return socket, peer
end

--- A connection that a server of moonport has accepted from a plain client. -> socket, client
function pair.accepted()
  local server <close>, port = pair.server()
  local client = helper.connect(port)
  assert(server:waitForNewConnection(helper.timeout))
  return server:nextPendingConnection(), client
end

--- Waits until a socket is in a state.
function pair.untilState(socket, state)
  helper.eventually(function() return socket:state() == state end, state)
end

--- A listener that answers nobody: its backlog is full. On port if given. -> listener
function pair.blackHole(host, port)
  local posix = helper.posix
  local fd = assert(posix.listen(host or "127.0.0.1", port or 0, 0))
  local hole = { fd = fd, clients = {} }
  function hole:port() return assert(posix.localPort(self.fd)) end
  function hole:close()
    for _, client in ipairs(self.clients) do posix.close(client) end
    if self.fd then posix.close(self.fd) end
    self.fd, self.clients = nil, {}
  end
  setmetatable(hole, { __close = hole.close })
  -- The kernel queues one more than the backlog says; whoever comes later waits for an answer to its SYN.
  for i = 1, 3 do hole.clients[i] = assert(posix.connect(host or "127.0.0.1", hole:port())) end
  return hole
end

--- The addresses of this machine's interfaces: { { text =, linkLocal = boolean }, … }
function pair.addresses()
  local list, seen = {}, {}
  local last
  for line in io.lines "/proc/net/fib_trie" do
    last = line:match "|%-%- (%S+)" or last
    if line:find("host LOCAL", 1, true) and not seen[last] then
      seen[last] = true
      list[#list + 1] = { text = last, linkLocal = false }
    end
  end
  local file <close> = io.open "/proc/net/if_inet6"
  for line in file and file:lines() or function() end do
    local digits, scope, name = line:match "^(%x+) %x+ %x+ (%x+) %x+%s+(%S+)"
    local text = digits:gsub("%x%x%x%x", "%0:", 7)
    local linkLocal = scope == "20"
    list[#list + 1] = { text = linkLocal and text .. "%" .. name or text, linkLocal = linkLocal, ipv6 = true }
  end
  return list
end

--- Does this machine have IPv6?
function pair.hasIPv6()
  local file <close> = io.open "/proc/net/if_inet6"
  return file ~= nil and file:read "a":find(("0"):rep(31) .. "1", 1, true) ~= nil
end

return pair
