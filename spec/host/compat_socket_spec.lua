-- SPDX-License-Identifier: MIT
-- moonport.compat.socket behaves like LuaSocket to a client written for LuaSocket, and the loop runs
-- meanwhile.

local helper = require "spec.helper"
local namespace = require "spec.qt.namespace"

local function same(name, expected, lines)
  for line in expected:gmatch "[^\n]+" do
    assert.equal(line, (lines() or "the output ended"), name)
  end
  assert.is_nil(lines())
end

describe("moonport.compat.socket", function()
  for what, cases in pairs {
    ["of streams"] = "spec/host/socket_cases.lua",
    ["of datagrams, Unix-domain sockets and names"] = "spec/host/socket_cases_udp.lua",
  } do
    it("gives LuaSocket's results in each case " .. what .. ", in the program and in a plain lua5.4", function()
      local status, expected, err = helper.run({ "lua5.4", cases, "socket" }, nil, 30000)
      assert.same({ 0, "" }, { status, err })
      assert.is_nil(expected:find("FAILED", 1, true))
      assert.is_true(select(2, expected:gsub("\n", "")) > 60)
      local program = helper.program { script = cases, args = { "moonport.compat.socket" } }
      assert.equal(0, program:wait(60000))
      same("moonport", expected, program:stdout():gmatch "[^\n]+")
      local plain = helper.spawn({ "lua5.4", cases, "moonport.compat.socket" },
        { LD_PRELOAD = os.getenv "LD_PRELOAD" or false })
      assert.equal(0, plain:wait(60000))
      same("lua5.4", expected, plain:stdout():gmatch "[^\n]+")
    end)
  end

  it("suspends only the calling task: while twenty read, accept, select or connect, the others run on", function()
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
      for i, peer in ipairs(peers) do -- tasks start in this order, so their connections do too
        moonport.spawn(function() peer:send("line " .. i) socket.sleep(0.01) peer:send "\n" peer:close() end)
      end
      while done < 20 do moonport.sleep(1) end
      print(done)
      server:close()
    ]] }
    assert.same({ 0, "20\n", "" }, { program:wait(), program:stdout(), program:stderr() })
  end)

  it("closes a connection that is referenced nowhere, and leaves nothing when the program ends", function()
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

  it("keeps connecting after its time-out, until it is closed", function()
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

  it("waits in coroutines of libraries, also nested ones, after install, and raises without it", function()
    local listener = helper.listen()
    local program = helper.program { args = { listener:port() }, source = [[
      local socket = require "moonport.compat.socket"
      local client = assert(socket.connect("127.0.0.1", arg[1]))
      print(select(2, pcall(coroutine.wrap(function() client:receive() end))):match "cannot wait here")
      socket.install()
      local coroutine = require "coroutine"
      local function words()
        for word in coroutine.wrap(function() -- nested coroutines
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

  it("replaces LuaSocket after install, for the script and for installed libraries, also across reloads", function()
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

  it("counts as sent only what the system has taken, when it refuses the rest", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local socket = require "moonport.compat.socket"
      local server = moonport.TcpServer()
      assert(server:listen "127.0.0.1")
      local client = assert(socket.connect("127.0.0.1", server:serverPort()))
      assert(server:waitForNewConnection())
      local peer = server:nextPendingConnection()
      client:send "first"
      peer:setSocketOption("LingerOption", 0)
      peer:abort() -- and the client's loop has not seen it yet
      print(client:send "second")
      print(client:getstats())
      print(client:send "third")
      server:close()
    ]] }
    assert.equal(0, program:wait())
    assert.equal("nil\tclosed\t0\n0\t5\tT\nnil\tclosed\t0\n", (program:stdout():gsub("(\t5\t)[%d.e-]+", "%1T")))
  end)

  it("waits in select and receive for datagrams, lines of Unix-domain sockets and connections, all at once", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local socket = require "moonport.compat.socket".install()
      local unix = require "socket.unix"
      local path = os.tmpname()
      os.remove(path)
      local udp, tcp, stream = socket.udp(), socket.bind("127.0.0.1", 0), unix()
      assert(udp:setsockname("127.0.0.1", 0))
      assert(stream:bind(path) and stream:listen())
      local names = { [udp] = "udp", [tcp] = "tcp", [stream] = "stream" }
      moonport.spawn(function()
        for _, act in ipairs {
          function() socket.udp():sendto("hello", udp:getsockname()) end,
          function() local host, port = tcp:getsockname() assert(socket.connect(host, port)):close() end,
          function() local client = unix() assert(client:connect(path)) client:send "over a path\n" client:close() end,
        } do
          act()
          socket.sleep(0.05)
        end
      end)
      for _ = 1, 3 do
        local ready = socket.select({ udp, tcp, stream }, nil, 10)[1]
        print(names[ready], ready == udp and udp:receive() or ready:accept():receive())
      end
      udp:close() tcp:close() stream:close()
      print(io.open(path))
      moonport.quit()
    ]] }
    assert.equal(0, program:wait(), program:stderr())
    assert.equal("udp\thello\ntcp\tnil\nstream\tover a path\n",
      (program:stdout():gsub("nil\t[^\n]*: No such file[^\n]*\n", "")))
  end)

  it("finds the names of addresses in the hosts file", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write "# 192.0.2.1 not.this\n192.0.2.7 printer.example printer # by the door\n2001:db8::7 printer6.example\n"
    file:close()
    local program = helper.program { environment = { CARES_HOSTS = path }, source = [[
      local socket = require "moonport.compat.socket"
      for _, address in ipairs { "192.0.2.7", "2001:db8:0:0::7" } do
        local name, all = socket.dns.tohostname(address)
        print(name, all.name, table.concat(all.alias, " "), all.ip[1])
      end
      print(socket.dns.tohostname("printer.example"), (socket.dns.toip("printer.example")))
      print(socket.dns.getaddrinfo("printer6.example")[1].family)
      require "moonport".quit()
    ]] }
    assert.equal(0, program:wait(), program:stderr())
    os.remove(path)
    assert.equal("printer.example\tprinter.example\tprinter\t192.0.2.7\n"
      .. "printer6.example\tprinter6.example\t\t2001:db8:0:0::7\n"
      .. "printer.example\t192.0.2.7\ninet6\n", program:stdout())
  end)

  it("asks the name servers for the name of an address, and waits no longer than they need", function()
    if namespace.missing() then return pending(namespace.missing()) end
    local output = namespace.run({
      "7.2.0.192.in-addr.arpa/PTR=printer.example",
      "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa/PTR=six.example",
      "8.2.0.192.in-addr.arpa/PTR=failure", "late.example/A=192.0.2.9@50",
    }, [[
      local socket = require "moonport.compat.socket"
      for _, address in ipairs { "192.0.2.7", "2001:db8::7", "192.0.2.99", "192.0.2.8" } do
        print((socket.dns.tohostname(address)), (select(2, socket.dns.toip(address))))
      end
      print(socket.dns.getnameinfo("192.0.2.7")[1], (socket.dns.toip "late.example"))
      require "moonport".quit()
    ]])
    assert.same({ "printer.example", "six.example", "nil", "nil", "printer.example" },
      { output[1]:match "^%S+", output[2]:match "^%S+", output[3]:match "^%S+", output[4]:match "^%S+",
        output[5]:match "^%S+" })
    assert.equal("nil\thost not found", output[3])
    assert.equal("192.0.2.9", output[5]:match "\t(.*)")
  end)
end)
