-- SPDX-License-Identifier: MIT
-- Cause: all generations share installed modules, which had the first generation's `moonport`. So what they
-- made for a later run belonged to the first one: a timer outlived the run that asked for it, and started at
-- once although that run was still staged, or failed. Fix: the `moonport` of installed modules uses the
-- generation of the code that calls it.

local reload = require "spec.host.reload"
local lfs = require "lfs"

local installed = [[
local moonport = require "moonport"
return {
  ticker = function(text)
    local timer = moonport.Timer()
    function timer:timeout() moonport.log.info("tick %s", text) end
    timer:start(1)
  end,
  generation = moonport.generation,
}
]]

local body = [[
  local installed = require "installed"
  installed.ticker(%q)
  function person:readyRead() self:readAll() self:write(installed.generation() .. "\n") end
]]

describe("An installed module", function()
  it("makes timers for the run that calls it: they start with the run and end with it", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(lfs.mkdir(folder))
    local file = assert(io.open(folder .. "/installed.lua", "w"))
    file:write(installed)
    file:close()
    local service = reload.start(body:format "one", { environment = { LUA_PATH_5_4 = folder .. "/?.lua" } })
    local client = service:connect()
    assert.are.equal("1", reload.ask(client, "?"))
    service:reload(body:format "two")
    assert.are.equal("2", reload.ask(client, "?"))
    service.program:waitForLine "tick two$"
    service:reloadFails(body:format "three" .. "moonport.sleep(50) error 'no'")
    service:reload(body:format "four")
    service.program:waitForLine "tick four$"
    local before = #service.program:stderr()
    for _ = 1, 3 do service.program:waitForLine "tick four$" end
    local log = service.program:stderr()
    assert.is_nil(log:find("tick two", before, true))
    assert.is_nil(log:find("tick three", 1, true))
    service:remove()
    os.execute(("rm -rf '%s'"):format(folder))
  end)
end)
