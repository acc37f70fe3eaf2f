-- Qt's tests of QTcpServer (tst_qtcpserver), rewritten: S13 to S24, without proxies (S15, S16).
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

describe("TcpServer, by Qt's tests:", function()
  after_each(sockets.close)

  it("S13 addressReusable: a port is free again after its server crashed with an open connection", function()
    local crashing = helper.program { source = [[
      local server = require "moonport".TcpServer()
      server.connection = { readyRead = function(self) print("got " .. self:readAll()) io.stdout:flush() end }
      assert(server:listen("127.0.0.1", 0))
      print("port " .. server:serverPort())
      io.stdout:flush()
    ]] }
    local port = math.tointeger(crashing:waitForLine "^port (%d+)$")
    local client = helper.connect(port)
    client:send "x"
    crashing:waitForLine "^got x"
    crashing:signal "KILL"
    crashing:wait()
    client:waitForEnd()
    local server <close> = moonport.TcpServer()
    assert.is_true(server:listen("127.0.0.1", port))
    assert.equal(port, server:serverPort())
  end)

  it("S14 setNewSocketDescriptorBlocking: a handler may close a connection at once without harm", function()
    -- incomingConnection isn't exposed. The nearest that a script can do: take the connection and end
    -- it.
    local server = sockets.server()
    local port = server:serverPort()
    local ended = 0
    function server:pendingConnectionAvailable()
      self:nextPendingConnection():abort()
      ended = ended + 1
    end
    local count = trace.count(server, "newConnection")
    local client = helper.connect(port)
    assert.is_true(client:waitForEnd() ~= nil)
    helper.eventually(function() return count.n == 1 end, "newConnection, although nothing is pending")
    assert.equal(1, ended)
    assert.is_false(server:hasPendingConnections())
    assert.is_nil(server:nextPendingConnection())
  end)

  it("S17 qtbug14268_peek: peek shows all that has arrived, and readyRead is emitted for each arrival", function()
    local server = sockets.server()
    local client = helper.connect(server:serverPort())
    local socket = sockets.accept(server)
    local ready = trace.count(socket, "readyRead")
    local sent = ""
    for i, line in ipairs { "abc\n", "def\n", "ghi\n" } do
      client:send(line)
      sent = sent .. line
      helper.eventually(function() return ready.n == i end, "readyRead")
      assert.equal(sent, socket:peek(128 * 1024))
      assert.equal(#sent, socket:bytesAvailable())
    end
    assert.equal(sent, socket:readAll())
  end)

  it("S18 serverAddress: is the address that was listened on, also for all interfaces", function()
    local server <close> = moonport.TcpServer()
    local addresses = { "any", "0.0.0.0" }
    if network.hasIPv6() then addresses[#addresses + 1] = "::" end
    for _, address in ipairs(network.addresses()) do
      addresses[#addresses + 1] = moonport.HostAddress(address.text):toString()
    end
    assert.is_true(#addresses > 2)
    for _, address in ipairs(addresses) do
      assert.is_true(server:listen(address, 0))
      assert.equal(address == "any" and not network.hasIPv6() and "0.0.0.0" or address, server:serverAddress())
      server:close()
      assert.is_nil(server:serverAddress())
    end
  end)

  it("S19 qtbug6305: a second server can't listen on the same address and port", function()
    local first <close> = moonport.TcpServer()
    local second <close> = moonport.TcpServer()
    for _, address in ipairs { "any", "0.0.0.0", "127.0.0.1" } do
      assert.is_true(first:listen(address, 0))
      local ok, message, code = second:listen(address, first:serverPort())
      assert.is_nil(ok)
      assert.equal("AddressInUseError", code)
      assert.matches(": The bound address is already in use", message, 1, true)
      assert.is_false(second:isListening())
      first:close()
    end
  end)

  it("S20 linkLocal: every link-local address serves and connects, with its scope", function()
    local tried = 0
    for _, address in ipairs(network.addresses()) do
      if address.linkLocal then
        tried = tried + 1
        local text = moonport.HostAddress(address.text):toString()
        local scope = address.text:match "%%(.*)"
        assert.equal(scope, moonport.HostAddress(address.text):scopeId())
        local server = sockets.server(text)
        local port = server:serverPort()
        assert.equal(text, server:serverAddress())
        for round = 1, 2 do
          local client <close> = moonport.TcpSocket()
          if round == 2 then assert.is_true(client:bind(text)) end
          client:connectToHost(text, port)
          assert.is_true(client:waitForConnected(helper.timeout))
          assert.is_true(server:waitForNewConnection(helper.timeout))
          local socket <close> = server:nextPendingConnection()
          assert.equal(text, client:localAddress())
          assert.equal(text, client:peerAddress())
          assert.equal(text, socket:peerAddress())
          assert.equal(text, socket:localAddress())
        end
      end
    end
    if tried == 0 then pending "this machine has no link-local address" end
  end)

  it("S21 eagainBlockingAccept: a client that connects again is signalled again", function()
    local server = sockets.server()
    local port = server:serverPort()
    local count = trace.count(server, "newConnection")
    local client <close> = moonport.TcpSocket()
    for round = 1, 2 do
      client:connectToHost("127.0.0.1", port)
      assert.is_true(client:waitForConnected(helper.timeout))
      helper.eventually(function() return count.n == round end, "newConnection")
      local socket = server:nextPendingConnection()
      client:disconnectFromHost()
      sockets.eventuallyState(client, "UnconnectedState")
      sockets.eventuallyState(socket, "UnconnectedState")
    end
  end)

  it("S22 canAccessPendingConnectionsWhileNotListening: asking a server that never listened is harmless", function()
    -- addPendingConnection isn't exposed, so nothing can be pending on such a server
    local server <close> = moonport.TcpServer()
    assert.is_false(server:hasPendingConnections())
    assert.is_nil(server:nextPendingConnection())
    assert.equal("UnknownSocketError", server:serverError())
    local ok, _, code = server:waitForNewConnection(0)
    assert.is_nil(ok)
    assert.equal("OperationError", code)
    assert.equal("UnknownSocketError", server:serverError())
  end)

  it("S23 pauseAccepting: no client is accepted until resumeAccepting, then all are", function()
    local server = sockets.server()
    local port = server:serverPort()
    local count = trace.count(server, "newConnection")
    local clients = { helper.connect(port) }
    helper.eventually(function() return count.n == 1 end, "the first")
    server:pauseAccepting()
    for _ = 1, 5 do clients[#clients + 1] = helper.connect(port) end
    helper.settle(100)
    assert.equal(1, count.n)
    server:resumeAccepting()
    helper.eventually(function() return count.n == 6 end, "all six")
  end)

  it("S24 pendingConnectionAvailable: is emitted once for a connection, as newConnection is", function()
    local server = sockets.server()
    local port = server:serverPort()
    local pendings, news = trace.count(server, "pendingConnectionAvailable"), trace.count(server, "newConnection")
    for i = 1, 3 do
      helper.connect(port)
      helper.eventually(function() return news.n == i end, "newConnection")
      assert.equal(i, pendings.n)
    end
  end)
end)
