-- SPDX-License-Identifier: MIT
-- Cause: coroutine.running() gives a script the coroutines of its handlers. The host resumed and reset them
-- without looking at their state. One that was resumed from outside while it waited, cancelled while it ran
-- so, or closed while it waited or before it began, was reset while it ran, or called below its stack. Fix:
-- only the host continues what waits. It doesn't touch a coroutine whose state has changed. And what hasn't
-- begun yet isn't on a coroutine that a script may know.

local helper = require "spec.helper"
local moonport = require "moonport"

describe("The coroutine of a task", function()
  -- A task that waits, and its coroutine.
  local function waiting(wait)
    local co, result
    local task = moonport.spawn(function()
      co = coroutine.running()
      result = table.pack(wait())
      return "done"
    end)
    helper.eventually(function() return co end)
    return co, task, function() return result end
  end

  it("doesn't change when a script resumes it while it waits #valgrind", function()
    local co, task = waiting(function() return moonport.sleep(30) end)
    for _ = 1, 3 do
      local ok, nothing, message = coroutine.resume(co, "one", "two")
      assert.is_true(ok)
      assert.is_nil(nothing)
      assert.truthy(message:find("continues when its wait is over", 1, true))
    end
    assert.equal("done", task:join())
  end)

  it("gets the result of its wait, not what a script has passed", function()
    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    local socket = helper.eventually(function() return server:nextPendingConnection() end)
    local co, task, result = waiting(function() return socket:receive(4) end)
    coroutine.resume(co, 1, 2, 3)
    client:send "four"
    assert.equal("done", task:join())
    assert.same({ "four", n = 1 }, result())
    socket:abort()
  end)

  it("may be closed by a script while it waits: the task fails #valgrind", function()
    local told
    moonport.onError(function(text) told = text end)
    local closed
    local other = moonport.spawn(function() moonport.sleep(60000) end)
    local co, task = waiting(function()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      return other:join()
    end)
    assert.is_true(coroutine.close(co))
    assert.is_true(closed)
    other:cancel() -- which ends the wait
    local nothing, message, code = task:join()
    assert.is_nil(nothing)
    assert.truthy(message:find("the script has closed or resumed the coroutine", 1, true))
    assert.equal("TaskFailedError", code)
    assert.truthy(told:find("the script has closed or resumed the coroutine", 1, true))
    moonport.onError(nil)
  end)

  it("may be closed by a script and then cancelled", function()
    local co, task = waiting(function() return moonport.sleep(60000) end)
    coroutine.close(co)
    assert.is_true(task:cancel())
    local _, _, code = task:join()
    assert.equal("OperationError", code)
  end)

  it("can't be used by a script before the next task begins #valgrind", function()
    local co = coroutine.running()
    moonport.spawn(function() co = coroutine.running() end):join()
    local calls = 0
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = moonport.spawn(function(...) calls = calls + select("#", ...) return ... end, i, i)
      coroutine.close(co)
      assert.is_false((coroutine.resume(co)))
    end
    assert.equal(0, calls)
    for i, task in ipairs(tasks) do assert.same({ i, i }, { task:join() }) end
    assert.equal(6, calls)
  end)

  it("isn't harmed when it cancels itself through another coroutine", function()
    local task
    task = moonport.spawn(function()
      local co = coroutine.running()
      coroutine.wrap(function()
        task:cancel()
        assert.is_false((coroutine.resume(co)))
        assert.is_false((pcall(coroutine.close, co)))
      end)()
      moonport.sleep(60000)
    end)
    local _, _, code = task:join()
    assert.equal("OperationError", code)
  end)

  it("may be held by a script when the task is over", function()
    local co
    moonport.spawn(function() co = coroutine.running() error "wanted" end):join()
    collectgarbage()
    assert.is_false((coroutine.resume(co)))
    assert.is_true(coroutine.close(co))
  end)
end)

describe("The coroutine of a handler", function()
  it("may be closed by a script while it waits: the connection ends", function()
    local server <close> = moonport.TcpServer()
    local co, told
    moonport.onError(function(text) told = text end)
    function server.connection:readyRead()
      co = coroutine.running()
      self:readAll()
      self:receive(100, 20)
    end
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    client:send "x"
    helper.eventually(function() return co end)
    coroutine.close(co)
    client:waitForEnd()
    assert.truthy(told:find("the script has closed or resumed the coroutine", 1, true))
    moonport.onError(nil)
  end)
end)
