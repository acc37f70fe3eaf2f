-- SPDX-License-Identifier: MIT
-- Cause: an error in the __close of a variable was dropped when its task was cancelled, or when its handler
-- had failed already. Fix: it is reported like any error.

local helper = require "spec.helper"
local moonport = require "moonport"

local function closing(text)
  return setmetatable({}, { __close = function() error(text, 0) end })
end

describe("An error in a __close", function()
  local told

  before_each(function()
    told = {}
    moonport.onError(function(text) told[#told + 1] = text:match "[^\n]*" end)
  end)

  after_each(function() moonport.onError(nil) end)

  it("of a cancelled task is reported", function()
    local begun
    local task = moonport.spawn(function()
      local _ <close> = closing "in the close"
      begun = true
      moonport.sleep(60000)
    end)
    helper.eventually(function() return begun end)
    assert.is_true(task:cancel())
    local _, message = task:join()
    assert.truthy(message:find "cancelled")
    helper.settle(5)
    assert.same({ "in the close" }, told)
  end)

  it("is reported once, after the error of its handler, and the variables get the error before theirs", function()
    local seen
    local timer = moonport.Timer()
    function timer.timeout()
      local _ <close> = closing "in the close"
      local _ <close> = setmetatable({}, { __close = function(_, problem) seen = problem end })
      error("in the handler", 0)
    end
    timer:start(0)
    helper.eventually(function() return #told == 2 end)
    helper.settle(5)
    assert.same({ "in the handler", "in the close" }, told)
    assert.equal("in the handler", seen)
  end)

  it("is what a failed task returns", function()
    local task = moonport.spawn(function()
      local _ <close> = closing "in the close"
      error("in the task", 0)
    end)
    local _, message = task:join()
    assert.equal("in the close", message)
    assert.same({ "in the task", "in the close" }, told)
  end)

  it("is not reported where there is none", function()
    local timer = moonport.Timer()
    function timer.timeout()
      local _ <close> = setmetatable({}, { __close = function() end })
      error { 1 }
    end
    timer:start(0)
    helper.eventually(function() return #told == 1 end)
    helper.settle(5)
    assert.equal(1, #told)
  end)

  it("ends no connection that no handler has taken", function()
    local server <close> = moonport.TcpServer()
    local calls = 0
    function server:newConnection()
      calls = calls + 1
      if calls == 1 then
        local _ <close> = closing "in the close"
        error("in the handler", 0)
      end
      self:nextPendingConnection().readyRead = function(socket) socket:write(socket:readAll()) end
    end
    assert(server:listen "127.0.0.1")
    local first, second = helper.connect(server:serverPort()), helper.connect(server:serverPort())
    first:waitForEnd()
    second:send "x"
    assert.equal("x", second:receive(1))
  end)
end)
