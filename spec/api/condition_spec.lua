-- Condition: notify wakes the task that has waited longest, notifyAll all that wait now.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

local spawn = moonport.spawn

-- So many tasks that wait, and note their number when they go on. -> tasks, notes
local function waiting(condition, count)
  local tasks, order = {}, {}
  for i = 1, count do
    tasks[i] = spawn(function()
      local ok, _, code = condition:wait()
      order[#order + 1] = i
      return ok, code
    end)
  end
  helper.settle(2)
  return tasks, order
end

describe("A Condition", function()
  it("wakes the one that has waited longest, one for each notify", function()
    local condition = moonport.Condition()
    local tasks, order = waiting(condition, 4)
    condition:notify()
    helper.settle(5)
    assert.same({ 1 }, order)
    condition:notify()
    condition:notify()
    helper.settle(5)
    assert.same({ 1, 2, 3 }, order)
    condition:notify()
    assert.is_true(tasks[4]:join())
  end)

  it("wakes all that wait with notifyAll, and nobody who waits afterwards", function()
    local condition = moonport.Condition()
    local tasks, order = waiting(condition, 3)
    condition:notifyAll()
    local late = spawn(function() return select(3, condition:wait(20)) end)
    for _, task in ipairs(tasks) do assert.is_true(task:join()) end
    assert.same({ 1, 2, 3 }, order)
    assert.equal("SocketTimeoutError", late:join())
  end)

  it("forgets a notification for which nobody waits", function()
    local condition = moonport.Condition()
    condition:notify()
    condition:notifyAll()
    assert.equal("SocketTimeoutError", select(3, condition:wait(5)))
    assert.equal("SocketTimeoutError", select(3, condition:wait(0)))
  end)

  it("gives the notification to the next when the one it was for is cancelled before it goes on", function()
    local condition = moonport.Condition()
    local tasks, order = waiting(condition, 3)
    spawn(function()
      condition:notify()
      tasks[1]:cancel()
    end):join()
    assert.is_true(tasks[2]:join(1000))
    helper.settle(5)
    assert.same({ 2 }, order)
    tasks[3]:cancel()
  end)

  it("doesn't wake a task that waits again at once with the same notification", function()
    local condition = moonport.Condition()
    local count = 0
    local _ <close> = spawn(function()
      while true do
        condition:wait()
        count = count + 1
      end
    end)
    helper.settle(2)
    condition:notify()
    helper.settle(5)
    assert.equal(1, count)
    condition:notifyAll()
    helper.settle(5)
    assert.equal(2, count)
  end)

  it("is the wait of a loop that checks a fact", function()
    local condition, ready = moonport.Condition(), false
    local task = spawn(function()
      while not ready do condition:wait() end
      return "ready"
    end)
    helper.settle(2)
    condition:notifyAll()
    helper.settle(2)
    assert.is_true(task:isActive())
    ready = true
    condition:notifyAll()
    assert.equal("ready", task:join())
  end)

  it("shows whether somebody waits, and takes no arguments", function()
    local condition = moonport.Condition()
    assert.equal("Condition(nobody waits)", tostring(condition))
    local tasks = waiting(condition, 1)
    assert.equal("Condition(awaited)", tostring(condition))
    tasks[1]:cancel()
    assert.equal("Condition(nobody waits)", tostring(condition))
    assert.error_matches(function() moonport.Condition(1) end, "Condition")
    assert.error_matches(function() condition:wait "soon" end, "number expected")
  end)
end)
