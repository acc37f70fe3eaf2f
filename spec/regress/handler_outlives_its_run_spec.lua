-- SPDX-License-Identifier: MIT
-- Cause: a handler that waited was counted in the generation whose code it is, but didn't refer to it. When a
-- reload had left nothing else of that generation, it was freed, and the end of the handler counted in freed
-- memory. Fix: a task refers to its generation from its beginning to its end.

local reload = require "spec.host.reload"
local ask = reload.ask

-- It keeps nothing of its run alive: it has no upvalues, and the module goes with the main chunk.
local waiting = [[
  package.loaded.moonport = nil
  function person:readyRead()
    if self:readAll() ~= "wait\n" then return end
    self:write "waits\n"
    self:write(self:receive "line" .. "\n")
    %s
    self:disconnectFromHost()
  end
]]

-- Its answer to "look": the handlers that wait in older generations.
local after = [[
  function server:connectionResumed(connection)
    function connection:readyRead() self:readAll() end
  end
  function person:readyRead()
    self:readAll()
    collectgarbage()
    moonport.sleep(0)
    collectgarbage()
    local older = {}
    for i, it in ipairs(moonport.stats().reload.older) do older[i] = it.generation .. ":" .. it.handlers end
    self:write(table.concat(older, " ") .. "\n")
  end
]]

describe("A handler that waits over a reload, of a run that nothing else is left of", function()
  local service

  after_each(function() service:remove() end)

  for how, ends in pairs {
    ["that returns"] = "",
    ["that fails"] = "local nothing = nil; nothing.field = 1",
  } do
    it("goes on, and its generation goes with it: one " .. how, function()
      service = reload.start(waiting:format(ends))
      local client = service:connect()
      assert.equal("waits", ask(client, "wait"))
      service:reload(after)
      service:reload(after)
      for _ = 1, 2 do assert.equal("1:1", ask(service:connect(), "look")) end
      client:send "on\n"
      client:waitForEnd()
      assert.equal("", ask(service:connect(), "look"))
      client:close()
    end)
  end
end)
