-- SPDX-License-Identifier: MIT
-- The to-be-closed variables of a handler or task that failed were never closed: files, sockets and locks
-- stayed open until the collector ran. Cause: a coroutine that ends with an error keeps its stack until it is
-- closed, and nothing closed it.

local moonport = require "moonport"
local helper = require "spec.helper"

local function guard(list, name)
  return setmetatable({}, { __close = function() list[#list + 1] = name end })
end

describe("To-be-closed variables", function()
  it("of a handler that fails are closed, also after a wait", function()
    local closed = {}
    local timer <close> = moonport.Timer()
    timer:setSingleShot(true)
    function timer:timeout()
      local _ <close> = guard(closed, "first")
      local _ <close> = guard(closed, "second")
      error "on purpose"
    end
    timer:start(0)
    helper.eventually(function() return #closed == 2 end)
    assert.same({ "second", "first" }, closed)
    function timer:timeout()
      local _ <close> = guard(closed, "third")
      moonport.sleep(1)
      error "on purpose"
    end
    timer:start(0)
    helper.eventually(function() return #closed == 3 end)
  end)

  it("of a task that fails, or yields, are closed", function()
    local closed = {}
    local task = moonport.spawn(function()
      local _ <close> = guard(closed, "failed")
      error "on purpose"
    end)
    assert.equal("TaskFailedError", select(3, task:join()))
    local other = moonport.spawn(function()
      local _ <close> = guard(closed, "yielded")
      coroutine.yield()
    end)
    assert.equal("TaskFailedError", select(3, other:join()))
    assert.same({ "failed", "yielded" }, closed)
  end)
end)
