-- A socket that connected again within `disconnected`, or after an abort in the same handler, reported the
-- peer of its last connection until it was connected. Cause: connectToHost kept it. Fix: it forgets both
-- addresses, as Qt's does.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

describe("connectToHost", function()
  after_each(sockets.close)

  local function connected()
    local server, socket = sockets.server(), sockets.socket()
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert(socket:waitForConnected(helper.timeout))
    return server, socket
  end

  local function assertNoPeer(socket)
    assert.are.equal(0, socket:peerPort())
    assert.is_nil(socket:peerAddress())
    assert.are.equal(0, socket:localPort())
    assert.is_nil(socket:localAddress())
  end

  it("forgets the peer of the last connection, within disconnected", function()
    local server, socket = connected()
    local seen = false
    function socket:disconnected()
      self.disconnected = nil
      self:connectToHost("localhost", server:serverPort())
      assertNoPeer(self)
      seen = true
    end
    sockets.accept(server):close()
    helper.eventually(function() return seen end)
    assert(socket:waitForConnected(helper.timeout))
    assert.are.equal(server:serverPort(), socket:peerPort())
  end)

  it("forgets the peer of the last connection, after an abort", function()
    local server, socket = connected()
    socket:abort()
    socket:connectToHost("127.0.0.1", server:serverPort())
    assertNoPeer(socket)
  end)
end)
