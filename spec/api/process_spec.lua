-- SPDX-License-Identifier: MIT
-- Process: how one is started, and how it ends.
-- Longer than 400 lines: cases beside each other, read one at a time.

local helper = require "spec.helper"
local children = require "spec.process"
local moonport = require "moonport"

local Process = moonport.Process
local timeout = helper.timeout
local few = os.getenv "MOONPORT_SPEC_GC" -- then everything takes its time
local traced, shell, finished = children.traced, children.shell, children.finished
local isAlive, isGone = children.isAlive, children.isGone

describe("A process", function()
  it("doesn't run at first", function()
    local process <close> = Process()
    assert.equal("NotRunning", process:state())
    assert.equal(0, process:processId())
    assert.is_nil(process:exitCode())
    assert.is_nil(process:exitStatus())
    assert.equal("UnknownError", process:error())
    assert.equal("Unknown error", process:errorString())
    assert.is_false(process:isOpen())
    assert.equal("", process:program())
    assert.same({}, process:arguments())
    assert.equal("", process:workingDirectory())
    assert.equal("SeparateChannels", process:processChannelMode())
    assert.equal("ManagedInputChannel", process:inputChannelMode())
    assert.equal("StandardOutput", process:readChannel())
    assert.equal("Process(NotRunning)", tostring(process))
    assert.is_nil((process:write "x"))
    assert.is_nil((process:read(1)))
    assert.is_nil((process:waitForStarted(0)))
    assert.is_nil((process:waitForFinished(0)))
    process:kill()
    process:terminate()
    process:killTree()
  end)

  it("signals its states, its output and its end in this order", function()
    local trace = {}
    local process <close> = traced(trace)
    function process:readyRead() trace[#trace + 1] = "readyRead " .. self:readAll() end
    function process.channelReadyRead(_, channel) trace[#trace + 1] = "channelReadyRead " .. channel end
    function process.readyReadStandardOutput() trace[#trace + 1] = "readyReadStandardOutput" end
    assert.is_true(process:start("sh", { "-c", "read x; echo out; exit 3" }))
    assert.equal("Starting", process:state())
    assert.is_true(process:processId() > 0)
    assert.same({}, trace)
    assert.is_true(process:waitForStarted(timeout))
    assert.equal("Running", process:state())
    process:write "\n"
    assert.is_true(process:waitForFinished(timeout))
    assert.same({ "stateChanged Starting", "stateChanged Running", "started", "readyRead out\n",
      "channelReadyRead StandardOutput", "readyReadStandardOutput", "readChannelFinished", "stateChanged NotRunning",
      "finished 3 NormalExit" }, trace)
    assert.equal(3, process:exitCode())
    assert.equal("NormalExit", process:exitStatus())
    assert.equal(0, process:processId())
    assert.equal("UnknownError", process:error())
  end)

  it("shows in its last signals what Qt shows there", function()
    local process <close> = Process()
    local seen = {}
    function process:stateChanged(state)
      if state == "NotRunning" then seen[1], seen[2] = self:processId() > 0, self:exitCode() end
    end
    function process:finished() seen[3], seen[4], seen[5] = self:processId(), self:readAll(), self:state() end
    process:start("sh", { "-c", "echo bye; exit 5" })
    finished(process)
    assert.same({ true, 5, 0, "bye\n", "NotRunning" }, seen)
  end)

  for cause, program in pairs { ["isn't there"] = "/nonexistent/program",
    ["is in no folder of PATH"] = "no such program", ["is a folder"] = "/tmp", ["isn't executable"] = "/etc/passwd" } do
    it(("says so if its program %s: one error, two states, no end"):format(cause), function()
      local trace = {}
      local process <close> = traced(trace)
      local ok, message, code = process:start(program)
      assert.is_nil(ok)
      assert.equal("FailedToStart", code)
      assert.truthy(message:find("^start " .. program .. ": execve: %u"), message)
      assert.is_nil((process:waitForStarted(timeout)))
      assert.equal("FailedToStart", select(3, process:waitForFinished(timeout)))
      helper.settle(5)
      assert.same({ "stateChanged Starting", "stateChanged NotRunning", "errorOccurred FailedToStart" }, trace)
      assert.truthy(process:errorString():find "^execve: ")
      assert.is_nil(process:exitCode())
      assert.equal(0, process:processId())
      assert.is_true(process:start "true")
      assert.equal(0, (finished(process)))
    end)
  end

  it("without a program has one error, and no state", function()
    local trace = {}
    local process <close> = traced(trace)
    assert.same({ n = 3, nil, "start : No program defined", "FailedToStart" }, table.pack(process:start()))
    helper.settle(5)
    assert.same({ "errorOccurred FailedToStart" }, trace)
  end)

  it("can't be started while it runs", function()
    local process <close> = Process()
    assert(process:start "cat")
    assert.same({ n = 3, nil, "start: the process is already running", "OperationError" },
      table.pack(process:start("true", { "1" })))
    assert.equal("cat", process:program())
    process:closeWriteChannel()
    assert.equal(0, (finished(process)))
  end)

  it("can be started again, also where its end is signalled; nothing of the last run is left", function()
    local process <close> = Process()
    local runs, wanted = 0, few and 3 or 20
    function process:finished(code)
      assert(code == runs)
      runs = runs + 1
      if runs < wanted then
        assert(self:start("sh", { "-c", "echo $1; exit $1", "sh", tostring(runs) }))
        assert(self:bytesAvailable() == 0)
      end
    end
    process:start("sh", { "-c", "echo 0" })
    helper.eventually(function() return runs == wanted end)
    assert.equal(wanted - 1 .. "\n", process:readAll())
  end)

  it("gets its arguments untouched, however many, and no zero byte", function()
    local arguments = { "", "a b", '"', "'", "\\", "$HOME", "*", "\n", "ä", ("x"):rep(100000), "7" }
    local process <close> = Process()
    process:start("sh", { "-c", 'for i in "$@"; do printf "%s|" "$i"; done', "sh", table.unpack(arguments) })
    assert.equal(table.concat(arguments, "|") .. "|", process:receive("all", timeout))
    finished(process)
    assert.has_error(function() process:start("sh", { "a\0b" }) end,
      "bad argument #2 to 'start' (an argument can't have a zero byte)")
    assert.has_error(function() process:start("s\0h") end,
      "bad argument #1 to 'start' (a program can't have a zero byte)")
    assert.has_error(function() process:start("sh", { {} }) end)
    local ok, message, code = process:start("true", { ("x"):rep(4000000) }) -- more than the system takes
    assert.same({ nil, "FailedToStart" }, { ok, code })
    assert.truthy(message:find "Argument list too long")
  end)

  it("has the environment that it is given, and no other", function()
    local process <close> = Process()
    assert.is_nil(process:processEnvironment())
    local environment = Process.systemEnvironment()
    assert.equal(os.getenv "PATH", environment.PATH)
    process:setProcessEnvironment { MOONPORT_A = "1=2", MOONPORT_B = "" }
    assert.same({ MOONPORT_A = "1=2", MOONPORT_B = "" }, process:processEnvironment())
    process:start "env"
    local lines = {}
    for line in process:lines() do lines[#lines + 1] = line end
    table.sort(lines)
    assert.same({ "MOONPORT_A=1=2", "MOONPORT_B=" }, lines)
    finished(process)
    process:setProcessEnvironment {}
    process:start "env"
    assert.equal("", process:receive("all", timeout))
    finished(process)
    process:setProcessEnvironment(nil)
    process:start("sh", { "-c", "echo $PATH" })
    assert.equal(os.getenv "PATH", process:receive("line", timeout))
    finished(process)
    for _, bad in ipairs { { [1] = "x" }, { ["A=B"] = "x" }, { A = {} }, { A = "a\0b" } } do
      assert.has_error(function() process:setProcessEnvironment(bad) end)
    end
  end)

  it("has the working directory that it is given", function()
    local process <close> = Process()
    process:setWorkingDirectory "/"
    process:start "pwd"
    assert.equal("/", process:receive("line", timeout))
    finished(process)
    local trace = {}
    local lost <close> = traced(trace)
    lost:setWorkingDirectory "/nonexistent"
    assert.truthy(select(2, lost:start "pwd"):find("chdir: No such file or directory", 1, true))
    helper.settle(5)
    assert.same({ "stateChanged Starting", "stateChanged NotRunning", "errorOccurred FailedToStart" }, trace)
  end)

  it("takes a program with a '/' from its working directory, and one without only from PATH", function()
    local folder = helper.folder()
    local file <close> = assert(io.open(folder .. "/a program", "w"))
    file:write "#!/bin/sh\necho here\n"
    file:close()
    os.execute("chmod +x '" .. folder .. "/a program'")
    local process <close> = Process()
    process:setWorkingDirectory(folder)
    assert(process:start "./a program")
    assert.equal("here", process:receive("line", timeout))
    finished(process)
    assert.is_nil((process:start "a program"))
    os.remove(folder .. "/a program")
    os.remove(folder)
  end)

  it("has no descriptors but the standard ones, and no signal that is blocked or ignored", function()
    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    local file <close> = assert(io.open "/etc/passwd") -- without close-on-exec
    local other <close> = shell "cat"
    local process <close> = shell [[ls /proc/self/fd; grep -E "^Sig(Blk|Ign|Cgt)" /proc/self/status]]
    local text = process:receive("all", timeout)
    assert.equal("0 1 2 3", text:match "^[%d\n]+":gsub("\n", " "):match "(.-) $") -- 3 is the folder
    local masks = {}
    for mask in text:gmatch "Sig%a+:%s*(%x+)" do masks[#masks + 1] = tonumber(mask, 16) end
    assert.equal(0, masks[1])
    assert.equal(0, masks[2])
    finished(process)
    assert.truthy(file:read "l")
    other:closeWriteChannel()
    finished(other)
  end)

  it("has the limits of resources that it is given", function()
    local process <close> = Process()
    process:setResourceLimit("nofile", 50)
    process:setResourceLimit("core", 0, "unlimited")
    process:setResourceLimit("nofile", 60, 70)
    process:start("sh", { "-c", "ulimit -Sn; ulimit -Hn; ulimit -Sc" })
    assert.equal("60\n70\n0\n", process:receive("all", timeout))
    finished(process)
    assert.has_error(function() process:setResourceLimit("files", 1) end)
    assert.has_error(function() process:setResourceLimit("nofile", 2, 1) end)
    assert.has_error(function() process:setResourceLimit("nofile", -1) end)
  end)

  it("splits a command as Qt does", function()
    for command, words in pairs { ["a b  c"] = { "a", "b", "c" }, [ [[a "b c" d]] ] = { "a", "b c", "d" },
      [ [[a "b "" c"]] ] = { "a", "b  c" }, [ [[a """b"""]] ] = { "a", '"b"' }, [ [[a b"c d"e]] ] = { "a", "bc de" },
      [ [["" a]] ] = { "", "a" }, [" \t\n"] = {}, [ [[a 'b c'\]] ] = { "a", "'b", "c'\\" } } do
      assert.same(words, Process.splitCommand(command), command)
    end
    local process <close> = Process()
    assert(process:startCommand [[sh -c "echo """a  b""""]])
    assert.equal("a  b", process:receive("line", timeout))
    finished(process)
    assert.same({ "-c", 'echo "a  b"' }, process:arguments())
    assert.has_error(function() process:startCommand " \t" end,
      "bad argument #1 to 'startCommand' (a command has a program)")
  end)
end)

describe("The end of a process", function()
  it("has the exit status, whichever it is", function()
    local processes = {}
    for i = 1, 12 do processes[i] = shell("exit " .. i * 21) end
    for i, process in ipairs(processes) do
      assert.same({ i * 21, "NormalExit" }, { finished(process) })
      assert.equal("UnknownError", process:error())
    end
  end)

  it("by a signal of others is a crash, with one error, and names the signal", function()
    local trace = {}
    local process <close> = traced(trace)
    process:start("sh", { "-c", "kill -ABRT $$" })
    assert.same({ 6, "CrashExit", "SIGABRT" }, { finished(process) })
    assert.same({ "stateChanged Starting", "stateChanged Running", "started", "readChannelFinished",
      "stateChanged NotRunning", "errorOccurred Crashed", "finished 6 CrashExit SIGABRT" }, trace)
    assert.equal("Crashed", process:error())
    assert.equal("Process crashed", process:errorString())
  end)

  it("is told by its number and name, whichever signal it was", function()
    for number, name in pairs { [1] = "SIGHUP", [16] = "SIGSTKFLT", [30] = "SIGPWR", [34] = "SIG34", [64] = "SIG64" } do
      local trace = {}
      local process <close> = traced(trace)
      process:start("sh", { "-c", "kill -" .. number .. " $$" })
      assert.same({ number, "CrashExit", name }, { finished(process) })
      helper.settle(5)
      assert.equal(("finished %d CrashExit %s"):format(number, name), trace[#trace])
      assert.equal("errorOccurred Crashed", trace[#trace - 1])
    end
  end)

  it("by a signal of its own program is no error", function()
    for method, results in pairs { kill = { 9, "CrashExit", "SIGKILL" }, terminate = { 15, "CrashExit", "SIGTERM" },
      killTree = { 9, "CrashExit", "SIGKILL" } } do
      local trace = {}
      local process <close> = traced(trace)
      process:start "cat"
      process[method](process)
      assert.same(results, { finished(process) })
      assert.equal("UnknownError", process:error())
      for _, line in ipairs(trace) do assert.is_nil(line:find "errorOccurred") end
    end
  end)

  it("is its own affair after terminate", function()
    local process <close> = shell "trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done"
    assert.equal("ready", process:receive("line", timeout))
    process:terminate()
    assert.same({ 7, "NormalExit" }, { finished(process) })
  end)

  it("can be brought about by any signal", function()
    local process <close> = shell "trap 'echo usr; exit 4' USR1; echo ready; while :; do sleep 0.01; done"
    assert.equal("ready", process:receive("line", timeout))
    assert.is_true(process:sendSignal "SIGUSR1")
    assert.equal("usr", process:receive("line", timeout))
    assert.equal(4, (finished(process)))
    assert.same({ nil, "sendSignal: the process is not running", "OperationError" },
      { process:sendSignal "SIGUSR1" })
    assert.has_error(function() process:sendSignal "USR1" end)
  end)

  it("with killTree is that of its children as well", function()
    local process <close> = shell "sleep 1000 & echo $!; wait"
    local child = tonumber(process:receive("line", timeout))
    assert.is_true(isAlive(child))
    process:killTree()
    finished(process)
    helper.eventually(function() return not isAlive(child) end)
  end)

  it("with killTree, and by close, is also that of a program that has left its group", function()
    for _, method in ipairs { "killTree", "close" } do
      local process <close> = Process()
      process:start("perl", { "-e", "setpgrp 0, getpgrp getppid; $| = 1; print qq(ready\\n); sleep 1000" })
      assert.equal("ready", process:receive("line", timeout))
      process[method](process)
      assert.same({ 9, "CrashExit", "SIGKILL" }, { finished(process) })
    end
  end)

  it("comes a second later if a child of its own keeps its output", function()
    local process <close> = shell "sleep 1000 & echo $!; exit 6"
    local child = tonumber(process:receive("line", timeout))
    assert.equal(6, (finished(process)))
    assert.is_true(isAlive(child))
    os.execute("kill " .. child)
  end)

  it("waits for what such a child still writes", function()
    local process <close> = shell "(read x </dev/null; sleep 0.05; echo late) & exit 0"
    assert.equal("late", process:receive("line", timeout))
    assert.equal(0, (finished(process)))
  end)

  it("leaves nothing behind in the system", function()
    local process <close> = Process()
    process:start "true"
    local pid = process:processId()
    finished(process)
    assert.is_true(isGone(pid))
  end)

  it("can be waited for after it, and by several", function()
    local process <close> = shell "read x"
    local waited = 0
    for _ = 1, 3 do
      moonport.spawn(function()
        assert(process:waitForFinished(timeout))
        waited = waited + 1
      end)
    end
    moonport.sleep(0)
    process:closeWriteChannel()
    assert.is_true(process:waitForFinished(timeout))
    helper.eventually(function() return waited == 3 end)
    assert.is_true(process:waitForFinished(0))
  end)

  it("isn't caused by a wait that is over", function()
    local trace = {}
    local process <close> = traced(trace)
    process:start "cat"
    process:waitForStarted(timeout)
    assert.same({ nil, "waitForFinished: Process operation timed out", "Timedout" }, { process:waitForFinished(1) })
    assert.same({ nil, "waitForReadyRead: Process operation timed out", "Timedout" }, { process:waitForReadyRead(1) })
    assert.equal("Running", process:state())
    process:closeWriteChannel()
    assert.equal(0, (finished(process)))
    for _, line in ipairs(trace) do assert.is_nil(line:find "errorOccurred") end
  end)

  it("comes soon after close, which drops everything, and again nothing after that", function()
    local trace = {}
    local process <close> = traced(trace)
    process:start "cat"
    process:waitForStarted(timeout)
    process:write(("x"):rep(1 << 20))
    process:close()
    assert.is_false(process:isOpen())
    assert.equal(0, process:bytesToWrite())
    assert.same({ 9, "CrashExit", "SIGKILL" }, { finished(process) })
    process:close()
    helper.settle(5)
    assert.is_true(process:waitForFinished(0))
    assert.same({ 9, "CrashExit", "SIGKILL" }, { finished(process) })
    local last = 0
    for i, line in ipairs(trace) do last = line == "readChannelFinished" and i or last end
    assert.is_true(table.remove(trace, last) == "readChannelFinished" and last > 4) -- whenever the system says so
    assert.same({ "stateChanged Starting", "stateChanged Running", "started", "aboutToClose", "stateChanged NotRunning",
      "finished 9 CrashExit SIGKILL" }, trace)
  end)

  it("comes if nothing refers to the process and the collector finds it", function()
    local pid
    do
      local process = Process()
      process:start "cat"
      pid = process:processId()
      process:close()
    end
    helper.eventually(function() return isGone(pid) end)
  end)

  it("comes for many at once, and each has its own", function()
    local count, ended = few and 10 or 100, 0
    for i = 1, count do
      local process = Process()
      function process:finished(code)
        assert(code == i % 256)
        ended = ended + 1
        assert(self:readAll() == i .. "\n")
      end
      assert(process:start("sh", { "-c", "echo $1; exit $(($1 % 256))", "sh", tostring(i) }))
    end
    helper.eventually(function() return ended == count end, nil, 4 * timeout)
  end)
end)
