-- os.exit(status, true) closes the Lua state while its caller runs. In a task that a signal had just resumed,
-- the walk over the waits on the object was still in progress: the object's finaliser took the walk's marks
-- for waits, and the process crashed.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

describe("os.exit that closes the state", function()
  for where, code in pairs {
    ["behind a receive"] = [[
      local server = moonport.TcpServer()
      function server.connection:readyRead() self:write(self:readAll()) end
      assert(server:listen "127.0.0.1")
      moonport.spawn(function()
        local socket = moonport.TcpSocket()
        socket:connectToHost("127.0.0.1", server:serverPort())
        socket:write "x"
        socket:receive(1, 5000)
        os.exit(3, true)
      end)
    ]],
    ["behind a join, while another task joins too"] = [[
      local first = moonport.spawn(function() moonport.sleep(1) end)
      moonport.spawn(function() first:join() os.exit(3, true) end)
      moonport.spawn(function() first:join() end)
    ]],
    ["behind a wait for a connection"] = [[
      local server = moonport.TcpServer()
      assert(server:listen "127.0.0.1")
      moonport.spawn(function() server:waitForNewConnection(5000) os.exit(3, true) end)
      local socket = moonport.TcpSocket()
      socket:connectToHost("127.0.0.1", server:serverPort())
    ]],
  } do
    it("ends the program with its status: " .. where, function()
      local program = helper.program { source = 'local moonport = require "moonport"\n' .. code }
      assert.equal(3, program:wait(10000))
      assert.equal("", program:stderr())
    end)
  end
end)
