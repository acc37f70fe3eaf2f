-- SPDX-License-Identifier: MIT
-- Cause: a thread of moonport.work that was in a C function when the Lua state ended was left alone. When it
-- came back, nobody freed its job and what all threads share. Fix: the last such thread does.

local helper = require "spec.helper"

-- The jobs go on when a finaliser that runs after the end of moonport lets them. It waits for the ends of their
-- threads. LeakSanitizer then looks at what is left.
local script = [[
  local folder, count = %q, %d
  local function threads()
    for line in io.lines "/proc/self/status" do
      local number = line:match "^Threads:%%s*(%%d+)"
      if number then return tonumber(number) end
    end
  end
  let_go = setmetatable({}, { __gc = function()
    print(threads())
    io.open(folder .. "/go", "w"):close()
    for _ = 1, 1000 do
      if threads() == 1 then break end
      os.execute "sleep 0.01"
    end
    print(threads())
  end })
  local moonport = require "moonport"
  local function wait(folder, i)
    os.execute(("cd '%%s'; : >begun%%d; while ! [ -e go ]; do sleep 0.01; done"):format(folder, i))
    return ("x"):rep(1000)
  end
  for i = 1, count do
    moonport.spawn(moonport.work, wait, folder, i)
    repeat
      moonport.sleep(1)
      local begun = io.open(folder .. "/begun" .. i)
    until begun and begun:close()
  end
]]

describe("A function of moonport.work that comes back after the end of the Lua state", function()
  for count = 1, 2 do
    it(("leaves nothing behind: %d of them"):format(count), function()
      local folder = helper.folder()
      local program = helper.spawn({ "lua5.4", helper.file(script:format(folder, count)) },
        { LD_PRELOAD = os.getenv "LD_PRELOAD" or false })
      assert.equal(0, program:wait(60000), program:stderr())
      assert.equal(("%d\n1\n"):format(count + 1), program:stdout())
      os.execute(("rm -r '%s'"):format(folder))
    end)
  end
end)
