-- SPDX-License-Identifier: MIT
-- A reader of stderr that had stopped, such as a pager or a busy log service, stopped the service as soon as
-- the pipe was full: the log waited. Now it never waits. Lines that can't be written are counted, and the log
-- says how many were lost as soon as it can write again. It said so only with the next line, which might
-- never come. Now the program watches stderr while something is left to write.
-- #thorough: it takes long

local helper = require "spec.helper"
local posix = helper.posix

local script = [[
  local moonport = require "moonport"
  local server = moonport.TcpServer()
  function server.connection:readyRead()
    local lines = tonumber(self:readLine())
    if lines == 0 then moonport.quit() end
    for i = 1, lines do moonport.log.info("line %d %s", i, ("x"):rep(1000)) end
    self:write("done\n")
  end
  assert(server:listen("127.0.0.1", 0))
  print(server:serverPort())
  io.stdout:flush()
]]

describe("A log that isn't read", function()
  local asked = 0

  local function serves(client, lines)
    asked = asked + lines
    client:send(lines .. "\n")
    assert.are.equal("done\n", client:receiveLine())
  end

  before_each(function() asked = 0 end)

  --- Starts the service; its stderr is a pipe of sh, which reads none of it until it gets a line.
  local function start()
    return helper.spawn { "sh", "-c", '{ "$0" "$1" 2>&1 >&3 | { read -r go <&4; cat >&2; } } 3>&1 4<&0',
      os.getenv "MOONPORT" or "build/asan/moonport", helper.file(script, "script.lua") }
  end

  --- Waits until each line is there, or counted as lost.
  local function allAreThere(program)
    helper.eventually(function()
      local _, count = program:stderr():gsub("info line %d+ x+\n", "")
      for lost in program:stderr():gmatch " warning (%d+) log lines were lost: nobody read stderr\n" do
        count = count + lost
      end
      return count == asked
    end, "all lines are written or counted")
  end

  it("delays nothing, and says how many lines were lost", function()
    local program = start()
    local port = program:waitForLine "^(%d+)$"
    local client = helper.connect(port)
    serves(client, 1000) -- a megabyte
    serves(client, 1)
    program:write("go\n", true)
    program:waitForLine "info line 1 x"
    helper.eventually(function()
      serves(client, 1)
      return program:stderr():find "log lines were lost"
    end)
    allAreThere(program)
    for line in program:stderr():gmatch "([^\n]*)\n" do
      assert.is_truthy(line:find "^%d%d%d%d%-%d%d%-%d%d .* info line %d+ x+$" or line:find "log lines were lost",
        line)
    end
    client:send "0\n" -- the helper ends the shell, not the program that the shell has started
    assert.are.equal(0, program:wait())
  end)

  it("says how many lines were lost as soon as it is read, even if no other line follows", function()
    local program = start()
    local client = helper.connect(program:waitForLine "^(%d+)$")
    serves(client, 1000)
    program:write("go\n", true)
    allAreThere(program)
    client:send "0\n"
    assert.are.equal(0, program:wait())
  end)

  it("leaves the descriptor blocking for others that write to it", function()
    local program = helper.spawn { "sh", "-c", '"$0" -e "io.stderr:write(\'\') require \'moonport\'.log.info \'x\'"; '
      .. 'sed -n "s/^flags:[^0-9]*//p" /proc/self/fdinfo/2', os.getenv "MOONPORT" or "build/asan/moonport" }
    assert.are.equal(0, program:wait())
    assert.are.equal(0, tonumber(program:stdout():match "%d+", 8) & 0x800) -- O_NONBLOCK
  end)

  it("doesn't disturb the program when its reader ends", function()
    local program = helper.program { source = script }
    local client = helper.connect(program:waitForLine "^(%d+)$")
    posix.close(program.fds.err)
    program.fds.err = nil
    serves(client, 100)
    program:signal "TERM"
    assert.are.equal(0, program:wait())
  end)
end)
