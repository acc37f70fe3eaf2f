-- disconnectFromHost() while connecting, with data queued, signalled bytesWritten before
-- stateChanged(Closing), when the state was already Unconnected. Cause: the queue was flushed as soon as the
-- socket was connected, and the close followed later. Fix: such a socket sends nothing before ClosingState.
--
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

describe("disconnectFromHost() while connecting", function()
  after_each(sockets.close)

  it("sends in ClosingState what was written before, and what the connected handler wrote", function()
    local server, socket = sockets.server(), sockets.socket()
    function socket:connected() self:write "late" end
    local log = trace.record(socket, trace.state)
    socket:connectToHost("127.0.0.1", server:serverPort())
    socket:write "early "
    socket:disconnectFromHost()
    trace.expect(log, {
      "stateChanged(HostLookup) [Connecting]", "stateChanged(Connecting) [Connecting]", "hostFound [Connecting]",
      "stateChanged(Connected) [Connected]", "connected [Connected]", "stateChanged(Closing) [Closing]",
      "bytesWritten(10) [Closing]", "stateChanged(Unconnected) [Unconnected]", "readChannelFinished [Unconnected]",
      "disconnected [Unconnected]",
    })
    local peer = sockets.accept(server)
    sockets.eventuallyState(peer, "UnconnectedState")
    assert.equal("early late", peer:readAll())
  end)

  it("still lets a connected handler flush", function()
    local server, socket = sockets.server(), moonport.TcpSocket()
    local flushed
    function socket:connected()
      self:write "now"
      flushed = self:flush()
    end
    socket:connectToHost("127.0.0.1", server:serverPort())
    socket:disconnectFromHost()
    local peer = sockets.accept(server)
    sockets.eventuallyState(peer, "UnconnectedState")
    assert.is_true(flushed)
    assert.equal("now", peer:readAll())
    sockets.eventuallyState(socket, "UnconnectedState")
  end)
end)
