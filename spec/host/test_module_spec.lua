-- SPDX-License-Identifier: MIT
-- moonport.test starts services, talks to them and stops them, and reports what arrives instead of what is
-- expected.

local helper = require "spec.helper"
local moonport = require "moonport"
local test = require "moonport.test"

local shouting = [[
local moonport = require "moonport"
local server = moonport.TcpServer()
function server.connection:readyRead()
  local text = self:readAll()
  if text == "bye\n" then self:close() elseif text == "die\n" then moonport.quit(7) else self:write(text:upper()) end
end
print("tea " .. (arg[2] or "none") .. " " .. tostring(os.getenv "CUP"))
assert(server:listen("127.0.0.1", arg[1]))
]]

-- libasan is only for this process
local function start(options)
  options.script = options.script or helper.file(options.source or shouting, "service.lua")
  options.environment = options.environment or {}
  options.environment.LD_PRELOAD = false
  return test.start(options)
end

local function lineOf(fn)
  return ("%s:%d: "):format(debug.getinfo(fn, "S").short_src, debug.getinfo(fn, "S").linedefined)
end

-- The message of the error that fn, written in one line, fails with, without that line's place.
local function failing(fn)
  local ok, problem = pcall(fn)
  assert.is_false(ok)
  local text, place = tostring(problem), lineOf(fn)
  assert.equal(place, text:sub(1, #place))
  return (text:sub(#place + 1):gsub("after %d+ ms", "after N ms"))
end

describe("moonport.test", function()
  after_each(test.cleanup)

  it("finds the port of a service whose log is JSON", function()
    local service <close> = start { arguments = { 0 }, options = { "--log-format", "json" } }
    local client <close> = service:connect()
    client:send "hello\n"
    assert.equal("HELLO", client:expectLine "HELLO")
  end)

  it("starts a script on a free port, talks to it, and stops it; log, output and exit status can be read", function()
    local service <close> = start { arguments = { 0, "green" }, environment = { CUP = "blue" } }
    local client <close> = service:connect()
    client:send "hello\n"
    assert.equal("HELLO", client:expectLine "HELLO")
    client:send("abc"):expect "ABC"
    client:send "key=12;"
    assert.equal("12", client:expectMatch "KEY=(%d+);")
    client:send "one\ntwo"
    assert.equal("ONE", client:receive "line")
    assert.equal("TW", client:receive(2))
    client:closeWriteChannel()
    assert.equal("O", client:receive "all")
    assert.equal("closed", client:expectEnd())
    assert.equal("green blue", service:expectOutput "^tea (.*)$")
    assert.equal(tostring(service.port), service:expectLog "listening on 127.0.0.1:(%d+)$")
    assert.is_true(service:isRunning())
    assert.equal(0, service:stop())
    assert.is_false(service:isRunning())
    assert.matches("listening", service:log())
    assert.equal("tea green blue\n", service:output())
  end)

  it("notices when a service ends by itself, and sends it signals", function()
    local service = start { arguments = { 0 } }
    service:connect():send "die\n"
    assert.equal(7, service:wait())
    service = start { arguments = { 0 } }
    service:signal "HUP"
    service:expectLog " reloaded "
    service:signal "KILL"
    assert.equal(128 + 9, service:wait())
  end)

  it("reports a mistake in the test at the test's line", function()
    local service = start { arguments = { 0 } }
    local client = service:connect()
    local function told(name, got) return ("bad argument #1 to '%s' (string expected, got %s)"):format(name, got) end
    assert.equal(told("expectLine", "number"), failing(function() client:expectLine(5) end))
    assert.equal(told("expect", "no value"), failing(function() client:expect() end))
    assert.equal(told("expectMatch", "table"), failing(function() client:expectMatch {} end))
    assert.equal(told("expectLog", "no value"), failing(function() service:expectLog() end))
    assert.equal(told("expectOutput", "boolean"), failing(function() service:expectOutput(true) end))
    assert.equal(told("start", "number"), failing(function() test.start(5) end))
    assert.equal(told("start", "no value"), failing(function() test.start {} end))
  end)

  it("reports what was expected and what arrived, at the test's line, with the service's log", function()
    local service = start { arguments = { 0 } }
    local client = service:connect()
    local about = "\n" .. service.script .. " is running; the end of its log:\n  "
    local function fails(expected, fn)
      local text = failing(fn)
      assert.equal(expected, text:match("^(.-)\n") or text)
      assert.equal(about, text:sub(#expected + 1, #expected + #about))
    end
    client:send "tea\n"
    fails('expected the line "milk": came "TEA"', function() client:expectLine "milk" end)
    client:send "tea"
    fails('expected "TEE": came "TEA"', function() client:expect "TEE" end)
    client:send "te\0"
    fails('expected the line "TEA": nothing more came within 30 ms (after N ms); unread: "TE\\x00"',
      function() client:expectLine("TEA", 30) end)
    fails('expected 4 bytes: nothing more came within 1 ms (after N ms); unread: "TE\\x00"',
      function() client:receive(4, 1) end)
    fails('expected something like "A$": nothing more came within 1 ms (after N ms); unread: "TE\\x00"',
      function() client:expectMatch("A$", 1) end)
    fails('expected the end: came "TE\\x00"', function() client:expectEnd() end)
    fails('expected the end: nothing more came within 30 ms (after N ms); unread: ""',
      function() client:expectEnd(30) end)
    client:expectNothing(20)
    client:send "ah"
    fails('expected nothing: came "AH"', function() client:expectNothing() end)
    client:send "bye\n"
    fails('expected a line: the peer closed the connection (after N ms); unread: ""',
      function() client:receive "line" end)
    fails("expected nothing: the peer closed the connection", function() client:expectNothing() end)
    fails('expected a line like "milk" in its log: none came within 20 ms',
      function() service:expectLog("milk", 20) end)
    fails('expected a line like "milk" in its output: none came within 20 ms',
      function() service:expectOutput("milk", 20) end)
    assert.matches("service%.lua did not end within 20 ms\n", failing(function() service:wait(20) end))
    service:stop()
    assert.matches('expected a line like "milk" in its log: the service ended\n.* ended with status 0;',
      failing(function() service:expectLog "milk" end))
    assert.matches("^connect to 127.0.0.1 port %d+: Connection refused\n", failing(function() service:connect() end))
  end)

  it("says why a service doesn't start, and leaves none running", function()
    assert.matches("%.lua ended before it listened\n.* ended with status 1; the end of its log:\n.*no tea",
      failing(function() start { source = "error 'no tea'" } end))
    assert.matches("%.lua ended before it listened\n.* ended with status 0;",
      failing(function() start { source = "" } end))
    assert.matches("^/no/program: No such file or directory$",
      failing(function() start { program = "/no/program" } end))
    local slow = "print 'here' require 'moonport'.sleep(-1)"
    assert.matches("%.lua did not listen within 50 ms\n.* is running;",
      failing(function() start { source = slow, timeout = 50 } end))
    local service = start { source = slow, listeners = 0 } -- one that needn't listen
    service:expectOutput "here"
    assert.equal("it does not listen", failing(function() service:connect() end))
  end)

  it("knows all ports of a service, and connects to a server of the same process", function()
    local service = start { listeners = 2, source = [[
      for _, word in ipairs { "one", "two" } do
        local server = require "moonport".TcpServer()
        function server:newConnection() self:nextPendingConnection():write(word .. "\n") end
        assert(server:listen(word == "two" and "::1" or "any"))
      end
    ]] }
    service:connect():expectLine "one"
    service:connect(service.listeners[2].port):expectLine "two"
    assert.equal("::1", service.listeners[2].host)

    local server <close> = moonport.TcpServer()
    function server.connection:readyRead() self:write(self:readAll():reverse()) end
    assert(server:listen())
    test.connect(server):send("abc"):expect "cba"
  end)

  it("waits for a condition, and names it when it doesn't become true", function()
    local n = 0
    assert.equal(5, test.eventually(function() n = n + 1 return n == 5 and n end))
    assert.matches("^the condition at .*:%d+ did not come true within 10 ms$",
      failing(function() test.eventually(function() return false end, 10) end))
    assert.equal("tea did not come true within 10 ms",
      failing(function() test.eventually(function() return false end, 10, "tea") end))
  end)

  it("disconnects its clients of a service that stops, which would wait for them, and reads its last output", function()
    local service = start { source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead() self:write(self:readAll()) end
      moonport.onQuit(function() for socket in server:connections() do socket:write "bye\n" end end)
      assert(server:listen("127.0.0.1"))
    ]] }
    local one, two = service:connect(), service:connect()
    one:send("x\n"):expectLine "x"
    two:send("y\n"):expectLine "y"
    assert.equal(0, service:stop())
    for _, client in ipairs { one, two } do
      test.eventually(function() return client.socket:state() == "UnconnectedState" end)
    end
    one:expectLine "bye"
    assert.equal("closed", one:expectEnd())
    assert.equal("bye\n", two:receive "all")
  end)

  it("raises an error when a service has failed and the test hasn't looked at that", function()
    for signal, text in pairs { ABRT = "was killed by signal 6", TERM = false } do
      local service = start { arguments = { 0 } }
      os.execute(("kill -%s %d"):format(signal, service.pid))
      test.eventually(function() return not service:isRunning() end)
      local ok, problem = pcall(test.cleanup)
      assert.equal(signal == "TERM", ok)
      text = text and "^the service failed:\n.* " .. text .. "; the end of its log:" or "nil"
      assert.matches(text, tostring(problem))
    end
    local service = start { arguments = { 0 } }
    service:connect():send "die\n"
    test.eventually(function() return not service:isRunning() end)
    local ok, problem = pcall(test.cleanup)
    assert.is_false(ok)
    assert.matches("ended with status 7", problem)
  end)
end)
