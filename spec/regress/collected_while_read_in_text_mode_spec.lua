-- SPDX-License-Identifier: MIT
-- Cause: in text mode, a read looked up the address of the unread bytes, then made a buffer to copy them to
-- without carriage returns. Making the buffer can run a finaliser of the script. If that read from the same
-- socket, or closed it, the bytes were freed before they were copied. Fix: the address is looked up once the
-- buffer exists.

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

describe("A finaliser that empties the socket which is being read in text mode", function()
  after_each(sockets.close)

  for _, way in ipairs { "skip", "close" } do
    it("leaves nothing to read: " .. way, function()
      local server, text, finalised = sockets.server(), ("x\r"):rep(20000), false
      helper.connect(server:serverPort()):send(text)
      local socket = sockets.accept(server)
      helper.eventually(function() return socket:bytesAvailable() == #text end)
      socket:setTextModeEnabled(true)
      local held = {}
      held[1] = setmetatable({}, {
        __gc = function()
          finalised = true
          socket[way](socket, way == "skip" and #text or nil)
        end,
      })
      local function read()
        for key in pairs(held) do held[key] = nil end
        return socket:readAll()
      end
      collectgarbage("incremental", 1, 1000, 100) -- a cycle at each allocation
      collectgarbage()
      local got = read()
      collectgarbage("incremental", 200, 100, 13)
      assert.is_true(finalised)
      assert.equal("", got)
      assert.equal(0, socket:bytesAvailable())
    end)
  end
end)
