-- SPDX-License-Identifier: MIT
-- scripts/gateway.lua with devices in Python and in Lua, devices that send nonsense, go silent or connect
-- twice, commands over HTTP with their answers, and a code change while devices are connected.

local helper = require "spec.helper"
local web = require "spec.scripts.web"
local json = require "cjson"

-- Starts the gateway, or a copy of it with shorter times: gateway { silence = 1 }.
-- -> program, device port, HTTP port, and edit for the copy
local function gateway(changes)
  local script, edit = "scripts/gateway.lua", nil
  if changes then
    local folder
    folder, edit = web.copy()
    script = folder .. "/gateway.lua"
    for name, value in pairs(changes) do
      edit("gateway.lua", ("local %s ="):format(name), ("local %s = %s --"):format(name, value))
    end
  end
  local program = helper.program { script = script, args = { 0, 0 }, environment = web.environment }
  local devices, pages = program:waitForLine "port (%d+) for devices, port (%d+) for HTTP"
  return program, tonumber(devices), tonumber(pages), edit
end

local function packed(kind, format, ...)
  return string.pack(">s4", string.pack(">B" .. format, kind, ...))
end

-- A device's next message. -> its kind and its fields
local formats = { [129] = ">I2", [130] = ">I4s2", [131] = ">s1" }

local function hear(client)
  local text = client:receive(string.unpack(">I4", client:receive(4)))
  local kind = text:byte()
  return kind, string.unpack(formats[kind], text, 2)
end

local function enter(port, id)
  local client = helper.connect(port)
  client:send(packed(1, "s1s1", id, "test"))
  local kind, seconds = hear(client)
  assert.are.same({ 129, 10 }, { kind, seconds })
  return client
end

-- -> status, the JSON of the answer
local function ask(port, method, path, value)
  local client = helper.connect(port)
  local text = value and json.encode(value) or ""
  local lines = ("Content-Type: application/json\r\nContent-Length: %d\r\n"):format(#text)
  local status, _, body = web.request(client, method, path, lines, text)
  client:close()
  return status, body ~= "" and json.decode(body) or nil
end

local function listed(port)
  local names = {}
  for id in pairs((select(2, ask(port, "GET", "/devices"))).devices) do names[#names + 1] = id end
  table.sort(names)
  return table.concat(names, " ")
end

-- Sends a request with a command; its answer can be received later.
local function order(port, id, text)
  local client = helper.connect(port)
  local body = json.encode { command = text }
  client:send(("POST /devices/%s/command HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    .. "Content-Length: %d\r\n\r\n%s"):format(id, #body, body))
  return client
end

describe("scripts/gateway.lua", function()
  after_each(web.clean)

  it("lists fifty devices in Python, as JSON and as a page, and each answers its commands", function()
    local program, port, pages = gateway()
    local devices = helper.spawn { "python3", "spec/scripts/device.py", port, 50 }
    devices:waitForLine "^all are welcome, 10 s$"
    local one
    helper.eventually(function()
      one = select(2, ask(pages, "GET", "/devices/py-7"))
      return one.battery
    end)
    assert.are.same({ "thérmo<b>", 7, -1.43, "127.0.0.1" }, { one.kind, one.battery, one.temperature, one.address })
    assert.are.equal(50, select(2, listed(pages):gsub("py%-%d+", "")))
    local waiting = {}
    for i = 0, 49 do waiting[i] = order(pages, "py-" .. i, "say " .. i) end
    for i = 0, 49 do
      local status, _, body = web.receive(waiting[i])
      assert.are.same({ 200, "SAY " .. i }, { status, json.decode(body).answer })
    end
    local status, page = helper.run { "curl", "--silent", "http://127.0.0.1:" .. pages .. "/" }
    assert.are.equal(0, status)
    assert.is_truthy(page:find("<td>py-49<td>thérmo&#60;b&#62;<td>127.0.0.1<td>", 1, true))
    assert.is_truthy(page:find("<td>49 %<td>-1.01 °C", 1, true))
    devices:closeInput()
    assert.are.equal(0, devices:wait())
    helper.eventually(function() return listed(pages) == "" end)
    program:signal "TERM"
    assert.are.equal(0, program:wait())
  end)

  it("works with a lamp in Lua: scripts/device.lua", function()
    local gate, port, pages = gateway()
    local lamp = helper.program { script = "scripts/device.lua", args = { "lamp-2", port } }
    lamp:waitForLine "lamp%-2 is connected"
    for text, answer in pairs { on = "the lamp is on", ["?"] = "I know on, off and state" } do
      local status, value = ask(pages, "POST", "/devices/lamp-2/command", { command = text })
      assert.are.same({ 200, answer }, { status, value.answer })
    end
    local newer = helper.program { script = "scripts/device.lua", args = { "lamp-2", port } }
    newer:waitForLine "lamp%-2 is connected"
    lamp:waitForLine "replaced by a newer connection"
    assert.are.equal(0, lamp:wait())
    assert.are.equal("lamp-2", listed(pages))
    gate:signal "TERM"
    assert.are.equal(0, gate:wait())
    newer:waitForLine "device: waitForConnected: Connection refused" -- it goes on trying
  end)

  it("drops a device that goes silent, also after half a message, and one that never says hello", function()
    local _, port, pages = gateway { silence = 2, greeting = 1 }
    local alive, silent, halves = enter(port, "alive"), enter(port, "silent"), enter(port, "half")
    local mute = helper.connect(port)
    local beats = 0
    helper.eventually(function()
      alive:send(packed(2, "I1i2", 50, 2000))
      halves:trySend "\0"
      helper.settle(100)
      beats = beats + 1
      return listed(pages) == "alive"
    end, "only the living is listed", 8000)
    assert.is_true(beats > 5)
    local kind, reason = hear(silent)
    assert.are.same({ 131, "no message for 2 s" }, { kind, reason })
    assert.are.equal("closed", mute:waitForEnd())
  end)

  it("keeps the newer of two devices with one id, and the older one's end doesn't remove it from the list", function()
    local _, port, pages = gateway()
    local older = enter(port, "twin")
    local waiting = order(pages, "twin", "x")
    assert.are.equal(130, (hear(older)))
    local newer = enter(port, "twin")
    local kind, reason = hear(older)
    assert.are.same({ 131, "replaced by a newer connection" }, { kind, reason })
    older:waitForEnd()
    older:close()
    assert.are.equal(502, (web.receive(waiting)))
    assert.are.equal("twin", listed(pages))
    waiting = order(pages, "twin", "y")
    local _, number, text = hear(newer)
    assert.are.equal("y", text)
    newer:send(packed(3, "I4s2", number + 1, "to another") .. packed(3, "I4s2", number, "to this"))
    assert.are.equal('{"answer":"to this"}\n', (select(3, web.receive(waiting))))
  end)

  it("drops a device that sends nonsense, with the reason, and serves the others", function()
    local program, port, pages = gateway()
    local good = enter(port, "good")
    local hello = packed(1, "s1s1", "bad", "test")
    for text, expected in pairs {
      ["\0\0\0\0"] = "bad length", ["\0\1\0\1"] = "bad length", ["GET / HTTP/1.1\r\n\r\n"] = "bad length",
      [packed(9, "")] = "bad message", [packed(1, "")] = "bad message", [packed(1, "s1", "x")] = "bad message",
      [packed(1, "s1s1B", "x", "y", 1)] = "bad message", [packed(1, "BB", 255, 1)] = "bad message",
      [packed(1, "s1s1", "", "y")] = "bad id", [packed(1, "s1s1", "a b", "y")] = "bad id",
      [packed(1, "s1s1", "<b>", "y")] = "bad id", [packed(1, "s1s1", ("x"):rep(65), "y")] = "bad id",
      [packed(1, "s1s1", "x", "\255")] = "bad message",
      [packed(2, "I1i2", 1, 1)] = "hello comes once and first", [hello .. hello] = "hello comes once and first",
      [hello .. packed(2, "I1", 1)] = "bad message", [hello .. packed(3, "I4s2", 1, "\255")] = "bad message",
      [hello .. packed(129, "I2", 1)] = "bad message",
    } do
      local client = helper.connect(port)
      client:send(text .. packed(2, "I1i2", 1, 1))
      local kind, reason = hear(client)
      if kind == 129 then kind, reason = hear(client) end
      assert.are.same({ 131, expected }, { kind, reason }, ("%q"):format(text))
      assert.are.equal("", client:receiveAll())
    end
    assert.are.equal("good", listed(pages))
    good:send(packed(2, "I1i2", 77, 2000))
    helper.eventually(function() return (select(2, ask(pages, "GET", "/devices/good"))).battery == 77 end)
    assert.is_nil(program:stderr():find(" error ", 1, true))
  end)

  it("reads messages however they are split", function()
    local _, port, pages = gateway()
    local client = helper.connect(port)
    local text = packed(1, "s1s1", "slow", "test") .. packed(2, "I1i2", 1, 1) .. packed(2, "I1i2", 42, 4200)
    for i = 1, #text do client:send(text:sub(i, i)) end
    helper.eventually(function() return (select(2, ask(pages, "GET", "/devices/slow"))).battery == 42 end)
    for _ = 1, 500 do text = text .. packed(2, "I1i2", 43, 1) end
    local other = helper.connect(port)
    other:send((text:gsub("slow", "fast")))
    helper.eventually(function() return (select(2, ask(pages, "GET", "/devices/fast"))).battery == 43 end)
  end)

  it("limits the devices, the commands that wait, and the time for an answer", function()
    local _, port, pages = gateway { most = 2, pending = 1, patience = 1 }
    local one = enter(port, "one")
    enter(port, "two")
    local third = helper.connect(port)
    third:send(packed(1, "s1s1", "three", "test"))
    local kind, reason = hear(third)
    assert.are.same({ 131, "too many devices" }, { kind, reason })
    local waiting = order(pages, "one", "x")
    local _, number = hear(one)
    assert.are.equal(503, (ask(pages, "POST", "/devices/one/command", { command = "y" })))
    assert.are.equal(504, (web.receive(waiting)))
    one:send(packed(3, "I4s2", number, "too late"))
    waiting = order(pages, "one", "z")
    local _, next, text = hear(one)
    assert.are.equal("z", text)
    one:send(packed(3, "I4s2", next, "in time"))
    assert.are.equal(200, (web.receive(waiting)))
    waiting = order(pages, "one", "x")
    hear(one)
    one:reset()
    assert.are.equal(502, (web.receive(waiting)))
  end)

  it("answers over HTTP for devices, pages and methods that don't exist, and for bad commands", function()
    local _, port, pages = gateway()
    enter(port, "one")
    for request, expected in pairs {
      ["GET /devices/two"] = 404, ["POST /devices/two/command"] = 404, ["GET /nothing"] = 404,
      ["GET /devices/one/x"] = 404, ["POST /devices"] = 405, ["GET /devices/one/command"] = 405,
      ["DELETE /devices/one"] = 405, ["HEAD /devices"] = 200, ["POST /devices/one/command"] = 415,
    } do
      local method, path = request:match "(%u+) (.*)"
      assert.are.equal(expected, (web.request(helper.connect(pages), method, path)), request)
    end
    for _, value in ipairs { {}, { command = 1 }, { command = ("x"):rep(1001) } } do
      assert.are.equal(400, (ask(pages, "POST", "/devices/one/command", value)))
    end
  end)

  it("keeps its devices, and a command that waits, when its code changes", function()
    local program, port, pages, edit = gateway {}
    local one = enter(port, "one")
    local waiting = order(pages, "one", "before")
    local _, number = hear(one)
    edit("gateway.lua", '"too many devices"', '"we are full"')
    edit("gateway.lua", "{ answer = result }", "{ answer = result, generation = moonport.generation() }")
    program:signal "HUP"
    program:waitForLine "reloaded gateway.lua: generation 2"
    assert.are.equal("one", listed(pages))
    one:send(packed(3, "I4s2", number, "after"))
    assert.are.equal('{"answer":"after"}\n', (select(3, web.receive(waiting)))) -- by the code that it began with
    waiting = order(pages, "one", "x")
    one:send(packed(3, "I4s2", (select(2, hear(one))), "y"))
    local answer = json.decode((select(3, web.receive(waiting))))
    assert.are.same({ "y", 2 }, { answer.answer, answer.generation })
    one:send(packed(2, "I1i2", 66, 0))
    helper.eventually(function() return (select(2, ask(pages, "GET", "/devices/one"))).battery == 66 end)
    one:close()
    helper.eventually(function() return listed(pages) == "" end)
  end)

  it("says in one line what is wrong with its arguments", function()
    for arguments, expected in pairs {
      ["gateway.lua abc"] = "not a valid device port: abc", ["gateway.lua 0 70000"] = "not a valid HTTP port: 70000",
      ["gateway.lua 0 0 300.1.1.1"] = "not an address: 300.1.1.1", ["device.lua a/b"] = "not an id: a/b",
      ["device.lua lamp 70000"] = "not a port: 70000", ["device.lua lamp x"] = "not a port: x",
    } do
      local list = {}
      for word in arguments:gmatch "%S+" do list[#list + 1] = word end
      local script = "scripts/" .. table.remove(list, 1)
      local program = helper.program { script = script, args = list }
      assert.are.equal(1, program:wait())
      local text = program:stderr()
      assert.is_truthy(text:find("^moonport: scripts/%w+%.lua:%d+: " .. expected .. "\n$"), text)
    end
  end)
end)
