-- SPDX-License-Identifier: MIT
-- The channels of a Process, its limits, and what else a stream has; programs that are executed or detached.
-- Longer than 400 lines: cases beside each other, read one at a time.

local helper = require "spec.helper"
local children = require "spec.process"
local moonport = require "moonport"

local Process = moonport.Process
local timeout = helper.timeout
local few = os.getenv "MOONPORT_SPEC_GC" -- then everything takes its time
local traced, shell, finished = children.traced, children.shell, children.finished
local isAlive = children.isAlive

local function exists(pid) return os.execute(("kill -0 %d 2>/dev/null"):format(pid)) == true end

describe("The channels of a process", function()
  it("are its input and its outputs, each for itself", function()
    local process <close> = shell "read x; echo out $x; echo err $x >&2; read x; echo out $x"
    local ready = {}
    function process.readyReadStandardOutput() ready.out = true end
    function process.readyReadStandardError() ready.err = true end
    process:write "1\n"
    helper.eventually(function() return ready.out and ready.err end)
    assert.equal("out 1\n", process:readAllStandardOutput())
    assert.equal("err 1\n", process:readAllStandardError())
    assert.equal("", process:readAllStandardError())
    process:write "2\n"
    assert.equal("out 2", process:receive("line", timeout))
    finished(process)
  end)

  it("can be changed for reading, with what is unread in each", function()
    local process <close> = shell "echo out; echo err >&2; read x; echo out2; echo err2 >&2"
    local told
    function process.readyReadStandardError() told = true end
    assert.equal("out", process:receive("line", timeout))
    helper.eventually(function() return told end)
    process:setReadChannel "StandardError"
    assert.equal("StandardError", process:readChannel())
    assert.equal("err\n", process:readAll())
    process:write "\n"
    assert.equal("err2", process:receive("line", timeout))
    assert.is_nil((process:receive("line", timeout))) -- its end
    finished(process)
    process:setReadChannel "StandardOutput"
    assert.equal("out2\n", process:readAll())
    assert.equal("RemoteHostClosedError", select(3, process:read(1)))
    assert.has_error(function() process:setReadChannel "Output" end)
    assert.equal(2, process:readChannelCount())
  end)

  it("can be merged, in the order in which it writes", function()
    local process <close> = Process()
    process:setProcessChannelMode "MergedChannels"
    process:start("sh", { "-c", "for i in 1 2 3; do echo o$i; echo e$i >&2; done" })
    assert.equal("o1\ne1\no2\ne2\no3\ne3\n", process:receive("all", timeout))
    assert.equal("", process:readAllStandardError())
    finished(process)
  end)

  it("can be closed: what comes is dropped, and holds nobody up", function()
    local process <close> = shell "head -c 300000 /dev/zero; echo err >&2"
    process:closeReadChannel "StandardOutput"
    process:setReadChannel "StandardError"
    assert.equal("err", process:receive("line", timeout))
    assert.equal(0, (finished(process)))
    assert.equal("", process:readAllStandardOutput())
  end)

  it("can be files", function()
    local folder = helper.folder()
    local function content(name)
      local file <close> = assert(io.open(folder .. "/" .. name))
      return file:read "a"
    end
    local process <close> = Process()
    process:setStandardOutputFile(folder .. "/out")
    process:setStandardErrorFile(folder .. "/err", "Append")
    for i = 1, 2 do
      process:start("sh", { "-c", "echo out $1; echo err $1 >&2", "sh", tostring(i) })
      finished(process)
    end
    assert.equal("out 2\n", content "out")
    assert.equal("err 1\nerr 2\n", content "err")
    assert.equal("", process:readAll())
    local reader <close> = Process()
    reader:setStandardInputFile(folder .. "/err")
    reader:start "cat"
    assert.same({ nil, "write: the write channel is closed", "OperationError" }, { reader:write "x" })
    assert.equal("err 1\nerr 2\n", reader:receive("all", timeout))
    finished(reader)
    for _, name in ipairs { "out", "err" } do os.remove(folder .. "/" .. name) end
    os.remove(folder)

    local trace = {}
    local bad <close> = traced(trace)
    bad:setStandardOutputFile "/nonexistent/file"
    assert.same({ nil, "start cat: /nonexistent/file: No such file or directory", "FailedToStart" },
      { bad:start "cat" })
    helper.settle(5)
    assert.same({ "stateChanged Starting", "stateChanged NotRunning", "errorOccurred FailedToStart" }, trace)
  end)

  it("are what the open mode says", function()
    local process <close> = Process()
    process:start("cat", {}, "ReadOnly") -- its input is empty
    assert.equal("", process:receive("all", timeout))
    assert.equal(0, (finished(process)))
    assert.same({ nil, "write: device is opened for reading only", "OperationError" }, { process:write "x" })
    local signals = 0
    function process.readyReadStandardError() signals = signals + 1 end
    process:start("sh", { "-c", "read x; echo out; echo err >&2; exit $x" }, "WriteOnly")
    process:write "8\n"
    assert.equal(8, (finished(process)))
    assert.equal(0, signals)
    assert.equal("device is opened for writing only", select(2, process:read(1)):match ": (.*)")
  end)

  it("of its input can be closed behind what is queued", function()
    local process <close> = Process()
    process:start "cat"
    local bytes = helper.bytes(few and 100000 or 1000000)
    process:write(bytes)
    assert.is_true(process:closeWriteChannel())
    assert.same({ nil, "write: the write channel is closed", "OperationError" }, { process:write "x" })
    assert.is_true(process:closeWriteChannel())
    assert.is_true(bytes == process:receive("all", timeout))
    assert.equal(0, (finished(process)))
  end)

  it("of its input may be closed by itself: one error, and it goes on", function()
    local trace = {}
    local process <close> = traced(trace)
    process:start("sh", { "-c", "exec <&-; echo closed; sleep 0.05; echo more; exit 3" })
    assert.equal("closed", process:receive("line", timeout))
    process:write(("x"):rep(100000))
    helper.eventually(function() return process:error() == "WriteError" end)
    assert.equal(0, process:bytesToWrite())
    assert.same({ nil, "write: Error writing to process", "WriteError" }, { process:write "x" })
    assert.equal("more\n", process:receive("all", timeout))
    assert.equal(3, (finished(process)))
    local errors = 0
    for _, line in ipairs(trace) do errors = errors + (line == "errorOccurred WriteError" and 1 or 0) end
    assert.equal(1, errors)
  end)

  it("end one by one, as it closes them", function()
    local process <close> = shell "echo out; exec >&-; read x; echo $x >&2"
    assert.equal("out\n", process:receive("all", timeout))
    assert.equal("Running", process:state())
    assert.equal("RemoteHostClosedError", select(3, process:read(1)))
    process:write "err\n"
    process:setReadChannel "StandardError"
    assert.equal("err", process:receive("line", timeout))
    finished(process)
  end)
end)

describe("A process and its limits", function()
  it("that writes without end is held up while nobody reads", function()
    local process <close> = Process()
    process:setReadBufferSize(10000)
    assert.equal(10000, process:readBufferSize())
    process:start("sh", { "-c", "cat /dev/zero & cat /dev/zero >&2" })
    local told
    function process.readyReadStandardError() told = true end
    helper.eventually(function() return process:bytesAvailable() == 10000 and told end)
    helper.settle(20)
    assert.equal(10000, process:bytesAvailable())
    assert.equal(10000, #process:readAllStandardError())
    helper.eventually(function() return #process:readAllStandardError() > 0 end)
    assert.equal(10000, #process:readAll())
    helper.eventually(function() return process:bytesAvailable() == 10000 end)
    process:killTree()
    assert.same({ 9, "CrashExit", "SIGKILL" }, { finished(process) })
    assert.equal(10000, #process:readAll())
  end)

  it("isn't finished before its output is read, however long that takes", function()
    local process <close> = Process()
    local size, got = 200000, 0
    process:setReadBufferSize(1000)
    process:start("head", { "-c", tostring(size), "/dev/zero" })
    while process:waitForReadyRead(timeout) do got = got + #process:readAll() end
    assert.equal(size, got + #process:readAll())
    assert.equal(0, (finished(process)))
  end)

  it("that never reads is sent no more than the write buffer takes", function()
    local process <close> = Process()
    process:setWriteBufferLimit(300000)
    process:start("sleep", { "1000" })
    process:write(("x"):rep(200000))
    helper.eventually(function() return process:bytesToWrite() < 200000 end)
    local ok, message, code
    repeat ok, message, code = process:write(("x"):rep(100000)) until not ok
    assert.equal("WriteBufferFullError", code)
    assert.truthy(message:find "full")
    assert.is_true(process:bytesToWrite() <= 300000)
    process:kill()
    finished(process)
    assert.equal(0, process:bytesToWrite())
  end)

  it("takes and gives at once whatever the amount: a filter never locks up", function()
    local process <close> = Process()
    process:start "cat"
    local size, got = few and 1000000 or 8000000, 0
    function process:readyRead() got = got + #self:readAll() end
    process:write(("x"):rep(size))
    process:closeWriteChannel()
    assert.is_true(process:waitForFinished(4 * timeout))
    assert.equal(size, got)
  end)

  it("isn't read while reading is paused", function()
    local process <close> = shell "read x; echo out; echo err >&2; read x"
    local told = 0
    function process.readyRead() told = told + 1 end
    function process.readyReadStandardError() told = told + 1 end
    process:waitForStarted(timeout)
    process:pauseReading()
    process:write "\n"
    helper.settle(20)
    assert.equal(0, told)
    process:resumeReading()
    helper.eventually(function() return told == 2 end)
    process:closeWriteChannel()
    finished(process)
  end)

  it("fails to start where there are too few descriptors, keeps none of them, and then starts", function()
    local process <close> = Process()
    local lowest = helper.posix.dup(0)
    helper.posix.close(lowest)
    local failures, started = 0, nil
    for more = 0, 20 do
      local limit = assert(helper.posix.limitDescriptors(lowest + more))
      local ok, message, code = process:start "true"
      helper.posix.limitDescriptors(limit)
      started = ok
      if ok then break end
      assert.equal("FailedToStart", code)
      assert.truthy(message:find "Too many open files", message)
      local again = helper.posix.dup(0)
      helper.posix.close(again)
      assert.equal(lowest, again)
      failures = failures + 1
    end
    assert.is_true(started)
    assert.is_true(failures >= 4)
    finished(process)
  end)
end)

describe("A process as a stream", function()
  it("sends a file", function()
    local process <close> = Process()
    process:start "cat"
    local size = assert(process:sendFile "/etc/passwd")
    process:closeWriteChannel()
    assert.equal(size, #process:receive("all", timeout))
    finished(process)
    process:start "true"
    local bytes, _, code = process:sendFile("/dev/zero", 0, 1)
    assert.is_nil(bytes)
    assert.equal("OpenError", code)
    finished(process)
  end)

  it("that doesn't run says so where it can't be piped or sent a file", function()
    local process <close> = Process()
    local other <close> = Process()
    local function sendFile()
      return { process:sendFile "/etc/passwd" }
    end
    local notRunning = { nil, "sendFile: the process is not running", "OperationError", 0 }
    other:start "cat"
    assert.same(notRunning, sendFile())
    for _, pair in ipairs { { process, other }, { other, process } } do
      assert.same({ nil, "pipe: the process is not running", "OperationError", 0, 0 },
        { moonport.pipe(table.unpack(pair)) })
    end
    process:start "true"
    finished(process)
    assert.same(notRunning, sendFile())
    assert.same({ nil, "pipe: The process ended its output", "RemoteHostClosedError", 0, 0 },
      { moonport.pipe(process, other) })
  end)

  it("can be piped to a connection, either way round", function()
    for _, order in ipairs { "first", "second" } do
      local server <close> = moonport.TcpServer()
      local results
      function server:newConnection()
        local socket <close> = self:nextPendingConnection()
        local process <close> = Process()
        process:start("sh", { "-c", "tr a-z A-Z; echo END; exit 2" })
        if order == "first" then
          results = { moonport.pipe(process, socket) }
        else
          results = { moonport.pipe(socket, process) }
          results[1], results[2] = results[2], results[1]
        end
        assert(process:waitForFinished(timeout))
        results[#results + 1] = process:exitCode()
        socket:disconnectFromHost()
        socket:waitForDisconnected(timeout)
      end
      assert(server:listen "127.0.0.1")
      local client <close> = moonport.TcpSocket()
      client:connectToHost("127.0.0.1", server:serverPort())
      local bytes = ("abcdefgh\n"):rep(few and 1000 or 50000)
      client:write(bytes)
      client:closeWriteChannel()
      assert.is_true(bytes:upper() .. "END\n" == client:receive("all", timeout))
      helper.eventually(function() return results and results[3] end)
      assert.same({ #bytes + 4, #bytes, 2 }, results)
    end
  end)

  it("can be piped to another one", function()
    local one <close> = Process()
    local other <close> = Process()
    one:start("sh", { "-c", "printf abc; cat" })
    other:start("sh", { "-c", "head -c 3 >/dev/null; exit 0" })
    assert.same({ 3, 0 }, { moonport.pipe(one, other) })
    assert.is_true(other:waitForFinished(timeout))
    one:closeWriteChannel()
    assert.is_true(one:waitForFinished(timeout))
  end)

  it("ends a pipe with its end, and its output has got through", function()
    local server <close> = moonport.TcpServer()
    local results
    function server:newConnection()
      local socket <close> = self:nextPendingConnection()
      local process <close> = Process()
      process:start("sh", { "-c", "echo bye" })
      results = { moonport.pipe(socket, process) }
      process:waitForFinished(timeout)
    end
    assert(server:listen "127.0.0.1")
    local client <close> = moonport.TcpSocket()
    client:connectToHost("127.0.0.1", server:serverPort())
    assert.equal("bye\n", client:receive("all", timeout))
    helper.eventually(function() return results end)
    assert.same({ 0, 4 }, results)
  end)

  it("has no members of a socket", function()
    local process, socket = Process(), moonport.TcpSocket()
    for _, name in ipairs { "connectToHost", "disconnectFromHost", "bind", "setSocketDescriptor", "peerAddress",
      "setHighWaterMark", "setIdleTimeout", "waitForConnected" } do
      assert.is_nil(process[name], name)
    end
    for _, name in ipairs { "connectToHost", "disconnectFromHost", "bind", "setSocketDescriptor", "peerAddress",
      "abort", "close" } do
      assert.has_error(function() socket[name](process, "127.0.0.1", 1) end, nil, name)
    end
    assert.has_error(function() process.connected = print end)
    assert.has_error(function() socket.finished = print end)
  end)

  it("may use transactions, on one channel", function()
    local process <close> = shell "echo abc; read x"
    assert(process:waitForReadyRead(timeout))
    process:startTransaction()
    assert.equal("abc\n", process:read(10))
    assert.has_error(function() process:setReadChannel "StandardError" end,
      "setReadChannel: within a transaction or a pipe")
    process:rollbackTransaction()
    process:setReadChannel "StandardError"
    process:setReadChannel "StandardOutput"
    assert.equal("abc\n", process:readAll())
    process:closeWriteChannel()
    finished(process)
  end)
end)

describe("Process.execute", function()
  it("waits for the end of a program that has this one's standard descriptors", function()
    local status = Process.execute("sh", { "-c", "exit 9" })
    assert.equal(9, status)
    assert.equal("FailedToStart", select(3, Process.execute "/nonexistent"))
    assert.same({ nil, "execute: Process crashed", "Crashed" }, { Process.execute("sh", { "-c", "kill -9 $$" }) })
  end)

  it("ends its program if it is cut off", function()
    local folder = helper.folder()
    local path = folder .. "/pid"
    local task = moonport.spawn(function()
      Process.execute("sh", { "-c", "echo $$ >$1; exec sleep 1000", "sh", path })
    end)
    local pid
    helper.eventually(function()
      local file <close> = io.open(path)
      pid = file and file:read "n"
      return pid
    end)
    task:cancel()
    helper.eventually(function() return not isAlive(pid) end)
    os.remove(path)
    os.remove(folder)
  end)
end)

describe("Process.startDetached", function()
  it("starts a program that is nobody's child", function()
    local folder = helper.folder()
    local process <close> = Process()
    process:setProgram "sh"
    process:setArguments { "-c", "echo $$ $PPID; echo $MOONPORT_X; pwd; exec sleep 1000" }
    process:setStandardOutputFile(folder .. "/out")
    process:setWorkingDirectory(folder)
    process:setProcessEnvironment { PATH = os.getenv "PATH", MOONPORT_X = "yes" }
    local pid = process:startDetached()
    assert.equal("NotRunning", process:state())
    local text = helper.eventually(function()
      local file <close> = assert(io.open(folder .. "/out"))
      local all = file:read "a"
      return select(2, all:gsub("\n", "")) == 3 and all
    end)
    local own, parent, x, cwd = text:match "(%d+) (%d+)\n(.-)\n(.-)\n"
    assert.equal(pid, tonumber(own))
    assert.not_equal(helper.processId(), tonumber(parent))
    assert.equal("yes", x)
    assert.equal(folder, cwd)
    assert.is_true(exists(pid))
    os.execute("kill -9 " .. pid)
    os.remove(folder .. "/out")
    os.remove(folder)
    assert.equal("FailedToStart", select(3, Process.startDetached "/nonexistent"))
    assert.is_true(Process.startDetached "true" > 0)
  end)
end)
