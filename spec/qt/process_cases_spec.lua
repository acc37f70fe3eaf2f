-- Cases that Qt's tests of QProcess lack, by their rows in docs/qt-parity.md.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local children = require "spec.process"
local moonport = require "moonport"

local Process = moonport.Process
local timeout = helper.timeout
local few = os.getenv "MOONPORT_SPEC_GC"
local shell, finish = children.shell, children.finished

local function descriptors()
  local pipe <close> = assert(io.popen(("ls /proc/%d/fd | wc -l"):format(helper.processId())))
  return pipe:read "n"
end

describe("QProcess", function()
  it("Z1 a program that writes for ever, and nobody reads: memory has a bound, others are served", function()
    local process <close> = shell "cat /dev/zero"
    process:setReadBufferSize(100000)
    local other <close> = shell "while read x; do echo $x; done"
    for i = 1, 20 do
      other:write(i .. "\n")
      assert.equal(tostring(i), other:receive("line", timeout))
      assert.is_true(process:bytesAvailable() <= 16 << 20)
    end
    process:kill()
    finish(process)
    other:closeWriteChannel()
    finish(other)
  end)

  it("Z2 a program that never reads, and a script that writes for ever", function()
    local process <close> = shell "exec sleep 1000"
    process:setWriteBufferLimit(1 << 20)
    local code
    for _ = 1, 100 do
      code = select(3, process:write(("x"):rep(100000)))
      moonport.sleep(0)
    end
    assert.equal("WriteBufferFullError", code)
    assert.is_true(process:bytesToWrite() <= 1 << 20)
    process:kill()
    finish(process)
  end)

  it("Z3 a child of the program keeps its output: finished comes, and no descriptor is left", function()
    collectgarbage()
    local before = descriptors()
    local process <close> = shell "echo $$; sleep 1000 & echo $!; exit 5"
    local _, child = process:receive("line", timeout), process:receive("line", timeout)
    assert.equal(5, (finish(process)))
    assert.equal(before, descriptors())
    os.execute("kill " .. child)
  end)

  it("Z4 no descriptor of the host is in the program", function()
    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    local client <close> = moonport.TcpSocket()
    client:connectToHost("127.0.0.1", server:serverPort())
    client:waitForConnected(timeout)
    local file <close> = assert(io.open "/dev/zero")
    local process <close> = shell "ls -l /proc/$$/fd"
    local text = process:receive("all", timeout)
    assert.is_nil(text:find "socket:")
    assert.is_nil(text:find "zero")
    assert.equal(3, select(2, text:gsub(" %-> pipe:", "")))
    finish(process)
    assert.is_truthy(file:read(1))
  end)

  it("Z5 many short programs at once: all exit codes are right, and no zombie stays", function()
    local count, done = few and 20 or 500, 0
    local running, pids = 0, {}
    for i = 1, count do
      while running >= 50 do moonport.sleep(1) end
      local process = Process()
      running = running + 1
      function process.finished(_, code)
        assert(code == i % 250)
        done, running = done + 1, running - 1
      end
      assert(process:start("sh", { "-c", "exit " .. i % 250 }))
      pids[i] = process:processId()
    end
    helper.eventually(function() return done == count end, nil, 4 * timeout)
    for _, pid in ipairs(pids) do
      local file = io.open(("/proc/%d/stat"):format(pid))
      assert.is_nil(file and file:read("a"):match "%(sh%) Z" or nil)
      if file then file:close() end
    end
  end)

  it("Z6 the host quits, and its programs end", function()
    local path = helper.file [[
      local moonport = require "moonport"
      local process = moonport.Process()
      process:start("sh", { "-c", "trap '' TERM; while :; do sleep 0.01; done" })
      print(process:processId())
      moonport.quit()
    ]]
    local status, out = helper.run { os.getenv "MOONPORT", "--grace", "20", path }
    assert.equal(0, status)
    helper.eventually(function()
      local file = io.open(("/proc/%d/stat"):format(tonumber(out)))
      local state = file and file:read("a"):match "%) (%a)"
      if file then file:close() end
      return state == nil or state == "Z"
    end)
  end)

  it("Z7 a program that ignores SIGTERM, with children", function()
    local process <close> = shell "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 0.01; done"
    local child = process:receive("line", timeout)
    process:terminate()
    assert.equal("Timedout", select(3, process:waitForFinished(50)))
    process:killTree()
    finish(process)
    helper.eventually(function()
      local file = io.open("/proc/" .. child .. "/stat")
      local state = file and file:read("a"):match "%) (%a)"
      if file then file:close() end
      return state == nil or state == "Z"
    end)
  end)

  it("Z8 without descriptors a start fails with the reason, and the loop is unharmed", function()
    local lowest = helper.posix.dup(0)
    helper.posix.close(lowest)
    local limit = assert(helper.posix.limitDescriptors(lowest + 3))
    local process <close> = Process()
    local ok, message, code = process:start "true"
    helper.posix.limitDescriptors(limit)
    assert.same({ nil, "FailedToStart" }, { ok, code })
    assert.truthy(message:find "pipe2: Too many open files")
    assert.is_true(process:start "true")
    finish(process)
  end)

  it("Z9 names in UTF-8, long arguments, too long ones, and zero bytes", function()
    local folder = helper.folder()
    local path = folder .. "/prögram mit Leerzeichen"
    os.execute(("cp /bin/echo '%s'"):format(path))
    local process <close> = Process()
    assert(process:start(path, { "ä" }))
    assert.equal("ä", process:receive("line", timeout))
    finish(process)
    os.execute("rm -r " .. folder)
    assert(process:start("echo", { ("x"):rep(100000), ("y"):rep(100000) }))
    assert.equal(200002, #process:receive("all", timeout))
    finish(process)
    assert.truthy(select(2, process:start("echo", { ("x"):rep(3000000) })):find "too long")
    assert.is_false(pcall(process.start, process, "echo", { "a\0" }))
  end)

  it("Z10 from a connection through a program and back, with back-pressure all the way", function()
    local server <close> = moonport.TcpServer()
    local size = few and 200000 or 20000000
    function server:newConnection()
      local socket <close> = self:nextPendingConnection()
      local process <close> = Process()
      process:start "cat"
      assert(moonport.pipe(socket, process))
      socket:disconnectFromHost()
      socket:waitForDisconnected(timeout)
    end
    assert(server:listen "127.0.0.1")
    local client <close> = moonport.TcpSocket()
    client:connectToHost("127.0.0.1", server:serverPort())
    client:setWriteBufferLimit(0)
    client:setHighWaterMark(0)
    client:write(("x"):rep(size))
    client:closeWriteChannel()
    local got = 0
    while client:waitForReadyRead(timeout) do got = got + #client:readAll() end
    assert.equal(size, got + #client:readAll())
  end)

  it("Z11 an end by each signal, exit 255, stop and continue", function()
    local process <close> = Process()
    local environment = Process.systemEnvironment()
    environment.LD_PRELOAD = nil -- the sanitizer handles some of them
    process:setProcessEnvironment(environment)
    process:setResourceLimit("core", 0)
    for _, name in ipairs { "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
      "PIPE", "ALRM", "TERM", "XCPU", "XFSZ", "VTALRM", "PROF", "IO", "SYS" } do
      process:start("sh", { "-c", "kill -" .. name .. " $$; sleep 1000" })
      finish(process)
      assert.same({ "CrashExit", "SIG" .. name }, { process:exitStatus() })
      assert.equal("Crashed", process:error())
    end
    process:start("sh", { "-c", "exit 255" })
    assert.same({ 255, "NormalExit" }, { finish(process) })
    process:start "cat"
    process:waitForStarted(timeout)
    process:sendSignal "SIGSTOP"
    process:write "x\n"
    assert.equal("Timedout", select(3, process:waitForReadyRead(20)))
    process:sendSignal "SIGCONT"
    assert.equal("x", process:receive("line", timeout))
    process:closeWriteChannel()
    assert.equal(0, (finish(process)))
  end)

  it("Z12 a host that ignores SIGCHLD by its parent's doing", function()
    local path = helper.file [[
      local process = require "moonport".Process()
      process:start("sh", { "-c", "exit 6" })
      process:waitForFinished()
      print(process:exitCode(), process:exitStatus())
    ]]
    local status, out = helper.run { "sh", "-c", "trap '' CHLD; exec \"$0\" \"$1\"", os.getenv "MOONPORT", path }
    assert.same({ 0, "6\tNormalExit\n" }, { status, out })
  end)
end)
