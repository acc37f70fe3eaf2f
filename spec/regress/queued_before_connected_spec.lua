-- What was written while connecting was sent before `connected` was delivered: a handler that then aborted
-- had sent it, and what the handler wrote was sent separately. Also, `connected` was signalled for a
-- descriptor that a handler of stateChanged had set in the connection's place. And a close that was requested
-- while connecting never came if a handler of `connected` had connected again. Cause: the steps after
-- stateChanged(Connected) looked only at the state. Fix: a flag says that `connected` is due. Nothing is sent
-- before it, and a step of an earlier connection doesn't affect a later one.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"
local posix = helper.posix

describe("A connection that was just made", function()
  after_each(sockets.close)

  it("sends nothing before connected has been delivered", function()
    local listener, socket = helper.listen(), sockets.socket()
    local unsent = {}
    function socket:stateChanged(state)
      if state == "ConnectedState" then self:write "b" end
    end
    function socket:connected()
      unsent[#unsent + 1] = self:bytesToWrite()
      self:abort()
    end
    socket:connectToHost("127.0.0.1", listener:port())
    socket:write "a"
    assert.are.equal("", listener:accept():receiveAll())
    assert.are.same({ 2 }, unsent)
  end)

  it("sends what was queued when connected waits", function()
    local listener, socket = helper.listen(), sockets.socket()
    local left
    function socket:connected()
      self:waitForBytesWritten(helper.timeout)
      left = self:bytesToWrite()
    end
    socket:connectToHost("127.0.0.1", listener:port())
    socket:write "abc"
    assert.are.equal("abc", listener:accept():receive(3))
    helper.eventually(function() return left end)
    assert.are.equal(0, left)
  end)

  it("isn't signalled for a descriptor that has replaced it", function()
    local listener, socket = helper.listen(), sockets.socket()
    local mine, other = posix.socketPair()
    local connected = 0
    function socket:connected() connected = connected + 1 end
    function socket:stateChanged(state)
      if state ~= "ConnectedState" or self:socketDescriptor() == mine then return end
      assert(self:setSocketDescriptor(mine))
      self:write "here"
    end
    socket:connectToHost("127.0.0.1", listener:port())
    helper.eventually(function() return posix.read(other, 10) == "here" end)
    helper.settle()
    posix.close(other)
    assert.are.equal(0, connected)
  end)

  it("and made again within connected is closed if that was requested", function()
    local listener, socket = helper.listen(), sockets.socket()
    local again, closed = false, false
    function socket:connected()
      if again then return end
      again = true
      self:abort()
      self:connectToHost("127.0.0.1", listener:port())
      self:write "queued"
      self:disconnectFromHost()
      function self:disconnected() closed = self:bytesSent() == 6 end
    end
    socket:connectToHost("127.0.0.1", listener:port())
    socket:disconnectFromHost()
    listener:accept():waitForEnd()
    assert.are.equal("queued", listener:accept():receiveAll())
    helper.eventually(function() return closed end)
  end)
end)
