-- SPDX-License-Identifier: MIT
-- A handler that fails costs its own connection and one report on stderr; the next client is served as usual.

local helper = require "spec.helper"

-- A client's line chooses what goes wrong from `wrong`; any other line is answered.
local service = [[
  local moonport = require "moonport"
  local server = moonport.TcpServer()
  local log = moonport.log
  local wrong = {}

  function wrong.throw() error "boom" end
  function wrong.throwNil() error(nil) end
  function wrong.throwTable() error {} end
  function wrong.throwObject() error(setmetatable({}, { __tostring = function() return "an object" end })) end
  function wrong.index() local t = nil; t.x = 1 end
  function wrong.writeTable(socket) socket:write {} end
  function wrong.writeNothing(socket) socket:write() end
  function wrong.readNegative(socket) socket:read(-1) end
  function wrong.otherObject() server.connection.write(server, "x") end
  function wrong.methodOfOther(socket) socket.write(server, "x") end
  function wrong.noObject(socket) socket.write("x") end
  function wrong.unknownOption(socket) socket:setSocketOption("NoSuchOption", 1) end
  function wrong.overwrite(socket) socket.write = print end
  function wrong.misspelt(socket) function socket:readyread() end end
  function wrong.sort() table.sort({ 3, 2, 1 }, function(a, b) moonport.sleep(1) return a < b end) end
  function wrong.gsub() ("x"):gsub("x", function() moonport.sleep(1) end) end
  function wrong.coroutine() coroutine.wrap(function() moonport.sleep(1) end)() end
  function wrong.yield() coroutine.yield() end
  function wrong.afterWait() moonport.sleep(1) error "boom" end
  function wrong.recursion() local function f() return 1 + f() end f() end
  function wrong.memory() return ("x"):rep(1 << 40) end
  function wrong.disconnected(socket)
    function socket:disconnected() error "boom" end
    socket:disconnectFromHost()
  end
  function wrong.closing(socket)
    function socket:aboutToClose() error "boom" end
    socket:close()
  end
  function wrong.finalizer(socket)
    setmetatable({}, { __gc = function() error "boom" end })
    collectgarbage() collectgarbage()
    error "boom"
  end

  function server.connection:readyRead()
    local name = self:readLine():match "%w+"
    if wrong[name] then
      wrong[name](self)
    else
      self:write(name .. " to you\n")
    end
  end
  moonport.onError(function(message, object, signal)
    log.info("onError got %s, %s, %s", message:match "[^\n]*", object, signal)
  end)
  assert(server:listen "127.0.0.1")
  log.info("port %d", server:serverPort())
]]

-- what goes wrong -> the signal of the handler that the report names, and the error
local cases = {
  throw = { "readyRead", "boom" },
  throwNil = { "readyRead", "(error object is a nil value)" },
  throwTable = { "readyRead", "(error object is a table value)" },
  throwObject = { "readyRead", "an object" },
  index = { "readyRead", "attempt to index a nil value (local 't')" },
  writeTable = { "readyRead", "bad argument #1 to 'write' (string expected, got table)" },
  writeNothing = { "readyRead", "bad argument #1 to 'write' (string expected, got no value)" },
  readNegative = { "readyRead", "bad argument #1 to 'read' (maxSize must not be negative)" },
  otherObject = { "readyRead", "attempt to call a nil value (field 'write')" },
  methodOfOther = { "readyRead", "bad argument #1 to 'write' (TcpSocket expected, got TcpServer)" },
  noObject = { "readyRead", "bad argument #1 to 'write' (TcpSocket expected, got string)" },
  unknownOption = { "readyRead", "NoSuchOption" },
  overwrite = { "readyRead", "'write' is a method and can't be replaced" },
  misspelt = { "readyRead", "no signal 'readyread'; did you mean 'readyRead'?" },
  sort = { "readyRead", "cannot wait here: below a C function" },
  gsub = { "readyRead", "cannot wait here: below a C function" },
  coroutine = { "readyRead", "cannot wait here: in a coroutine of the script's own" },
  yield = { "readyRead", "a handler can't yield" },
  afterWait = { "readyRead", "boom" },
  recursion = { "readyRead", "stack overflow" },
  memory = { "readyRead", "resulting string too large" },
  disconnected = { "disconnected", "boom" },
  closing = { "aboutToClose", "boom" },
  finalizer = { "readyRead", "boom" },
}

local underValgrind = { throw = true, throwNil = true, sort = true, afterWait = true, disconnected = true }

describe("A handler's error", function()
  for name, case in pairs(cases) do
    local tag = underValgrind[name] and " #valgrind" or ""
    it("is reported with object and signal, and ends only that connection: " .. name .. tag, function()
      local program = helper.program { source = service }
      local port = program:waitForLine "port (%d+)"
      local bystander = helper.connect(port)
      local client = helper.connect(port)
      client:send(name .. "\n")
      local text = program:waitForLine(" error (" .. case[1] .. " handler of TcpSocket%(.*)")
      assert.is_truthy(text:find(case[2], 1, true), text)
      program:waitForLine("onError got .*, TcpSocket%(.*%), " .. case[1])
      client:waitForEnd()
      assert.are.equal("", client.unread)
      for _, other in ipairs { bystander, helper.connect(port) } do
        other:send "good day\n"
        assert.are.equal("good to you\n", other:receiveLine())
      end
      program:signal "TERM"
      assert.are.equal(0, program:wait())
    end)
  end

  it("is reported with the traceback down to the line", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local function deep() error "boom" end
      moonport.singleShot(1, function() deep() end)
    ]] }
    assert.are.equal(0, program:wait())
    local place = "[^\n]*script%.lua:"
    assert.is_truthy(program:stderr():find(" error timeout handler of Timer%([^\n]*%): " .. place .. "2: boom\n"
      .. "\tstack traceback:\n\t\t%[C%]: in function 'error'\n\t\t" .. place .. "2: in upvalue 'deep'\n\t\t" .. place ..
      "3: "))
  end)

  it("in newConnection closes that client's connection, and the next client is served", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local server, count = moonport.TcpServer(), 0
      function server:newConnection()
        count = count + 1
        if count == 1 then error "before it took the client" end
        local socket = self:nextPendingConnection()
        if count == 2 then error "after it took the client" end
        socket:write("client " .. count .. "\n")
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("port %d", server:serverPort())
    ]] }
    local port = program:waitForLine "port (%d+)"
    for _, text in ipairs { "before it took the client", "after it took the client" } do
      local client = helper.connect(port)
      client:waitForEnd()
      assert.are.equal("", client.unread)
      program:waitForLine("newConnection handler of TcpServer%(.*" .. text)
    end
    assert.are.equal("client 3\n", helper.connect(port):receiveLine())
  end)

  it("in onError's function, or in a task, is reported and has no further effect", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      moonport.onError(function() error "in onError" end)
      moonport.spawn(function() error "in a task" end)
      moonport.singleShot(20, function() moonport.log.info "still here" end)
    ]] }
    program:waitForLine "error task: .*in a task"
    program:waitForLine "error task: .*in onError"
    program:waitForLine "still here"
    assert.are.equal(0, program:wait())
  end)
end)

describe("a script", function()
  it("may write numbers, and use closed and collected objects, without an error #valgrind", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local log = moonport.log
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        self:readAll()
        self:write(42)
        self:write(1.5)
        self:disconnectFromHost()
        moonport.sleep(1)
        for _, method in ipairs { "write", "read", "peek", "skip" } do
          log.info("%s: %s", method, select(2, self[method](self, method == "write" and "x" or 1)))
        end
        self:close() self:close() self:abort() self:disconnectFromHost()
        local kept = setmetatable({ self }, { __mode = "v" })
        moonport.singleShot(1, function()
          collectgarbage() collectgarbage()
          log.info("collected: %s", kept[1] == nil)
          moonport.quit()
        end)
      end
      assert(server:listen "127.0.0.1")
      log.info("port %d", server:serverPort())
    ]] }
    local client = helper.connect(program:waitForLine "port (%d+)")
    client:send "x"
    assert.are.equal("421.5", client:receiveAll())
    program:waitForLine "write: write: .+"
    program:waitForLine "read: read: .+"
    program:waitForLine "collected: true"
    assert.are.equal(0, program:wait())
    assert.is_nil(program:stderr():find(" error ", 1, true))
  end)

  it("gets an error if it calls a method of an object that the collector has finalised", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local revived = {}
      for _, class in ipairs { "TcpServer", "TcpSocket", "Timer" } do
        local object = moonport[class]()
        setmetatable({}, { __gc = function() revived[class] = object end })
      end
      collectgarbage() collectgarbage() collectgarbage()
      local methods = {
        TcpServer = { "listen", "close", "connections", "nextPendingConnection", "blockSignals" },
        TcpSocket = { "write", "close", "state", "readAll", "connectToHost", "waitForReadyRead", "server" },
        Timer = { "start", "stop", "interval" },
      }
      for class, names in pairs(methods) do
        local object = revived[class]
        for _, name in ipairs(names) do
          local ok, message = pcall(object[name], object, "127.0.0.1", 7)
          if ok or not message:find "the object has been collected" then
            print(class, name, ok, message)
          end
        end
        object.field = 1
        assert(object.field == 1 and object.another == nil)
        assert(not pcall(moonport.connect, object, "readyRead", print))
      end
    ]] }
    assert.are.same({ 0, "", "" }, { program:wait(), program:stdout(), program:stderr() })
  end)
end)
