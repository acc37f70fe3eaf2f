-- waitForDisconnected on a connection that never existed, since the connect was refused or the name unknown,
-- returned true; Qt returns false. And it didn't return when a waitForConnected in another task timed out and
-- ended the attempt, which only stateChanged signals.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"

-- Waits for the end in a task. -> the results
local function waited(socket, act)
  local results
  local task = moonport.spawn(function() results = table.pack(socket:waitForDisconnected(-1)) end)
  helper.settle(1)
  if act then act() end
  helper.eventually(function() return results end, "the end of the wait")
  task:join()
  return table.unpack(results, 1, 3)
end

describe("waitForDisconnected while connecting", function()
  after_each(sockets.close)

  it("fails as the connect does: refused", function()
    local socket = sockets.socket()
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    local ok, message, code = waited(socket)
    assert.is_nil(ok)
    assert.equal("waitForDisconnected: Connection refused", message)
    assert.equal("ConnectionRefusedError", code)
  end)

  it("fails as the connect does: an unknown name", function()
    local socket = sockets.socket()
    socket:connectToHost("nobody.invalid", 80)
    assert.equal("HostNotFoundError", (select(3, waited(socket))))
  end)

  it("fails when another wait ends the attempt", function()
    local hole <close> = network.blackHole()
    local socket = sockets.socket()
    socket:connectToHost("127.0.0.1", hole:port())
    assert.equal("SocketTimeoutError", (select(3, waited(socket, function()
      moonport.spawn(function() socket:waitForConnected(0) end)
    end))))
  end)

  it("returns true when the script ends the attempt", function()
    local hole <close> = network.blackHole()
    local socket = sockets.socket()
    socket:connectToHost("127.0.0.1", hole:port())
    assert.is_true(waited(socket, function() socket:abort() end))
  end)

  it("returns true when there was a connection, however it ends", function()
    for _, how in ipairs { "close", "abort", "disconnectFromHost", "peer", "reset" } do
      local listener, socket = helper.listen(), sockets.socket()
      socket:connectToHost("127.0.0.1", listener:port())
      assert.is_true(waited(socket, function()
        local plain = listener:accept()
        if how == "peer" then
          plain:close()
        elseif how == "reset" then
          plain:reset()
        else
          assert(socket:waitForConnected(helper.timeout))
          socket[how](socket)
        end
      end), how)
      listener:close()
    end
  end)
end)
