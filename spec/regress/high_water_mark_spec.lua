-- SPDX-License-Identifier: MIT
-- Cause: the high-water mark was checked when output was sent. Once the system had taken less than was
-- queued, nothing was sent until the peer read. So the server read on and on from a peer that only wrote,
-- until the write buffer's limit made `write` take nothing and an echo service lose bytes. Fix: `write`
-- checks the mark itself while the socket waits for the system to take more.

local helper = require "spec.helper"
local moonport = require "moonport"

describe("The high-water mark", function()
  it("stops reading from a peer that writes and never reads, and nothing is lost when it reads at last", function()
    local server <close> = moonport.TcpServer()
    local most, refused = 0, nil
    function server.connection:readyRead()
      local taken, message = self:write(self:readAll())
      if not taken then refused = message end
      most = math.max(most, self:bytesToWrite())
    end
    server:setHighWaterMark(100000)
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort(), nil, { receiveBuffer = 65536 })

    local block, sent, full = ("0123456789abcdef"):rep(4096), 0, 0
    while full < 20 do -- until the system has taken nothing for some turns of the loop
      local taken = client:trySend(block:sub(sent % 16 + 1))
      sent = sent + taken
      full = taken > 0 and 0 or full + 1
      helper.settle(1)
      assert.is_true(sent < 100 << 20, "the peer is read on and on")
    end
    assert.is_nil(refused)
    assert.is_true(most > 100000 and most <= 100000 + 65536, most)

    local back = client:receive(sent, 20000)
    assert.is_true(back == ("0123456789abcdef"):rep(sent // 16 + 1):sub(1, sent))
    client:close()
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)
end)
