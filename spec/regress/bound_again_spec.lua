-- A socket that had been used and was bound again ended without readChannelFinished, and reported its last
-- peer in the handlers of its next end. Cause: bind kept the marks of the last end. Fix: it clears them.
-- Also, abort ended a transaction on a socket that isn't open, where it must do nothing, as close.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

describe("A socket", function()
  after_each(sockets.close)

  it("that is bound again ends with the same signals as the first time", function()
    local socket = sockets.socket()
    for _ = 1, 2 do
      local seen = {}
      function socket:stateChanged(state) seen[#seen + 1] = state end
      function socket:readChannelFinished() seen[#seen + 1] = "finished" end
      assert(socket:bind "127.0.0.1")
      socket:abort()
      helper.settle()
      assert.are.same({ "BoundState", "UnconnectedState", "finished" }, seen)
    end
  end)

  it("that is bound within disconnected has no peer", function()
    local client, peer = sockets.pair()
    local address, port
    function client:disconnected()
      assert(self:bind "127.0.0.1")
      address, port = self:peerAddress(), self:peerPort()
    end
    peer:close()
    helper.eventually(function() return port end)
    assert.are.equal(0, port)
    assert.is_nil(address)
  end)

  for _, ends in ipairs { "abort", "close" } do
    it("that isn't open keeps its transaction in spite of " .. ends, function()
      local socket = sockets.socket()
      assert(socket:startTransaction())
      socket[ends](socket)
      assert.is_true(socket:isTransactionStarted())
    end)
  end
end)
