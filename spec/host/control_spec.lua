-- SPDX-License-Identifier: MIT
-- The control socket: what it answers, who may ask, and what it costs the service.

local helper = require "spec.helper"
local control = require "spec.host.control"
local lfs = require "lfs"

local function names(objects, name)
  local found = {}
  for i, object in ipairs(objects) do found[i] = object[name] end
  table.sort(found)
  return found
end

describe("The control socket", function()
  after_each(control.close)

  it("tells how the program is", function()
    local program, client, _, port = control.start(control.echo)
    local person = helper.connect(port)
    person:send "hello"
    person:receive(5)
    local status = client:get "status"[1]
    assert.equal(program.pid, status.pid)
    assert.equal(1, status.generation)
    assert.same({ open = 1, accepted = 1, connected = 0, bytesRead = 5, bytesSent = 5, shed = 0,
      refused = { buffers = 0, connections = 0, handshakes = 0 } }, status.connections)
    assert.equal(1, status.calls)
    assert.equal("info", status.logLevel)
    assert.is_true(status.memory.resident > 1e6 and status.descriptors.open > 5 and status.uptime > 0)
  end)

  it("lists connections with what they have done, and the script's fields", function()
    local _, client, _, port = control.start(control.echo .. [[
      function server.connection:readyRead()
        self.name, self.friends, self.score = self:readAll(), {}, 3
        self:write(("x"):rep(10))
      end
    ]])
    local first, second = helper.connect(port), helper.connect(port)
    second:send "ann\27[31m\n"
    second:receive(10)
    local found = client:get "connections"
    table.sort(found, function(a, b) return a.id < b.id end)
    assert.equal(2, #found)
    assert.same({ 1, 2 }, { found[1].id, found[2].id })
    local one = found[2]
    assert.equal("127.0.0.1:" .. port, one.server)
    assert.matches("^127%.0%.0%.1:%d+$", one.peer)
    assert.same({ "ConnectedState", 0, 0, 9, 10, 1, 0 },
      { one.state, one.unread, one.unsent, one.read, one.sent, one.generation, one.handlers })
    assert.same({ name = "ann\27[31m\n", friends = "table", score = 3 }, one.fields)
    assert.is_true(one.age >= 0 and one.idle >= 0)
    first:close()
  end)

  it("counts calls and errors of handlers, with their lines", function()
    local _, client, _, port = control.start [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        if self:readAll() == "bad" then error "it fails" end
        self:write "ok"
      end
      function server:newConnection()
        local socket = self:nextPendingConnection()
        function socket:disconnected() end
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())
    ]]
    for _, text in ipairs { "good", "good", "bad" } do
      local person = helper.connect(port)
      person:send(text)
      if text == "good" then person:receive(2) else person:waitForEnd() end
      person:close()
    end
    helper.eventually(function() return #client:get "connections" == 0 end)
    local rows = {}
    for _, o in ipairs(client:get "handlers") do
      rows[#rows + 1] = ("%s %s %d %d %s"):format(o.of, o.signal, o.calls, o.errors, o.line:match ":(%d+)$" or "")
    end
    table.sort(rows)
    assert.same({ "TcpServer newConnection 3 0 7", "TcpSocket disconnected 3 0 ", "connections readyRead 3 1 3" }, rows)
  end)

  it("lists who waits, where, and on which connection", function()
    local _, client, _, port = control.start [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        self:readAll()
        self:receive "line"
      end
      moonport.spawn(function()
        while true do moonport.sleep(60000) end
      end)
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())
    ]]
    local person = helper.connect(port)
    person:send "x"
    local waits = helper.eventually(function()
      local found = client:get "waits"
      return #found == 2 and found
    end)
    table.sort(waits, function(a, b) return a.line < b.line end)
    assert.same({ "readyRead", "receive", 1 }, { waits[1].task, waits[1].call, waits[1].connection })
    assert.matches("script%.lua:5$", waits[1].line)
    assert.same({ "task", "sleep" }, { waits[2].task, waits[2].call })
    assert.matches("script%.lua:8$", waits[2].line)
    assert.is_true(waits[1].since >= 0)
  end)

  it("keeps the last errors that differ, with their numbers", function()
    local _, client, _, port = control.start [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead() error("no " .. self:readAll()) end
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())
    ]]
    for i = 1, 60 do
      for _ = 1, i == 60 and 3 or 1 do
        local person = helper.connect(port)
        person:send(tostring(i))
        person:waitForEnd()
        person:close()
      end
    end
    local errors = client:get "errors"
    assert.equal(50, #errors)
    local last
    for _, object in ipairs(errors) do
      if object.message:find "no 60$" then last = object end
      assert.is_nil(object.message:find "no 10$")
    end
    assert.equal(3, last.count)
    assert.matches("in function <.-script%.lua:3>", last.traceback)
  end)

  it("reloads, says why it could not, and goes back to the code before", function()
    local _, client, _, port, path = control.start(control.echo)
    assert.equal(2, client:get "reload"[1].generation)
    helper.rewrite(path, "error 'not like this'")
    assert.matches("not like this", client:ask "reload"[1].error)
    helper.rewrite(path, (control.echo:gsub("self:readAll%(%)", "'new ' .. self:readAll()")))
    assert.equal(4, client:get "reload"[1].generation) -- the one that failed was the third
    local person = helper.connect(port)
    person:send "x"
    assert.equal("new x", person:receive(5))
    assert.equal(5, client:get "rollback"[1].generation)
    person:send "x"
    assert.equal("x", person:receive(1))
  end)

  it("closes one connection, changes the log's level, and refuses nonsense in words", function()
    local program, client, _, port = control.start(control.echo)
    local first, second = helper.connect(port), helper.connect(port)
    helper.eventually(function() return #client:get "connections" == 2 end)
    assert.same({ { done = true } }, client:ask "close 1")
    assert.equal("closed", first:waitForEnd())
    assert.same({ { error = "there is no such connection" } }, client:ask "close 1")
    assert.matches("needs the id", client:ask "close x"[1].error)
    assert.matches("wrong number", client:ask "close"[1].error)
    assert.matches("no such command", client:ask "nonsense"[1].error)
    assert.matches("needs debug", client:ask "log loud"[1].error)
    client:get "log warning"
    client:get "reload"
    assert.is_nil(program:stderr():find "reloaded")
    second:send "x"
    assert.equal("x", second:receive(1))
  end)

  it("drains: no new clients, the others stay, and the program ends with the last", function()
    local program, client, _, port = control.start(control.echo)
    local person = helper.connect(port)
    person:send "x"
    person:receive(1)
    client:get "drain"
    assert.is_nil((pcall(helper.connect, port)) or nil)
    assert.is_true(client:get "status"[1].draining)
    assert.matches("stops", client:ask "reload"[1].error)
    person:send "still"
    assert.equal("still", person:receive(5))
    person:close()
    assert.equal(0, program:wait())
  end)

  it("stops as by a signal, and leaves no file", function()
    local program, client, path = control.start(control.echo)
    assert.equal("socket", lfs.attributes(path, "mode"))
    client:get "stop"
    assert.equal(0, program:wait())
    assert.is_nil(lfs.attributes(path))
  end)

  it("keeps no program running, and is not counted", function()
    local program, client = control.start [[
      local moonport = require "moonport"
      local timer = moonport.Timer()
      timer:setSingleShot(true)
      function timer.timeout() end
      timer:start(300)
    ]]
    local status = client:get "status"[1]
    assert.same({ 0, 0, 0 }, { status.connections.open, status.connections.accepted, status.tasks })
    assert.equal(0, program:wait())
  end)

  it("serves eight at a time, and each as fast as it reads", function()
    local _, client, path, port = control.start(control.echo)
    local persons, others = {}, {}
    for i = 1, 200 do persons[i] = helper.connect(port) end
    helper.eventually(function() return client:get "status"[1].connections.open == 200 end)
    for i = 1, 7 do others[i] = control.connect(path) end
    local ninth = control.connect(path)
    assert.equal("too many ask it already", require "cjson".decode(ninth.socket:receive("line")).error)
    for _ = 1, 50 do others[1].socket:write "connections\n" end -- and never reads
    assert.equal(200, #others[2]:get "connections")
    persons[1]:send "x"
    assert.equal("x", persons[1]:receive(1))
    others[1].socket:abort()
    helper.eventually(function()
      local made, late = pcall(control.connect, path)
      return made and pcall(late.get, late, "status")
    end)
  end)

  it("refuses what is too long", function()
    local _, client = control.start(control.echo)
    client.socket:write(("x"):rep(70000))
    assert.equal("too long", require "cjson".decode(client.socket:receive("line")).error)
    assert.is_nil((client.socket:receive(1)))
  end)

  it("is only for its user, at a place that is only this user's", function()
    local _, _, path = control.start(control.echo)
    assert.equal("rw-------", lfs.attributes(path, "permissions"))
    local folder = helper.folder()
    os.execute("chmod 755 " .. folder)
    local status, _, err = helper.run { os.getenv "MOONPORT" or "build/asan/moonport", "--control",
      folder .. ("/x"):rep(60), "-e", "" }
    assert.equal(0, status)
    assert.matches("warning no control socket: its path is too long", err)
    lfs.rmdir(folder)
  end)

  it("takes the place of one that a crashed program has left, but not of a live one", function()
    local program, _, path = control.start(control.echo)
    local _, _, err = helper.run { os.getenv "MOONPORT" or "build/asan/moonport", "--control", path, "-e", "" }
    assert.matches("warning no control socket: .*in use", err)
    program:signal "KILL"
    program:wait()
    assert.equal("socket", lfs.attributes(path, "mode"))
    _, _, err = helper.run { os.getenv "MOONPORT" or "build/asan/moonport", "--control", path, "-e", "" }
    assert.equal("", err)
  end)

  it("can be left out", function()
    local program = helper.program { source = control.echo, options = { "--control", "off" } }
    program:waitForLine "listening"
    local handle <close> = assert(io.popen(("ls -l /proc/%d/fd"):format(program.pid)))
    local open = handle:read "a"
    local with = control.start(control.echo)
    local other <close> = assert(io.popen(("ls -l /proc/%d/fd"):format(with.pid)))
    local _, sockets = open:gsub("socket:", "")
    local _, more = other:read "a":gsub("socket:", "")
    assert.equal(sockets + 2, more) -- the listener, and our connection to it
  end)
end)

describe("The console", function()
  local client

  before_each(function() client = select(2, control.start(control.echo)) end)
  after_each(function()
    client = nil
    control.close()
  end)

  it("prints values and what is printed, and keeps locals", function()
    assert.equal("2", client:eval "1 + 1")
    assert.equal("1\nnil\nx", client:eval "1, nil, 'x'")
    assert.equal("1\n{ 2 }", client:eval "1, { 2 }")
    assert.equal("", client:eval "local a = 1; function twice(n) return 2 * n end")
    assert.equal("a\t1", client:eval "print('a', a)")
    assert.equal("2", client:eval "a = a + 1 return a")
    assert.equal("8", client:eval "twice(4)")
    assert.equal('{ 1, 2, name = "x" }', client:eval "({ 1, 2, name = 'x' })")
    assert.equal("{ [true] = table }", client:eval "({ [true] = {} })")
  end)

  it("reaches globals, modules and objects of the code that serves, also after a reload", function()
    assert.matches("^TcpServer%(127", client:eval "server")
    assert.equal("1", client:eval "moonport.generation()")
    client:get "reload"
    assert.equal("2", client:eval "moonport.generation()")
    assert.equal("true", client:eval "moonport.sleep(5)")
  end)

  it("gives errors to the console alone", function()
    assert.matches("^console:1: oh\nstack traceback:", client:eval "error 'oh'")
    assert.matches("unexpected symbol near", client:eval "1 +* 2")
    assert.matches("in __tostring of an error", client:eval "error(setmetatable({}, { __tostring = error }))")
    local status = client:get "status"[1]
    assert.equal(0, status.errors)
    assert.same({}, client:get "errors")
  end)

  it("says that a text is incomplete", function()
    local objects = client:ask("eval 100", "for i = 1, 2 do")
    assert.is_true(objects[1].incomplete)
    assert.matches("'end' expected", objects[2].error)
  end)

  for name, text in pairs {
    ["a loop"] = "while true do end",
    ["a loop that catches errors"] = "while true do pcall(error) end",
    ["a loop in a coroutine"] = "coroutine.wrap(function() while true do end end)()",
    ["a loop below a function in C"] = "table.sort({ 3, 1, 2 }, function() while true do end end)",
    ["a wait"] = "moonport.sleep(60000)",
    ["a wait for ever"] = "moonport.Channel(1):receive()",
  } do
    it("ends " .. name .. " after its time, beside the service", function()
      assert.matches("took longer than", client:eval(text, 200))
      assert.equal("1", client:eval "1")
    end)
  end

  it("lets a service go on while an entry computes", function()
    local _, other, _, port = control.start(control.echo)
    local person = helper.connect(port)
    other.socket:write "eval 2000 17\nwhile true do end"
    for _ = 1, 20 do
      person:send "x"
      assert.equal("x", person:receive(1))
    end
    assert.matches("took longer than", other.socket:receive("line", helper.timeout))
  end)

  it("holds back an entry that prints more than is read", function()
    client.socket:write "eval 5000 56\nfor i = 1, 200 do print(('x'):rep(1 << 16)) end return 7"
    local size = 0
    while true do
      local line = assert(client.socket:receive("line", helper.timeout))
      size = size + #line
      if line:find '"done"' then break end
    end
    assert.is_true(size > 200 << 16)
  end)

  it("takes nothing along when its visitor leaves", function()
    local _, other, path = control.start(control.echo)
    other:eval "kept = print"
    other.socket:write "eval 5000 25\nmoonport.sleep(4000) x = 1"
    other.socket:abort()
    local late = control.connect(path)
    assert.matches("the console's entry is over", late:eval "kept 'x'")
    assert.equal("nil", late:eval "x")
  end)

  it("completes names without running code", function()
    assert.same({ "moonport.sleep" }, names(client:get("complete", "moonport.sl"), "name"))
    assert.same({ "string" }, names(client:get("complete", "strin"), "name"))
    assert.same({ "server:listenBacklogSize" }, names(client:get("complete", "server:listenB"), "name"))
    assert.same({}, client:get("complete", "nothing.at.all"))
    client:eval "trap = setmetatable({}, { __index = function() error 'ran' end })"
    assert.same({}, client:get("complete", "trap.x.y"))
  end)
end)
