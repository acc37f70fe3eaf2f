-- SPDX-License-Identifier: MIT
-- What the specs of UdpSocket share: bound sockets that are closed at a spec's end, and datagrams that are waited
-- for. The rest is in sockets.lua.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

local udp = {}

function udp.socket() return sockets.closing(moonport.UdpSocket()) end

--- A socket that is bound, to loopback unless the spec says where.
function udp.bound(address, port, mode)
  local socket = udp.socket()
  assert(socket:bind(address or "127.0.0.1", port or 0, mode))
  return socket
end

--- The next datagram. -> data, address, port, info
function udp.receive(socket)
  local data, address, port, info = socket:receive(helper.timeout)
  assert(data, address)
  return data, address, port, info
end

--- Waits until a signal has been seen so often.
function udp.eventually(seen, signal, times)
  helper.eventually(function() return sockets.count(seen, signal) >= times end, ("%d × %s"):format(times, signal))
end

--- Datagrams that the socket's handler gets, as a list of { data, address, port }.
function udp.collect(socket)
  local list = {}
  function socket:datagramReceived(data, address, port)
    list[#list + 1] = { data, address, port }
  end
  return list
end

function udp.eventuallyCount(list, n)
  helper.eventually(function() return #list >= n end, n .. " datagrams")
end

return udp
