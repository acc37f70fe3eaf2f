-- Names (D15): their addresses are raced as RFC 8305 says, with one time-out for all. Each case is a run of
-- the program with its own hosts file (CARES_HOSTS), which has the name's addresses.
-- spec/unit/resolver*_test.c shows with a name server how equal lookups are shared and how long answers are
-- kept; names_race_spec.lua shows late, partial and lost answers.
-- SPDX-License-Identifier: MIT
-- #nogc: programs in namespaces do the work

local helper = require "spec.helper"
local network = require "spec.qt.network"
local posix = helper.posix

-- Connects to "race.test" in a new program. The script may use `port`, `attempt(protocol)`, which returns the
-- time that it took and a line of the outcome, and `report`. -> the output
local function race(hosts, port, script)
  local program = helper.program {
    environment = { CARES_HOSTS = helper.file(hosts, "hosts") },
    args = { port },
    source = [[
      local moonport = require "moonport"
      local port = math.tointeger(arg[1])
      local function attempt(protocol, name)
        local socket, from = moonport.TcpSocket(), moonport.now()
        local errors = 0
        function socket:errorOccurred() errors = errors + 1 end
        socket:connectToHost(name or "race.test", port, "ReadWrite", protocol)
        local ok, _, code = socket:waitForConnected(10000)
        local line = ok and socket:peerAddress() or code
        socket:abort()
        return line, moonport.now() - from, errors
      end
    ]] .. script .. "\nmoonport.quit()",
  }
  program:closeInput()
  assert.equal(0, program:wait(20000), program:stderr())
  return program:stdout()
end

-- Listeners on a port that is free on both loopback addresses, one for each host given. -> port, listeners
local function listeners(first, ...)
  local opened = { assert(posix.listen(first, 0, 16)) }
  local port = posix.localPort(opened[1])
  for _, host in ipairs { ... } do opened[#opened + 1] = assert(posix.listen(host, port, 16)) end
  return port, setmetatable({}, { __close = function()
    for _, fd in ipairs(opened) do posix.close(fd) end
  end })
end

describe("A name", function()
  if not network.hasIPv6() then
    it("has addresses of both families", function() pending "there is no IPv6 here" end)
    return
  end

  it("is reached by IPv6 first, whatever the order of its addresses", function()
    local port, open <close> = listeners("127.0.0.1", "::1")
    for _, hosts in ipairs { "127.0.0.1 race.test\n::1 race.test\n", "::1 race.test\n127.0.0.1 race.test\n" } do
      assert.equal("::1\n", race(hosts, port, "print((attempt()))"))
    end
    assert.is_truthy(open)
  end)

  it("is reached by its next address at once when one refuses", function()
    local port, open <close> = listeners "127.0.0.1"
    assert.equal("127.0.0.1\t0\n", race("::1 race.test\n127.0.0.1 race.test\n", port, [[
      local line, _, errors = attempt()
      print(line, errors)
    ]]))
    assert.is_truthy(open)
  end)

  it("is reached by its next address soon when one doesn't answer, and no connect waits for the dead one", function()
    local port, open <close> = listeners "127.0.0.1"
    local hole <close> = network.blackHole("::1", port)
    -- the second attempt may begin after 250 ms, not before; TCP's own retries take seconds
    assert.equal("127.0.0.1\ttrue\ttrue\n", race("::1 race.test\n127.0.0.1 race.test\n", port, [[
      local line, msec = attempt()
      print(line, msec >= 240, msec < 9000)
    ]]))
    assert.is_truthy(open and hole)
  end)

  it("closes the attempts that lost the race", function()
    local port, open <close> = listeners "127.0.0.1"
    local hole <close> = network.blackHole("::1", port)
    assert.equal("127.0.0.1\t0\n", race("::1 race.test\n127.0.0.1 race.test\n", port, [[
      local function descriptors()
        local stat <close> = io.open "/proc/self/stat"
        local list <close> = io.popen(("ls /proc/%d/fd | wc -l"):format(stat:read "n"))
        return list:read "n"
      end
      local socket = moonport.TcpSocket()
      assert(socket:connectToHost("localhost", port)) -- makes the objects that the resolver keeps
      socket:waitForConnected(10000)
      socket:abort()
      moonport.sleep(20)
      local before = descriptors()
      socket:connectToHost("race.test", port)
      assert(socket:waitForConnected(10000))
      local peer = socket:peerAddress()
      socket:abort()
      local left
      for _ = 1, 100 do
        left = descriptors() - before
        if left == 0 then break end
        moonport.sleep(20)
      end
      print(peer, left)
    ]]))
    assert.is_truthy(open and hole)
  end)

  it("has only the addresses of the wanted protocol", function()
    local port, open <close> = listeners("127.0.0.1", "::1")
    assert.equal("127.0.0.1\n::1\n::1\n", race("127.0.0.1 race.test\n::1 race.test\n", port, [[
      print((attempt "IPv4Protocol"))
      print((attempt "IPv6Protocol"))
      print((attempt "AnyIPProtocol"))
    ]]))
    assert.equal("HostNotFoundError\t1\n127.0.0.1\t0\n", race("127.0.0.1 race.test\n", port, [[
      for _, protocol in ipairs { "IPv6Protocol", "IPv4Protocol" } do
        local line, _, errors = attempt(protocol)
        print(line, errors)
      end
    ]]))
    assert.is_truthy(open)
  end)

  it("ends with one error when all its addresses refuse", function()
    local port = helper.unusedPort()
    assert.equal("ConnectionRefusedError\t1\n", race("127.0.0.1 race.test\n127.0.0.2 race.test\n", port, [[
      local line, _, errors = attempt()
      print(line, errors)
    ]]))
  end)

  it("that many sockets look up at once is connected by each of them", function()
    local port, open <close> = listeners "127.0.0.1"
    assert.equal("16\n", race("127.0.0.1 race.test\n", port, [[
      local tasks, reached = {}, 0
      for i = 1, 16 do
        tasks[i] = moonport.spawn(function()
          if attempt() == "127.0.0.1" then reached = reached + 1 end
        end)
      end
      for _, task in ipairs(tasks) do task:join() end
      print(reached)
    ]]))
    assert.is_truthy(open)
  end)

  it("whose connect hangs delays no other connect", function()
    local port, open <close> = listeners "127.0.0.1"
    local hole <close> = network.blackHole("::1", port)
    assert.equal("127.0.0.1\tConnectingState\n", race("::1 race.test\n127.0.0.1 other.test\n", port, [[
      local stuck = moonport.TcpSocket()
      stuck:connectToHost("race.test", port)
      print((attempt(nil, "other.test")), stuck:state())
      stuck:abort()
    ]]))
    assert.is_truthy(open and hole)
  end)
end)
