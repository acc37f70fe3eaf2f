-- SPDX-License-Identifier: MIT
-- Cause: a socket that was readable and, after a short write, also writable received first. If that filled
-- the batch, the handlers ran at once. One that ended the socket let it be collected, and then the loop
-- looked at its flags. Fix: the handlers run when nothing is left to do for the socket.

local helper = require "spec.helper"
local posix = helper.posix
local sockets = require "spec.qt.sockets"

describe("A socket that is readable and writable, and whose input fills the batch", function()
  after_each(sockets.close)

  it("may be ended and collected by the handlers of that input", function()
    local server, weak, taken, calls = sockets.server(), setmetatable({}, { __mode = "v" }), {}, 0
    local function connect()
      local client = helper.connect(server:serverPort())
      taken[#taken + 1] = helper.eventually(function() return server:nextPendingConnection() end)
      weak[#taken] = taken[#taken]
      return client
    end
    local client, big = connect(), ("x"):rep(16 << 20)
    connect()
    taken[1].readyRead = function(self)
      self:abort()
      taken[2]:abort()
      taken = {}
    end
    taken[2].disconnected = function()
      calls = calls + 1
      collectgarbage()
      collectgarbage()
    end
    taken[1]:setHighWaterMark(0)
    taken[1]:write(big)
    helper.eventually(function() return taken[1]:bytesToWrite() < #big end)
    assert.is_true(taken[1]:bytesToWrite() > 0)
    assert.equal(40000, client:trySend(("y"):rep(40000)))
    repeat until not posix.read(client.fd, 1 << 20) -- without a turn of the loop
    helper.eventually(function() return calls == 1 end)
    collectgarbage()
    collectgarbage()
    assert.is_nil(weak[1])
  end)
end)
