-- A handler that called receive as long as the socket was Connected spun for ever once the peer had finished:
-- receive failed at once while errorOccurred was being delivered, and the state couldn't change. Now waits
-- end with the state.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

describe("A handler that receives while the socket is Connected", function()
  it("ends when the peer has finished", function()
    local server, ended = moonport.TcpServer(), nil
    function server:newConnection()
      local socket, rounds = self:nextPendingConnection(), 0
      while socket:state() == "ConnectedState" and rounds < 1000 do
        rounds = rounds + 1
        socket:receive("line", 5000)
      end
      ended = rounds
    end
    assert(server:listen("127.0.0.1", 0))
    local client = helper.connect(server:serverPort())
    client:send "one\n"
    client:shutdown()
    helper.eventually(function() return ended end, "the handler's end")
    assert.is_true(ended <= 2, "rounds: " .. ended)
    client:close()
    server:close()
  end)
end)
