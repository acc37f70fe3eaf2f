-- A byte that arrived while the script was busy was dropped with its connection if the idle time-out passed
-- meanwhile. Cause: the time-out's timer ran before the loop received. Fix: it runs afterwards, and a
-- connection with received bytes isn't idle.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

-- A crowd, since one poll reports only 64 descriptors.
for _, crowd in ipairs { 1, 200 } do
  describe(("with %d connections, a byte that has arrived when the idle time-out passes"):format(crowd), function()
    it("resets the idle time", function()
      local server <close> = moonport.TcpServer()
      local clients, received, failed = {}, 0, 0
      function server.connection:readyRead()
        received = received + #self:readAll()
        self.heard = true
      end
      -- Later they are really idle.
      function server.connection:errorOccurred() failed = failed + (self.heard and 0 or 1) end
      assert(server:listen "127.0.0.1")
      for i = 1, crowd do clients[i] = helper.connect(server:serverPort()) end
      helper.eventually(function() return server:connectionCount() == crowd end)
      for socket in server:connections() do socket:setIdleTimeout(30) end
      for _, client in ipairs(clients) do client:send "x" end
      local busy = moonport.now() + 60
      while moonport.now() < busy do end -- no turn of the loop
      helper.eventually(function() return received + failed == crowd end)
      assert.equal(0, failed)
      for _, client in ipairs(clients) do client:close() end
    end)
  end)
end
