-- SPDX-License-Identifier: MIT
-- server.connection, connections() and the limits of a server's connections.

local moonport = require "moonport"
local helper = require "spec.helper"

local function echo(self) self:write(self.greeting .. self:readAll()) end

local function assertEchoes(server, expected)
  local client = helper.connect(server:serverPort())
  client:send "x"
  assert.equal(expected, client:receive(#expected))
  return client
end

describe("server.connection", function()
  it("gives handlers, data and methods to connections that have none of their own", function()
    local server <close> = moonport.TcpServer()
    server.connection.greeting = "hello "
    function server.connection:say(text) self:write(self.greeting .. text) end
    function server.connection:readyRead() self:say(self:readAll()) end
    assert(server:listen "127.0.0.1")
    local client = assertEchoes(server, "hello x")
    local socket = server:connections()()
    socket.greeting = "own "
    client:send "y"
    assert.equal("own y", client:receive(5))
    socket.greeting = nil
    client:send "z"
    assert.equal("hello z", client:receive(7))
    function socket:readyRead() self:write("mine " .. self:readAll()) end
    client:send "!"
    assert.equal("mine !", client:receive(6))
    assert.equal(server, socket:server())
  end)

  it("may be a plain table or have a metatable, and may be replaced while clients are connected", function()
    local server <close> = moonport.TcpServer()
    server.connection = { greeting = "plain ", readyRead = echo }
    assert(server:listen "127.0.0.1")
    local client = assertEchoes(server, "plain x")
    local Base = { greeting = "base ", readyRead = echo }
    Base.__index = Base
    server.connection = setmetatable({}, Base)
    client:send "y"
    assert.equal("base y", client:receive(6))
    server.connection = setmetatable({ greeting = "function " }, { __index = function(_, k) return Base[k] end })
    client:send "z"
    assert.equal("function z", client:receive(10))
    assert.error(function() server.connection = 5 end)
    server.connection = nil
    client:send "unheard"
    helper.settle()
    assert.is_nil(server:connections()().greeting)
  end)

  it("applies to connections that were made before it, with or without own fields, and to closed ones", function()
    local server <close> = moonport.TcpServer()
    local taken = {}
    function server:newConnection() taken[#taken + 1] = self:nextPendingConnection() end
    assert(server:listen "127.0.0.1")
    local clients = { helper.connect(server:serverPort()), helper.connect(server:serverPort()) }
    helper.eventually(function() return #taken == 2 end)
    taken[2].own = "own"
    assert.same({ nil, nil }, { taken[1].greeting, taken[2].greeting })
    server.connection.greeting = "hello"
    server.connection.own = "shared"
    rawset(server.connection, "write", function() error "a method of the class comes first" end)
    for i, expected in ipairs { "shared", "own" } do
      assert.equal("hello", taken[i].greeting)
      assert.equal(expected, taken[i].own)
      assert.equal(1, taken[i]:write "x")
      assert.equal("x", clients[i]:receive(1))
      clients[i]:close()
      helper.eventually(function() return taken[i]:state() == "UnconnectedState" end)
    end
    helper.settle()
    assert.same({ "hello", "hello", "own" }, { taken[1].greeting, taken[2].greeting, taken[2].own })
    assert.is_nil(moonport.TcpSocket().greeting)
    assert.error(function() taken[1].write = print end)
    assert.error(function() taken[2].write = print end)
  end)

  it("leaves connections to the script while it is empty", function()
    local server <close> = moonport.TcpServer()
    assert.is_table(server.connection)
    assert(server:listen "127.0.0.1")
    helper.connect(server:serverPort())
    helper.eventually(function() return server:hasPendingConnections() end)
    helper.settle()
    assert.is_true(server:hasPendingConnections())
    function server.connection:readyRead() end
    helper.connect(server:serverPort())
    helper.eventually(function() return server:connectionCount() == 1 end)
  end)

  it("may get a metatable later, whose __index has the handlers", function()
    local server <close> = moonport.TcpServer()
    local gone = 0
    setmetatable(server.connection, { __index = { disconnected = function() gone = gone + 1 end } })
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    helper.eventually(function() return server:connectionCount() == 1 end)
    client:close()
    helper.eventually(function() return gone == 1 end)
  end)

  it("takes connections only when the script doesn't ask for them", function()
    local server <close> = moonport.TcpServer()
    server.connection = { greeting = "auto ", readyRead = echo }
    assert(server:listen "127.0.0.1")
    assertEchoes(server, "auto x")
    assert.is_false(server:hasPendingConnections())
    local asked = 0
    function server.newConnection() asked = asked + 1 end
    helper.connect(server:serverPort())
    helper.eventually(function() return asked == 1 end)
    assert.is_true(server:hasPendingConnections())
    server:nextPendingConnection():abort()
    server.newConnection = nil
    local connection <close> = moonport.connect(server, "newConnection", function() asked = asked + 1 end)
    helper.connect(server:serverPort())
    helper.eventually(function() return asked == 2 end)
    assert.is_true(server:hasPendingConnections())
    server:nextPendingConnection():abort()
    assert.is_true(moonport.disconnect(connection))
    local task = moonport.spawn(function()
      assert(server:waitForNewConnection(-1))
      return server:nextPendingConnection()
    end)
    helper.settle(1)
    helper.connect(server:serverPort())
    assert.truthy((task:join()))
  end)
end)

describe("A server", function()
  it("iterates over and counts its open connections, whichever are closed meanwhile", function()
    local server <close> = moonport.TcpServer()
    server.connection = { greeting = "", readyRead = echo }
    assert(server:listen "127.0.0.1")
    assert.equal(0, server:connectionCount())
    for _ = 1, 3 do assertEchoes(server, "x") end
    assert.equal(3, server:connectionCount())
    local count = 0
    for socket in server:connections() do
      count = count + 1
      assert.equal(1, socket:bytesRead())
      assert.equal(1, socket:bytesSent())
      socket:abort()
    end
    assert.equal(3, count)
    assert.equal(0, server:connectionCount())
  end)

  it("leaves clients beyond setMaxConnections in the backlog until there is room", function()
    local server <close> = moonport.TcpServer()
    server.connection = { greeting = "", readyRead = echo }
    server:setMaxConnections(1)
    assert.equal(1, server:maxConnections())
    assert(server:listen "127.0.0.1")
    local first = assertEchoes(server, "x")
    local second = helper.connect(server:serverPort())
    second:send "y"
    helper.settle()
    assert.equal(1, server:connectionCount())
    first:close()
    assert.equal("y", second:receive(1))
    local third = helper.connect(server:serverPort())
    third:send "z"
    server:setMaxConnections(0)
    assert.equal("z", third:receive(1))
  end)

  it("ends connections that are idle for too long, with SocketTimeoutError", function()
    local server <close> = moonport.TcpServer()
    server:setIdleTimeout(20)
    assert.equal(20, server:idleTimeout())
    local code, ended
    function server.connection.errorOccurred(_, c) code = c end
    function server.connection.disconnected() ended = true end
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    client:waitForEnd()
    helper.eventually(function() return ended end)
    assert.equal("SocketTimeoutError", code)
  end)

  it("passes its limits to its connections; a socket may have limits of its own", function()
    local server <close> = moonport.TcpServer()
    server:setWriteBufferLimit(1000)
    server:setHighWaterMark(100)
    server:setReadBufferSize(50)
    server.connection = { greeting = "taken" }
    assert(server:listen "127.0.0.1")
    helper.connect(server:serverPort())
    local socket = helper.eventually(function() return server:connections()() end)
    assert.same({ 1000, 100, 50 }, { socket:writeBufferLimit(), socket:highWaterMark(), socket:readBufferSize() })
    socket:setWriteBufferLimit(10)
    assert.equal(1000, server:writeBufferLimit())
    assert.equal(8, socket:write "12345678")
    local ok, message, code = socket:write "9ab"
    assert.is_nil(ok)
    assert.equal("write: The write buffer is full", message)
    assert.equal("WriteBufferFullError", code)
    assert.equal(8, socket:bytesToWrite())
  end)

  it("doesn't read from a socket whose unsent output is beyond the high-water mark, and loses nothing", function()
    local server <close> = moonport.TcpServer()
    server:setHighWaterMark(1000)
    local sent = 8 << 20
    function server.connection:readyRead()
      if self:readAll():find "go" then self:write(("x"):rep(sent)) end
    end
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort(), "127.0.0.1", { receiveBuffer = 65536 })
    client:send "go"
    local socket = helper.eventually(function()
      local s = server:connections()()
      return s and s:bytesSent() > 0 and s
    end)
    client:send "more"
    helper.settle()
    assert.equal(2, socket:bytesRead())
    assert.equal(sent, #client:receive(sent, helper.timeout * 4))
    helper.eventually(function() return socket:bytesRead() == 6 end)
  end)
end)
