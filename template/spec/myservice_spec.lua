-- Each test starts a service of its own on a free port; it ends with the test.
local test = require "moonport.test"

local function start() return test.start("myservice.lua", 0) end --plain
--tls local authority = test.authority() -- its certificates are made for the tests, and go away with them
--tls local certificate = authority:certificate()
--tls
--tls local function start()
--tls   local arguments = { 0, "127.0.0.1", certificate.certificate, certificate.key }
--tls   return test.start { script = "myservice.lua", arguments = arguments, tls = authority }
--tls end

describe("myservice", function()
  it("answers what it is asked, and says what is wrong", function()
    local client = start():connect()
    client:send "hello ann\n"
    client:expectLine "ok hello ann"
    client:send "hello\nhallo ann\n"
    client:expectLine "error hello whom?"
    client:expectLine "error no such command; help lists them"
    client:send "quit\n"
    client:expectLine "ok bye"
    client:expectEnd()
  end)

  it("serves others while one sleeps", function()
    local service = start()
    local sleeper, other = service:connect(), service:connect()
    sleeper:send "sleep 0.2\n"
    other:send "hello bob\n"
    other:expectLine "ok hello bob"
    sleeper:expectLine "ok good morning"
  end)

  it("refuses a line that never ends", function()
    local client = start():connect()
    client:send(("x"):rep(5000))
    client:expectLine "error a line has at most 1024 bytes"
    client:expectEnd()
  end)

  it("keeps its clients and its count when it is reloaded", function()
    local service = start()
    local client = service:connect()
    client:send "hello ann\n"
    client:expectLine "ok hello ann"
    service:signal "HUP"
    service:expectLog "reloaded .*: generation 2" -- a Lua pattern, for a line of the log
    client:send "count\n"
    client:expectLine "ok 2 requests so far"
  end)
end)
