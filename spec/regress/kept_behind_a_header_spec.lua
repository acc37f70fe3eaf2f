-- SPDX-License-Identifier: MIT
-- Cause: a string of medium size was kept before the host was asked whether it borrows it. Behind a header it copies,
-- and nothing told the bindings to let go: after 64 such strings none was ever let go, and none borrowed.
-- Fix: whatever is kept is let go with the next flush.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

describe("strings of medium size that are written behind a header", function()
  after_each(sockets.close)

  it("are let go of when they are sent", function()
    local socket, plain = sockets.withPlain()
    helper.settle(5)
    collectgarbage()
    collectgarbage()
    local before = collectgarbage "count"
    for i = 1, 200 do
      socket:write "h"
      socket:write(("%04d"):format(i):rep(2000))
      moonport.sleep(0)
      plain:receive(8001)
    end
    collectgarbage()
    collectgarbage()
    assert.is_true(collectgarbage "count" - before < 200)
  end)

  it("are let go of when they are refused", function()
    local socket = sockets.withPlain "ReadOnly"
    helper.settle(5)
    collectgarbage()
    collectgarbage()
    local before = collectgarbage "count"
    for i = 1, 200 do
      assert.is_nil(socket:write(("%04d"):format(i):rep(2000)))
      moonport.sleep(0)
    end
    collectgarbage()
    collectgarbage()
    assert.is_true(collectgarbage "count" - before < 200)
  end)
end)
