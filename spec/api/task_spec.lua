-- SPDX-License-Identifier: MIT
-- moonport.spawn and its tasks: results, errors, cancel and join in every state.

local moonport = require "moonport"
local helper = require "spec.helper"

local function sleeper(...)
  moonport.sleep(10000)
  return ...
end

describe("A task", function()
  it("starts from the loop, never inside spawn, and gets its arguments", function()
    local got
    local task = moonport.spawn(function(...) got = table.pack(...) end, 1, nil, "three", nil)
    assert.is_nil(got)
    assert.is_true(task:isActive())
    task:join()
    assert.same({ 1, nil, "three", nil, n = 4 }, got)
    assert.is_false(task:isActive())
  end)

  it("returns its results to each join, also nils or none, at once or after a wait", function()
    for _, wait in ipairs { false, true } do
      local task = moonport.spawn(function()
        if wait then moonport.sleep(1) end
        return 1, nil, "x", nil
      end)
      for _ = 1, 2 do assert.same({ 1, nil, "x", nil, n = 4 }, table.pack(task:join())) end
      local none = moonport.spawn(function() if wait then moonport.sleep(1) end end)
      assert.equal(0, select("#", none:join()))
    end
  end)

  it("may have several joiners, which all get the results", function()
    local task = moonport.spawn(function()
      moonport.sleep(1)
      return "result"
    end)
    local joiners, got = {}, {}
    for i = 1, 3 do
      joiners[i] = moonport.spawn(function() got[i] = task:join() end)
    end
    for _, joiner in ipairs(joiners) do joiner:join() end
    assert.same({ "result", "result", "result" }, got)
  end)

  it("that fails is reported, and join returns nil, the message, TaskFailedError", function()
    local reported
    moonport.onError(function(...) reported = table.pack(...) end)
    local task = moonport.spawn(function()
      moonport.sleep(1)
      error("on purpose", 0)
    end)
    local ok, message, code = task:join()
    moonport.onError(nil)
    assert.is_nil(ok)
    assert.equal("on purpose", message)
    assert.equal("TaskFailedError", code)
    assert.matches("^on purpose\nstack traceback", reported[1])
    assert.equal("Task(failed)", tostring(task))
  end)

  it("goes on after a join has timed out", function()
    local go = false
    local task = moonport.spawn(function()
      helper.eventually(function() return go end)
      return "done"
    end)
    for _, msec in ipairs { 0, 1 } do
      local ok, message, code = task:join(msec)
      assert.is_nil(ok)
      assert.matches("^join: ", message)
      assert.equal("SocketTimeoutError", code)
    end
    assert.is_true(task:isActive())
    go = true
    assert.equal("done", (task:join()))
  end)

  it("can't join itself", function()
    local task
    task = moonport.spawn(function() return pcall(task.join, task) end)
    assert.is_false((task:join()))
  end)
end)

describe("cancel", function()
  local function assertCancelled(task)
    local ok, _, code = task:join()
    assert.is_nil(ok)
    assert.equal("OperationError", code)
    assert.equal("Task(cancelled)", tostring(task))
    assert.is_false(task:cancel())
  end

  it("before the start: the task never runs", function()
    local ran = false
    local task = moonport.spawn(function() ran = true end)
    assert.is_true(task:cancel())
    assertCancelled(task)
    assert.is_false(ran)
  end)

  it("while it waits: its variables are closed, and nothing after the wait runs", function()
    local closed, after = false, false
    local task = moonport.spawn(function()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      pcall(sleeper)
      after = true
    end)
    helper.settle(1)
    assert.is_true(task:cancel())
    assert.is_true(closed)
    assertCancelled(task)
    assert.is_false(after)
  end)

  it("while it waits on an object, or for another task: those stay as they were", function()
    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    local inner = moonport.spawn(sleeper, "inner")
    local tasks = {
      moonport.spawn(function() server:waitForNewConnection(-1) end),
      moonport.spawn(function() inner:join() end),
    }
    helper.settle(1)
    for _, task in ipairs(tasks) do
      assert.is_true(task:cancel())
      assertCancelled(task)
    end
    assert.is_true(server:isListening())
    assert.is_true(inner:isActive())
    inner:cancel()
  end)

  it("by the task itself: it ends there, or at its next wait if the script catches that", function()
    local task, after
    task = moonport.spawn(function()
      task:cancel()
      after = true
    end)
    assertCancelled(task)
    assert.is_nil(after)
    local other
    other = moonport.spawn(function()
      pcall(other.cancel, other)
      after = "caught"
      moonport.sleep(0)
      after = "waited"
    end)
    assertCancelled(other)
    assert.equal("caught", after)
  end)

  it("of an ended or failed task: returns false and changes nothing", function()
    local task = moonport.spawn(function() return 7 end)
    assert.equal(7, (task:join()))
    assert.is_false(task:cancel())
    assert.equal(7, (task:join()))
  end)

  it("wakes the tasks that join it", function()
    local task = moonport.spawn(sleeper)
    local joiner = moonport.spawn(function() return select(3, task:join()) end)
    helper.settle(1)
    task:cancel()
    assert.equal("OperationError", (joiner:join()))
  end)
end)

describe("Tasks", function()
  it("that are referenced nowhere run to their end and are collected", function()
    local seen = setmetatable({}, { __mode = "k" })
    local over = 0
    for _ = 1, 10 do
      seen[moonport.spawn(function()
        moonport.sleep(1)
        over = over + 1
      end)] = true
    end
    collectgarbage()
    helper.eventually(function() return over == 10 end)
    helper.eventually(function()
      collectgarbage()
      return next(seen) == nil
    end)
  end)
end)
