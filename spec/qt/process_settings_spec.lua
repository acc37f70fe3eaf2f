-- Qt's own tests of QProcess (tst_qprocess.cpp), by their rows in docs/qt-parity.md, from P29 on.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local children = require "spec.process"
local moonport = require "moonport"

local Process = moonport.Process
local timeout = helper.timeout
local traced, start, finish = children.counted, children.start, children.finished
local content, lines, many = children.content, children.lines, children.many

describe("QProcess", function()
  it("P29 removeFileWhileProcessIsRunning, spaceInName", function()
    local folder = helper.folder()
    local path = folder .. "/one space"
    os.execute(("cp /bin/cat '%s'"):format(path))
    local process <close> = Process()
    assert(process:start(path))
    os.remove(path)
    process:write "still\n"
    assert.equal("still", process:receive("line", timeout))
    process:closeWriteChannel()
    finish(process)
    os.remove(folder)
  end)

  it("P30 setProcessEnvironment, systemEnvironment", function()
    local process <close> = Process()
    for _, value in ipairs { "value", "", "a=b" } do
      local environment = Process.systemEnvironment()
      environment.TEST_NAME = value
      process:setProcessEnvironment(environment)
      start(process, "printf %s \"${TEST_NAME-unset}\"")
      assert.equal(value, process:receive("all", timeout))
      finish(process)
    end
    local environment = Process.systemEnvironment()
    assert.equal(os.getenv "PATH", environment.PATH)
    environment.PATH, environment.TEST_NAME = "/nowhere", nil
    process:setProcessEnvironment(environment) -- its own PATH isn't searched
    start(process, "echo $PATH ${TEST_NAME-unset}")
    assert.equal("/nowhere unset", process:receive("line", timeout))
    finish(process)
  end)

  it("P31 waitForReadyReadForNonexistantProcess, waitForStartedWithoutStart", function()
    local process <close>, seen = traced()
    assert.is_nil((process:waitForStarted(1)))
    process:start "/blurp"
    assert.is_nil((process:waitForReadyRead(timeout)))
    helper.settle(1)
    assert.same({ 1, 0 }, { seen.errorOccurred, seen.finished })
  end)

  it("P32 setStandardInputFile, setStandardOutputFile: contents, modes, failures, the null device", function()
    local folder = helper.folder()
    local path = folder .. "/file"
    local process <close>, seen = traced()
    process:setStandardOutputFile(path)
    start(process, "printf 12345")
    finish(process)
    assert.equal("12345", content(path))
    assert.same({ 0, "" }, { seen.readyRead, process:readAll() })
    process:setStandardOutputFile(path, "Append")
    start(process, "printf 678")
    finish(process)
    assert.equal("12345678", content(path))
    process:setProcessChannelMode "MergedChannels"
    process:setStandardOutputFile(path, "Truncate")
    start(process, "printf out; printf err >&2")
    finish(process)
    assert.equal("outerr", content(path))
    process:setStandardOutputFile(nil)
    process:setStandardInputFile(path)
    process:start "cat"
    assert.equal("outerr", process:receive("all", timeout))
    finish(process)
    os.remove(path)
    for _, way in ipairs { "Input", "Output", "Error" } do
      local bad <close>, signals = traced()
      bad["setStandard" .. way .. "File"](bad, folder .. "/no/file")
      assert.is_nil((bad:start "cat"))
      helper.settle(1)
      assert.same({ 1, 2, 0 }, { signals.errorOccurred, signals.stateChanged, signals.finished })
      assert.truthy(bad:errorString():find(folder .. "/no/file", 1, true))
    end
    local null <close> = Process()
    null:setStandardOutputFile(Process.nullDevice())
    start(null, "echo x; test -c /dev/fd/1")
    assert.equal(0, (finish(null)))
    os.remove(folder)
  end)

  it("P33 setStandardOutputProcess: three programs in a row, also with a detached one at the end", function()
    -- What one says goes to the next, as fast as that takes it.
    local function join(one, other)
      return moonport.spawn(function()
        while one:waitForReadyRead(-1) or one:bytesAvailable() > 0 do
          assert(other:write(one:readAll()))
          while other:bytesToWrite() > 100000 do assert(other:waitForBytesWritten(-1)) end
        end
        other:closeWriteChannel()
      end)
    end
    local source <close> = Process()
    local middle <close> = Process()
    local sink <close> = Process()
    local folder = helper.folder()
    start(sink, "tr a-z A-Z | tail -n 1")
    start(middle, "exec sed s/one/two/")
    start(source, "i=0; while [ $i -lt 2000 ]; do echo one line; i=$((i+1)); done; echo the last one")
    local tasks = { join(source, middle), join(middle, sink) }
    assert.equal("THE LAST TWO\n", sink:receive("all", timeout))
    for _, task in ipairs(tasks) do task:join() end
    for _, one in ipairs { source, middle, sink } do finish(one) end
    -- The end of the row may be no child of ours: it reads a pipe with a name.
    local fifo = folder .. "/pipe"
    assert.equal(0, (helper.run { "mkfifo", fifo }))
    local writer <close> = Process()
    local script = "tr a-z A-Z <'%s' >'%s/out'; mv '%s/out' '%s/done'"
    assert(Process.startDetached("sh", { "-c", script:format(fifo, folder, folder, folder) }))
    start(writer, 'exec echo detached >"$1"', fifo)
    finish(writer)
    helper.eventually(function()
      local file <close> = io.open(folder .. "/done")
      return file and file:read "a" == "DETACHED\n"
    end)
    os.execute(("rm -r '%s'"):format(folder))
  end)

  it("P34 fileWriterProcess", function()
    local path = helper.file ""
    for _ = 1, 3 do
      local process <close> = Process()
      process:setStandardOutputFile(path)
      process:start "cat"
      for i = 1, 15 do process:write(("%04d"):format(i):rep(2500)) end
      process:closeWriteChannel()
      finish(process)
      assert.equal(150000, #content(path))
    end
  end)

  it("P35 switchReadChannels", function()
    local process <close> = Process()
    start(process, "printf ABCD; printf abcd >&2")
    finish(process)
    local got = ""
    for _ = 1, 4 do
      process:setReadChannel "StandardOutput"
      got = got .. process:read(1)
      process:setReadChannel "StandardError"
      got = got .. process:read(1)
    end
    assert.equal("AaBbCcDd", got)
    process:ungetChar "x"
    process:setReadChannel "StandardOutput"
    assert.equal("", process:readAll())
    process:ungetChar "X"
    process:setReadChannel "StandardError"
    assert.equal("x", process:read(2))
    process:setReadChannel "StandardOutput"
    assert.equal("X", process:read(2))
  end)

  it("P36 discardUnwantedOutput", function()
    local process <close>, seen = traced()
    assert(process:start("sh", { "-c", "echo out; echo err >&2" }, "WriteOnly"))
    assert.equal(0, (finish(process)))
    assert.same({ 0, 0, "", "" }, { seen.readyReadStandardOutput, seen.readyReadStandardError,
      process:readAllStandardOutput(), process:readAllStandardError() })
  end)

  it("P37 setWorkingDirectory, setNonExistentWorkingDirectory", function()
    local process <close>, seen = traced()
    process:setWorkingDirectory "/tmp"
    process:start "pwd"
    assert.equal("/tmp", process:receive("line", timeout))
    finish(process)
    process:setWorkingDirectory "/this/directory/should/not/exist/for/sure"
    assert.is_nil((process:start "pwd"))
    helper.settle(1)
    assert.same({ 1, 5 }, { seen.errorOccurred, seen.stateChanged })
    assert.truthy(process:errorString():find("chdir", 1, true))
  end)

  it("P38 finishProcessBeforeReadingDone: a handler that waits misses nothing", function()
    local process <close> = Process()
    local got = {}
    function process:readyRead()
      moonport.sleep(20)
      got[#got + 1] = self:readAll()
    end
    start(process, many)
    assert.is_true(process:waitForFinished(4 * timeout))
    got[#got + 1] = process:readAll()
    assert.equal(lines, select(2, table.concat(got):gsub("\n", "")))
  end)

  it("P39 startStopStartStopBuffers: nothing of the run before is left", function()
    local process <close> = Process()
    process:setReadBufferSize(10000)
    start(process, "cat /dev/zero")
    helper.eventually(function() return process:bytesAvailable() == 10000 end)
    process:write(("x"):rep(1000000))
    assert.is_true(process:bytesToWrite() > 0)
    process:kill()
    finish(process)
    assert.is_true(process:bytesAvailable() > 0)
    process:start "cat"
    assert.same({ 0, 0 }, { process:bytesAvailable(), process:bytesToWrite() })
    process:write "new"
    process:closeWriteChannel()
    assert.equal("new", process:receive("all", timeout))
    finish(process)
  end)

  it("P40 processEventsInAReadyReadSlot: a handler that waits", function()
    local process <close> = Process()
    function process:readyRead()
      self:readAll()
      moonport.sleep(1)
    end
    start(process, many)
    assert.is_true(process:waitForFinished(4 * timeout))
  end)

  it("P41 startFromCurrentWorkingDir", function()
    local folder = helper.folder()
    os.execute(("cd %s; printf '#!/bin/sh\\nexit 3\\n' > moonportprogram; chmod +x moonportprogram"):format(folder))
    local process <close> = Process()
    assert.is_nil((process:start "moonportprogram"))
    assert.is_nil((process:start "./moonportprogram"))
    process:setWorkingDirectory(folder)
    assert.is_nil((process:start "moonportprogram"))
    assert.is_true(process:start "./moonportprogram")
    assert.equal(3, (finish(process)))
    os.execute("rm -r " .. folder)
  end)

  it("P42 unixProcessParameters: what they ask for is always so, or has a method", function()
    local process <close> = Process()
    process:setResourceLimit("core", 0) -- DisableCoreDumps
    start(process, "ulimit -c; ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status")
    local text = process:receive("all", timeout)
    assert.truthy(text:find "^0\n4\nSigIgn:%s+0+\n", text)
    finish(process)
  end)

  it("P44 syscallsAreRestartedInParent: children that end disturb nobody's reads", function()
    local path = helper.file [[
      local moonport = require "moonport"
      for _ = 1, 20 do moonport.Process():start "true" end
      io.write(io.read "a")
    ]]
    local status, out = helper.run({ os.getenv "MOONPORT", path }, "input")
    assert.same({ 0, "input" }, { status, out })
  end)
end)
