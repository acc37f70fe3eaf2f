-- SPDX-License-Identifier: MIT
-- scripts/mock.lua as a mock for real clients, curl and redis-cli, and for plain ones that keep to its steps,
-- or don't.

local helper = require "spec.helper"
local test = require "moonport.test"

-- Starts the mock with the text of a script of steps.
local function mock(steps, ...)
  return test.start {
    script = "scripts/mock.lua", arguments = { 0, helper.file(steps, "steps.lua"), ... },
    environment = { LD_PRELOAD = false },
  }
end

-- Stops it, and asserts the number of unmet expectations.
local function assertUnmet(count, service)
  assert.equal(count > 0 and 1 or 0, service:stop())
  assert.equal(count, select(2, service:log():gsub(" error mock: unmet: ", "")), service:log())
  assert.is_truthy(service:log():find((" connections, %d unmet"):format(count), 1, true))
end

describe("scripts/mock.lua", function()
  it("makes curl --retry meet a reset, a drop and a 503 before it is served", function()
    local service <close> = mock [[
      local function get(...) return { match = "^GET /thing HTTP/1.1\r\n.-\r\n\r\n" }, ... end
      return { connections = {
        { get("reset") },
        { get { answer = "HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" } },
        { get("close") },
        { get { answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nserved" } },
      } }
    ]]
    local status, out = helper.run({ "curl", "-s", "--retry", 5, "--retry-all-errors", "--retry-delay", 0,
      "--retry-max-time", 60, ("http://127.0.0.1:%d/thing"):format(service.port) }, nil, 60000)
    assert.same({ 0, "served" }, { status, out })
    assert.equal(0, service:wait()) -- the last connection ended
    assert.is_truthy(service:log():find("4 connections, 0 unmet", 1, true))
  end)

  it("lets redis-cli talk to a scripted server, and shows how that handles broken answers", function()
    local service <close> = mock [[
      local function command(...)
        local text = "*" .. select("#", ...) .. "\r\n"
        for _, word in ipairs { ... } do text = text .. ("$%d\r\n%s\r\n"):format(#word, word) end
        return text
      end
      return { connections = {
        { { expect = command("GET", "a"), answer = "$5\r\nhello\r\n" } },
        { { expect = command("GET", "a"), answer = "?\r\n" } },
        { { expect = command("GET", "a"), answer = "$5\r\nhel" }, "reset" },
      } }
    ]]
    local function get()
      local _, out, err = helper.run({ "redis-cli", "-p", service.port, "GET", "a" }, nil, 20000)
      return out .. err
    end
    assert.equal("hello\n", get())
    assert.is_truthy(get():find "Protocol error")
    assert.is_truthy(get():find "Connection reset by peer")
    assert.equal(0, service:wait())
  end)

  it("plays each kind of step", function()
    local service <close> = mock [[
      return {
        { answer = "220 ready\r\n" },
        { match = "^(%a+) (%a+)\n", delay = 5, answer = function(a, b) return b .. " " .. a .. "\n" end },
        { bytes = 3, answer = function(bytes) return bytes:reverse() end },
        { check = function(text)
            local n = text:byte()
            if n and #text > n then return n + 1, text:sub(2, n + 1) end
          end },
        { answer = function(text) return text:upper() end },
        { loop = { { expect = "ping\n", answer = "pong\n" } }, times = 2 },
        { loop = { { expect = "tick\n", answer = "tock\n" } } },
      }
    ]]
    local client <close> = service:connect()
    client:expectLine "220 ready"
    client:send("hello wor"):expectNothing(20)
    client:send("ld\nabc"):expectLine "world hello"
    client:expect "cba"
    client:send("\5hel"):expectNothing(20)
    client:send("lo"):expect "HELLO"
    client:send "ping\nping\ntick\ntick\ntick\n"
    client:expect "pong\npong\ntock\ntock\ntock\n"
    client:closeWriteChannel()
    client:expectEnd()
    assertUnmet(0, service)
  end)

  it("ends a connection in order, by a reset, by a half-close, or not at all", function()
    local service <close> = mock [[
      return { connections = {
        { { expect = "x", answer = "in order" }, "close" },
        { { expect = "x", answer = "answer" }, "reset" },
        { { expect = "x" }, "finish", { expect = "more" } },
        { { expect = "x" }, "drop" },
      } }
    ]]
    local client = service:connect()
    client:send "x"
    assert.equal("in order", client:receive "all")
    local plain = helper.connect(service.port)
    plain:send "x"
    assert.equal("answer", plain:receive(6)) -- sent before the reset
    assert.equal("reset", plain:waitForEnd())
    client = service:connect()
    client:send("x"):expectEnd()
    client:send("more"):close()
    client = service:connect()
    client:send("xand anything"):expectNothing(30)
    client:close()
    assert.equal(0, service:wait())
  end)

  it("reports what wasn't as expected, and resets that client", function()
    for steps, case in pairs {
      ['return { { expect = "hello" } }'] = { "help", '%(expect%): "hello" expected, but other bytes came; .*"help"' },
      ['return { { expect = "a" } }'] = { "ab", 'after its last step: the end expected, but more came; came: "b"' },
      ['return { { expect = "a" }, { bytes = 4 } }'] = { "a\r\n", "step 2 .*: 4 bytes expected, but no more in 50 ms" },
      ['return { { match = "^x\\n" } }'] = { "", 'step 1 %(match%): the pattern "^x\\n" expected, but no more' },
      ['return { { bytes = 1 }, { check = function() return false, "too odd" end } }'] = { "x", "but too odd" },
      ['return { { loop = { { expect = "ab" } } } }'] = { "aba", "step 1, step 1 %(expect%): .*no more" },
      ['return { { bytes = 1, answer = function() return nothing.there end } }'] = { "x", "global 'nothing'" },
    } do
      local service <close> = mock(steps, "wait=50")
      local client = helper.connect(service.port)
      if case[1] ~= "" then client:send(case[1]) end
      service:expectLog(" error mock: unmet: connection 1, .*" .. case[2])
      assert.equal("reset", client:waitForEnd())
      assertUnmet(1, service)
    end
  end)

  it("counts as unmet a client that ends too early, is missing or is one too many, and slow steps", function()
    local service <close> = mock 'return { { expect = "hello" } }'
    local client = service:connect()
    client:send("he"):close()
    service:expectLog 'unmet: connection 1, step 1 .* but the connection ended; came: "he"'
    assertUnmet(1, service)

    local missed <close> = mock 'return { connections = { { { expect = "a" } }, { { expect = "b" } }, {} } }'
    client = missed:connect()
    client:send("a"):close()
    missed:expectLog "connection 1 is over"
    assert.equal(1, missed:stop())
    for i = 2, 3 do missed:expectLog(("unmet: connection %d: nobody connected"):format(i)) end

    local many <close> = mock 'return { connections = { { "drop" } } }'
    local held = many:connect()
    local connected, late = pcall(helper.connect, many.port) -- the reset may come first
    if connected then assert.equal("reset", late:waitForEnd()) end
    many:expectLog "unmet: connection 2: there are only 1"
    held:close()
    assert.equal(1, many:wait())

    local slow <close> = mock('return { { expect = "a" } }', "within=100")
    held = slow:connect()
    slow:expectLog "unmet: connection 1, step 1 %(expect%): not finished"
    assert.equal(1, slow:wait())
    held:close()
  end)

  it("reads its steps again when it is reloaded, and goes on counting", function()
    local path = helper.file('return { { expect = "a", answer = "1" } }', "steps.lua")
    local service <close> = test.start { script = "scripts/mock.lua", arguments = { 0, path },
      environment = { LD_PRELOAD = false } }
    local first = service:connect()
    first:send("a"):expect "1"
    first:close()
    helper.rewrite(path, 'return { { expect = "a", answer = "2" } }')
    service:signal "HUP"
    service:expectLog " reloaded "
    local second = service:connect()
    second:send("a"):expect "2"
    second:close()
    service:expectLog "connection 2 is over"
    assertUnmet(0, service)
  end)

  it("says in one line what is wrong with its arguments and its script", function()
    local function steps(text) return helper.file("return " .. (text or "{}"), "steps.lua") end
    for text, arguments in pairs {
      ["usage: moonport mock.lua"] = {}, ["not a port: 70000"] = { 70000, steps() },
      ["unknown option"] = { 0, steps(), "slow=1" },
      ["nowhere.lua"] = { 0, "nowhere.lua" },
      ["each connection, step 1: unknown step"] = { 0, steps '{ { exect = "a" } }' },
      ["connection 2, step 1: unknown step"] = { 0, steps '{ connections = { {}, { "rest" } } }' },
      ["step 1, step 2: unknown step"] = { 0, steps '{ { loop = { "drop", { delay = "1" } } } }' },
      ["others: not a list of steps"] = { 0, steps '{ connections = {}, others = 1 }' },
    } do
      local program = helper.program { script = "scripts/mock.lua", args = arguments }
      assert.equal(1, program:wait())
      assert.is_truthy(program:stderr():find(text, 1, true), program:stderr())
    end
  end)
end)
