-- A socket bound to "any" (bind's default) could connect to no IPv4 address: "Connection refused". And a
-- bound socket never tried a name's second address after the first had refused: "Network error", or it got
-- another local port. Cause: the descriptor is an IPv6 one, and was given IPv4 addresses unchanged. And after
-- a refusal Linux wants the descriptor unconnected first, and releases a port that it had chosen itself. Fix:
-- addresses are mapped for an IPv6 descriptor, and a failed attempt leaves the descriptor unconnected and
-- bound as before.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

describe("A bound socket", function()
  after_each(sockets.close)

  -- Binds, connects, and checks both sides. -> the socket
  local function connects(bound, host, server)
    local socket = sockets.socket()
    assert(socket:bind(bound))
    local fd, port = socket:socketDescriptor(), socket:localPort()
    socket:connectToHost(host, server:serverPort())
    assert(socket:waitForConnected(helper.timeout))
    assert.are.equal(fd, socket:socketDescriptor())
    assert.are.equal(port, socket:localPort())
    assert.are.equal(port, sockets.accept(server):peerPort())
    return socket
  end

  it("connects to IPv4 and IPv6 addresses when it is bound to any, and keeps port and descriptor", function()
    local socket = connects("any", "127.0.0.1", sockets.server "127.0.0.1")
    assert.are.equal("::ffff:127.0.0.1", socket:peerAddress())
    assert.are.equal("::ffff:127.0.0.1", socket:localAddress())
    connects("any", "::1", sockets.server "::1")
  end)

  it("tries a name's second address with the same port and descriptor when the first refuses", function()
    connects("any", "localhost", sockets.server "127.0.0.1") -- ::1 is tried first
  end)

  it("that is IPv6 only can't connect to an IPv4 address", function()
    local socket = sockets.socket()
    assert(socket:bind "::")
    socket:connectToHost("127.0.0.1", sockets.server("127.0.0.1"):serverPort())
    assert.are.equal("NetworkError", select(3, socket:waitForConnected(helper.timeout)))
  end)
end)
