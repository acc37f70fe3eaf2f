-- SPDX-License-Identifier: MIT
-- A reload that took over from a run with many tasks and timers ended them all before anything else: 20,000
-- tasks stopped the service for 159 ms. Fix: a flag retires the run. What the run has made ends in slices of
-- the loop's time, and at the latest before it would run again.

local helper = require "spec.helper"
local reload = require "spec.host.reload"

local count = 3000

-- Each closes something, by which the spec counts the loop's turns; some would run again soon.
local first = ([[
  local turns = moonport.persist("turns", {})
  local runs = moonport.persist("runs", { 0 })
  for i = 1, %d do
    moonport.spawn(function()
      local _ <close> = setmetatable({}, { __close = function()
        local turn = moonport.stats().iterations
        turns[turn] = (turns[turn] or 0) + 1
        for _ = 1, 200 do end
      end })
      while true do
        moonport.sleep(i %% 3 == 0 and 1 or 60000)
        if moonport.stale() then runs[1] = runs[1] + 1 end
      end
    end)
    if i %% 10 == 0 then
      local timer = moonport.Timer()
      function timer:timeout() if moonport.stale() then runs[1] = runs[1] + 1 end end
      timer:start(1)
    end
  end
  function person:readyRead() self:readAll() self:write "begun\n" end
]]):format(count)

local second = [[
  local turns = moonport.persist("turns", {})
  local runs = moonport.persist("runs", { 0 })
  function person:readyRead()
    self:readAll()
    local closed, slices = 0, 0
    for _, n in pairs(turns) do closed, slices = closed + n, slices + 1 end
    self:write(("%d %d %d\n"):format(closed, slices, runs[1]))
  end
]]

describe("A reload that takes over from thousands of tasks", function()
  it("ends them in many turns of the loop, and lets none run again", function()
    local service = reload.start(first)
    local client = service:connect()
    assert.are.equal("begun", reload.ask(client, "x"))
    service:reload(second)
    local closed, slices, runs
    helper.eventually(function()
      closed, slices, runs = reload.ask(client, "x"):match "(%d+) (%d+) (%d+)"
      return tonumber(closed) == count
    end, "all tasks closed")
    assert.are.equal("0", runs)
    assert.is_true(tonumber(slices) > 5, slices .. " turns")
    service:remove()
  end)
end)
