-- SPDX-License-Identifier: MIT
-- Cause: tasks, and functions of the module, didn't check whether what they use had been finalised. When the
-- state closes, finalisers of the script run after those of younger objects, of generations, and of the
-- program's part: they read freed memory. Fix: one check of the object, the state and the generation, for all
-- of them. The specs call all functions and methods that exist at run time, with arguments of all kinds, so
-- new ones are included.
-- #thorough: it computes for long

local helper = require "spec.helper"
local reload = require "spec.host.reload"

local head = [[
  package.path = "./spec/regress/?.lua;" .. package.path
  local moonport = require "moonport"
  local all = require "finalisers"
]]

local cases = {
  ["at the end of the state, on what was finalised before"] = [[
    local objects = {}
    keep = all.finalise(function() all.callAll(objects) all.callLast() end) -- older, so finalised later
    for i, object in ipairs(all.make()) do objects[i] = object end
    moonport.quit()
  ]],
  ["at the end of the state, on what is still there"] = [[
    local objects = all.make()
    keep = all.finalise(function() all.callAll(objects) all.callAll(all.make()) all.callLast() end)
    moonport.quit()
  ]],
  ["at the end of the state, with what is in use and has waited"] = [[
    local objects
    keep = all.finalise(function() all.callAll(objects) end)
    objects = all.make()
    moonport.sleep(20)
    moonport.quit()
  ]],
  ["in the middle, on what is collected together with them"] = [[
    do
      local objects = {}
      local first = all.finalise(function() all.callAll(objects) end)
      for i, object in ipairs(all.make()) do objects[i] = object end
      objects.last = all.finalise(function() all.callAll { table.unpack(objects) } end)
      objects.first, first = first, nil
    end
    for _ = 1, 4 do collectgarbage() end
    moonport.sleep(5)
    for _ = 1, 4 do collectgarbage() end
    moonport.quit()
  ]],
  ["in the middle of a handler and of a task"] = [[
    local timer, calls = moonport.Timer(), 0
    function timer.timeout()
      calls = calls + 1
      all.finalise(function() all.callAll { timer, moonport.spawn(print) } end)
      collectgarbage()
      if calls == 2 then moonport.quit() end
    end
    timer:start(1)
  ]],
}

describe("Finalisers call all functions and methods", function()
  for what, source in pairs(cases) do
    it(what, function()
      local program = helper.program { source = head .. source, options = { "--grace", "100" } }
      assert.equal(0, program:wait(60000), program:stderr())
      assert.equal("done\n", program:stdout():match "done\n")
    end)

    it(what .. ", in a plain Lua", function()
      local plain = (head .. source):gsub("moonport%.quit%(%)", "")
        .. "\nmoonport.singleShot(50, function() moonport.quit() end) moonport.run()"
      local program = helper.spawn({ "lua5.4", helper.file(plain) }, { LD_PRELOAD = os.getenv "LD_PRELOAD" or false })
      assert.equal(0, program:wait(60000), program:stderr())
      assert.equal("done\n", program:stdout():match "done\n")
    end)
  end

  it("in runs that are staged, rolled back and taken over", function()
    local service = reload.start ""
    local staged = head .. [[
      local objects = all.make()
      keep = all.finalise(function() all.callAll(objects) end)
      all.finalise(function() all.callAll(objects) end)
      collectgarbage()
    ]]
    service:replace(staged .. " error 'given up'")
    service.program:signal "HUP"
    service:failed(30000)
    service:replace(staged)
    service.program:signal "HUP"
    service:reloaded(30000)
    service:replace ""
    service.program:signal "HUP"
    service:reloaded(30000)
    service.program:signal "TERM"
    assert.equal(0, service.program:wait(60000))
    service:remove()
  end)
end)
