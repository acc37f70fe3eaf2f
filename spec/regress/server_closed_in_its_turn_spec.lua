-- SPDX-License-Identifier: MIT
-- Cause: while a server accepts, it holds a reference of its own to the listener. When all connections had ended and
-- the server was closed before that turn was over, nobody looked again: it was kept for ever, and the program too.
-- Fix: the turn looks once more when it lets go.

local helper = require "spec.helper"
local moonport = require "moonport"

describe("a server that is closed in newConnection", function()
  it("is let go when its connection has ended there too", function()
    local before, closed = helper.objects(), false
    do
      local server = moonport.TcpServer()
      function server:newConnection()
        self:nextPendingConnection():abort()
        self:close()
        closed = true
      end
      assert(server:listen "127.0.0.1")
      helper.connect(server:serverPort())
    end
    helper.eventually(function() return closed end)
    helper.eventually(function() return helper.objects() == before end)
  end)

  it("does not keep the program", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server:newConnection()
        self:nextPendingConnection():abort()
        self:close()
      end
      assert(server:listen "127.0.0.1")
      print("port " .. server:serverPort())
    ]] }
    helper.connect(tonumber(program:waitForLine "^port (%d+)$"))
    assert.equal(0, program:wait())
  end)
end)
