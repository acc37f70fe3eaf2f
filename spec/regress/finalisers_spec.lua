-- SPDX-License-Identifier: MIT
-- Cause: tasks, and functions of the module, didn't look whether what they use had been finalised. At the end
-- of the state finalisers of the script's own come behind those of objects that are younger, of generations,
-- and of the program's part: they read what had been freed. Fix: one look for all of them, at the object, at
-- the state and at the generation. All functions and methods that there are at run time are called, with
-- arguments of all kinds: new ones come by themselves.

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
    keep = all.finalise(function() all.callAll(objects) all.callLast() end) -- older than they are, so finalised later
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

describe("finalisers call all that there is", function()
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

  it("in runs that are staged, given up and taken over", function()
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
