-- SPDX-License-Identifier: MIT
-- Descriptors run out (D5): one report, no spinning, and accepting resumes when some are free again. And a
-- connection never gets a standard descriptor.

local helper = require "spec.helper"

-- utime + stime of a process, in ticks of the clock (100 a second on Linux)
local function ticks(pid)
  local file <close> = assert(io.open(("/proc/%d/stat"):format(pid)))
  local user, system = file:read "a":match "%) %S (.*)":match(("%S+ "):rep(10) .. "(%d+) (%d+)")
  return user + system
end

describe("A service without free descriptors", function()
  it("signals acceptError once, sleeps, and serves the waiting clients when others have left", function()
    local before = assert(helper.posix.limitDescriptors(40))
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server:acceptError(code) moonport.log.info("acceptError %s", code) end
      function server.connection:readyRead() self:write(self:readAll()) end
      assert(server:listen "127.0.0.1")
      moonport.log.info("port %d", server:serverPort())
    ]] }
    helper.posix.limitDescriptors(before)
    local port = program:waitForLine "port (%d+)"
    local clients = {}
    for i = 1, 60 do clients[i] = helper.connect(port) end
    program:waitForLine "acceptError SocketResourceError"
    clients[1]:send "served"
    assert.are.equal("served", clients[1]:receive(6))

    local started = ticks(program.pid)
    helper.settle(500)
    assert.is_true(ticks(program.pid) - started < 25, "it spins while there are no descriptors")

    local last = clients[60]
    last:send "waited"
    for i = 1, 40 do clients[i]:close() end -- the system may have left few descriptors to the program
    assert.are.equal("waited", last:receive(6))
    local _, told = program:stderr():gsub("acceptError", "")
    assert.are.equal(1, told)
    program:signal "TERM"
    assert.are.equal(0, program:wait())
  end)
end)

describe("Standard input, output and error", function()
  local moonport = os.getenv "MOONPORT" or "build/asan/moonport"

  it("don't become a connection's descriptors when the program is started without them", function()
    local script = helper.file [[
      local server = require "moonport".TcpServer()
      assert(server:listen "127.0.0.1")
      os.exit(server:socketDescriptor() > 2 and 0 or 3)
    ]]
    assert.are.equal(0, (helper.run { "sh", "-c", ("exec '%s' '%s' <&- >&- 2>&-"):format(moonport, script) }))
  end)

  it("don't become a connection's descriptors after a socket that had adopted one is closed", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local log, server = moonport.TcpSocket(), moonport.TcpServer()
      assert(log:setSocketDescriptor(2))
      log:close()
      moonport.log.error("no client must get this")
      assert(server:listen "127.0.0.1")
      print(server:socketDescriptor() > 2, server:serverPort())
      server:close()
    ]] }
    assert.are.equal("true", (program:waitForLine "^(%a+)\t%d+$"))
    assert.are.equal(0, program:wait())
    assert.are.equal("", program:stderr())
  end)
end)
