-- SPDX-License-Identifier: MIT
-- Cause: handlers of a batch share a coroutine. If looking for a handler ran code of the script (a
-- prototype's __index) but found none, the steps after a handler were left out. They then affected the later
-- sockets: the watchdog's hook, and the connections that the __index had taken. Fix: these steps follow each
-- socket.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

describe("A prototype's __index that finds no handler", function()
  after_each(sockets.close)

  it("owns what it took, whatever the next handler does", function()
    local server, extra = sockets.server(), sockets.server()
    local lookups, taken = 0, nil
    function server.newConnection(self)
      while self:hasPendingConnections() do sockets.closing(self:nextPendingConnection()) end
    end
    local clients = {}
    for i = 1, 2 do clients[i] = helper.connect(server:serverPort()) end
    helper.connect(extra:serverPort())
    helper.eventually(function() return extra:hasPendingConnections() end)
    helper.settle(5)
    server.connection = setmetatable({}, {
      __index = function(_, name)
        if name ~= "readyRead" then return nil end
        lookups = lookups + 1
        if lookups == 1 then
          taken = sockets.closing(extra:nextPendingConnection())
          return nil
        end
        return function() error "of the second" end
      end,
    })
    moonport.onError(function() end)
    for _, client in ipairs(clients) do client:send "x" end
    helper.eventually(function() return lookups == 2 end)
    helper.settle(5)
    moonport.onError(nil)
    assert.equal("ConnectedState", taken:state())
  end)

  it("is interrupted alone by the watchdog", function()
    local program = helper.program { options = { "--handler-timeout", "100" }, source = [[
local moonport = require "moonport"
local server, hang = moonport.TcpServer(), false
server.connection = setmetatable({}, {
  __index = function(_, name)
    if name ~= "readyRead" then return end
    if hang then hang = false while true do end end
    return function(self)
      local request, sum = self:readAll(), 0
      if request == "hang" then hang = true end
      for i = 1, 1000 do sum = sum + i end
      self:write(request)
    end
  end,
})
assert(server:listen "127.0.0.1")
print(server:serverPort())
io.stdout:flush()
]] }
    local port = tonumber(program:waitForLine("^%d+$", 10000))
    local clients = {}
    for i = 1, 6 do
      clients[i] = helper.connect(port)
      clients[i]:send(i == 6 and "hang" or "echo")
      clients[i]:receive(4, 10000)
    end
    program:signal "STOP"
    for i, client in ipairs(clients) do client:send("say" .. i) end
    program:signal "CONT"
    program:waitForLine("has not returned within 100", 20000)
    local answered = 0
    for i, client in ipairs(clients) do
      -- The first one's bytes stay unread until it sends more.
      client:send "!"
      local expected = "say" .. i .. "!"
      if client:receive(#expected, 10000) == expected then answered = answered + 1 end
    end
    assert.equal(6, answered)
    local _, errors = program:stderr():gsub("has not returned within 100", "")
    assert.equal(1, errors)
  end)
end)
