-- The signals of a server: their order, what may happen within their handlers, and what pending connections
-- do meanwhile.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

local function connectSeveral(port, n)
  local clients = {}
  for i = 1, n do clients[i] = helper.connect(port) end
  return clients
end

describe("The signals of a server:", function()
  after_each(sockets.close)

  it("X17 for each connection: pendingConnectionAvailable, then newConnection, with it pending", function()
    local server = sockets.server()
    local log = trace.record(server, function(self) return tostring(self:hasPendingConnections()) end)
    connectSeveral(server:serverPort(), 3)
    local one = { "pendingConnectionAvailable [true]", "newConnection [true]" }
    trace.expect(log, { one[1], one[2], one[1], one[2], one[1], one[2] })
  end)

  it("newConnection is emitted although pendingConnectionAvailable has taken the connection", function()
    local server = sockets.server()
    local taken, found = nil, "not asked"
    function server:pendingConnectionAvailable() taken = sockets.closing(self:nextPendingConnection()) end
    function server:newConnection() found = self:nextPendingConnection() end
    local log = trace.record(server)
    helper.connect(server:serverPort())
    trace.expect(log, { "pendingConnectionAvailable", "newConnection" })
    assert.equal("ConnectedState", taken:state())
    assert.is_nil(found)
  end)

  it("a newConnection handler that waits delays no other newConnection", function()
    local server = sockets.server()
    local order = {}
    function server:newConnection()
      local socket = sockets.closing(self:nextPendingConnection())
      order[#order + 1] = "in"
      socket:waitForReadyRead(helper.timeout)
      order[#order + 1] = "out"
    end
    local clients = connectSeveral(server:serverPort(), 2)
    helper.eventually(function() return #order == 2 end, "both handlers")
    for _, client in ipairs(clients) do client:send "x" end
    helper.eventually(function() return #order == 4 end, "their ends")
    assert.same({ "in", "in", "out", "out" }, order)
  end)

  it("close() in newConnection: no further connection is signalled", function()
    local server = sockets.server()
    local port = server:serverPort()
    function server:newConnection() self:close() end
    local log = trace.record(server)
    connectSeveral(port, 3)
    trace.expect(log, { "pendingConnectionAvailable", "newConnection" })
    assert.is_false(server:isListening())
    assert.is_false(server:hasPendingConnections())
  end)

  it("close() in pendingConnectionAvailable: newConnection is still emitted, once, and nothing is pending", function()
    local server = sockets.server()
    local pendings
    function server:pendingConnectionAvailable() self:close() end
    function server:newConnection() pendings = self:nextPendingConnection() or "none" end
    local log = trace.record(server)
    local clients = connectSeveral(server:serverPort(), 2)
    trace.expect(log, { "pendingConnectionAvailable", "newConnection" })
    assert.equal("none", pendings)
    for _, client in ipairs(clients) do client:waitForEnd() end
  end)

  it("listen() again in newConnection: the server goes on at its new address", function()
    local server = sockets.server()
    local port, moved = server:serverPort(), nil
    function server:newConnection()
      sockets.closing(self:nextPendingConnection())
      if moved then return end
      self:close()
      assert(self:listen("127.0.0.1", 0))
      moved = self:serverPort()
    end
    local count = trace.count(server, "newConnection")
    helper.connect(port)
    helper.eventually(function() return moved end, "the move")
    helper.connect(moved)
    helper.eventually(function() return count.n == 2 end, "the second connection")
  end)

  it("a server that is dropped and closed in its handler is collected, and the taken connections live on", function()
    local taken
    do
      local server = moonport.TcpServer()
      assert(server:listen("127.0.0.1", 0))
      function server:newConnection()
        taken = sockets.closing(self:nextPendingConnection())
        self:close()
      end
      local client = helper.connect(server:serverPort())
      server = nil -- luacheck: ignore
      helper.eventually(function() return taken end, "the connection")
      collectgarbage()
      client:send "ping"
    end
    sockets.eventuallyAvailable(taken, 4)
    taken:write "pong"
    assert.equal("ping", taken:readAll())
  end)

  it("listen(), its failure and close() signal nothing", function()
    local server, other = sockets.server(), sockets.closing(moonport.TcpServer())
    local log = trace.record(other)
    assert.is_nil(other:listen("127.0.0.1", server:serverPort()))
    assert.is_true(other:listen("127.0.0.1", 0))
    other:close()
    helper.settle(10)
    assert.same({}, log)
  end)
end)

describe("A pending connection", function()
  after_each(sockets.close)

  it("X18 is live: it has received data when it is taken late, and no readyRead follows for that", function()
    local server = sockets.server()
    local client = helper.connect(server:serverPort())
    client:send "early"
    helper.eventually(function() return server:hasPendingConnections() end, "the connection")
    helper.settle(10)
    local socket = sockets.closing(server:nextPendingConnection())
    local log = trace.record(socket)
    assert.equal(5, socket:bytesAvailable())
    helper.settle(10)
    assert.same({}, log)
    client:send "!"
    trace.expect(log, { "readyRead" })
    assert.equal("early!", socket:readAll())
  end)

  it("beyond the limit waits in the backlog, and its client sees it as connected", function()
    local server = sockets.server()
    server:setMaxPendingConnections(1)
    local count = trace.count(server, "newConnection")
    local clients = connectSeveral(server:serverPort(), 3)
    clients[3]:send "patience"
    helper.eventually(function() return count.n == 1 end, "the first")
    helper.settle(10)
    assert.equal(1, count.n)
    for i = 1, 3 do
      local socket = sockets.accept(server)
      assert.equal(clients[i]:port(), socket:peerPort())
    end
    helper.eventually(function() return count.n == 3 end, "the others")
  end)
end)
