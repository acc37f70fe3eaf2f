-- SPDX-License-Identifier: MIT
-- Cause: moonport.now, the deadlines of receive and the idle time-outs used libev's time, which is the
-- system's and jumps when that is set: idle connections ended at once, or never. Fix: they use the monotonic
-- clock.

local helper = require "spec.helper"
local moonport = require "moonport"

describe("moonport.now", function()
  it("uses the monotonic clock, not the system's time", function()
    local before = math.floor(helper.posix.now())
    local now = moonport.now()
    assert.is_true(before <= now and now <= helper.posix.now())
  end)
end)
