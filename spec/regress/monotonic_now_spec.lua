-- SPDX-License-Identifier: MIT
-- Cause: moonport.now, the deadlines of receive and the idle time-outs went by libev's time, which is the system's and
-- jumps when somebody sets that: idle connections ended at once, or never.
-- Fix: they go by the monotonic clock.

local helper = require "spec.helper"
local moonport = require "moonport"

describe("moonport.now", function()
  it("goes by the monotonic clock, not by the system's time", function()
    local before = math.floor(helper.posix.now())
    local now = moonport.now()
    assert.is_true(before <= now and now <= helper.posix.now())
  end)
end)
