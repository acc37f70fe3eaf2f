-- SPDX-License-Identifier: MIT
-- In a plain lua5.4 the main chunk drives the loop while it waits. There, receive and lines began a new wait
-- at each arrival, each inside the one before. A message in many pieces, or quit() during the wait,
-- overflowed the C stack. Cause: any input woke them, not only enough input.

local moonport = require "moonport"
local helper = require "spec.helper"

local function pair()
  local server <close> = moonport.TcpServer()
  assert(server:listen "127.0.0.1")
  local socket
  function server:newConnection() socket = self:nextPendingConnection() end
  local client = helper.connect(server:serverPort())
  return helper.eventually(function() return socket end), client
end

describe("A wait of the main chunk", function()
  it("receives a message that arrives byte by byte #valgrind", function()
    local socket <close>, client = pair()
    local sent = 0
    local timer <close> = moonport.Timer()
    function timer:timeout()
      local n = client:trySend "x"
      sent = sent + n
      if sent == 2000 then
        client:trySend "\n"
        self:stop()
      end
    end
    timer:start(0)
    assert.equal(("x"):rep(2000), socket:receive("line", helper.timeout))
    socket:abort()
  end)
end)
