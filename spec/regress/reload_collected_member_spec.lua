-- SPDX-License-Identifier: MIT
-- A reload crashed if the collector had finalised an object of the run shortly before. Cause: the run's
-- objects are weak keys of a table, and Lua removes a key with a finaliser only in the cycle after the one
-- that finalised it. The rollback (and the retirement) then closed a destroyed object. Fix: both skip ended
-- objects.

local reload = require "spec.host.reload"

local litter = [[
  do
    local made = { moonport.TcpServer(), moonport.TcpSocket(), moonport.Timer(), moonport.TcpServer() }
    made[3]:start(1) made[3]:stop()
    made[4]:listen("127.0.0.1", 0) made[4]:close()
  end
  collectgarbage()
]]

describe("A reload soon after a collection", function()
  local service

  after_each(function() service:remove() end)

  it("rolls back a run whose objects were finalised", function()
    service = reload.start ""
    assert.is_truthy(service:reloadFails(litter .. "error 'broken'"):find("broken", 1, true))
    service:reload ""
  end)

  it("retires a run whose objects were finalised", function()
    service = reload.start "function person:readyRead() self:readAll() collectgarbage() self:write 'done\\n' end"
    service:reload(litter)
    service:reload(litter)
    service:reload ""
  end)
end)
