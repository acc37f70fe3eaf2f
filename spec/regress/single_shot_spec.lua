-- SPDX-License-Identifier: MIT
-- Cause: moonport.singleShot moved its stack once too often and used the time as the handler, so every call
-- raised. Fix: the handler stays on top of the stack.

local helper = require "spec.helper"
local moonport = require "moonport"

describe("moonport.singleShot", function()
  it("runs its function once", function()
    local runs = 0
    moonport.singleShot(1, function() runs = runs + 1 end)
    helper.eventually(function() return runs == 1 end)
  end)
end)
