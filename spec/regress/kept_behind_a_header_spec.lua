-- SPDX-License-Identifier: MIT
-- Cause: a string of medium size was lent before the host was asked whether it would borrow it. After a
-- header the host copies it, and nothing told the bindings to release it: after 64 such strings none was
-- released, and none was lent. Fix: the next flush releases everything that is lent.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

describe("Strings of medium size that are written after a header", function()
  after_each(sockets.close)

  it("are released when they are sent", function()
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

  it("are released when they are refused", function()
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
