-- SPDX-License-Identifier: MIT
-- A paused server went on accepting after a waitForNewConnection had raised ("cannot wait here") or was
-- cancelled. Cause: the number of such waits, which accept in spite of a pause, was decreased only when a
-- wait returned.

local moonport = require "moonport"
local helper = require "spec.helper"

describe("A paused server", function()
  it("accepts while a task waits for a connection, and no longer once that wait is cancelled", function()
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
