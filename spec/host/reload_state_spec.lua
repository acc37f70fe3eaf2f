-- SPDX-License-Identifier: MIT
-- What happens to everything at a reload: the table of docs/guide/reload.md, row by row.

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local ask = reload.ask

-- Answers each line with `word` and the line, by the prototype.
local function echo(word)
  return ([[
    function person:readyRead()
      while self:canReadLine() do self:write("%s " .. self:readLine()) end
    end
  ]]):format(word)
end

describe("At a reload #gc", function()
  local service

  local function start(...)
    service = reload.start(...)
    return service
  end

  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  it("a listener with the same address and port is taken over, with the clients in its backlog", function()
    start [[ moonport.spawn(function() server:pauseAccepting() moonport.log.info "paused" end) ]]
    service.program:waitForLine "paused"
    local early = service:connect()
    early:send "early\n"
    assert.is_truthy(service:reload(echo "new"):find("1 listener kept, 0 added, 0 closed", 1, true))
    assert.are.equal("new early\n", early:receiveLine())
    assert.are.equal("new late", ask(service:connect(), "late"))
  end)

  it("connections that no handler has taken go to the new server, which signals them", function()
    start [[ function server:newConnection() moonport.log.info "left" end ]]
    local client = service:connect()
    client:send "hello\n"
    service.program:waitForLine "left"
    service:reload [[
      function server:newConnection()
        local socket = self:nextPendingConnection()
        socket:write("taken " .. socket:receive "line" .. "\n")
      end
    ]]
    assert.are.equal("taken hello\n", client:receiveLine())
  end)

  it("a listener that the new script doesn't ask for is closed, and its connections live on", function()
    start [[
      local other = moonport.TcpServer()
      function other.connection:readyRead() self:write("old " .. self:readAll()) end
      assert(other:listen("127.0.0.1", 0)) moonport.log.info("other %d", other:serverPort())
    ]]
    local other = helper.connect(helper.eventually(function() return service.program:stderr():match "other (%d+)" end))
    assert.are.equal("old 1", ask(other, "1"))
    -- Both listen on port 0: the first listen of the new script takes over the first listener of the old one.
    local line = service:reload(echo "new")
    assert.is_truthy(line:find("1 listener kept, 0 added, 1 closed", 1, true), line)
    assert.is_truthy(ask(other, "2"):find "2$")
  end)

  it("a new listener is bound before the change, and accepts after it", function()
    start(echo "old")
    local line = service:reload(echo "new" .. [[
      local other = moonport.TcpServer()
      function other.connection:readyRead() self:write("other " .. self:readAll()) end
      assert(other:listen("127.0.0.2", 0)) moonport.log.info("other %d", other:serverPort())
    ]])
    assert.is_truthy(line:find("1 listener kept, 1 added, 0 closed", 1, true), line)
    local port = service.program:stderr():match "other (%d+)"
    assert.are.equal("other 1", ask(helper.connect(port, "127.0.0.2"), "1"))
  end)

  it("an open connection keeps its buffers, fields and counters", function()
    start [[
      function person:readyRead() self.count = (self.count or 0) + 1 self:write "got\n" end
    ]]
    local client = service:connect()
    client:send "unread"
    assert.are.equal("got\n", client:receiveLine())
    service:reload [[
      function person:readyRead()
        self.count = self.count + 1
        self:write(self.count .. " " .. self:readAll())
      end
    ]]
    client:send " and more\n"
    assert.are.equal("2 unread and more\n", client:receiveLine())
  end)

  it("what a connection still has to send is sent", function()
    local size = 4 * 1024 * 1024
    start [[ function person:readyRead() self:write(("x"):rep(4 * 1024 * 1024) .. self:readAll()) end ]]
    local client = helper.connect(service.port, nil, { receiveBuffer = 4096 })
    client:send "end\n"
    client:receive(1)
    service:reload(echo "new")
    assert.are.equal(("x"):rep(size - 1) .. "end\n", client:receive(size + 3, 20000))
    assert.are.equal("new after", ask(client, "after"))
  end)

  it("a connection's time-outs stay; new connections get those of the new server", function()
    start(echo "old" .. [[ server:setIdleTimeout(150) ]])
    local early = service:connect()
    ask(early, "1")
    service:reload(echo "new" .. [[ server:setIdleTimeout(0) ]])
    local late = service:connect()
    ask(late, "1")
    early:waitForEnd()
    assert.are.equal("new 2", ask(late, "2"))
  end)

  it("a connection's idle time-out of one direction stays, and so does what it has counted", function()
    local body = [[
      function person:readyRead()
        self:write(("%d %s\n"):format(self:idleTimeout()) .. self:readAll())
      end
      local timer = moonport.Timer()
      function timer.timeout() for socket in server:connections() do socket:write "." end end
      timer:start(20)
    ]]
    start(body .. [[ server:setIdleTimeout(400, "read") ]])
    local client = service:connect()
    client:send "1\n"
    service:reload(body .. [[ server:setIdleTimeout(0) ]])
    client:waitForEnd() -- bytes are sent to it all the time, of both runs
    assert.is_truthy(client.unread:find("400 read", 1, true))
  end)

  it("a connection belongs to the server that took over its listener", function()
    start(echo "old")
    local clients = { service:connect(), service:connect() }
    for _, client in ipairs(clients) do ask(client, "1") end
    service:reload [[
      function person:readyRead()
        self:readAll()
        local same = 0
        for connection in server:connections() do same = same + (connection == self and 1 or 0) end
        self:write(("%d %d\n"):format(server:connectionCount(), same))
      end
    ]]
    assert.are.equal("2 1", ask(clients[1], "?"))
  end)

  it("handlers of server.connection are new at once, and one that the new code lacks is removed", function()
    start(echo "old" .. [[ function person:disconnected() moonport.log.info "goodbye of the old code" end ]])
    local client = service:connect()
    assert.are.equal("old 1", ask(client, "1"))
    service:reload(echo "new" .. [[
      function server:connectionResumed() moonport.log.info "resumed" end
    ]])
    assert.are.equal("new 2", ask(client, "2"))
    client:close()
    local other = service:connect()
    assert.are.equal("new 3", ask(other, "3"))
    assert.is_nil(service.program:stderr():find("goodbye of the old code", 1, true))
  end)

  it("handlers of one socket stay, until connectionResumed sets new ones before the next event", function()
    local function closures(word, resumes)
      return ([[
        local function serve(socket)
          function socket:readyRead() self:write("%s " .. self:readAll()) end
        end
        function server:newConnection()
          local socket = self:nextPendingConnection()
          socket:write "hello\n"
          serve(socket)
        end
        %s
      ]]):format(word, resumes and "function server:connectionResumed(socket) serve(socket) end" or "")
    end
    start(closures("one", true))
    local client = service:connect()
    assert.are.equal("hello\n", client:receiveLine())
    assert.are.equal("one 1", ask(client, "1"))
    service:reload(closures("two", false))
    assert.are.equal("one 2", ask(client, "2"))
    service:reload(closures("three", true))
    assert.are.equal("three 3", ask(client, "3")) -- and no second "hello"
  end)

  it("connectionResumed is called once for each open connection, in idle time if it has no event", function()
    start(echo "old")
    local clients = {}
    for i = 1, 30 do
      clients[i] = service:connect()
      ask(clients[i], "1")
    end
    service:reload(echo "new" .. [[
      local count, seen = 0, {}
      function server:connectionResumed(socket)
        assert(not seen[socket], "twice")
        seen[socket], count = true, count + 1
        if count == 30 then moonport.log.info "all resumed" end
      end
    ]])
    service.program:waitForLine "all resumed"
    for _, client in ipairs(clients) do assert.are.equal("new 2", ask(client, "2")) end
    ask(service:connect(), "not an old one")
    assert.is_nil(service.program:stderr():find("twice", 1, true))
  end)

  it("an error in connectionResumed is logged and counted, and that connection keeps its handlers", function()
    start [[
      function server:newConnection()
        local socket = self:nextPendingConnection()
        function socket:readyRead() self:write("own " .. self:readAll()) end
      end
    ]]
    local client = service:connect()
    assert.are.equal("own 1", ask(client, "1"))
    service:reload [[
      function server:connectionResumed(socket)
        function socket:readyRead() self:write("half-made " .. self:readAll()) end
        function socket:disconnected() moonport.log.info "half-made" end
        error "not resumed"
      end
      function person:readyRead() self:readAll() self:write(moonport.stats().reload.resumeErrors .. "\n") end
    ]]
    service.program:waitForLine "not resumed"
    assert.are.equal("own 2", ask(client, "2"))
    assert.are.equal("1", ask(service:connect(), "?"))
    client:close()
    service:reload "function person:readyRead() self:write(#moonport.stats().reload.older .. self:readAll()) end"
    helper.eventually(function() return ask(service:connect(), "") == "0" end)
    assert.is_nil(service.program:stderr():find "half%-made")
  end)

  it("locals, globals and changes to a library's tables start afresh", function()
    local body = [[
      count = (count or 0) + 1
      local mine = 0
      function person:readyRead() self:readAll() mine = mine + 1 self:write(count .. " " .. mine .. "\n") end
    ]]
    start(body)
    local client = service:connect()
    assert.are.equal("1 1", ask(client, "?"))
    assert.are.equal("1 2", ask(client, "?"))
    service:reload(body)
    assert.are.equal("1 1", ask(client, "?"))
  end)

  it("persist keeps values, tables and sockets by identity", function()
    local body = [[
      local kept = moonport.persist("kept", { count = 0 })
      assert(moonport.persist("number", 5) == 5)
      function person:readyRead()
        self:readAll()
        kept.count = kept.count + 1
        kept.socket = kept.socket or self
        self:write(kept.count .. " " .. tostring(kept.socket == self) .. "\n")
      end
    ]]
    start(body)
    local client = service:connect()
    assert.are.equal("1 true", ask(client, "?"))
    service:reload(body)
    assert.are.equal("2 true", ask(client, "?"))
    assert.are.equal("3 false", ask(service:connect(), "?"))
  end)

  it("modules of the folder are loaded again, installed ones are shared", function()
    local body = [[
      local part, cjson = require "part", require "cjson"
      local first = moonport.persist("cjson", cjson)
      function person:readyRead() self:readAll() self:write(part .. " " .. tostring(first == cjson) .. "\n") end
    ]]
    start(body, { files = { ["part.lua"] = "return 'one'" } })
    local client = service:connect()
    assert.are.equal("one true", ask(client, "?"))
    service:write("part.lua", "return 'two'")
    service:reload()
    assert.are.equal("two true", ask(client, "?"))
  end)

  it("timers and tasks of the old run end, and those of the new run start at the change", function()
    local body = [[
      local ticks, name = moonport.persist("ticks", {}), "run " .. moonport.generation()
      local timer = moonport.Timer()
      function timer:timeout() ticks[name] = (ticks[name] or 0) + 1 end
      timer:start(1)
      moonport.spawn(function()
        local closing <close> = setmetatable({}, { __close = function() ticks.closed = (ticks.closed or 0) + 1 end })
        while true do moonport.sleep(1) ticks[name .. " task"] = (ticks[name .. " task"] or 0) + 1 end
      end)
      function person:readyRead()
        self:readAll()
        local function count(key) return ticks[key] or 0 end
        self:write(("%d %d %d %d %d\n"):format(count "run 1", count "run 1 task", count "run 2", count "run 2 task",
          count "closed"))
      end
    ]]
    start(body)
    local client = service:connect()
    helper.eventually(function() return ask(client, "?"):find "^[1-9]%d* [1-9]%d* 0 0 0$" end)
    service:reload(body)
    local timer, task = ask(client, "?"):match "^(%d+) (%d+)"
    local pattern = ("^%s %s [1-9]%%d* [1-9]%%d* 1$"):format(timer, task)
    helper.eventually(function() return ask(client, "?"):find(pattern) end)
  end)

  it("timers and tasks made in a handler of a connection run on with their code", function()
    start [[
      function person:readyRead()
        self:readAll()
        local timer, ticks = moonport.Timer(), 0
        function timer.timeout()
          ticks = ticks + 1
          self:write("tick " .. moonport.generation() .. "\n")
        end
        timer:start(5)
        moonport.spawn(function()
          while self:state() == "ConnectedState" do
            self:write("task " .. moonport.generation() .. " " .. tostring(moonport.stale()) .. "\n")
            moonport.sleep(5)
          end
        end)
      end
    ]]
    local client = service:connect()
    client:send "go\n"
    client:receiveLine()
    service:reload(echo "new")
    local seen = {}
    helper.eventually(function()
      seen[client:receiveLine()] = true
      return seen["task 1 true\n"] and seen["tick 1\n"]
    end)
    seen = {}
    helper.eventually(function()
      seen[client:receiveLine()] = true
      return seen["task 1 true\n"] and seen["tick 1\n"]
    end)
  end)

  it("a handler that waits runs its code to its end, and can see that it is stale", function()
    start [[
      function server:newConnection()
        local socket = self:nextPendingConnection()
        for line in socket:lines() do
          socket:write(("%s %d %s\n"):format(line, moonport.generation(), tostring(moonport.stale())))
          if line == "last" then return end
        end
      end
    ]]
    local client = service:connect()
    assert.are.equal("a 1 false", ask(client, "a"))
    service:reload [[ function person:readyRead() if self.mine then self:write("new " .. self:readAll()) end end
      function server:connectionResumed(socket) socket.mine = false end ]]
    assert.are.equal("b 1 true", ask(client, "b"))
    assert.are.equal("last 1 true", ask(client, "last"))
  end)

  it("outgoing connections of the old run stay while something that lives on refers to them, else close", function()
    local far = helper.listen()
    start(([[
      local kept, left = moonport.TcpSocket(), moonport.TcpSocket()
      moonport.persist("kept", kept)
      kept:connectToHost("127.0.0.1", %d) kept:write "kept\n"
      left:connectToHost("127.0.0.1", %d) left:write "left\n"
    ]]):format(far:port(), far:port()))
    local ends = {}
    for _ = 1, 2 do
      local peer = far:accept()
      ends[peer:receiveLine()] = peer
    end
    service:reload [[
      local kept = moonport.persist "kept"
      function person:readyRead() kept:write(self:readAll()) end
    ]]
    local client, left, count = service:connect(), ends["left\n"], 0
    helper.eventually(function()
      count = count + 1 -- a new string: where it is collected at an allocation, there must be one
      client:send(count .. " ")
      left:fill()
      return left.ended
    end)
    client:send "through\n"
    assert.matches("^[%d ]+through\n$", ends["kept\n"]:receiveLine())
  end)
end)
