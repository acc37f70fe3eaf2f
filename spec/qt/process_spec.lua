-- Qt's own tests of QProcess (tst_qprocess.cpp), by their rows in docs/qt-parity.md.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local children = require "spec.process"
local moonport = require "moonport"

local Process = moonport.Process
local timeout = helper.timeout
local few = os.getenv "MOONPORT_SPEC_GC"
local traced, start, finish = children.counted, children.start, children.finished
local content, lines, many = children.content, children.lines, children.many

describe("QProcess", function()
  it("P1 constructing", function()
    local process <close> = Process()
    assert.same({ "NotRunning", 0, "UnknownError", "Unknown error", "SeparateChannels", "StandardOutput", "", "" },
      { process:state(), process:processId(), process:error(), process:errorString(), process:processChannelMode(),
        process:readChannel(), process:program(), process:workingDirectory() })
    assert.is_nil(process:exitCode())
    assert.is_nil((process:write "x"))
    assert.is_nil((process:read(1)))
    for _, wait in ipairs { "Started", "ReadyRead", "BytesWritten", "Finished" } do
      assert.is_nil((process["waitFor" .. wait](process, 10)), wait)
    end
  end)

  it("P2 simpleStart", function()
    local process <close>, seen = traced()
    start(process, "exit 0")
    assert.equal("Starting", process:state())
    assert.is_true(process:waitForStarted(timeout))
    assert.equal("Running", process:state())
    finish(process)
    assert.equal(3, seen.stateChanged)
    assert.equal("NotRunning", process:state())
  end)

  it("P3 startCommand, and an empty one raises", function()
    local process <close> = Process()
    assert(process:startCommand [[printf "%s|" "a b" c]])
    assert.equal("a b|c|", process:receive("all", timeout))
    finish(process)
    for _, empty in ipairs { "", "   ", "\t\n" } do
      assert.is_false(pcall(process.startCommand, process, empty))
    end
    assert.equal("NotRunning", process:state())
  end)

  it("P4 startWithOpen", function()
    local process <close> = Process()
    assert.equal("FailedToStart", select(3, process:open "ReadOnly"))
    process:setProgram "echo"
    process:setArguments { "x" }
    assert.equal("echo", process:program())
    assert.same({ "x" }, process:arguments())
    assert.is_true(process:open "ReadOnly")
    assert.equal("ReadOnly", process:openMode())
    finish(process)
    assert.equal("x\n", process:readAll())
  end)

  it("P5 execute", function()
    assert.equal(0, Process.execute "true")
    assert.equal("FailedToStart", select(3, Process.execute "/no/such/program"))
  end)

  it("P6 startDetached: its folder, its environment, its files, its pid", function()
    local folder = helper.folder()
    local process <close> = Process()
    process:setProgram "sh"
    process:setArguments { "-c", "pwd; echo $MOONPORT_TEST; echo $$; echo err >&2; echo done >&2" }
    process:setWorkingDirectory(folder)
    process:setProcessEnvironment { PATH = os.getenv "PATH", MOONPORT_TEST = "value" }
    process:setStandardOutputFile(folder .. "/out")
    process:setStandardErrorFile(folder .. "/err")
    local pid = assert(process:startDetached())
    helper.eventually(function() return content(folder .. "/err") == "err\ndone\n" end)
    assert.equal(("%s\nvalue\n%d\n"):format(folder, pid), content(folder .. "/out"))
    assert.equal("NotRunning", process:state())
    os.execute("rm -r " .. folder)
  end)

  it("P7 simpleStartFail", function()
    local process <close>, seen = traced()
    process:start "/blurp"
    process:waitForFinished(timeout)
    helper.settle(5)
    assert.same({ "stateChanged Starting", "stateChanged NotRunning", "errorOccurred FailedToStart" },
      { table.unpack(seen) })
    assert.truthy(process:errorString():find("execve: No such file or directory", 1, true))
    assert.equal("FailedToStart", select(3, Process.startDetached "/blurp"))
  end)

  it("P8 crashTest, crashTest2", function()
    local process <close>, seen = traced()
    start(process, "kill -ABRT $$")
    assert.same({ 6, "CrashExit", "SIGABRT" }, { finish(process) })
    assert.same({ 1, 1, 3 }, { seen.errorOccurred, seen.finished, seen.stateChanged })
    assert.equal("Crashed", process:error())
  end)

  it("P9 echoTest, loopBackTest, echoTest2: bytes come back, by both channels", function()
    local process <close> = Process()
    process:start "cat"
    for _, size in ipairs { 1, 2, 3, 5, 100, 1000, 5000, 10000 } do
      local bytes = helper.bytes(size)
      process:write(bytes)
      assert.is_true(bytes == process:receive(size, timeout))
    end
    for i = 1, few and 10 or 100 do
      process:write(("Hello %d\n"):format(i))
      assert.equal("Hello " .. i, process:receive("line", timeout))
    end
    assert.same({ nil, "Timedout" }, { (process:waitForReadyRead(10)), select(3, process:waitForReadyRead(10)) })
    process:closeWriteChannel()
    finish(process)

    local both <close>, seen = traced()
    start(both, "tee /dev/stderr")
    both:write "Hello"
    both:closeWriteChannel()
    finish(both)
    assert.is_true(seen.readyReadStandardOutput >= 1 and seen.readyReadStandardError >= 1)
    assert.same({ "Hello", "Hello" }, { both:readAllStandardOutput(), both:readAllStandardError() })
  end)

  it("P10 exitStatus, of one object after the other run", function()
    local process <close> = Process()
    for _, how in ipairs { "NormalExit", "CrashExit", "CrashExit", "NormalExit", "NormalExit" } do
      start(process, how == "NormalExit" and "exit 0" or "kill -ABRT $$")
      finish(process)
      assert.equal(how, (process:exitStatus()))
    end
  end)

  it("P11 readTimeoutAndThenCrash: an own kill is no error", function()
    local process <close>, seen = traced()
    process:start "cat"
    assert.is_true(process:waitForStarted(timeout))
    assert.equal("Timedout", select(3, process:waitForReadyRead(10)))
    process:kill()
    finish(process)
    assert.same({ "NotRunning", 0 }, { process:state(), seen.errorOccurred })
  end)

  it("P12 waitForFinished: everything is readable behind it", function()
    local process <close> = Process()
    start(process, many)
    assert.is_true(process:waitForFinished(4 * timeout))
    local count = select(2, process:readAll():gsub("\n", ""))
    assert.equal(lines, count)
    process:start "/blurp"
    assert.equal("FailedToStart", select(3, process:waitForFinished(timeout)))
  end)

  it("P13 deadWhileReading", function()
    local process <close> = Process()
    start(process, many)
    local got = {}
    while process:waitForReadyRead(timeout) do got[#got + 1] = process:readAll() end
    got[#got + 1] = process:readAll()
    assert.equal(lines, select(2, table.concat(got):gsub("\n", "")))
    assert.same({ 0, "NormalExit" }, { finish(process) })
  end)

  it("P14 restarts: in finished, and several in a row; each is signalled once", function()
    local process <close>, seen = traced()
    local again = true
    function process:finished()
      seen.finished = seen.finished + 1
      if again then
        again = false
        assert(self:start "cat")
      end
    end
    process:start "true"
    finish(process)
    helper.eventually(function() return process:state() == "Running" end)
    assert.same({ 2, 1 }, { seen.started, seen.finished })
    process:kill()
    finish(process)
    for i = 1, 3 do
      process:start "true"
      finish(process)
      assert.same({ 2 + i, 2 + i }, { seen.started, seen.finished })
    end
  end)

  it("P15 closeWriteChannel", function()
    local process <close> = Process()
    start(process, 'x=$(cat); echo "$x"')
    process:write "a\nb\n"
    assert.equal("Timedout", select(3, process:waitForReadyRead(20)))
    process:closeWriteChannel()
    assert.equal("a\nb\n", process:receive("all", timeout))
    assert.equal(0, (finish(process)))
  end)

  it("P16 closeReadChannel: the other one delivers, and the program isn't held up", function()
    local process <close>, seen = traced()
    for i = 0, 3 do
      start(process, "head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2")
      process:closeReadChannel(i % 2 == 0 and "StandardOutput" or "StandardError")
      assert.equal(0, (finish(process)))
      assert.same(i % 2 == 0 and { 0, 100000 } or { 100000, 0 },
        { #process:readAllStandardOutput(), #process:readAllStandardError() })
    end
    assert.equal(4, seen.finished)
  end)

  it("P17 openModes", function()
    local process <close> = Process()
    assert.equal("NotOpen", process:openMode())
    process:start "cat"
    assert.is_true(process:waitForStarted(timeout))
    assert.same({ "ReadWrite", true, true }, { process:openMode(), process:isReadable(), process:isWritable() })
    process:write "Data"
    process:closeWriteChannel()
    assert.same({ "ReadWrite", 0 }, { process:openMode(), process:writeChannelCount() })
    assert.equal("Data", process:receive("all", timeout))
    process:closeReadChannel "StandardOutput"
    process:close()
    assert.same({ "NotOpen", false, false }, { process:openMode(), process:isOpen(), process:isReadable() })
    helper.eventually(function() return process:state() == "NotRunning" end)
  end)

  it("P18 emitReadyReadOnlyWhenNewDataArrives", function()
    local process <close>, seen = traced()
    process:start "cat"
    process:write "A"
    assert.is_true(process:waitForReadyRead(timeout))
    assert.equal(1, seen.readyRead)
    assert.equal("Timedout", select(3, process:waitForReadyRead(10)))
    assert.equal(1, seen.readyRead)
    process:write "B"
    assert.is_true(process:waitForReadyRead(timeout))
    assert.equal(2, seen.readyRead)
    assert.equal("AB", process:readAll())
    process:closeWriteChannel()
    finish(process)
  end)

  it("P19 hardExit, softExit: neither is an error", function()
    local process <close> = Process()
    for _, ending in ipairs { "kill", "terminate" } do
      assert.equal(0, process:processId())
      process:start "cat"
      assert.is_true(process:waitForStarted(timeout))
      assert.is_true(process:processId() > 0)
      process[ending](process)
      finish(process)
      assert.same({ "UnknownError", 0 }, { process:error(), process:processId() })
    end
  end)

  it("P20 softExitInSlots", function()
    for _, signal in ipairs { "readyRead", "readyReadStandardOutput", "readyReadStandardError", "started",
      "channelReadyRead", "stateChanged" } do
      local process <close> = Process()
      local ended
      process[signal] = function(self)
        if self:state() ~= "Running" then return end
        self:terminate()
        self:waitForFinished(timeout)
        ended = true
      end
      start(process, "echo out; echo err >&2; exec cat")
      helper.eventually(function() return ended end, signal)
      assert.equal("NotRunning", process:state())
    end
  end)

  it("P21 mergedChannels", function()
    local process <close> = Process()
    process:setProcessChannelMode "MergedChannels"
    assert.equal("MergedChannels", process:processChannelMode())
    start(process, "while read line; do echo 1$line; echo 2$line >&2; done")
    for i = 1, few and 5 or 100 do
      process:write(i .. "\n")
      assert.same({ "1" .. i, "2" .. i }, { process:receive("line", timeout), process:receive("line", timeout) })
    end
    process:closeWriteChannel()
    finish(process)
    assert.equal("", process:readAllStandardError())
  end)

  it("P22 forwardedChannels", function()
    for mode, expected in pairs { SeparateChannels = { "", "" }, MergedChannels = { "", "" },
      ForwardedChannels = { "out", "err" }, ForwardedOutputChannel = { "out", "" },
      ForwardedErrorChannel = { "", "err" } } do
      local path = helper.file(([[
        local process = require "moonport".Process()
        process:setProcessChannelMode %q
        process:start("sh", { "-c", "printf out; printf err >&2" })
        process:waitForFinished()
      ]]):format(mode))
      local status, out, err = helper.run { os.getenv "MOONPORT", path }
      assert.same({ 0, expected[1], expected[2] }, { status, out, err }, mode)
    end
    local path = helper.file [[
      local process = require "moonport".Process()
      process:setInputChannelMode "ForwardedInputChannel"
      process:start "cat"
      io.write(process:receive "all")
      process:waitForFinished()
    ]]
    local status, out = helper.run({ os.getenv "MOONPORT", path }, "input")
    assert.same({ 0, "input" }, { status, out })
  end)

  it("P23 atEnd", function()
    local process <close> = Process()
    start(process, "for i in 1 2 3 4 5 6 7; do echo $i; done")
    finish(process)
    local got = 0
    while not process:atEnd() do
      got = got + 1
      assert.equal(got .. "\n", process:readLine())
    end
    assert.equal(7, got)
  end)

  it("P24 waitForFinishedWithTimeout", function()
    local process <close> = Process()
    start(process, "read x; exit 0")
    assert.equal("Timedout", select(3, process:waitForFinished(1)))
    process:write "\n"
    assert.is_true(process:waitForFinished(timeout))
  end)

  it("P25 waitForReadyReadInAReadyReadSlot, waitForBytesWrittenInABytesWrittenSlot", function()
    local process <close> = Process()
    local reads, writes = 0, 0
    function process:readyRead()
      reads = reads + 1
      if reads > 1 then return end
      self:write "bar"
      assert(self:waitForReadyRead(timeout))
    end
    function process:bytesWritten()
      writes = writes + 1
      if writes > 1 then return end
      self:write "baz"
      assert(self:waitForBytesWritten(timeout))
    end
    process:start "cat"
    process:write "foo"
    helper.eventually(function() return process:bytesAvailable() == 9 and reads > 0 and writes > 0 end)
    process:closeWriteChannel()
    finish(process)
    assert.equal(9, #process:readAll())
  end)

  it("P26 spaceArgsTest", function()
    local process <close> = Process()
    for _, arguments in ipairs { { "a", "b c", "d" }, { "a b", "c  d" }, { "", "" }, { '"', "\\", "'" }, { "a\\\"b" },
      { " a", "b ", " " } } do
      process:start("printf", { "%s|", table.unpack(arguments) })
      assert.equal(table.concat(arguments, "|") .. "|", process:receive("all", timeout))
      finish(process)
    end
    assert.same({ "a", "b c", 'd"e' }, Process.splitCommand [[a "b c" d"""e]])
  end)

  it("P27 exitCodeTest", function()
    local process <close> = Process()
    for code = 0, 254, few and 50 or 7 do
      start(process, "exit " .. code)
      assert.same({ code, "NormalExit" }, { finish(process) })
      assert.equal("UnknownError", process:error())
    end
  end)

  it("P28 failToStart, with whichever wait, and empty arguments", function()
    for _, wait in ipairs { "Started", "Finished", "ReadyRead", "BytesWritten" } do
      local process <close>, seen = traced()
      for i = 1, few and 3 or 20 do
        process:start("/blurp", { "" })
        assert.is_nil((process["waitFor" .. wait](process, timeout)))
        helper.settle(1)
        assert.same({ i, 2 * i, 0 }, { seen.errorOccurred, seen.stateChanged, seen.finished })
      end
    end
    local process <close>, seen = traced()
    process:start ""
    helper.settle(5)
    assert.same({ "errorOccurred FailedToStart" }, { table.unpack(seen) })
    assert.equal("No program defined", process:errorString())
  end)
end)
