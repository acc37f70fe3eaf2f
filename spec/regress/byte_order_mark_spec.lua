-- A script or module that an editor had saved with a UTF-8 byte-order mark didn't compile ("unexpected symbol
-- near '<\239>'"), although lua runs it. Cause: the program reads a run's files itself, and only
-- luaL_loadfile skips the mark.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

describe("A byte-order mark", function()
  for what, first in pairs { alone = "", ["before a first line for the shell"] = "#!/usr/bin/env moonport\n" } do
    it("is skipped, as by lua: " .. what, function()
      local program = helper.program { source = "\xEF\xBB\xBF" .. first .. "print 'runs' error 'here'" }
      assert.are.equal(1, program:wait(10000))
      assert.are.equal("runs\n", program:stdout())
      assert.matches(first == "" and ":1: here" or ":2: here", program:stderr())
    end)
  end
end)
