-- A service that answers and closes while its client is still sending (an HTTP server's 413) reset the
-- connection, and the client lost the answer. Cause: only bytes that were unread at that moment kept the
-- descriptor open. Later bytes met a closed descriptor, and the system answers those with a reset. Fix: if
-- the peer has sent lately, its bytes are discarded until it ends.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

describe("A close while the peer is sending", function()
  it("lets the peer read the answer when it has sent everything", function()
    local server <close> = moonport.TcpServer()
    local closed = 0
    function server.connection:readyRead()
      self:readAll()
      self:write "413 too large\n"
      self:close()
    end
    function server.connection:disconnected() closed = closed + 1 end
    assert(server:listen "127.0.0.1")
    for i = 1, 20 do
      local client = helper.connect(server:serverPort())
      client:send "PUT /\n"
      helper.eventually(function() return closed == i end)
      for _ = 1, 20 do client:send(("x"):rep(50000)) end
      client:shutdown "write"
      assert.equal("413 too large\n", client:receiveAll())
      client:close()
    end
  end)
end)
