-- SPDX-License-Identifier: MIT
-- A waitForNewConnection that raised ("cannot wait here") or was cancelled left the server accepting although it was
-- paused. Cause: the count of such waits, which accept in spite of a pause, was lowered only where a wait returns.

local moonport = require "moonport"
local helper = require "spec.helper"

describe("A paused server", function()
  it("accepts while somebody waits for a connection, and no longer after that wait was cancelled", function()
    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    server:pauseAccepting()
    local task = moonport.spawn(function() return server:waitForNewConnection(-1) end)
    helper.settle(1)
    task:cancel()
    local client = helper.connect(server:serverPort())
    helper.settle()
    assert.is_false(server:hasPendingConnections())
    local second = moonport.spawn(function() return server:waitForNewConnection(-1) end)
    assert.is_true(second:join())
    server:nextPendingConnection():abort()
    client:close()
  end)

  it("stays paused when a wait is refused", function()
    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    server:pauseAccepting()
    local task = moonport.spawn(function()
      return pcall(table.sort, { 1, 2 }, function() server:waitForNewConnection(-1) end)
    end)
    assert.is_false((task:join()))
    local client = helper.connect(server:serverPort())
    helper.settle()
    assert.is_false(server:hasPendingConnections())
    client:close()
  end)
end)
