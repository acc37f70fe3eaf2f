-- SPDX-License-Identifier: MIT
-- Where a script may wait, where it can't, and what happens meanwhile.

local moonport = require "moonport"
local helper = require "spec.helper"

-- A listening server; `serve` is its newConnection handler and gets the new socket.
local function serving(serve)
  local server = moonport.TcpServer()
  function server:newConnection() serve(self:nextPendingConnection()) end
  assert(server:listen "127.0.0.1")
  return server
end

describe("A wait", function()
  it("suspends only its handler: the loop, other objects, and other handlers of the same object run on", function()
    local order, ticks = {}, 0
    local timer <close> = moonport.Timer()
    function timer:timeout() ticks = ticks + 1 end
    timer:start(1)
    local server <close> = serving(function(socket)
      function socket:readyRead()
        order[#order + 1] = "read " .. self:readAll()
        local before = ticks
        helper.eventually(function() return ticks > before + 2 end)
        order[#order + 1] = "read over"
      end
      function socket:bytesWritten(n) order[#order + 1] = "written " .. n end
      socket:write "hello"
    end)
    local client = helper.connect(server:serverPort())
    local other = helper.connect(server:serverPort())
    assert.equal("hello", client:receive(5))
    client:send "x"
    helper.eventually(function() return order[#order] == "read over" end)
    assert.equal("hello", other:receive(5))
    table.sort(order)
    assert.same({ "read over", "read x", "written 5", "written 5" }, order)
  end)

  it("works in the main chunk, a handler, connect's handlers, a spawned task and onError", function()
    local where = {}
    local function note(name)
      moonport.sleep(1)
      where[name] = true
    end
    note "main"
    local timer <close> = moonport.Timer()
    timer:setSingleShot(true)
    function timer:timeout()
      moonport.connect(self, "timeout", function() note "connect" end)
      note "handler"
      moonport.onError(function()
        note "onError"
        moonport.onError(nil)
      end)
      self:start(0)
      function self:timeout() error "on purpose" end
    end
    timer:start(0)
    moonport.spawn(note, "spawn")
    moonport.singleShot(0, function() note "singleShot" end)
    helper.eventually(function()
      return where.main and where.connect and where.handler and where.onError and where.spawn and where.singleShot
    end)
  end)

  it("works inside pcall, xpcall, metamethods and iterators, which catch an error after it", function()
    local server <close> = serving(function(socket)
      local ok, line = pcall(socket.receive, socket, "line")
      local ok2, message = pcall(function()
        local second = socket:receive "line"
        error("failed after " .. second, 0)
      end)
      local ok3, traced = xpcall(function()
        local third = socket:receive "line"
        error("failed after " .. third, 0)
      end, function(e) return "handled " .. e end)
      local proxy = setmetatable({}, { __index = function() return socket:receive "line" end,
        __call = function(_, n) return socket:receive(n) end,
        __close = function() socket:receive(1) end })
      local fourth = proxy.anything
      local fifth = proxy(2)
      do local _ <close> = proxy end
      local rest = {}
      for l in socket:lines() do rest[#rest + 1] = l end
      socket:write(("%s %s|%s %s|%s %s|%s|%s|%s"):format(ok, line, ok2, message, ok3, traced, fourth, fifth,
        table.concat(rest, ",")))
    end)
    local client = helper.connect(server:serverPort())
    for line in ("one\n two\n three\n four\n fi x a\n b\n"):gmatch "(%S*\n?) ?" do
      client:send(line)
      helper.settle(2)
    end
    client:shutdown()
    assert.equal("true one|false failed after two|false handled failed after three|four|fi|a,b", client:receiveAll())
  end)

  it("may be one of many on one object, in many handlers; each gets what it waits for", function()
    local socket
    local server <close> = serving(function(taken) socket = taken end)
    local client = helper.connect(server:serverPort())
    helper.eventually(function() return socket end)
    local lines, ready, gone = {}, 0, 0
    local tasks = {}
    for i = 1, 3 do
      tasks[#tasks + 1] = moonport.spawn(function() lines[i] = socket:receive("line", -1) end)
      tasks[#tasks + 1] = moonport.spawn(function() if socket:waitForReadyRead(-1) then ready = ready + 1 end end)
      tasks[#tasks + 1] = moonport.spawn(function() if socket:waitForDisconnected(-1) then gone = gone + 1 end end)
    end
    helper.settle(1)
    client:send "a\nb\nc\n"
    helper.eventually(function() return ready == 3 and lines[3] end)
    assert.same({ "a", "b", "c" }, lines)
    assert.equal(0, gone)
    client:close()
    for _, task in ipairs(tasks) do task:join() end
    assert.equal(3, gone)
  end)

  it("on a socket ends when another handler closes or aborts it", function()
    for _, how in ipairs { "close", "abort", "disconnectFromHost" } do
      local server <close> = moonport.TcpServer()
      assert(server:listen "127.0.0.1")
      local client = helper.connect(server:serverPort())
      local socket = helper.eventually(function() return server:nextPendingConnection() end)
      local results = {}
      local tasks = {}
      for name, wait in pairs {
        receive = function() return socket:receive(10, -1) end,
        lines = function() return socket:lines()() end,
        readyRead = function() return socket:waitForReadyRead(-1) end,
        disconnected = function() return socket:waitForDisconnected(-1) end,
      } do
        tasks[#tasks + 1] = moonport.spawn(function() results[name] = table.pack(wait()) end)
      end
      helper.settle(1)
      moonport.singleShot(0, function() socket[how](socket) end)
      for _, task in ipairs(tasks) do task:join() end
      assert.is_nil(results.receive[1], how)
      assert.is_string(results.receive[3], how)
      assert.is_nil(results.lines[1], how)
      assert.is_nil(results.readyRead[1], how)
      assert.is_true(results.disconnected[1], how)
      client:close()
    end
  end)

  it("for a connection ends when another handler aborts the attempt", function()
    local socket = moonport.TcpSocket()
    local result
    assert(socket:bind "127.0.0.1")
    local listener = helper.listen("127.0.0.1", 0)
    local port = listener:port()
    -- fill the backlog, so that the next attempt stays in ConnectingState
    local others = {}
    for i = 1, 3 do
      others[i] = moonport.TcpSocket()
      others[i]:connectToHost("127.0.0.1", port)
    end
    helper.settle()
    socket:connectToHost("127.0.0.1", port)
    local task = moonport.spawn(function() result = table.pack(socket:waitForConnected(-1)) end)
    helper.settle()
    assert.equal("ConnectingState", socket:state())
    assert.is_nil(result)
    moonport.singleShot(0, function() socket:abort() end)
    task:join()
    assert.is_nil(result[1])
    for _, other in ipairs(others) do other:abort() end
  end)

  it("for a new connection ends when the server is closed", function()
    local server = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    local task = moonport.spawn(function() return select(3, server:waitForNewConnection(-1)) end)
    moonport.singleShot(1, function() server:close() end)
    assert.equal("OperationError", (task:join(helper.timeout)))
  end)
end)

describe("A script can't wait", function()
  local function refused(fn)
    local task = moonport.spawn(function()
      local ok, message = pcall(fn)
      return ok, message
    end)
    local ok, message = task:join()
    assert.is_false(ok)
    assert.matches("cannot wait here", message)
  end

  it("inside a C function that calls back", function()
    refused(function()
      table.sort({ 3, 1, 2 }, function(a, b)
        moonport.sleep(1)
        return a < b
      end)
    end)
    refused(function()
      return (("abc"):gsub(".", function() moonport.sleep(1) end))
    end)
    refused(function() assert(load(function() moonport.sleep(1) end)) end)
  end)

  it("inside a coroutine of its own", function()
    refused(function() coroutine.wrap(moonport.sleep)(1) end)
    refused(function()
      local co = coroutine.create(function() moonport.sleep(1) end)
      local ok, message = coroutine.resume(co)
      assert(ok, message)
    end)
  end)

  it("inside a finaliser", function()
    local message
    local task = moonport.spawn(function()
      setmetatable({}, { __gc = function() message = select(2, pcall(moonport.sleep, 1)) end })
      collectgarbage()
      collectgarbage()
      moonport.sleep(1)
    end)
    task:join()
    helper.eventually(function() return message end)
    assert.matches("cannot wait here", message)
  end)

  it("by coroutine.yield: it is an error of the handler, and the service goes on", function()
    local failed
    moonport.onError(function(message) failed = message end)
    local server <close> = serving(function(socket)
      if socket:receive "line" == "yield" then coroutine.yield(1) end
      socket:write "served"
      socket:close()
    end)
    local client = helper.connect(server:serverPort())
    client:send "yield\n"
    client:waitForEnd()
    helper.eventually(function() return failed end)
    moonport.onError(nil)
    assert.matches("a handler can't yield", failed)
    local next = helper.connect(server:serverPort())
    next:send "go on\n"
    assert.equal("served", next:receiveAll())
  end)

  it("but its own coroutines work as always, also across waits", function()
    local task = moonport.spawn(function()
      local generate = coroutine.wrap(function()
        for i = 1, 3 do coroutine.yield(i) end
      end)
      local sum = 0
      for i in generate do
        moonport.sleep(1)
        sum = sum + i
      end
      return sum
    end)
    assert.equal(6, (task:join()))
  end)
end)
