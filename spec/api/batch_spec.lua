-- SPDX-License-Identifier: MIT
-- The loop receives from all sockets that are readable in the same turn before it runs the first of their
-- handlers. What a handler does to a later socket of the batch must have the same result as if that socket
-- hadn't received yet.

local helper = require "spec.helper"
local moonport = require "moonport"
local posix = helper.posix
local sockets = require "spec.qt.sockets"

describe("When several sockets are readable in the same turn,", function()
  after_each(sockets.close)

  -- A server with `count` connections, in the order in which they were made, and their clients.
  local function connected(count, unheld)
    local server, clients, taken = sockets.server(), {}, {}
    for i = 1, count do clients[i] = helper.connect(server:serverPort()) end
    helper.eventually(function()
      while server:hasPendingConnections() do
        local socket = server:nextPendingConnection()
        taken[#taken + 1] = unheld and socket or sockets.closing(socket)
      end
      return #taken == count
    end)
    return clients, taken, server
  end

  local function sendAll(clients, text)
    for i, client in ipairs(clients) do client:send(text .. i) end
  end

  it("each gets its own bytes, however many sockets there are and however much has arrived", function()
    for _, size in ipairs { 1, 64, 1000, 15000, 70000 } do
      local clients, taken = connected(40)
      for _, socket in ipairs(taken) do
        function socket:readyRead() self:write(self:readAll()) end
      end
      local sent = {}
      for i, client in ipairs(clients) do
        sent[i] = string.char(64 + i):rep(size)
        client:send(sent[i])
      end
      for i, client in ipairs(clients) do assert.equal(sent[i], client:receive(size)) end
      sockets.close()
    end
  end)

  it("one keeps what its handler leaves unread, while later ones are read", function()
    local clients, taken = connected(5)
    local seen = {}
    for i, socket in ipairs(taken) do
      function socket:readyRead() seen[i] = (seen[i] or "") .. self:read(2) end
    end
    sendAll(clients, "abcd")
    helper.eventually(function() return #seen == 5 end)
    for i, socket in ipairs(taken) do
      assert.equal("ab", seen[i])
      assert.equal("cd" .. i, socket:readAll())
    end
  end)

  it("one that an earlier handler ends is not signalled, and its bytes are dropped", function()
    for _, stop in ipairs { "abort", "close", "disconnectFromHost" } do
      local clients, taken = connected(20)
      local order, ends = {}, 0
      for i, socket in ipairs(taken) do
        function socket.readyRead()
          order[#order + 1] = i
          if #order == 1 then
            for other, victim in ipairs(taken) do
              if other ~= i then victim[stop](victim) end
            end
          end
        end
        function socket.disconnected() ends = ends + 1 end
      end
      sendAll(clients, "hello")
      helper.eventually(function() return ends == 19 end)
      assert.equal(1, #order)
      assert.equal("ConnectedState", taken[order[1]]:state())
      sockets.close()
    end
  end)

  it("one that an earlier handler ends may be collected before its turn", function()
    local clients, taken = connected(20, true)
    local calls = 0
    for i, socket in ipairs(taken) do
      function socket:readyRead()
        calls = calls + 1
        if calls > 1 then return end
        self:abort()
        for other = 1, 20 do
          if other ~= i then taken[other]:abort() end
        end
        taken = nil
        collectgarbage()
        collectgarbage()
      end
    end
    sendAll(clients, "hello")
    helper.eventually(function() return calls == 1 end)
    helper.settle(5)
    assert.equal(1, calls)
  end)

  it("one that an earlier handler connects again gets no bytes of its former connection", function()
    local clients, taken = connected(8)
    local first, got, others = nil, {}, {}
    for i, socket in ipairs(taken) do
      function socket:readyRead()
        if first then
          got[#got + 1] = self:readAll()
          return
        end
        first = i
        for other, victim in ipairs(taken) do
          if other ~= i then
            local mine, other_end = posix.socketPair()
            victim:abort()
            assert(victim:setSocketDescriptor(mine))
            others[#others + 1] = other_end
          end
        end
      end
    end
    sendAll(clients, "old")
    helper.eventually(function() return #others == 7 end)
    for _, descriptor in ipairs(others) do
      assert.equal(3, posix.write(descriptor, "new"))
      posix.close(descriptor)
    end
    helper.eventually(function() return #table.concat(got) == 21 end)
    assert.equal(("new"):rep(7), table.concat(got))
  end)

  it("one that an earlier handler closes gets nothing more, also while it sends what is queued", function()
    local clients, taken = connected(8)
    local order, big = {}, ("x"):rep(4 << 20)
    for i, socket in ipairs(taken) do
      function socket.readyRead()
        order[#order + 1] = i
        for other, victim in ipairs(taken) do
          if other ~= i then
            victim:write(big)
            victim:disconnectFromHost()
            assert.equal("ClosingState", victim:state())
          end
        end
      end
    end
    sendAll(clients, "hello")
    helper.eventually(function() return #order == 1 end)
    for i, client in ipairs(clients) do
      if i ~= order[1] then assert.equal(#big, #client:receiveAll()) end
    end
    assert.equal(1, #order)
  end)

  it("one uses the handler and the blocked signals that were set last, also by an earlier handler", function()
    local clients, taken = connected(6)
    local log = {}
    for i, socket in ipairs(taken) do
      function socket:readyRead()
        log[#log + 1] = "old " .. self:readAll()
        if #log > 1 then return end
        for other, later in ipairs(taken) do
          if other ~= i and other % 2 == 0 then
            later:blockSignals(true)
          elseif other ~= i then
            function later.readyRead(this) log[#log + 1] = "new " .. this:readAll() end
          end
        end
      end
    end
    sendAll(clients, "x")
    helper.eventually(function() return #log >= 3 end)
    helper.settle(5)
    local old, unread = 0, 0
    for _, line in ipairs(log) do
      if line:match "^old" then old = old + 1 end
    end
    for _, socket in ipairs(taken) do unread = unread + socket:bytesAvailable() end
    assert.equal(1, old)
    assert.equal(6, #log + unread / 2)
  end)

  it("one whose handler waits or fails doesn't delay the later ones", function()
    local clients, taken = connected(12)
    local answered = 0
    moonport.onError(function() end)
    for i, socket in ipairs(taken) do
      function socket:readyRead()
        local text = self:readAll()
        if i % 3 == 0 then moonport.sleep(30) end
        if i % 3 == 1 then error "on purpose" end
        answered = answered + 1
        self:write(text)
      end
    end
    sendAll(clients, "hello ")
    for i = 1, 12 do
      if i % 3 == 1 then
        assert.equal("", clients[i]:receiveAll())
      else
        assert.equal("hello " .. i, clients[i]:receive(#("hello " .. i)))
      end
    end
    assert.equal(8, answered)
    moonport.onError(nil)
  end)

  it("one can put bytes back, begin a transaction and roll it back", function()
    local clients, taken = connected(6)
    local got = {}
    for i, socket in ipairs(taken) do
      socket:startTransaction()
      function socket:readyRead()
        self:read(2)
        self:rollbackTransaction()
        for _ = 1, 70 do self:ungetChar "<" end
        got[i] = true
      end
    end
    sendAll(clients, "hello")
    helper.eventually(function() return #got == 6 end)
    for i, socket in ipairs(taken) do assert.equal(("<"):rep(70) .. "hello" .. i, socket:readAll()) end
  end)

  it("one whose handler starts a task that waits for more input doesn't delay the others", function()
    local clients, taken = connected(9)
    local got = {}
    for i, socket in ipairs(taken) do
      function socket:readyRead()
        if got[i] then return end
        got[i] = self:readAll()
        if i % 3 == 0 then
          moonport.spawn(function()
            assert(self:waitForReadyRead(helper.timeout))
            got[i] = got[i] .. self:readAll()
          end)
        end
      end
    end
    sendAll(clients, "hello")
    helper.eventually(function() return #got == 9 end)
    sendAll(clients, "again")
    for i, socket in ipairs(taken) do
      if i % 3 == 0 then
        helper.eventually(function() return got[i] == "hello" .. i .. "again" .. i end)
      else
        assert.equal("hello" .. i, got[i])
        helper.eventually(function() return socket:readAll() == "again" .. i end)
      end
    end
  end)

  it("one owns what its handler made: only its failure aborts the connections that its handler took", function()
    local server = sockets.server()
    local clients, taken = connected(6)
    local mine = {}
    for _ = 1, 6 do helper.connect(server:serverPort()) end
    moonport.onError(function() end)
    local calls = 0
    for _, socket in ipairs(taken) do
      function socket.readyRead()
        calls = calls + 1
        local call = calls
        mine[call] = sockets.closing(server:nextPendingConnection())
        if call % 2 == 0 then error "on purpose" end
      end
    end
    helper.eventually(function() return server:hasPendingConnections() end)
    sendAll(clients, "hello")
    helper.eventually(function() return calls == 6 end)
    helper.settle(5)
    for i, socket in ipairs(mine) do
      assert.equal(i % 2 == 0 and "UnconnectedState" or "ConnectedState", socket:state())
    end
    moonport.onError(nil)
  end)

  it("one that fails is reported with the stack of its handler, without the frames of the batch", function()
    local clients, taken = connected(4)
    local reports = {}
    moonport.onError(function(report, socket) reports[#reports + 1] = { report, socket } end)
    local function deeper() error "on purpose" end
    for _, socket in ipairs(taken) do
      function socket.readyRead()
        deeper()
        return nil
      end
    end
    sendAll(clients, "hello")
    helper.eventually(function() return #reports == 4 end)
    moonport.onError(nil)
    for _, report in ipairs(reports) do
      local stack = report[1]:match "\nstack traceback:\n(.*)"
      assert.matches("^\t%[C%]: in function 'error'\n\t[^\n]+\n\t[^\n]+%.lua:%d+: in [^\n]+$", stack)
    end
    for i = 1, 4 do
      for k = 1, i - 1 do assert.not_equal(reports[i][2], reports[k][2]) end
    end
  end)
end)
