-- A connect to a port of this machine on which nothing listens was "connected" when the system had chosen
-- that very port as the local one. TCP connects two ends that open at the same time, and here both ends are
-- the same socket. Fix: this is refused, and the port is free at once.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

describe("A connect that reaches its own end", function()
  after_each(sockets.close)

  it("is refused", function()
    local socket = sockets.socket()
    local connected = 0
    function socket:connected() connected = connected + 1 end
    assert(socket:bind "127.0.0.1")
    local port = socket:localPort()
    socket:connectToHost("127.0.0.1", port)
    local ok, _, code = socket:waitForConnected(helper.timeout)
    assert.is_nil(ok)
    assert.equal("ConnectionRefusedError", code)
    assert.equal(0, connected)
    local server <close> = moonport.TcpServer()
    assert(server:listen("127.0.0.1", port))
  end)
end)
