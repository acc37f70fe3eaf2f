-- A Unix-domain socket was closed at once when its peer had read everything. What the peer still sent failed, and
-- programs that then don't read (nginx with an upload) never saw the answer.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

local locals = require("spec.qt.local_sockets").use()

describe("The close of a Unix-domain socket", function()
  after_each(sockets.close)

  it("lets a peer that is still sending go on, and read the answer", function()
    local socket, peer = locals.pair()
    peer:pauseReading()
    peer:write "a request of many bytes, "
    helper.eventually(function() return socket:bytesAvailable() > 0 end)
    socket:readAll()
    socket:write "too many"
    socket:disconnectFromServer()
    helper.eventually(function() return socket:state() == "UnconnectedState" end)
    peer:write "and more"
    assert.is_true(peer:flush())
    peer:resumeReading()
    assert.equal("too many", peer:receive "all")
  end)
end)
