-- SPDX-License-Identifier: MIT
-- Cause: a reload walks over all servers, to hand listeners over and to resume connections. Memory is
-- allocated and handlers run on the way. A server that is referenced nowhere could be finalised while the
-- walk was at it, or before the next step to it: the walk went on in freed memory. The eager collector finds
-- that at once, the generational one after a while. Fix: the walk holds its current server, and looks for the
-- next one only when it moves on.

local helper = require "spec.helper"
local reload = require "spec.host.reload"

describe("A reload's walk over the servers", function()
  -- The collector is generational, and runs after as many KiB as there have been runs, so once during the
  -- walk.
  it("survives garbage between the listeners", function()
    local service = reload.start([[
      local moonport = require "moonport"
      collectgarbage "generational"
      kept = {}
      local held = {} -- until the chunk ends
      for i = 1, 12 do
        for _ = 1, 5 do held[#held + 1] = moonport.TcpServer() end
        local server = moonport.TcpServer()
        function server.connection:readyRead() self:write(self:readAll()) end
        assert(server:listen("127.0.1." .. i, 0))
        kept[i] = server
        for _ = 1, 5 do held[#held + 1] = moonport.TcpServer() end
      end
      moonport.log.info("listening on %d", kept[1]:serverPort())
      collectgarbage()
      collectgarbage("step", -moonport.generation())
    ]], { plain = true })
    for _ = 1, 40 do service:reload() end
    assert.equal("still there", reload.ask(helper.connect(service.port, "127.0.1.1"), "still there"))
    service.program:signal "TERM"
    assert.equal(0, service.program:wait(20000))
    service:remove()
  end)

  it("survives a server that ends during its connection's connectionResumed", function()
    local service = reload.start [[
      function person:readyRead() end
      local function deep(n)
        collectgarbage()
        if n > 0 then moonport.spawn(deep, n - 1) else moonport.log.info "collected" end
      end
      if moonport.generation() == 2 then
        person = nil
        function server:connectionResumed(socket)
          self:close()
          socket:abort()
          moonport.spawn(deep, 12)
        end
        local other = moonport.TcpServer()
        assert(other:listen("127.0.1.1", 0))
        server = setmetatable({}, { __index = { listen = (function(listening)
          return function(_, ...)
            local result = listening:listen(...)
            listening = nil
            return result
          end
        end)(server), serverPort = function() return 1 end } })
      end
    ]]
    local clients = {}
    for i = 1, 3 do clients[i] = service:connect() end
    helper.settle(20)
    service:reload()
    service.program:waitForLine "collected"
    for _, client in ipairs(clients) do client:waitForEnd() end
    service.program:signal "TERM"
    assert.equal(0, service.program:wait())
    service:remove()
  end)
end)
