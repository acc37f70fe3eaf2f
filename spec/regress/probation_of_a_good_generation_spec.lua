-- SPDX-License-Identifier: MIT
-- --rollback-errors rolled back a good generation because of ten bad requests of one peer, or of errors that
-- the former code had as well. Now neither counts. If there is only one peer, as behind a proxy, its errors
-- count.

local helper = require "spec.helper"
local reload = require "spec.host.reload"

local body = [[
  function person:readyRead()
    local line = self:readLine()
    if line == "bad\n" then error("bad request") end
    if line == "worse\n" then local t = nil; t.field = 1 end
    self:write(moonport.generation() .. " " .. line)
  end
]]

describe("Probation", function()
  local service

  before_each(function()
    service = reload.start((body:gsub("\n%s*if line == \"worse.-\n", "\n")),
      { options = { "--rollback-errors", "20" } })
  end)

  after_each(function() service:remove() end)

  -- From another address of this machine.
  local function fail(times, line, from)
    for _ = 1, times do
      local program = helper.spawn({ "nc", "-N", "-s", from, "127.0.0.1", service.port })
      program:write(line .. "\n", true)
      program:wait()
    end
  end

  local function stays()
    helper.settle(150) -- three checks
    assert.is_nil(service.program:stderr():find("going back", 1, true))
    assert.are.equal("2 good", reload.ask(service:connect(), "good"))
  end

  it("isn't failed by errors that only one of several peers causes", function()
    local other = service:connect()
    assert.are.equal("1 good", reload.ask(other, "good"))
    service:reload(body)
    assert.are.equal("2 good", reload.ask(other, "good"))
    fail(12, "worse", "127.0.0.2")
    stays()
  end)

  it("isn't failed by errors that the former code had as well, whatever line they are in now", function()
    local client = service:connect()
    for _ = 1, 10 do assert.are.equal("1 good", reload.ask(client, "good")) end
    fail(1, "bad", "127.0.0.2")
    service:reload("\n\n" .. body)
    for i = 1, 12 do fail(1, "bad", "127.0.0." .. i) end
    stays()
  end)

  it("is failed by errors of several peers that the former code hadn't", function()
    service:reload(body)
    for i = 1, 12 do fail(1, "worse", "127.0.0." .. i % 3 + 1) end
    service.program:waitForLine "generation 2: 1%d of %d+ handler calls failed; going back to the previous code"
    service:reloaded()
  end)

  it("is failed by errors of the only peer", function()
    service:reload(body)
    fail(12, "worse", "127.0.0.2")
    service.program:waitForLine "going back to the previous code"
    service:reloaded()
  end)

  it("is failed by errors of its timers", function()
    local other = service:connect()
    service:reload(body .. [[
      local timer = moonport.Timer()
      function timer:timeout() moonport.singleShot(0, function() error "in a timer" end) end
      timer:start(1)
    ]])
    assert.is_truthy(other)
    service.program:waitForLine "going back to the previous code. The first error: .*in a timer"
    service:reloaded()
  end)
end)
