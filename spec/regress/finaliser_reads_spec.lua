-- SPDX-License-Identifier: MIT
-- Cause: a read makes the string first, then takes its bytes from the buffer. Making the string can run a
-- finaliser of the script. If that read from the same socket, the buffer's end came before its start. Fix: a
-- read takes no more than there is.
-- #nogc: it counts what the outer read gets, which a collection right before that takes from it

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

describe("A finaliser that reads from the socket which is being read", function()
  after_each(sockets.close)

  it("leaves the socket usable", function()
    local server, mode = sockets.server(), collectgarbage "incremental"
    local text, came, finalised = ("x"):rep(50000), 0, 0
    function server.connection:readyRead()
      local within = false
      setmetatable({}, {
        __gc = function()
          if within then
            finalised = finalised + 1
            self:readAll()
          end
        end,
      })
      within = true
      local got = self:readAll()
      within = false
      came = came + #got
      assert(self:bytesAvailable() == 0)
    end
    local client = helper.connect(server:serverPort())
    for i = 1, 200 do
      client:send(text)
      helper.eventually(function() return came >= i * #text end)
    end
    assert.is_true(finalised > 0)
    collectgarbage(mode)
  end)
end)
