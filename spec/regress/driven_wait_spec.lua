-- SPDX-License-Identifier: MIT
-- Cause: a wait in the main chunk of a plain lua5.4 delivered what was queued, then always waited for one
-- event, even if the delivery had ended the wait. So it returned a minute late on a quiet machine. Fix: it
-- looks again between the two.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

describe("A wait of the main chunk", function()
  after_each(sockets.close)

  it("returns as soon as its condition is true, without another event", function()
    local socket, plain = sockets.withPlain()
    local late = false
    local timer <close> = moonport.Timer()
    function timer.timeout() late = true end
    timer:start(2000)
    assert(socket:write "a")
    assert.is_true(socket:waitForBytesWritten(helper.timeout))
    assert.is_false(late)
    assert.equal("a", plain:receive(1))
  end)
end)
