-- SPDX-License-Identifier: MIT
-- Cause: a connection that no handler has taken yet stays in its server's list of pending ones when it is
-- aborted. If it connected again, or got another descriptor, it left the server but not that list, and then
-- got into a second one. Fix: a connection that leaves the server leaves its lists.

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

describe("A connection that no handler has taken", function()
  after_each(sockets.close)

  -- Three clients whose connections stay pending, until the handler aborts each and gives it `another`
  -- connection.
  local function pendingOnes(another)
    local server, changed = sockets.server(), {}
    function server.newConnection() end
    function server.connection:readyRead()
      if changed[self] then return end
      changed[self] = true
      changed[#changed + 1] = sockets.closing(self)
      self:abort()
      another(self)
    end
    for _ = 1, 3 do helper.connect(server:serverPort()):send "x" end
    helper.eventually(function() return #changed == 3 end)
    return server, changed
  end

  it("leaves its server when it connects again", function()
    local other = sockets.server()
    local server, changed = pendingOnes(function(socket)
      assert(socket:connectToHost("127.0.0.1", other:serverPort()))
    end)
    for _, socket in ipairs(changed) do
      helper.eventually(function() return socket:state() == "ConnectedState" end)
      assert.is_nil(socket:server())
    end
    assert.is_false(server:hasPendingConnections())
    assert.is_nil(server:nextPendingConnection())
    for _ = 1, 3 do sockets.accept(other) end
    for _, socket in ipairs(changed) do socket:abort() end
    helper.connect(server:serverPort())
    assert.equal("ConnectedState", sockets.accept(server):state())
  end)

  it("leaves its server when it gets another descriptor", function()
    local ends = {}
    local server, changed = pendingOnes(function(socket)
      local mine, other = helper.posix.socketPair()
      ends[#ends + 1] = other
      assert(socket:setSocketDescriptor(mine))
    end)
    assert.is_false(server:hasPendingConnections())
    for i, socket in ipairs(changed) do
      assert.equal(3, helper.posix.write(ends[i], "new"))
      assert.equal("new", socket:receive(3, helper.timeout))
      socket:abort()
      helper.posix.close(ends[i])
    end
    helper.connect(server:serverPort())
    assert.equal("ConnectedState", sockets.accept(server):state())
  end)
end)
