-- SPDX-License-Identifier: MIT
-- Cause: receive "all" took any end for the end of the data. If the idle time-out (or the network) ended the
-- connection, it returned the first part as if it were everything. Fix: only an end by the peer or by the
-- script counts. Any other end fails, with what had arrived as the partial result.

local helper = require "spec.helper"
local moonport = require "moonport"

describe("receive 'all'", function()
  local function connected(listener)
    local socket = moonport.TcpSocket()
    assert(socket:connectToHost("127.0.0.1", listener:port()))
    assert(socket:waitForConnected(helper.timeout))
    return socket, listener:accept()
  end

  it("fails, with what had arrived, when the idle time-out ends the connection", function()
    local socket, peer = connected(helper.listen())
    peer:send "part"
    assert(socket:waitForReadyRead(helper.timeout))
    socket:setIdleTimeout(10)
    local all, message, code, partial = socket:receive("all", helper.timeout)
    assert.is_nil(all)
    assert.equal("receive: The connection was idle for too long", message)
    assert.equal("SocketTimeoutError", code)
    assert.equal("part", partial)
    socket:close()
  end)

  it("returns what had arrived when the peer has finished, also after a wait that timed out", function()
    local socket, peer = connected(helper.listen())
    assert.is_nil(socket:waitForReadyRead(1))
    peer:send "all"
    peer:close()
    assert.equal("all", socket:receive("all", helper.timeout))
    socket:close()
  end)
end)
