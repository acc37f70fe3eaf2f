-- SPDX-License-Identifier: MIT
-- No handler runs inside a call. Signals of an object arrive in order. Any handler may close, abort, replace
-- handlers, or connect again.

local moonport = require "moonport"
local helper = require "spec.helper"

local signals = { "connected", "disconnected", "readyRead", "bytesWritten", "hostFound", "stateChanged",
  "errorOccurred", "aboutToClose", "readChannelFinished" }

-- Records every signal of a socket in a list; `inside` is called with each.
local function watch(socket, inside)
  local seen = {}
  for _, signal in ipairs(signals) do
    socket[signal] = function(self, argument)
      local name = signal == "stateChanged" and argument or signal
      seen[#seen + 1] = name
      if inside then inside(self, name) end
    end
  end
  return seen
end

local function listening()
  local server = moonport.TcpServer()
  assert(server:listen "127.0.0.1")
  return server
end

local function pair()
  local server <close> = listening()
  local socket
  function server:newConnection() socket = self:nextPendingConnection() end
  local client = helper.connect(server:serverPort())
  return helper.eventually(function() return socket end), client
end

local function ended(socket, seen)
  return helper.eventually(function()
    return socket:state() == "UnconnectedState" and (seen[#seen] == "disconnected" or seen[#seen] == "errorOccurred")
  end)
end

describe("No handler runs inside a call", function()
  it("of connectToHost, write, flush, disconnectFromHost; the signals follow in Qt's order", function()
    local server <close> = listening()
    local socket = moonport.TcpSocket()
    local seen = watch(socket)
    assert(socket:connectToHost("127.0.0.1", server:serverPort()))
    socket:write "hello"
    assert.same({}, seen)
    helper.eventually(function() return seen[#seen] == "bytesWritten" end)
    assert.same({ "HostLookupState", "ConnectingState", "hostFound", "ConnectedState", "connected", "bytesWritten" },
      seen)
    local before = #seen
    socket:write "more"
    assert.is_true(socket:flush())
    socket:disconnectFromHost()
    assert.equal(before, #seen)
    ended(socket, seen)
    assert.same({ "bytesWritten", "ClosingState", "UnconnectedState", "readChannelFinished", "disconnected" },
      table.move(seen, before + 1, #seen, 1, {}))
  end)

  it("of abort, close, bind, connectToHost while busy", function()
    for how, expected in pairs {
      abort = { "aboutToClose", "UnconnectedState", "readChannelFinished", "disconnected" },
      close = { "aboutToClose", "ClosingState", "UnconnectedState", "readChannelFinished", "disconnected" },
    } do
      local socket = pair()
      local seen = watch(socket)
      socket[how](socket)
      assert.same({}, seen)
      ended(socket, seen)
      assert.same(expected, seen)
    end
    local bound = moonport.TcpSocket()
    local seen = watch(bound)
    assert(bound:bind "127.0.0.1")
    assert.same({}, seen)
    helper.eventually(function() return #seen == 1 end)
    assert.same({ "BoundState" }, seen)
    bound:abort()
    local busy = pair()
    seen = watch(busy)
    assert.is_nil((busy:connectToHost("127.0.0.1", 1)))
    assert.same({}, seen)
    helper.eventually(function() return #seen == 1 end)
    assert.same({ "errorOccurred" }, seen)
    assert.equal("ConnectedState", busy:state())
    busy:abort()
  end)

  it("even while other handlers run: their calls on other objects signal when the running handler ends", function()
    local one, two = pair(), pair()
    local order = {}
    watch(two, function(_, name) order[#order + 1] = name end)
    local timer = moonport.singleShot(0, function()
      order[#order + 1] = "begin"
      two:abort()
      one:abort()
      order[#order + 1] = "end"
    end)
    helper.eventually(function() return order[#order] == "disconnected" end)
    assert.same({ "begin", "end", "aboutToClose", "UnconnectedState", "readChannelFinished", "disconnected" }, order)
    assert.is_false(timer:isActive())
  end)

  it("but handlers run as soon as the running handler waits", function()
    local socket = pair()
    local order = {}
    watch(socket, function(_, name) order[#order + 1] = name end)
    local over
    moonport.singleShot(0, function()
      socket:abort()
      order[#order + 1] = "waiting"
      moonport.sleep(1)
      order[#order + 1] = "back"
      over = true
    end)
    helper.eventually(function() return over end)
    assert.same({ "waiting", "aboutToClose", "UnconnectedState", "readChannelFinished", "disconnected", "back" }, order)
  end)
end)

describe("What the peer does", function()
  it("is signalled in Qt's order: data, then its end", function()
    local socket, client = pair()
    local states = {}
    local seen = watch(socket, function(self, name) states[name] = self:state() end)
    client:send "hello"
    client:close()
    ended(socket, seen)
    assert.same({ "readyRead", "errorOccurred", "ClosingState", "UnconnectedState", "readChannelFinished",
      "disconnected" }, seen)
    assert.equal("ConnectedState", states.errorOccurred)
    assert.equal("UnconnectedState", states.disconnected)
    assert.equal("hello", socket:readAll())
  end)
end)

describe("Inside the handler", function()
  -- Takes a connection through all its signals, and calls `act` at `signal`. The service must still serve
  -- then.
  local function through(signal, act)
    local server <close> = listening()
    local acted = false
    local socket = moonport.TcpSocket()
    local seen = watch(socket, function(self, name)
      if (name == signal or (signal == "stateChanged" and name:find "State$")) and not acted then
        acted = true
        act(self, server:serverPort())
      end
    end)
    function server:newConnection()
      local peer = self:nextPendingConnection()
      peer:write "welcome"
      peer:waitForBytesWritten()
      peer:close()
    end
    assert(socket:connectToHost("127.0.0.1", server:serverPort()))
    socket:write "hello"
    if signal == "aboutToClose" then moonport.singleShot(0, function() socket:close() end) end
    helper.eventually(function() return acted and socket:state() == "UnconnectedState" end)
    helper.settle(1)
    socket:abort()
    local client = helper.connect(server:serverPort())
    assert.equal("welcome", client:receive(7))
    for connection in server:connections() do connection:abort() end
    return seen
  end

  for _, signal in ipairs(signals) do
    it("of " .. signal .. " an object may be closed, aborted, disconnected", function()
      for _, how in ipairs { "close", "abort", "disconnectFromHost" } do
        through(signal, function(socket) socket[how](socket) end)
      end
    end)

    it("of " .. signal .. " an object may be closed and collected, all handlers removed", function()
      through(signal, function(socket)
        for _, name in ipairs(signals) do socket[name] = nil end
        socket:abort()
        collectgarbage()
      end)
    end)

    it("of " .. signal .. " an object may be closed while the handler then waits", function()
      local over = false
      through(signal, function(socket)
        socket:abort()
        moonport.sleep(1)
        over = true
      end)
      helper.eventually(function() return over end)
    end)
  end

  it("of disconnected or errorOccurred after a refusal, the script may connect again and write", function()
    local server <close> = listening()
    function server.connection:readyRead()
      self:write(self:readAll())
      self:close()
    end
    local socket = moonport.TcpSocket()
    local got, refused, ends = "", 0, 0
    function socket:errorOccurred(code)
      if code == "ConnectionRefusedError" then
        refused = refused + 1
        assert(self:connectToHost("127.0.0.1", server:serverPort()))
        self:write "first"
      end
    end
    function socket:disconnected()
      ends = ends + 1
      got = got .. self:readAll()
      if ends == 1 then
        assert(self:connectToHost("127.0.0.1", server:serverPort()))
        self:write " second"
      end
    end
    assert(socket:connectToHost("127.0.0.1", helper.unusedPort()))
    helper.eventually(function() return ends == 2 end)
    assert.equal(1, refused)
    assert.equal("first second", got)
  end)

  it("of newConnection, the script may close the server: what it took lives on, what is pending is closed", function()
    local server = listening()
    local port = server:serverPort()
    server:pauseAccepting()
    local clients = { helper.connect(port), helper.connect(port) }
    local taken
    function server:newConnection()
      taken = taken or self:nextPendingConnection()
      self:close()
    end
    server:resumeAccepting()
    helper.eventually(function() return taken end)
    assert.is_false(server:isListening())
    clients[2]:waitForEnd()
    taken:write "alive"
    assert.equal("alive", clients[1]:receive(5))
    taken:abort()
  end)
end)

describe("What a client has sent before it is accepted", function()
  -- Runs `setUp` as newConnection's handler for a client that has sent `text` and ended before.
  local function accept(text, setUp)
    local server <close> = listening()
    local seen, socket
    function server:newConnection()
      socket = self:nextPendingConnection()
      seen = watch(socket)
      setUp(socket)
    end
    local client = helper.connect(server:serverPort())
    client:send(text)
    client:shutdown()
    helper.eventually(function() return socket end)
    return socket, seen, client
  end

  it("is read up to the limit that newConnection's handler sets", function()
    local socket, seen = accept("0123456789", function(socket) socket:setReadBufferSize(4) end)
    helper.eventually(function() return socket:bytesAvailable() > 0 end)
    helper.settle()
    assert.equal("0123", socket:peek(20))
    assert.same({ "readyRead" }, seen)
    assert.equal("0123", socket:readAll())
    helper.eventually(function() return socket:bytesAvailable() == 4 end)
    assert.equal("4567", socket:readAll())
    ended(socket, seen)
    assert.equal("89", socket:readAll())
  end)

  it("leaves the connection open for answers if newConnection's handler sets half-open", function()
    local socket, seen, client = accept("hello", function(socket) socket:setAllowHalfOpen(true) end)
    helper.eventually(function() return seen[#seen] == "readChannelFinished" end)
    assert.same({ "readyRead", "readChannelFinished" }, seen)
    assert.equal("ConnectedState", socket:state())
    socket:write(socket:readAll())
    socket:disconnectFromHost()
    assert.equal("hello", client:receive(5))
    ended(socket, seen)
  end)

  it("isn't signalled if newConnection's handler aborts the connection", function()
    local _, seen = accept("hello", function(socket) socket:abort() end)
    helper.eventually(function() return seen[#seen] == "disconnected" end)
    helper.settle()
    assert.same({ "aboutToClose", "UnconnectedState", "readChannelFinished", "disconnected" }, seen)
  end)
end)
