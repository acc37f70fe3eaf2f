-- SPDX-License-Identifier: MIT
-- Cause: a wait of a plain lua5.4's main program delivered what was queued, then waited for one event in
-- any case, also when the delivery had ended the wait: it returned a minute late on a quiet machine.
-- Fix: it looks again between the two.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

describe("a wait of the main program", function()
  after_each(sockets.close)

  it("returns as soon as what it waits for has happened, without another event", function()
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
