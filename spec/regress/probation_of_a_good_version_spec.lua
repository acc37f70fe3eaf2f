-- SPDX-License-Identifier: MIT
-- --rollback-errors took a good version back for ten bad requests of one stranger, and for errors that the code before
-- had as well. Neither counts now. Where there is one peer only, as behind a proxy, it is no stranger.

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
    helper.settle(150) -- three looks
    assert.is_nil(service.program:stderr():find("going back", 1, true))
    assert.are.equal("2 good", reload.ask(service:connect(), "good"))
  end

  it("isn't failed by errors that one peer alone makes, while there are others", function()
    local other = service:connect()
    assert.are.equal("1 good", reload.ask(other, "good"))
    service:reload(body)
    assert.are.equal("2 good", reload.ask(other, "good"))
    fail(12, "worse", "127.0.0.2")
    stays()
  end)

  it("isn't failed by errors that the code before had as well, wherever they stand now", function()
    local client = service:connect()
    for _ = 1, 10 do assert.are.equal("1 good", reload.ask(client, "good")) end
    fail(1, "bad", "127.0.0.2")
    service:reload("\n\n" .. body)
    for i = 1, 12 do fail(1, "bad", "127.0.0." .. i) end
    stays()
  end)

  it("is failed by errors of several peers that the code before had not", function()
    service:reload(body)
    for i = 1, 12 do fail(1, "worse", "127.0.0." .. i % 3 + 1) end
    service.program:waitForLine "generation 2: 1%d of %d+ handler calls failed; going back to the code before"
    service:reloaded()
  end)

  it("is failed by the errors of the only peer that there is", function()
    service:reload(body)
    fail(12, "worse", "127.0.0.2")
    service.program:waitForLine "going back to the code before"
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
    service.program:waitForLine "going back to the code before. The first error: .*in a timer"
    service:reloaded()
  end)
end)
