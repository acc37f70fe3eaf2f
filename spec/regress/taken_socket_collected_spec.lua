-- SPDX-License-Identifier: MIT
-- A newConnection handler that took a socket, dropped it and waited read freed memory when it ended: the
-- socket had ended and been collected meanwhile. Cause: the list of what a handler has taken (D4) outlived
-- the sockets on it. Now a socket leaves it when the host releases the socket.

local moonport = require "moonport"
local helper = require "spec.helper"

describe("A handler that waits after it has taken a connection", function()
  it("may outlive that connection #valgrind", function()
    local server <close> = moonport.TcpServer()
    local gone, over = setmetatable({}, { __mode = "k" }), false
    function server:newConnection()
      gone[self:nextPendingConnection()] = true
      helper.eventually(function()
        collectgarbage()
        return next(gone) == nil
      end)
      over = true
    end
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    helper.eventually(function() return next(gone) end)
    client:reset()
    helper.eventually(function() return over end)
  end)
end)
