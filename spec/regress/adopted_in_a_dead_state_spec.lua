-- A descriptor that was adopted in HostLookupState, ConnectingState, ClosingState or ListeningState could not
-- be closed, or never closed by itself, and kept the program running. Cause: no event ends these states for
-- such a descriptor. Fix: adopting in these states raises. And a descriptor that can't be adopted doesn't
-- keep the program running.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local posix = helper.posix

describe("setSocketDescriptor", function()
  after_each(sockets.close)

  for _, state in ipairs { "HostLookupState", "ConnectingState", "ListeningState", "ClosingState" } do
    it("refuses " .. state, function()
      local ours, theirs = posix.socketPair()
      local socket = sockets.socket()
      local ok, message = pcall(socket.setSocketDescriptor, socket, ours, state)
      assert.is_false(ok)
      assert.truthy(message:find(("can't adopt a descriptor in '%s'"):format(state), 1, true), message)
      assert.equal("UnconnectedState", socket:state())
      posix.close(ours)
      posix.close(theirs)
    end)
  end

  for _, state in ipairs { "UnconnectedState", "BoundState", "ConnectedState" } do
    it("accepts " .. state .. ", and close ends it", function()
      local ours, theirs = posix.socketPair()
      local socket = moonport.TcpSocket()
      assert(socket:setSocketDescriptor(ours, state))
      assert.equal(state, socket:state())
      socket:close()
      helper.eventually(function() return socket:state() == "UnconnectedState" end)
      assert.equal(-1, socket:socketDescriptor())
      posix.close(theirs)
    end)
  end

  it("doesn't keep the program running when the descriptor can't be adopted", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local file = assert(io.open(arg[0]))
      for _, fd in ipairs { -1, 3, 12345 } do -- 3: a regular file, or none
        local socket, server = moonport.TcpSocket(), moonport.TcpServer()
        assert(not socket:setSocketDescriptor(fd))
        assert(not server:setSocketDescriptor(fd))
      end
    ]] }
    program:closeInput()
    assert.equal(0, program:wait(helper.timeout), program:stderr())
  end)
end)
