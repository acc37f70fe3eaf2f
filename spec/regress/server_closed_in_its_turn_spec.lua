-- SPDX-License-Identifier: MIT
-- Cause: while a server accepts, it holds a reference to its listener. If all connections ended and the
-- server was closed before that turn was over, nothing checked again: the server stayed for ever, and so did
-- the program. Fix: the turn checks again when it releases the reference.

local helper = require "spec.helper"
local moonport = require "moonport"

describe("A server that is closed in newConnection", function()
  it("is released when its connection ends there too", function()
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

  it("doesn't keep the program running", function()
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
