-- SPDX-License-Identifier: MIT
-- scripts/rooms.lua: the same script in one process, in several, and on two machines, which are network namespaces.

local helper = require "spec.helper"
local http = require "moonport.http"
local machines = require "spec.scripts.machines"
local redis = require "spec.redis"
local test = require "moonport.test"
local websocket = require "moonport.websocket"

-- The first error of a log, without reloads that the next one, or the end, has overtaken.
local function problem(text)
  return text:gsub("[^\n]* given up for newer code\n", ""):gsub("[^\n]* info stopping\n.*", "")
    :match "[^\n]* error .*"
end

local function reloads(text) return select(2, text:gsub("reloaded rooms.lua", "")) end

describe("scripts/rooms.lua", function()
  local port, store

  before_each(function()
    port = select(2, redis.start())
    store = { "--store", "redis://127.0.0.1:" .. port }
  end)

  local function start()
    return test.start { script = "scripts/rooms.lua", arguments = { 0 }, options = store, listeners = 2,
      environment = { LD_PRELOAD = false } }
  end

  -- -> a WebSocket as the page has it
  local function visit(service, query)
    local address = ("ws://127.0.0.1:%d/rooms%s"):format(service.listeners[2].port, query or "")
    return assert(websocket.connect(address))
  end

  -- Waits for a message.
  local function expect(ws, wanted)
    local seen = {}
    repeat
      local text, why = ws:receive(helper.timeout)
      if not text then error(("%s instead of %q behind %s"):format(why, wanted, table.concat(seen, " | ")), 2) end
      seen[#seen + 1] = text
    until text == wanted
  end

  it("lets people with nc talk, and keeps names apart", function()
    local service <close> = start()
    local ann <close> = service:connect()
    ann:expectMatch "^%* Welcome, guest1%.[^\n]*\n"
    ann:expectLine "* guest1 joined lobby"
    local bob <close> = service:connect()
    bob:expectMatch "^%* Welcome, guest2%.[^\n]*\n"
    ann:expectLine "* guest2 joined lobby"
    bob:expectLine "* guest2 joined lobby"
    ann:send "/nick Ann\n"
    bob:expectLine "* guest1 is now Ann"
    ann:expectLine "* guest1 is now Ann"
    bob:send "/nick ann\n/nick b c\n/nick bob\n"
    bob:expectLine "* ann is taken"
    bob:expectLine "* a name has 1 to 20 letters, digits, - and _"
    bob:expectLine "* guest2 is now bob"
    ann:expectLine "* guest2 is now bob"
    ann:send(("x"):rep(3000) .. "\nhello\n")
    bob:expectLine("Ann: " .. ("x"):rep(1000))
    bob:expectLine "Ann: hello"
    bob:send "/join kitchen\n/who\n"
    bob:expectLine "* bob joined kitchen"
    bob:expectLine "* bob"
    ann:expectLine("Ann: " .. ("x"):rep(1000))
    ann:expectLine "Ann: hello"
    ann:expectLine "* bob went to kitchen"
    ann:send "/quit\n"
    ann:expectEnd()
    helper.eventually(function() return redis.cli(port, "keys", "rooms:name:*") == "rooms:name:bob" end)
    assert.equal(0, service:stop())
    assert.is_nil(service:log():match "[^\n]* error .*")
  end)

  it("says what is wrong when the store is gone, and goes on when it is back", function()
    local service <close> = start()
    local ann <close> = service:connect()
    ann:expectMatch "%* guest1 joined lobby\n"
    redis.cli(port, "shutdown", "nosave")
    service:expectLog "the connection was lost"
    redis.start(port)
    ann:expectLine "* The rooms were apart for a moment: something may be missing."
    ann:send "still here\n"
    ann:expectLine "guest1: still here"
  end)

  it("serves browsers: each line is a message, and the page knows who it is", function()
    local service <close> = start()
    local ann <close> = service:connect()
    ann:expectMatch "%* guest1 joined lobby\n"
    local bob = visit(service)
    assert.matches("^%* Welcome, guest2%. /nick NAME", bob:receive(helper.timeout))
    expect(bob, "=guest2 lobby")
    ann:expectLine "* guest2 joined lobby"
    bob:send "/nick bob\n"
    expect(bob, "=bob lobby")
    bob:send(("x"):rep(999) .. "é and more")
    ann:expectMatch("bob: " .. ("x"):rep(999) .. "\xc3\n")
    expect(bob, "bob: " .. ("x"):rep(999) .. "\u{FFFD}")
    ann:send "caf\xe9, caf\xc3\xa9\n"
    expect(bob, "guest1: caf\u{FFFD}, café")
    bob:send(("x"):rep(4001))
    assert.is_nil((bob:receive(helper.timeout)))
    assert.equal(1009, bob:closeCode())
    ann:expectMatch "%* bob left\n"
    bob = visit(service, "?name=b%20b&room=%00&key=1")
    expect(bob, "=guest3 lobby")
    bob:send "/quit"
    ann:expectMatch "%* guest3 left\n"
    while bob:receive(helper.timeout) do end -- luacheck: ignore
    assert.equal(1000, bob:closeCode())
    local response = assert(http.request(("http://127.0.0.1:%d/"):format(service.listeners[2].port)))
    assert.equal("text/html; charset=utf-8", response.headers["content-type"])
    assert.truthy(response.body:find("<!doctype html>", 1, true) == 1)
    assert.equal(0, service:stop())
    assert.is_nil(service:log():match "[^\n]* error .*")
  end)

  it("gives a page that comes back its name, and nobody else's", function()
    local service <close> = start()
    local key, other = ("a"):rep(32), ("b"):rep(32)
    local ann = visit(service, "?name=Ann&room=kitchen&key=" .. key)
    expect(ann, "=Ann kitchen")
    local mallory = visit(service, "?name=ann&room=kitchen&key=" .. other)
    expect(mallory, "=guest3 kitchen")
    mallory:send "/nick ann"
    expect(mallory, "* ann is taken")
    local again = visit(service, "?name=Ann&room=kitchen&key=" .. key)
    expect(again, "=Ann kitchen")
    while ann:receive(helper.timeout) do end -- luacheck: ignore
    assert.equal(4001, ann:closeCode())
    mallory:send "/who"
    expect(mallory, "* Ann, guest3")
    assert.truthy(redis.cli(port, "get", "rooms:name:ann"):find(key, 1, true))
    again:close()
    expect(mallory, "* Ann left")
    mallory:send "/nick ann"
    expect(mallory, "=ann kitchen")
    mallory:abort()
    assert.equal(0, service:stop())
    assert.is_nil(service:log():match "[^\n]* error .*")
  end)

  it("brings each line once to everybody, in one process and in four, without a Redis too, over reloads", function()
    local four = { "--workers", 4 }
    for _, options in ipairs { store, { store[1], store[2], table.unpack(four) }, four } do
      redis.cli(port, "flushall")
      local program = helper.program { script = "scripts/rooms.lua", args = { 0 }, options = options,
        environment = { MOONPORT_STORE = false } }
      local callers, visitors =
        program:waitForLine "rooms: listening on 127%.0%.0%.1 port (%d+), for browsers on port (%d+)"
      local people = helper.spawn { "python3", "spec/scripts/rooms.py", 8, 30, 3, "127.0.0.1:" .. callers,
        "ws:127.0.0.1:" .. visitors, "--", program.pid }
      assert.equal(0, people:wait(8 * helper.timeout), people:stderr() .. program:stderr())
      assert.equal("once\n", people:stdout())
      assert.is_true(reloads(program:stderr()) > 0)
      program:signal "TERM"
      assert.equal(0, program:wait())
      assert.is_nil(problem(program:stderr()))
    end
  end)

  it("does so on two machines with two workers each #slow", function()
    local program = machines.run("python3", "spec/scripts/rooms.py", 8, 30, 3, "10.77.2.2:7000", "ws:10.77.2.2:7001",
      "10.77.3.2:7000", "ws:10.77.3.2:7001", "--")
    if not program then return pending "needs root" end
    assert.equal(0, program:wait(12 * helper.timeout), program:stderr())
    assert.equal("once\n", program:stdout())
    assert.is_true(reloads(program:stderr()) >= 2)
    assert.is_nil(problem(program:stderr()))
  end)
end)
