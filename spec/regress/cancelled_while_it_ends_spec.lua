-- A task could be cancelled while its coroutine was running further down the C stack: by its own __close, by
-- the __close of a task that it cancelled, by onError's function or an error's __tostring. Its coroutine was
-- closed twice, and the task freed twice. Now such a cancel only sets how the task ends. Also, a long chain
-- of tasks, each cancelled by the one before, exhausted the C stack.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local helper = require "spec.helper"

local function closer(close) return setmetatable({}, { __close = close }) end

-- Spawns body, and runs it until it waits.
local function started(body)
  local task = moonport.spawn(body)
  moonport.sleep(0)
  return task
end

describe("A task that is cancelled", function()
  it("again while its own variables are being closed ends once", function()
    local task, closed = nil, 0
    task = started(function()
      local _ <close> = closer(function()
        closed = closed + 1
        task:cancel()
      end)
      moonport.sleep(10000)
    end)
    assert.is_true(task:cancel())
    assert.equal(1, closed)
    assert.equal("OperationError", (select(3, task:join())))
  end)

  it("by a task that it is cancelling ends at its next wait", function()
    local first, second, went
    second = started(function()
      local _ <close> = closer(function() first:cancel() end)
      moonport.sleep(10000)
    end)
    first = moonport.spawn(function()
      moonport.sleep(1)
      second:cancel()
      went = "on"
      moonport.sleep(10000)
      went = "too far"
    end)
    assert.equal("OperationError", (select(3, first:join())))
    assert.equal("OperationError", (select(3, second:join())))
    assert.equal("on", went)
  end)

  it("while its error is being reported has failed", function()
    for _, way in ipairs { "onError", "__tostring" } do
      local task
      local function cancel() task:cancel() end
      moonport.onError(way == "onError" and cancel or nil)
      task = moonport.spawn(function()
        moonport.sleep(1)
        error(setmetatable({}, { __tostring = function()
          if way == "__tostring" then cancel() end
          return "on purpose"
        end }))
      end)
      local _, message, code = task:join()
      moonport.onError(nil)
      assert.equal("on purpose", message)
      assert.equal("TaskFailedError", code)
    end
  end)

  it("also ends a chain of other tasks, however long", function()
    local script = helper.file [[
      local moonport = require "moonport"
      local tasks, count = {}, 2000
      for i = 1, count do
        tasks[i] = moonport.spawn(function()
          local close <close> = setmetatable({}, { __close = function()
            if tasks[i + 1] then tasks[i + 1]:cancel() end
          end })
          moonport.sleep(100000)
        end)
      end
      moonport.sleep(0)
      tasks[1]:cancel()
    ]]
    local program = helper.spawn { "sh", "-c", 'ulimit -s 512; exec "$0" "$1"',
      os.getenv "MOONPORT" or "build/asan/moonport", script }
    assert.equal(0, program:wait(10000))
  end)
end)
