-- SPDX-License-Identifier: MIT
-- moonport.Timer, singleShot, sleep and now behave like QTimer. No spec here asserts a duration.

local moonport = require "moonport"
local helper = require "spec.helper"

describe("A timer", function()
  it("starts out inactive, with interval 0, not single-shot", function()
    local timer = moonport.Timer()
    assert.is_false(timer:isActive())
    assert.equal(0, timer:interval())
    assert.is_false(timer:isSingleShot())
    assert.equal(-1, timer:remainingTime())
  end)

  it("fires again and again until it is stopped, with itself as argument", function()
    local timer = moonport.Timer()
    local count = 0
    function timer:timeout(...)
      assert.equal(timer, self)
      assert.equal(0, select("#", ...))
      count = count + 1
      if count == 3 then self:stop() end
    end
    timer:start(1)
    assert.is_true(timer:isActive())
    helper.eventually(function() return count == 3 end)
    helper.settle()
    assert.equal(3, count)
    assert.is_false(timer:isActive())
  end)

  it("of interval 0 fires once in each turn of the loop and starves nobody", function()
    local timer <close> = moonport.Timer()
    local other <close> = moonport.Timer()
    local count, ticks = 0, 0
    function timer.timeout() count = count + 1 end
    function other.timeout() ticks = ticks + 1 end
    timer:start(0)
    other:start(1)
    helper.eventually(function() return count > 10 and ticks > 2 end)
  end)

  it("that is single-shot is inactive before its handler runs, which may start it again", function()
    local timer = moonport.Timer()
    local inside = {}
    timer:setSingleShot(true)
    assert.is_true(timer:isSingleShot())
    function timer:timeout()
      inside[#inside + 1] = self:isActive()
      if #inside < 3 then self:start() end
    end
    timer:start(1)
    helper.eventually(function() return #inside == 3 end)
    helper.settle()
    assert.same({ false, false, false }, inside)
  end)

  it("begins its interval again when it is started or given an interval while it runs", function()
    local timer <close> = moonport.Timer()
    local fired = 0
    function timer.timeout() fired = fired + 1 end
    timer:start(60000)
    assert.is_true(timer:remainingTime() > 50000)
    timer:start(50000)
    assert.equal(50000, timer:interval())
    assert.is_true(timer:remainingTime() <= 50000)
    timer:setInterval(1)
    helper.eventually(function() return fired > 0 end)
    timer:stop()
    timer:setInterval(2.5)
    assert.is_false(timer:isActive())
    assert.equal(2.5, timer:interval())
    assert.equal(-1, timer:remainingTime())
  end)

  it("refuses what isn't a time, and goes on as before", function()
    local timer <close> = moonport.Timer()
    timer:start(10000)
    for _, wrong in ipairs { -1, 0 / 0, math.huge, "soon", {}, true } do
      assert.error(function() timer:start(wrong) end)
      assert.error(function() timer:setInterval(wrong) end)
      assert.error(function() moonport.singleShot(wrong, print) end)
    end
    assert.error(function() timer:setSingleShot(1) end)
    assert.equal(10000, timer:interval())
    assert.is_true(timer:isActive())
  end)

  it("that is stopped before its turn doesn't fire any more", function()
    local first, second = moonport.Timer(), moonport.Timer()
    local fired = {}
    function first.timeout()
      fired[#fired + 1] = "first"
      second:stop()
      first:stop()
    end
    function second.timeout()
      fired[#fired + 1] = "second"
      first:stop()
      second:stop()
    end
    first:start(1)
    second:start(1)
    helper.eventually(function() return #fired > 0 end)
    helper.settle()
    assert.equal(1, #fired)
  end)

  it("lives while it is active, though it is referenced nowhere, and can be collected afterwards", function()
    local seen = setmetatable({}, { __mode = "k" })
    local fired = 0
    do
      local timer = moonport.Timer()
      seen[timer] = true
      function timer:timeout()
        fired = fired + 1
        if fired == 2 then self:stop() end
      end
      timer:start(1)
    end
    collectgarbage()
    collectgarbage()
    assert.truthy(next(seen))
    helper.eventually(function() return fired == 2 end)
    helper.eventually(function()
      collectgarbage()
      return next(seen) == nil
    end)
  end)
end)

describe("moonport.singleShot", function()
  it("calls its function once, and returns a timer that can be stopped", function()
    local fired = 0
    local timer = moonport.singleShot(1, function(self)
      fired = fired + 1
      assert(not self:isActive())
    end)
    assert.is_true(timer:isActive())
    assert.is_true(timer:isSingleShot())
    assert.equal(1, timer:interval())
    local stopped = moonport.singleShot(1, function() fired = fired + 100 end)
    stopped:stop()
    helper.eventually(function() return fired > 0 end)
    helper.settle()
    assert.equal(1, fired)
  end)

  it("raises without a time and a function", function()
    assert.error(function() moonport.singleShot(1) end)
    assert.error(function() moonport.singleShot(1, "f") end)
    assert.error(function() moonport.singleShot() end)
  end)
end)

describe("moonport.now and sleep", function()
  it("return and let pass the loop's time, which never goes back", function()
    local before = moonport.now()
    assert.is_number(before)
    assert.is_true(moonport.sleep(2))
    assert.is_true(moonport.now() > before)
    assert.is_true(moonport.sleep(0))
  end)

  it("wake sleeping tasks in the order of their times", function()
    local order, tasks = {}, {}
    local began = moonport.now() -- for all of them, as it takes time to start one
    for _, msec in ipairs { 300, 100, 200 } do
      tasks[#tasks + 1] = moonport.spawn(function()
        moonport.sleep(began + msec - moonport.now())
        order[#order + 1] = msec
      end)
    end
    for _, task in ipairs(tasks) do task:join() end
    assert.same({ 100, 200, 300 }, order)
  end)
end)
