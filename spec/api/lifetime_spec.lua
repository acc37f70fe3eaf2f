-- SPDX-License-Identifier: MIT
-- Live objects need no variable. Closed ones are garbage, also in cycles through handlers.

local moonport = require "moonport"
local helper = require "spec.helper"

local function collected(weak)
  return helper.eventually(function()
    collectgarbage()
    return next(weak) == nil
  end, "collection")
end

describe("A live object", function()
  it("needs no variable: server, connection and client work on through full collections #valgrind", function()
    local port, got
    do
      local server = moonport.TcpServer()
      function server:newConnection()
        local socket = self:nextPendingConnection()
        function socket:readyRead()
          self:write(self:readAll():upper())
          self:server():close()
        end
      end
      assert(server:listen "127.0.0.1")
      port = server:serverPort()
    end
    collectgarbage()
    collectgarbage()
    do
      local socket = moonport.TcpSocket()
      function socket:connected() self:write "hello" end
      function socket:readyRead()
        got = self:readAll()
        self:close()
      end
      socket:connectToHost("127.0.0.1", port)
    end
    collectgarbage()
    collectgarbage()
    helper.eventually(function()
      collectgarbage()
      return got
    end)
    assert.equal("HELLO", got)
  end)
end)

describe("A closed object", function()
  it("is collected although its handlers capture it, and stats() counts as before #valgrind", function()
    local before = helper.objects()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local server = moonport.TcpServer()
      weak[server] = true
      function server:newConnection()
        local socket = self:nextPendingConnection()
        weak[socket] = true
        socket.own = socket
        function socket.readyRead() socket:write(socket:readAll()) end
        function socket.disconnected() server:close() end
        moonport.connect(socket, "readyRead", function() return socket, server end)
      end
      assert(server:listen "127.0.0.1")
      local client = helper.connect(server:serverPort())
      client:send "x"
      assert.equal("x", client:receive(1))
      client:close()
    end
    collected(weak)
    assert.equal(before, helper.objects())
  end)

  it("is collected if it was never connected, or was refused", function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local socket, timer, server = moonport.TcpSocket(), moonport.Timer(), moonport.TcpServer()
      weak[socket], weak[timer], weak[server] = true, true, true
      function socket.connected() return socket, timer, server end
      function timer.timeout() return timer end
      function server.newConnection() return server end
      local refused = moonport.TcpSocket()
      weak[refused] = true
      refused:connectToHost("127.0.0.1", helper.unusedPort())
    end
    collected(weak)
  end)

  it("can still be used as data while it is referenced, including its server's prototype", function()
    local server = moonport.TcpServer()
    server.connection.greeting = "hello"
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    local socket = helper.eventually(function() return server:connections()() end)
    socket.name = "ann"
    client:close()
    server:close()
    server = nil
    helper.eventually(function() return socket:state() == "UnconnectedState" end)
    collectgarbage()
    assert.equal("ann", socket.name)
    assert.equal("hello", socket.greeting)
  end)
end)
