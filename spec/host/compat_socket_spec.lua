-- SPDX-License-Identifier: MIT
-- moonport.compat.socket: the same as LuaSocket to a client written for that, and the loop goes on meanwhile.

local helper = require "spec.helper"

local function same(name, expected, lines)
  for line in expected:gmatch "[^\n]+" do
    assert.equal(line, (lines() or "the output ended"), name)
  end
  assert.is_nil(lines())
end

describe("moonport.compat.socket", function()
  it("does in each case what LuaSocket does, in the program and in a plain lua5.4", function()
    local cases = "spec/host/socket_cases.lua"
    local status, expected, err = helper.run({ "lua5.4", cases, "socket" }, nil, 30000)
    assert.same({ 0, "" }, { status, err })
    assert.is_nil(expected:find("FAILED", 1, true))
    assert.is_true(select(2, expected:gsub("\n", "")) > 150)
    local program = helper.program { script = cases, args = { "moonport.compat.socket" } }
    assert.equal(0, program:wait(60000))
    same("moonport", expected, program:stdout():gmatch "[^\n]+")
    local plain = helper.spawn({ "lua5.4", cases, "moonport.compat.socket" },
      { LD_PRELOAD = os.getenv "LD_PRELOAD" or false })
    assert.equal(0, plain:wait(60000))
    same("lua5.4", expected, plain:stdout():gmatch "[^\n]+")
  end)

  it("suspends only the task that calls: twenty that read, accept, select or connect, and the others go on", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local socket = require "moonport.compat.socket"
      local server = assert(socket.bind("127.0.0.1", 0))
      local _, port = server:getsockname()
      local done = 0
      for i = 1, 20 do
        moonport.spawn(function()
          local client = assert(socket.connect("127.0.0.1", port))
          socket.select({ client }, nil, nil)
          assert(client:receive() == "line " .. i)
          client:close()
          done = done + 1
        end)
      end
      local peers = {}
      for i = 1, 20 do peers[i] = server:accept() end
      for i, peer in ipairs(peers) do -- tasks begin in their order, and so do their connections
        moonport.spawn(function() peer:send("line " .. i) socket.sleep(0.01) peer:send "\n" peer:close() end)
      end
      while done < 20 do moonport.sleep(1) end
      print(done)
      server:close()
    ]] }
    assert.same({ 0, "20\n", "" }, { program:wait(), program:stdout(), program:stderr() })
  end)

  it("closes a connection that nobody has any more, and leaves nothing when the program ends", function()
    local listener = helper.listen()
    local program = helper.program { source = ([[
      local socket = require "moonport.compat.socket"
      local client = assert(socket.connect("127.0.0.1", %d))
      client:send "hello\n"
      client = nil
      collectgarbage() collectgarbage()
      require "moonport".sleep(-1)
    ]]):format(listener:port()) }
    local peer = listener:accept()
    assert.equal("hello\n", peer:receiveAll())
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)

  it("goes on connecting when its time is up, until it is closed", function()
    local listener = helper.listen()
    local program = helper.program { source = ([[
      local socket = require "moonport.compat.socket"
      local client = socket.tcp()
      client:settimeout(0)
      local ok, problem = client:connect("localhost", %d)
      if not ok then
        assert(problem == "timeout")
        local _, writers = socket.select(nil, { client }, 5)
        assert(writers[1] == client)
        assert(client:connect("localhost", %d) == 1)
      end
      print(client:send "x")
      client:close()
      local other = socket.tcp()
      other:settimeout(0)
      other:connect("localhost", %d)
      other:close()
    ]]):format(listener:port(), listener:port(), listener:port()) }
    assert.equal("x", listener:accept():receiveAll())
    assert.same({ 0, "1\tnil\tnil\n", "" }, { program:wait(), program:stdout(), program:stderr() })
  end)

  it("waits in coroutines that libraries make, also nested, once it is installed, and else raises", function()
    local listener = helper.listen()
    local program = helper.program { args = { listener:port() }, source = [[
      local socket = require "moonport.compat.socket"
      local client = assert(socket.connect("127.0.0.1", arg[1]))
      print(select(2, pcall(coroutine.wrap(function() client:receive() end))):match "cannot wait here")
      socket.install()
      local coroutine = require "coroutine"
      local function words()
        for word in coroutine.wrap(function() -- one within another
          repeat
            local line = client:receive()
            for one in (line or ""):gmatch "%w+" do coroutine.yield(one, nil) end
          until not line
          return nil
        end) do coroutine.yield(word) end
      end
      local co = coroutine.create(words)
      for _ = 1, 4 do print(coroutine.resume(co)) end
      print(coroutine.status(co), coroutine.resume(co))
      print(coroutine.resume(coroutine.create(function(...) socket.sleep(0.001) return select("#", ...), nil end), 1, nil))
      print(pcall(coroutine.wrap(function() socket.sleep(0.001) error({ 1 }) end)))
      print(select(2, pcall(coroutine.wrap(function() socket.sleep "x" end))):match "attempt to compare")
      print(select("#", coroutine.resume(coroutine.create(function() end))), pcall(coroutine.resume, 1))
      require "moonport".quit()
    ]] }
    local peer = listener:accept()
    peer:send "one two\n"
    program:waitForLine "two"
    peer:send "three\n"
    program:waitForLine "three"
    peer:close()
    assert.equal(0, program:wait())
    assert.equal("cannot wait here\ntrue\tone\ntrue\ttwo\ntrue\tthree\ntrue\n"
      .. "dead\tfalse\tcannot resume dead coroutine\n"
      .. "true\t2\tnil\nfalse\ttable: …\nattempt to compare\n"
      .. "1\tfalse\tbad argument #1 to 'resume' (thread expected, got number)\n",
      (program:stdout():gsub("table: 0x%x+", "table: …"):gsub("moonport/compat/coroutine.lua:%d+: ", "")))
  end)

  it("stands in for LuaSocket by install, for the script and for installed libraries, over reloads", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      require "moonport.compat.socket".install()
      local http = require "socket.http" -- LuaSocket's own, in Lua
      local server = moonport.TcpServer()
      function server:newConnection()
        local socket = self:nextPendingConnection()
        local request = socket:receive "line"
        repeat until socket:receive "line" == ""
        socket:write "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nYou \r\n"
        moonport.sleep(10)
        socket:write(("5\r\nasked\r\n%X\r\n: %s\r\n0\r\n\r\n"):format(#request + 2, request))
        socket:disconnectFromHost()
      end
      assert(server:listen "127.0.0.1")
      assert(require "socket" == package.loaded.socket and require "socket"._VERSION:find "moonport")
      moonport.spawn(function()
        print(http.request(("http://127.0.0.1:%d/tea"):format(server:serverPort())))
        if moonport.generation() == 1 then moonport.reload() else moonport.quit() end
      end)
    ]] }
    assert.equal(0, program:wait())
    local text = program:stdout()
    assert.equal(2, select(2, text:gsub("You asked: GET /tea HTTP/1.1\t200\t", "")))
  end)
end)
