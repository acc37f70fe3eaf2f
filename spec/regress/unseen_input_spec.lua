-- SPDX-License-Identifier: MIT
-- Cause: when a readyRead handler that had waited ended, a close that had waited for it went on first. What
-- had arrived meanwhile was signalled afterwards, when an answer could no longer be written. What had been
-- sent meanwhile was signalled even after disconnected, or on the socket's next connection. Fix: unseen input
-- is signalled before the close goes on, and only while the connection exists.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

describe("What arrived while a handler waited", function()
  after_each(sockets.close)

  it("is answered, although the peer has half-closed since", function()
    local server = sockets.server()
    function server.connection:readyRead()
      local request = self:readAll()
      moonport.sleep(20)
      self:write("re:" .. request .. ";")
    end
    local client = helper.connect(server:serverPort())
    client:send "one"
    helper.eventually(function() return moonport.stats().connections == 1 end)
    helper.settle(5)
    client:send "two"
    client:shutdown()
    assert.equal("re:one;re:two;", client:receiveAll())
  end)

  it("is not signalled after disconnected, neither input nor output", function()
    local socket, plain = sockets.withPlain()
    local log, ended, closed = {}, 0, false
    local function wait(signal)
      log[#log + 1] = signal
      while not closed do moonport.sleep(1) end
      ended = ended + 1
    end
    function socket:readyRead() wait "readyRead" end
    function socket:bytesWritten() wait "bytesWritten" end
    function socket.disconnected() log[#log + 1] = "disconnected" end
    socket:write "first"
    plain:send "one"
    helper.eventually(function() return #log == 2 end)
    plain:send "two"
    sockets.eventuallyAvailable(socket, 6)
    socket:write "second"
    socket:disconnectFromHost()
    assert.equal("firstsecond", plain:receiveAll())
    helper.eventually(function() return log[3] == "disconnected" end)
    closed = true
    helper.eventually(function() return ended == 2 end)
    helper.settle(5)
    assert.equal(3, #log)
  end)
end)
