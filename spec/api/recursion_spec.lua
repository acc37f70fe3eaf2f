-- SPDX-License-Identifier: MIT
-- readyRead and bytesWritten are not recursive. Handlers run before waits return.

local moonport = require "moonport"
local helper = require "spec.helper"

local function pair()
  local server <close> = moonport.TcpServer()
  assert(server:listen "127.0.0.1")
  local socket
  function server:newConnection() socket = self:nextPendingConnection() end
  local client = helper.connect(server:serverPort())
  return helper.eventually(function() return socket end), client
end

describe("While a readyRead handler is suspended", function()
  it("readyRead is not delivered again; what arrived unseen is signalled once when the handler ends", function()
    local socket <close>, client = pair()
    local runs, running, most, go = 0, 0, 0, false
    local got = {}
    function socket:readyRead()
      runs, running = runs + 1, running + 1
      most = math.max(most, running)
      got[runs] = self:readAll()
      if runs == 1 then helper.eventually(function() return go end) end
      running = running - 1
    end
    client:send "1"
    helper.eventually(function() return runs == 1 end)
    for _, byte in ipairs { "2", "3", "4" } do
      local before = socket:bytesAvailable()
      client:send(byte)
      helper.eventually(function() return socket:bytesAvailable() == before + 1 end)
    end
    assert.equal(1, runs)
    go = true
    helper.eventually(function() return runs == 2 end)
    helper.settle()
    assert.equal(2, runs)
    assert.equal(1, most)
    assert.same({ "1", "234" }, got)
    client:send "5"
    helper.eventually(function() return runs == 3 end)
    assert.equal("5", got[3])
    socket:abort()
  end)

  it("the handler's own waits see what arrives; data they have seen is not signalled again", function()
    local socket <close>, client = pair()
    local runs, line = 0, nil
    function socket:readyRead()
      runs = runs + 1
      self:readAll()
      if runs > 1 then return end
      assert(self:waitForReadyRead())
      line = self:receive "line"
    end
    client:send "first"
    helper.eventually(function() return runs == 1 end)
    helper.settle(2)
    client:send "se"
    helper.settle(2)
    client:send "cond\n"
    helper.eventually(function() return line end)
    assert.equal("second", line)
    helper.settle()
    assert.equal(1, runs)
    client:send "third"
    helper.eventually(function() return runs == 2 end)
    client:close()
    helper.eventually(function() return socket:state() == "UnconnectedState" end)
  end)

  it("nothing is signalled at the handler's end if the data has been read meanwhile", function()
    local socket <close>, client = pair()
    local runs, go = 0, false
    function socket:readyRead()
      runs = runs + 1
      self:readAll()
      helper.eventually(function() return go end)
    end
    client:send "1"
    helper.eventually(function() return runs == 1 end)
    client:send "2"
    helper.eventually(function() return socket:bytesAvailable() == 1 end)
    assert.equal("2", socket:readAll())
    go = true
    helper.settle()
    assert.equal(1, runs)
    socket:abort()
  end)

  it("a handler that was added by connect is not called again either", function()
    local socket <close>, client = pair()
    local field, added, go = 0, 0, false
    function socket:readyRead() field = field + 1 end
    moonport.connect(socket, "readyRead", function()
      added = added + 1
      helper.eventually(function() return go end)
    end)
    client:send "1"
    helper.eventually(function() return added == 1 end)
    client:send "2"
    helper.eventually(function() return socket:bytesAvailable() == 2 end)
    assert.equal(1, added)
    go = true
    helper.eventually(function() return added == 2 end)
    helper.settle()
    assert.equal(2, field)
    assert.equal(2, added)
    socket:abort()
  end)
end)

describe("While a bytesWritten handler is suspended", function()
  it("bytesWritten is not delivered again; what was sent meanwhile is signalled once when the handler ends", function()
    local socket <close>, client = pair()
    local sizes, go = {}, false
    function socket:bytesWritten(n)
      sizes[#sizes + 1] = n
      if #sizes == 1 then helper.eventually(function() return go end) end
    end
    socket:write "1"
    helper.eventually(function() return #sizes == 1 end)
    socket:write "22"
    client:receive(3)
    socket:write "333"
    client:receive(3)
    assert.same({ 1 }, sizes)
    go = true
    helper.eventually(function() return #sizes == 2 end)
    helper.settle()
    assert.same({ 1, 5 }, sizes)
    socket:abort()
  end)
end)

describe("When a handler and a wait both expect the same input", function()
  it("the handler runs first, then the wait returns", function()
    local socket <close>, client = pair()
    local order = {}
    function socket:readyRead() order[#order + 1] = "handler " .. self:bytesAvailable() end
    moonport.connect(socket, "readyRead", function() order[#order + 1] = "added" end)
    local task = moonport.spawn(function()
      assert(socket:waitForReadyRead())
      order[#order + 1] = "wait"
    end)
    helper.settle(1)
    client:send "abc"
    task:join()
    assert.same({ "handler 3", "added", "wait" }, order)
    socket:abort()
  end)

  it("the wait doesn't get what the handler has read", function()
    local socket <close>, client = pair()
    local line
    function socket:readyRead()
      if self:peek(1) == "h" then self:readAll() end
    end
    local task = moonport.spawn(function() line = socket:receive "line" end)
    helper.settle(1)
    client:send "handled\n"
    helper.eventually(function() return socket:bytesRead() == 8 end)
    client:send "waited\n"
    task:join()
    assert.equal("waited", line)
    socket:abort()
  end)

  it("the same applies to the peer's end and to a new connection", function()
    local order = {}
    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    function server:newConnection() order[#order + 1] = "newConnection" end
    local task = moonport.spawn(function()
      assert(server:waitForNewConnection(-1))
      order[#order + 1] = "waited for it"
      local socket = server:nextPendingConnection()
      function socket:disconnected() order[#order + 1] = "disconnected" end
      assert(socket:waitForDisconnected())
      order[#order + 1] = "waited for the end"
    end)
    helper.settle(1)
    local client = helper.connect(server:serverPort())
    helper.eventually(function() return #order == 2 end)
    client:close()
    task:join()
    assert.same({ "newConnection", "waited for it", "disconnected", "waited for the end" }, order)
  end)
end)
