-- A server that was paused while it didn't listen, or paused and closed, listened without ever accepting.
-- Cause: the pause outlasted listen(); in Qt it belongs to the listening socket. Fix: listen ends a pause.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

describe("A server that was paused", function()
  after_each(sockets.close)

  it("accepts when it listens again", function()
    local server = sockets.server()
    server:pauseAccepting()
    server:close()
    server:pauseAccepting()
    assert(server:listen("127.0.0.1", 0))
    helper.connect(server:serverPort())
    sockets.accept(server)
  end)
end)
