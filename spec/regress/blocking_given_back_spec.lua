-- setSocketDescriptor(0) on a terminal left it non-blocking. The flag belongs to the open file, which the
-- shell shares, so the shell's next program failed with "Resource temporarily unavailable". Fix: an adopted
-- descriptor blocks again when it is closed, and when the program ends, for any reason but SIGKILL.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local program = os.getenv "MOONPORT" or "build/asan/moonport"

-- The shell's descriptor 3 is a FIFO, and the program's standard input and output are the same open file. ->
-- true if it is non-blocking after the program ends, the exit status, stderr
local function left(source)
  local script = helper.file([[
    local moonport = require "moonport"
    local input, output = moonport.TcpSocket(), moonport.TcpSocket()
    assert(input:setSocketDescriptor(0, "ConnectedState", "ReadOnly"))
    assert(output:setSocketDescriptor(1, "ConnectedState", "WriteOnly"))
    local file <close> = assert(io.open "/proc/self/stat")
    local pid = file:read "n"
    -- os.execute would ignore some of them meanwhile
    local function kill(signal) io.popen(("kill -%s %d"):format(signal, pid)):close() end
  ]] .. source, "script.lua")
  local _, out, err = helper.run { "sh", "-c", ([[
    mkfifo '%s.fifo' && exec 3<>'%s.fifo' && rm '%s.fifo'
    '%s' '%s' <&3 >&3
    echo "status $?"
    cat /proc/$$/fdinfo/3
  ]]):format(script, script, script, program, script) }
  local flags = tonumber(assert(out:match "flags:%s*(%d+)", err), 8)
  return flags & 0x800 ~= 0, tonumber(out:match "status (%d+)"), err -- O_NONBLOCK
end

describe("An adopted descriptor that was blocking", function()
  for what, case in pairs {
    ["both are closed"] = { "output:close() input:close()", 0 },
    ["both are closed the other way round"] = { "input:close() moonport.sleep(1) output:close()", 0 },
    ["the script quits"] = { "moonport.quit()", 0 },
    ["the script exits"] = { "os.exit(3)", 3 },
    ["the script exits and closes its state"] = { "os.exit(3, true)", 3 },
    ["the main chunk fails"] = { "error 'on purpose'", 1 },
    ["SIGTERM ends it"] = { "kill 'TERM'", 0 },
    ["SIGINT ends it twice"] =
      { "moonport.onQuit(function() kill 'INT' moonport.sleep(10000) end) kill 'INT'", 128 + helper.posix.SIGINT },
    ["SIGQUIT ends it"] = { "kill 'QUIT'", 128 + helper.posix.SIGQUIT },
  } do
    it("blocks again when " .. what, function()
      local nonblocking, status, err = left(case[1])
      assert.is_false(nonblocking)
      assert.equal(case[2], status, err)
    end)
  end

  it("stays non-blocking while the other descriptor of the same file is in use", function()
    local nonblocking, status, err = left [[
      local function nonblocking()
        local info <close> = assert(io.open "/proc/self/fdinfo/1")
        return tonumber(info:read "a":match "flags:%s*(%d+)", 8) & 0x800 ~= 0
      end
      input:close()
      moonport.sleep(1)
      local was = nonblocking()
      output:close()
      assert(was)
    ]]
    assert.is_false(nonblocking)
    assert.equal(0, status, err)
  end)
end)
