-- SPDX-License-Identifier: MIT
-- What connections take of the system's memory, and give back. Sanitizers have memory of their own: the release build.

local helper = require "spec.helper"

local COUNT = 6000

describe("the memory of connections", function()
  for name, service in pairs {
    ["with a prototype"] = "function server.connection:readyRead() self:write(self:readAll()) end",
    ["with closures"] = [[
      function server:newConnection()
        local connection = self:nextPendingConnection()
        function connection.readyRead() connection:write(connection:readAll()) end
      end]],
  } do
    it(name .. " goes back to the system", function()
      local program = helper.spawn { "build/moonport", "-e", ([[
        local server = require("moonport").TcpServer()
        %s
        assert(server:listen("127.0.0.1", 0))
        print(server:serverPort())
        io.stdout:flush()
      ]]):format(service) }
      local port, clients = tonumber(program:waitForLine "^%d+$"), {}

      -- KiB. Pages that the program shares with its files are touched sooner or later.
      local function resident()
        for line in io.lines(("/proc/%d/status"):format(program.pid)) do
          local size = line:match "^RssAnon:%s*(%d+)"
          if size then return tonumber(size) end
        end
      end

      local before = resident()
      for i = 1, COUNT do
        clients[i] = helper.connect(port)
        clients[i]:send "x"
        if i % 100 == 0 then clients[i]:receive(1) end
      end
      local open = resident()
      assert.is_true(open - before > COUNT * 300 / 1024)
      for _, client in ipairs(clients) do client:close() end
      helper.eventually(function()
        helper.settle(50)
        return resident() - before < (open - before) * 0.45
      end, "memory given back", 30000) -- the collector rests ten times as long as its last cycles took
    end)
  end
end)
