-- The machine's network as the specs of parity with Qt need it: its addresses, and peers that don't answer.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

local network = {}

--- A listener that doesn't answer, since its backlog is full. On `port` if given. -> listener
function network.blackHole(host, port)
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
  -- The kernel queues one more than the backlog says; a later client waits for the answer to its SYN.
  for i = 1, 3 do hole.clients[i] = assert(posix.connect(host or "127.0.0.1", hole:port())) end
  return hole
end

--- The addresses of this machine's interfaces: { { text =, linkLocal = boolean }, … }
function network.addresses()
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

--- True if this machine has IPv6.
function network.hasIPv6()
  local file <close> = io.open "/proc/net/if_inet6"
  return file ~= nil and file:read "a":find(("0"):rep(31) .. "1", 1, true) ~= nil
end

return network
