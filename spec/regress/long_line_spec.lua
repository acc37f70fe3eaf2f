-- A line longer than the read buffer made lines() raise, so a peer could end the handler with a traceback.
-- Now such a line ends the loop, and error() gives the reason.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

describe("A line that is longer than the read buffer", function()
  it("ends the loop over lines, error() gives the reason, and the connection can still be used", function()
    local server <close>, lines, code = moonport.TcpServer(), {}, nil
    local errors = moonport.stats().handlerErrors
    server:setReadBufferSize(8)
    function server:newConnection()
      local socket <close> = self:nextPendingConnection()
      for line in socket:lines() do lines[#lines + 1] = line end
      code = socket:error()
      socket:write("at most 8 bytes, not " .. socket:readAll() .. "\n")
    end
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    client:send "one\ntwo\n0123456789\n"
    assert.equal("at most 8 bytes, not 01234567", client:receiveLine():match "[^\n]*")
    assert.same({ "one", "two" }, lines)
    assert.equal("ReadBufferFullError", code)
    assert.equal(errors, moonport.stats().handlerErrors)
  end)

  it("closes the connection when the handler ends and no other code reads, else it would stay for ever", function()
    for how, handler in pairs {
      newConnection = function(server)
        function server:newConnection()
          local socket = self:nextPendingConnection()
          for line in socket:lines() do socket:write(line .. "\n") end
          moonport.sleep(5)
          socket:write "too long\n"
        end
      end,
      readyRead = function(server)
        function server.connection:readyRead()
          for line in self:lines() do self:write(line .. "\n") end
          self:write "too long\n"
        end
      end,
      task = function(server)
        function server:newConnection()
          local socket = self:nextPendingConnection()
          moonport.spawn(function()
            for line in socket:lines() do socket:write(line .. "\n") end
            socket:write "too long\n"
          end)
        end
      end,
    } do
      local server <close> = moonport.TcpServer()
      server:setReadBufferSize(8)
      handler(server)
      assert(server:listen "127.0.0.1")
      local client = helper.connect(server:serverPort())
      client:send(("one\n%s\n"):format(("x"):rep(1000)))
      assert.equal("one\ntoo long\n", client:receiveAll(), how)
      helper.eventually(function() return server:connectionCount() == 0 end, how)
      client:close()
    end
  end)

  it("leaves the connection open if other code reads on", function()
    local server <close> = moonport.TcpServer()
    server:setReadBufferSize(8)
    function server:newConnection()
      local socket <close> = self:nextPendingConnection()
      while socket:state() == "ConnectedState" do
        for line in socket:lines() do socket:write(line .. "\n") end
        if socket:error() == "ReadBufferFullError" then socket:write(("skipped %d\n"):format(socket:skip(8))) end
      end
    end
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    client:send "one\n01234567"
    assert.equal("one\n", client:receiveLine())
    assert.equal("skipped 8\n", client:receiveLine())
    client:send "two\n"
    assert.equal("two\n", client:receiveLine())
    client:close()
  end)

  it("is forgotten when other code has read on: a buffer that is full again doesn't close the connection", function()
    local server <close>, ended = moonport.TcpServer(), false
    server:setReadBufferSize(8)
    function server:newConnection()
      local socket = self:nextPendingConnection()
      for line in socket:lines() do socket:write(line .. "\n") end
      socket:skip(8)
      helper.eventually(function() return socket:bytesAvailable() == 8 end)
      ended = true
    end
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    client:send(("x"):rep(100))
    helper.eventually(function() return ended end)
    helper.settle(10)
    local socket = server:connections()()
    assert.equal("ConnectedState", socket:state())
    assert.equal("ReadBufferFullError", socket:error())
    socket:abort()
  end)

  it("is not the reason of an end that comes later", function()
    local server <close> = moonport.TcpServer()
    server:setReadBufferSize(4)
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    local socket = helper.eventually(function() return server:nextPendingConnection() end)
    client:send "12345678"
    assert.is_nil(socket:lines()())
    socket:disconnectFromHost()
    assert.equal("1234", socket:readAll())
    assert.equal("UnknownSocketError", (select(3, socket:read(1))))
  end)

  it("makes receive fail, with what has arrived as the partial result", function()
    local server <close> = moonport.TcpServer()
    server:setReadBufferSize(4)
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    local socket <close> = helper.eventually(function() return server:nextPendingConnection() end)
    client:send "12345\n"
    local line, message, code, partial = socket:receive "line"
    assert.is_nil(line)
    assert.equal("receive: The requested data is larger than the read buffer", message)
    assert.equal("ReadBufferFullError", code)
    assert.equal("1234", partial)
    assert.equal("5", socket:receive "line")
  end)
end)
