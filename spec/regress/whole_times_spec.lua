-- Getters of times returned floats: 1000 came back as 1000.0, and remainingTime() had a fraction, for which
-- "%d" raises. Now a whole time is an integer, and a measured one is rounded up, as Qt's milliseconds are
-- whole.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

describe("A time that a getter returns", function()
  it("is an integer if it was set as a whole number, else what was set", function()
    local timer, socket, server = moonport.Timer(), moonport.TcpSocket(), moonport.TcpServer()
    local pairs_ = {
      { function(msec) timer:setInterval(msec) end, function() return timer:interval() end },
      { function(msec) socket:setIdleTimeout(msec) end, function() return socket:idleTimeout() end },
      { function(msec) server:setIdleTimeout(msec) end, function() return server:idleTimeout() end },
    }
    for _, pair in ipairs(pairs_) do
      local set, get = table.unpack(pair)
      assert.equal("integer", math.type(get()))
      for _, msec in ipairs { 0, 1, 1000, 1000.0, 2 ^ 40 } do
        set(msec)
        assert.equal("integer", math.type(get()))
        assert.equal(msec, get())
        assert.equal(("%d"):format(msec), ("%d"):format(get()))
      end
      set(2.5)
      assert.equal(2.5, get())
      set(1e300)
      assert.equal(1e300, get())
    end
  end)

  it("is whole if a timer has that long left, and 0 only when the timer is due", function()
    local timer <close> = moonport.Timer()
    assert.equal("integer", math.type(timer:remainingTime()))
    timer:start(10000)
    assert.equal("integer", math.type(timer:remainingTime()))
    assert.is_true(timer:remainingTime() > 0 and timer:remainingTime() <= 10000)
    timer:start(0.25)
    assert.equal("integer", math.type(timer:remainingTime()))
    timer:start(1e300)
    assert.is_true(timer:remainingTime() > 1e14)
  end)

  it("is whole if it is a reload's", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local timer = moonport.Timer()
      timer:start(60000)
      moonport.onReload(function(ok, report)
        local reload = moonport.stats().reload
        print(("%s %d %d %d"):format(ok, report.duration, reload.duration, reload.time):match "^%S+")
        os.exit(0)
      end)
      if moonport.generation() == 1 then moonport.reload() end]] }
    assert.equal("true", program:waitForLine "^%l+$")
    assert.equal(0, program:wait())
  end)
end)
