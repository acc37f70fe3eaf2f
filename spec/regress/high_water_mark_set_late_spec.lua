-- A high-water mark that was set below what was already queued didn't stop reading before the next write.
-- Cause: changed limits could only resume reading. Fix: they can also pause it.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

describe("A high-water mark", function()
  after_each(sockets.close)

  it("pauses reading at once when more is queued than it allows, and resumes it when that is sent", function()
    local socket, plain = sockets.withPlain()
    local size = 4 << 20
    socket:setHighWaterMark(0)
    socket:write(("x"):rep(size))
    local left, turns = size, 0
    helper.eventually(function() -- until the system has taken nothing for some turns of the loop
      turns = socket:bytesToWrite() == left and turns + 1 or 0
      left = socket:bytesToWrite()
      return turns == 20
    end)
    assert.is_true(left > 1000)
    socket:setHighWaterMark(1000)
    plain:send "y"
    helper.settle()
    assert.are.equal(0, socket:bytesAvailable())
    plain:receive(size, 20000)
    helper.eventually(function() return socket:bytesAvailable() == 1 end)
  end)
end)
