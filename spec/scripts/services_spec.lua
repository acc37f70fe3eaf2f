-- SPDX-License-Identifier: MIT
-- The services of scripts/, tested with moonport.test as a user tests a service; see docs/guide/testing.md.
-- Real clients and harder cases are in each service's own spec.

local helper = require "spec.helper"
local test = require "moonport.test"

local function start(script, ...)
  return test.start { script = script, arguments = { ... }, environment = { LD_PRELOAD = false } }
end

describe("scripts/echo.lua #gc", function()
  it("echoes to each client its own bytes, and ends when its client ends", function()
    local service <close> = start("scripts/echo.lua", 0)
    local one <close> = service:connect()
    local two <close> = service:connect()
    one:send "from one\n"
    two:send(("x"):rep(200000) .. "\n")
    one:expectLine "from one"
    assert.equal(200000, #two:receive "line")
    one:expectNothing()
    one:send("the last"):closeWriteChannel()
    assert.equal("the last", one:receive "all")
    assert.equal(0, service:stop())
    assert.is_nil(service:log():find " error ")
  end)
end)

describe("scripts/chat.lua #gc", function()
  it("lets clients hear each other, and keeps them across a reload", function()
    local service <close> = start("scripts/chat.lua", 0)
    local ann <close> = service:connect()
    local bob <close> = service:connect()
    ann:send("/nick ann\n"):expectMatch "is now ann\n"
    bob:send("/nick bob\n"):expectMatch "is now bob\n"
    ann:expectMatch "is now bob\n"
    bob:send "hello\n"
    ann:expectLine "bob: hello"
    service:signal "HUP"
    service:expectLog " reloaded "
    ann:send "still here\n"
    bob:expectMatch "ann: still here\n"
    assert.equal(0, service:stop())
    assert.is_nil(service:log():find " error ")
  end)
end)

describe("scripts/http.lua #gc", function()
  it("serves a file and accepts a note, and keeps both the connection and the note across a reload", function()
    local service <close> = start("scripts/http.lua", 0, "127.0.0.1", "scripts")
    local client <close> = service:connect()
    local function ask(request, status)
      client:send(request):expectLine("HTTP/1.1 " .. status)
      return client:receive(tonumber(client:expectMatch "Content%-Length: (%d+)\r\n\r\n"))
    end
    local list = "GET /api/notes HTTP/1.1\r\nHost: a\r\n\r\n"
    assert.is_truthy(ask("GET /echo.lua HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK"):find "^%-%- Echo")
    local note = 'Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{"text":"one"}'
    ask("POST /api/notes HTTP/1.1\r\nHost: a\r\n" .. note, "201 Created")
    service:signal "HUP"
    service:expectLog " reloaded "
    assert.is_truthy(ask(list, "200 OK"):find '^{"notes":%[{"text":"one","time":%d+}%]}\n$')
    assert.equal(0, service:stop())
    assert.is_nil(service:log():find " error ")
  end)
end)

describe("scripts/gateway.lua #gc", function()
  it("passes a command to its device and the answer back, and keeps the device across a reload", function()
    local service <close> = test.start {
      script = "scripts/gateway.lua", arguments = { 0, 0 }, listeners = 2, environment = { LD_PRELOAD = false },
    }
    local device <close> = service:connect()
    device:send(string.pack(">s4", string.pack(">Bs1s1", 1, "lamp", "test")))
    device:expect "\0\0\0\3\129\0\10"
    local client <close> = service:connect(service.listeners[2].port)
    for number = 1, 2 do
      client:send('POST /devices/lamp/command HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
        .. 'Content-Length: 16\r\n\r\n{"command":"on"}')
      device:expect(string.pack(">s4", string.pack(">BI4s2", 130, number, "on")))
      device:send(string.pack(">s4", string.pack(">BI4s2", 3, number, "it is on")))
      client:expectLine "HTTP/1.1 200 OK"
      client:expectMatch '{"answer":"it is on"}\n'
      if number == 1 then
        service:signal "HUP"
        service:expectLog " reloaded "
      end
    end
    assert.equal(0, service:stop())
    assert.is_nil(service:log():find " error ")
  end)
end)

describe("scripts/http.lua #gc", function()
  it("answers several requests on one connection, also one for what doesn't exist", function()
    local service <close> = start("scripts/http.lua", 0, "127.0.0.1", "docs")
    local client <close> = service:connect()
    client:send "GET /manual.md HTTP/1.1\r\nHost: x\r\n\r\n"
    local head = client:expectMatch "^HTTP/1.1 200 OK\r\n.-\r\n\r\n"
    assert.matches("^# Manual\n", client:receive(tonumber(head:match "\r\nContent%-Length: (%d+)\r\n")))
    client:send "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert.matches("^HTTP/1.1 404 ", client:receive "all")
    assert.equal(0, service:stop())
  end)
end)

describe("scripts/kv.lua #gc", function()
  it("keeps a key from one run to the next", function()
    local file = helper.file("", "kv.resp")
    os.remove(file)
    for _, sent in ipairs { "SET tea green\r\n", "GET tea\r\n" } do
      local service <close> = start("scripts/kv.lua", 0, "127.0.0.1", file)
      local client <close> = service:connect()
      client:send(sent)
      client:expect(sent:find "SET" and "+OK\r\n" or "$5\r\ngreen\r\n")
      assert.equal(0, service:stop())
    end
  end)
end)

describe("scripts/proxy.lua #gc", function()
  it("forwards a connection to an upstream that listens, with its half-close", function()
    local echo <close> = start("scripts/echo.lua", 0)
    local nobody = helper.unusedPort()
    local proxy <close> = start("scripts/proxy.lua", "0", "127.0.0.1:" .. nobody, "127.0.0.1:" .. echo.port)
    for i = 1, 3 do
      local client <close> = proxy:connect()
      client:send("line " .. i .. "\n"):expectLine("line " .. i)
      client:closeWriteChannel()
      assert.equal("closed", client:expectEnd())
    end
    assert.equal(0, proxy:stop())
  end)
end)

describe("scripts/gateway.lua #gc", function()
  it("accepts a device at one port, and shows it at the other", function()
    local service <close> = test.start {
      script = "scripts/gateway.lua", arguments = { 0, 0 }, listeners = 2, environment = { LD_PRELOAD = false },
    }
    local device <close> = service:connect(tonumber((service:expectLog "port (%d+) for devices")))
    device:send(string.pack(">s4", string.pack(">Bs1s1", 1, "lamp-7", "lamp")))
    local length = string.unpack(">I4", device:receive(4))
    assert.equal(129, device:receive(length):byte())
    for _, listener in ipairs(service.listeners) do
      if listener.port ~= device.socket:peerPort() then
        local browser <close> = service:connect(listener.port)
        browser:send "GET /devices HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert.matches('"lamp%-7"', browser:receive "all")
      end
    end
    assert.equal(0, service:stop())
  end)
end)
