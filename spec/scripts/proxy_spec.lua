-- SPDX-License-Identifier: MIT
-- scripts/proxy.lua in front of plain listeners: which upstream a client gets, what is forwarded, and how it
-- ends.

local helper = require "spec.helper"
local web = require "spec.scripts.web"

-- Starts the balancer on a free port. Unless asked for, it makes no checks, which a plain listener would take
-- for clients, and has no time to end.
local function start(arguments, options)
  options = options or {}
  options.options = options.options or { "--grace", "0" }
  options.script = options.script or "scripts/proxy.lua"
  options.args = { "0", "check=3600000", table.unpack(arguments) }
  local program = helper.program(options)
  return program, program:waitForLine "proxy: listening on 127.0.0.1 port (%d+)"
end

local function upstreams(count)
  local list, names = {}, {}
  for i = 1, count do
    list[i] = helper.listen()
    names[i] = "127.0.0.1:" .. list[i]:port()
  end
  return list, names
end

local function stop(program)
  program:signal "TERM"
  assert.are.equal(0, program:wait())
  assert.is_nil(program:stderr():find(" error ", 1, true), program:stderr())
end

-- A client, and the upstream's side of its connection.
local function pair(port, upstream)
  local client = helper.connect(port)
  return client, upstream:accept()
end

-- The one of two listeners that a client waits for. -> 1 or 2
local function chosen(list)
  local function waits(listener) return helper.posix.poll(listener.fd, "r", 0) end
  helper.eventually(function() return waits(list[1]) or waits(list[2]) end)
  return waits(list[1]) and 1 or 2
end

describe("scripts/proxy.lua #gc", function()
  after_each(web.clean)

  it("forwards bytes in both directions, and each side's end separately #valgrind", function()
    local list, names = upstreams(1)
    local program, port = start(names)
    local client, upstream = pair(port, list[1])
    client:send "question"
    client:shutdown()
    assert.are.equal("question", upstream:receiveAll())
    upstream:send "an answer after the client's end"
    assert.are.equal("an answer", client:receive(9))
    upstream:close()
    assert.are.equal(" after the client's end", client:receiveAll())

    client, upstream = pair(port, list[1])
    upstream:send "greeting"
    upstream:shutdown()
    assert.are.equal("greeting", client:receiveAll())
    client:send "more from the client"
    client:close()
    assert.are.equal("more from the client", upstream:receiveAll())
    stop(program)
  end)

  it("gives a client to the upstream with the fewest connections, and alternates between equal ones", function()
    local list, names = upstreams(3)
    local program, port = start { names[1], names[2], names[3], "status=20" }
    local ends = {}
    for _ = 1, 2 do
      local clients = { helper.connect(port), helper.connect(port), helper.connect(port) }
      for i = 1, 3 do
        ends[i] = list[i]:accept() -- each gets one
        ends[i]:send "x"
      end
      for _, client in ipairs(clients) do client:receive(1) end
    end
    ends[2]:reset()
    program:waitForLine(("%s up 1 of 2, "):format(names[2]))
    helper.connect(port)
    list[2]:accept()
    stop(program)
  end)

  it("tries the next upstream when one refuses, unnoticed by the client, and leaves that one out", function()
    local list, names = upstreams(1)
    local dead = "127.0.0.1:" .. helper.unusedPort()
    local program, port = start { dead, names[1], "localhost:" .. helper.unusedPort() }
    for _ = 1, 6 do
      local client, upstream = pair(port, list[1])
      client:send "x"
      assert.are.equal("x", upstream:receive(1))
    end
    program:waitForLine("warning proxy: " .. dead:gsub("%.", "%%.") .. " is down: .*Connection refused")
    stop(program)
    assert.are.equal(1, select(2, program:stderr():gsub(dead .. " is down", "")))
  end)

  it("tries the next upstream when one resets the connection before anything was sent", function()
    local list, names = upstreams(2)
    local program, port = start(names)
    local client = helper.connect(port)
    local first = chosen(list)
    list[first]:accept():reset()
    local upstream = list[3 - first]:accept()
    client:send "still here"
    assert.are.equal("still here", upstream:receive(10))
    program:waitForLine(names[first] .. " is down")
    stop(program)
  end)

  it("doesn't try the next upstream when something was sent: the client is reset", function()
    local list, names = upstreams(2)
    local program, port = start(names)
    local client = helper.connect(port)
    client:send "once"
    local first = chosen(list)
    local upstream = list[first]:accept()
    assert.are.equal("once", upstream:receive(4))
    upstream:reset()
    assert.are.equal("reset", client:waitForEnd())
    assert.is_false(helper.posix.poll(list[3 - first].fd, "r", 20))
    stop(program)
  end)

  it("resets the client when no upstream can be reached, and other connections go on", function()
    local listener = helper.listen()
    local name = "127.0.0.1:" .. listener:port()
    local program, port = start { "127.0.0.1:" .. helper.unusedPort(), name }
    local client, upstream = pair(port, listener)
    client:send "x"
    upstream:receive(1)
    listener:close()
    local connected, second = pcall(helper.connect, port) -- the reset may come first
    if connected then assert.are.equal("reset", second:waitForEnd()) end
    program:waitForLine "warning proxy: no upstream for 127%.0%.0%.1"
    upstream:send "the first goes on"
    assert.are.equal("the first goes on", client:receive(17))
    stop(program)
  end)

  it("forwards a reset in either direction, after what was sent before it", function()
    local list, names = upstreams(1)
    local program, port = start(names)
    local client, upstream = pair(port, list[1])
    client:send "x"
    upstream:receive(1)
    client:reset()
    assert.are.equal("reset", upstream:waitForEnd())

    client, upstream = pair(port, list[1])
    upstream:send "last words"
    assert.are.equal("last words", client:receive(10))
    upstream:reset()
    assert.are.equal("reset", client:waitForEnd())
    stop(program)
  end)

  it("leaves no connection behind, whichever side ends first, with a reset or in order", function()
    local list, names = upstreams(1)
    local program, port = start { names[1], "status=20" }
    for _ = 1, 10 do
      local client, upstream = pair(port, list[1])
      upstream:send(("x"):rep(300000))
      client:receive(1)
      helper.eventually(function() return helper.posix.poll(client.fd, "r", 0) end)
      client:close() -- with unread bytes: a reset
      assert.are.equal("reset", upstream:waitForEnd())
    end
    for _ = 1, 10 do
      helper.connect(port):close()
      local upstream = list[1]:accept()
      upstream:receiveAll()
      upstream:close()
    end
    program:waitForLine "proxy: 0 clients; .* up 0 of 20"
    program:signal "TERM"
    assert.are.equal(0, program:wait())
  end)

  it("closes what was idle for too long, also a client that waits after a half-close", function()
    local list, names = upstreams(1)
    local program, port = start { names[1], "idle=100" }
    local client, upstream = pair(port, list[1])
    client:send "x"
    upstream:receive(1)
    client:waitForEnd()
    upstream:waitForEnd()
    client, upstream = pair(port, list[1])
    client:send "x"
    client:shutdown()
    assert.are.equal("x", upstream:receiveAll())
    client:waitForEnd()
    helper.eventually(function() return not pcall(upstream.send, upstream, "late") end)
    stop(program)
  end)

  it("serves as many clients at once as its limit, and the next when one has left", function()
    local list, names = upstreams(1)
    local program, port = start { names[1], "clients=1" }
    local client, upstream = pair(port, list[1])
    client:send "x"
    assert.are.equal("x", upstream:receive(1))
    local second = helper.connect(port)
    second:send "y"
    assert.is_false(helper.posix.poll(list[1].fd, "r", 30))
    client:reset()
    assert.are.equal("y", list[1]:accept():receive(1))
    stop(program)
  end)

  it("resets clients for whom there are no descriptors, marks no upstream as down, and goes on", function()
    local told = 0
    for _, limit in ipairs { 24, 25 } do -- with one of them the last descriptor goes to a client
      local listener = helper.listen("127.0.0.1", 100)
      local program = helper.spawn { "sh", "-c", ('ulimit -n %d; exec "$@"'):format(limit), "sh",
        os.getenv "MOONPORT" or "build/asan/moonport", "--grace", "0", "scripts/proxy.lua", "0", "check=3600000",
        "127.0.0.1:" .. listener:port() }
      local port = program:waitForLine "proxy: listening on 127.0.0.1 port (%d+)"
      local clients = {}
      for i = 1, 20 do
        local connected, client = pcall(helper.connect, port)
        clients[i] = connected and client
      end
      local line = program:waitForLine "^.* warning .*$"
      told = told + (line:find "no descriptor left" and 1 or 0)
      for _, client in ipairs(clients) do
        if client then client:reset() end
      end
      helper.eventually(function()
        return pcall(function()
          helper.connect(port):send "here"
          repeat until listener:accept(200):receive(4, 200) == "here"
        end)
      end)
      assert.is_nil(program:stderr():find("is down", 1, true))
      stop(program)
    end
    assert.is_true(told > 0)
  end)

  it("drains before it stops: no new clients, but open connections run to their end", function()
    local list, names = upstreams(1)
    local program, port = start(names, { options = { "--grace", "60000" } })
    local client, upstream = pair(port, list[1])
    client:send "begun"
    assert.are.equal("begun", upstream:receive(5))
    program:signal "TERM"
    program:waitForLine "proxy: 1 clients"
    assert.is_false(pcall(helper.connect, port))
    upstream:send "finished"
    assert.are.equal("finished", client:receive(8))
    assert.is_true(program:running())
    upstream:close()
    client:receiveAll()
    client:close()
    assert.are.equal(0, program:wait())
    assert.is_nil(program:stderr():find("had not", 1, true))
  end)

  it("keeps connections when it is saved and reloaded, and the new code serves the next ones", function()
    local folder, edit = web.copy()
    local script = folder .. "/proxy.lua"
    local list, names = upstreams(2)
    local program, port = start(names, { script = script })
    local client = helper.connect(port)
    client:send "before"
    local first = chosen(list)
    local upstream = list[first]:accept()
    assert.are.equal("before", upstream:receive(6))
    edit("proxy.lua", "target.total = target.total + 1", 'upstream:write "NEW "')
    program:signal "HUP"
    program:waitForLine "reloaded .*proxy.lua: generation 2.* 1 listener kept"
    client:send "after"
    assert.are.equal("after", upstream:receive(5))
    upstream:send "answer"
    assert.are.equal("answer", client:receive(6))
    -- the count of connections goes on too: the next client gets the other upstream
    helper.connect(port):send "one"
    assert.are.equal("NEW one", list[3 - first]:accept():receive(7))
    client:shutdown()
    assert.are.equal("", upstream:receiveAll())
    upstream:close()
    assert.are.equal("", client:receiveAll())
    stop(program)
  end)

  it("says in one line what is wrong with its arguments", function()
    for text, arguments in pairs {
      ["usage: moonport proxy.lua"] = {},
      ["usage: "] = { "8000" },
      ["'nowhere' is not an address"] = { "8000", "nowhere" },
      ["'1.2.3.4:70000' is not an address"] = { "8000", "1.2.3.4:70000" },
      ["unknown option 'chek'"] = { "8000", "8001", "chek=1" },
      ["check=often: not a valid number"] = { "8000", "8001", "check=often" },
      ["connect=0: not a valid number"] = { "8000", "8001", "connect=0" },
    } do
      local program = helper.program { script = "scripts/proxy.lua", args = arguments }
      assert.are.equal(1, program:wait())
      assert.is_truthy(program:stderr():find(text, 1, true), program:stderr())
      assert.are.equal(1, select(2, program:stderr():gsub("\n", "")))
    end
  end)
end)
