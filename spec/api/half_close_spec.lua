-- SPDX-License-Identifier: MIT
-- D4: a client that sends a request and half-closes gets its answer, whichever code serves it; and half-open
-- mode.

local moonport = require "moonport"
local helper = require "spec.helper"

-- A client sends a request and half-closes; it receives the complete answer, then the end.
local function assertAnswered(server)
  local client = helper.connect(server:serverPort())
  client:send "request\n"
  client:shutdown()
  assert.equal("answer to request", client:receiveAll())
  helper.eventually(function() return server:connectionCount() == 0 end)
end

local function listening(server)
  assert(server:listen "127.0.0.1")
  return server
end

describe("A request with a half-close gets its answer", function()
  it("when readyRead answers at once", function()
    local server <close> = moonport.TcpServer()
    function server.connection:readyRead() self:write("answer to " .. self:readAll():gsub("\n", "")) end
    assertAnswered(listening(server))
  end)

  it("when readyRead has to wait before it answers", function()
    local server <close> = moonport.TcpServer()
    function server.connection:readyRead()
      local request = self:readAll():gsub("\n", "")
      helper.eventually(function() return self:state() == "ClosingState" end)
      moonport.sleep(1)
      self:write("answer to " .. request)
    end
    assertAnswered(listening(server))
  end)

  it("when the handler that accepted it serves it sequentially", function()
    local server <close> = moonport.TcpServer()
    function server:newConnection()
      local socket = self:nextPendingConnection()
      local request = socket:receive "line"
      helper.eventually(function() return socket:state() == "ClosingState" end)
      socket:write("answer to " .. request)
    end
    assertAnswered(listening(server))
  end)

  it("when a task serves one connection after another", function()
    local server <close> = moonport.TcpServer()
    listening(server)
    local task <close> = moonport.spawn(function()
      while server:waitForNewConnection(-1) do
        local socket = server:nextPendingConnection()
        local request = socket:receive "line"
        helper.eventually(function() return socket:state() == "ClosingState" end)
        socket:write("answer to " .. request)
      end
    end)
    for _ = 1, 3 do assertAnswered(server) end
    assert.is_true(task:isActive())
  end)

  it("when the answer is larger than what the system takes at once", function()
    local server <close> = moonport.TcpServer()
    local size = 4 << 20
    function server.connection:readyRead()
      self:readAll()
      self:write(("x"):rep(size))
    end
    listening(server)
    local client = helper.connect(server:serverPort())
    client:send "request\n"
    client:shutdown()
    assert.equal(size, #client:receiveAll(helper.timeout * 4))
  end)

  it("and a handler that waits for the end doesn't delay the end", function()
    local server <close> = moonport.TcpServer()
    local over
    function server:newConnection()
      local socket = self:nextPendingConnection()
      socket:write("answer to " .. socket:receive "line")
      over = socket:waitForDisconnected()
    end
    assertAnswered(listening(server))
    helper.eventually(function() return over end)
  end)
end)

describe("In half-open mode", function()
  it("the state stays Connected after readChannelFinished until the script closes", function()
    local server <close> = moonport.TcpServer()
    server:setAllowHalfOpen(true)
    assert.is_true(server:allowHalfOpen())
    local finished, failed
    function server.connection:readChannelFinished() finished = self end
    function server.connection:errorOccurred(code) failed = code end
    listening(server)
    local client = helper.connect(server:serverPort())
    client:send "request\n"
    client:shutdown()
    helper.eventually(function() return finished end)
    helper.settle()
    assert.equal("ConnectedState", finished:state())
    assert.equal("request\n", finished:readAll())
    assert.is_nil(failed)
    finished:write "late answer"
    finished:close()
    assert.equal("late answer", client:receiveAll())
  end)

  it("one socket can be half-open while others aren't", function()
    local server <close> = moonport.TcpServer()
    local socket
    function server:newConnection()
      socket = self:nextPendingConnection()
      socket:setAllowHalfOpen(true)
    end
    listening(server)
    local client = helper.connect(server:serverPort())
    helper.eventually(function() return socket end)
    client:shutdown()
    assert.equal("", socket:receive "all")
    helper.settle()
    assert.equal("ConnectedState", socket:state())
    assert.is_false(server:allowHalfOpen())
    socket:abort()
  end)
end)
