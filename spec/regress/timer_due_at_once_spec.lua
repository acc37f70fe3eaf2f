-- SPDX-License-Identifier: MIT
-- Cause: a timer of interval 0 that was due in the same turn as another was not active for libev, only
-- pending. Then stop() did nothing, and isActive() was false: it fired, started itself again and went on for
-- ever. Fix: stop() also stops what is pending, which counts as active.

local helper = require "spec.helper"
local moonport = require "moonport"

-- Two timers that are due in the same turn; the first one that fires calls `act` with the other one.
local function pair(act, msec)
  local timers, calls = {}, 0
  for i = 1, 2 do
    timers[i] = moonport.Timer()
    timers[i].timeout = function(self)
      calls = calls + 1
      if calls == 1 then act(timers[3 - i]) end
      self:stop()
    end
    timers[i]:start(msec or 0)
  end
  helper.eventually(function() return calls > 0 end)
  helper.settle(10)
  for _, timer in ipairs(timers) do timer:stop() end
  return calls
end

describe("A timer that is due in the same turn as another", function()
  it("doesn't fire when the other one stops it", function()
    assert.equal(1, pair(function(other) other:stop() end))
    assert.equal(1, pair(function(other) other:stop() end, 1))
  end)

  it("doesn't fire twice when the other one stops and starts it", function()
    assert.equal(2, pair(function(other) other:stop() other:start(0) end))
  end)

  it("is active until it has fired", function()
    local active, left
    pair(function(other) active, left = other:isActive(), other:remainingTime() end)
    assert.is_true(active)
    assert.equal(0, left)
  end)

  it("begins again with a longer interval that is set then", function()
    assert.equal(1, pair(function(other) other:setInterval(60000) end))
  end)

  it("is stopped by a closed variable, and by its end", function()
    assert.equal(1, pair(function(other) local _ <close> = other end))
  end)

  it("behaves the same as a single shot", function()
    local fired, shots = 0, {}
    for i = 1, 2 do
      shots[i] = moonport.singleShot(0, function()
        fired = fired + 1
        shots[3 - i]:stop()
      end)
    end
    helper.eventually(function() return fired > 0 end)
    helper.settle(10)
    assert.equal(1, fired)
  end)
end)
