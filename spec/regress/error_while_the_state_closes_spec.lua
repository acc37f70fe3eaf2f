-- A finaliser that ran while the Lua state was being closed could end a task whose variable then threw. The
-- error was reported to the program, which had finished: its table of functions had been replaced by one
-- without this function, and the process crashed instead of ending with the requested status.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

local script = [[
  local moonport = require "moonport"
  local task = moonport.spawn(function()
    local _ <close> = setmetatable({}, { __close = function() error("thrown at the end", 0) end })
    moonport.sleep(60000)
  end)
  -- Made later, so finalised before the task.
  ender = setmetatable({}, { __gc = function() task:cancel() end })
  moonport.singleShot(0, function() moonport.quit(3) end)
]]

describe("An error in a variable of a task that a finaliser ends while the state closes", function()
  it("is logged, and the program ends with its status", function()
    local program = helper.program { source = script }
    assert.equal(3, program:wait(10000))
    assert.truthy(program:stderr():find("error task: thrown at the end", 1, true), program:stderr())
  end)
end)
