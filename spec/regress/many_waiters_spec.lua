-- SPDX-License-Identifier: MIT
-- Cause: the waits on an object were a list that was walked for each wait that began or ended, and from its
-- start after each one that was woken: n of them took n² steps. Fix: a ring with marks, in which each takes
-- one step. The specs check that none is left out or woken twice.

local helper = require "spec.helper"
local moonport = require "moonport"

local stress = os.getenv "MOONPORT_SPEC_GC" == "stress"
local many = stress and 200 or 5000 -- each collection at an allocation walks all of them

describe("Many tasks that wait for one object", function()
  local target, go

  before_each(function()
    go = false
    target = moonport.spawn(function()
      while not go do moonport.sleep(1) end
      return "result"
    end)
  end)

  after_each(function() target = nil end)

  -- Starts `count` tasks that join the target and call `act` with their numbers when they continue.
  local function waiters(count, act)
    local tasks, waiting = {}, 0
    for i = 1, count do
      tasks[i] = moonport.spawn(function()
        waiting = waiting + 1
        local result = target:join()
        act(i, tasks)
        return result
      end)
    end
    helper.eventually(function() return waiting == count end, nil, 60000)
    return tasks
  end

  it("all continue, in the order in which they began to wait", function()
    local order = {}
    local tasks = waiters(many, function(i) order[#order + 1] = i end)
    go = true
    for _, task in ipairs(tasks) do assert.equal("result", task:join()) end
    for i = 1, many do assert.equal(i, order[i]) end
    assert.equal(many, #order)
  end)

  it("may end each other while they are woken", function()
    local woken = {}
    local tasks = waiters(12, function(i, tasks)
      woken[#woken + 1] = i
      if i % 3 == 1 then
        tasks[i + 1]:cancel() -- the next one
        if i > 3 then tasks[i - 1]:cancel() end -- one that has continued
        tasks[12 - i == i and 1 or 12]:cancel() -- the last one
      end
    end)
    go = true
    helper.eventually(function()
      for _, task in ipairs(tasks) do if task:isActive() then return false end end
      return true
    end)
    assert.same({ 1, 3, 4, 6, 7, 9, 10 }, woken)
  end)

  it("may wait again while the others are woken", function()
    local again, rounds = moonport.spawn(function() moonport.sleep(60000) end), 0
    for _ = 1, 10 do
      moonport.spawn(function()
        target:join()
        again:join(20)
        target:join()
        rounds = rounds + 1
      end)
    end
    helper.settle(5)
    go = true
    helper.eventually(function() return rounds == 10 end)
    again:cancel()
  end)

  it("may be so many that a square of their number would take long", function()
    local done, count = 0, 6 * many
    waiters(count, function() done = done + 1 end)
    go = true
    helper.eventually(function() return done == count end, nil, 60000)
  end)
end)
