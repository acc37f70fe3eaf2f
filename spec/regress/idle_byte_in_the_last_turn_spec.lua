-- A byte that came while the script was busy, and the idle time-out was over meanwhile, was dropped with its
-- connection. Cause: the time-out's timer ran before what is readable was received. Fix: it runs behind that, and a
-- connection whose bytes are there isn't idle.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

-- A crowd: one turn of the poll tells of 64 descriptors only.
for _, crowd in ipairs { 1, 200 } do
  describe(("with %d connections, a byte that is there when the idle time-out is over"):format(crowd), function()
    it("counts", function()
      local server <close> = moonport.TcpServer()
      local clients, received, failed = {}, 0, 0
      function server.connection:readyRead()
        received = received + #self:readAll()
        self.heard = true
      end
      -- Later they are idle in earnest.
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
