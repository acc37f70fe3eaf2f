-- SPDX-License-Identifier: MIT
-- Cause: SIGPIPE was ignored, and what os.execute and io.popen start inherits that: "yes | head" went on for
-- ever, or complained. Fix: a handler that does nothing, which child processes don't inherit.

local helper = require "spec.helper"

local look = [[
  require "moonport"
  local mask = io.popen("grep SigIgn /proc/self/status"):read "a"
  print(tonumber(mask:match "%x+$" or mask:match "(%x+)%s*$", 16) & 1 << 12)
  io.stdout:flush()
]]

local lives = [[
  require "moonport"
  local pipe = io.popen("true", "w")
  print(pipe:write(("x"):rep(1 << 20)) == nil or pipe:flush() == nil)
]]

describe("SIGPIPE", function()
  it("is not ignored in child processes of the program", function()
    local program = helper.program { source = look }
    assert.equal("0", program:waitForLine "^%d+$")
    assert.equal(0, program:wait())
  end)

  it("is not ignored in child processes of a plain Lua", function()
    local program = helper.spawn({ "lua5.4", helper.file(look) }, { LD_PRELOAD = os.getenv "LD_PRELOAD" or false })
    assert.equal("0", program:waitForLine "^%d+$")
    assert.equal(0, program:wait())
  end)

  it("doesn't end the program, whose write fails", function()
    local program = helper.program { source = lives }
    assert.equal(0, program:wait())
    assert.equal("true\n", program:stdout())
  end)
end)
