-- SPDX-License-Identifier: MIT
-- An installed module found no `arg`, and so busted inside the program ran other specs than it was told to.
-- Cause: `arg` was set only in the script's globals, and installed modules have the globals that all
-- generations share. Fix: it is set in both.

local helper = require "spec.helper"

describe("The program's arg", function()
  it("is set for an installed module as well", function()
    local module = helper.file("return { first = arg and arg[1] }", "module.lua")
    local folder, name = module:match "^(.*)/([^/]+)%.lua$"
    local script = io.popen "mktemp -d" -- a folder of its own, since modules beside the script aren't installed ones
    local path = script:read "l"
    script:close()
    helper.rewrite(path .. "/script.lua", ("print(arg[1], require(%q).first)"):format(name))
    local program = helper.program {
      script = path .. "/script.lua",
      args = { "hello" },
      environment = { LUA_PATH_5_4 = folder .. "/?.lua;;" },
    }
    local status, out = program:wait(), program:stdout()
    os.remove(path .. "/script.lua")
    os.remove(path)
    assert.equal(0, status)
    assert.equal("hello\thello\n", out)
  end)
end)
