-- SPDX-License-Identifier: MIT
-- The row of docs/differences.md about processes; spec/qt/process_cases_spec.lua tests it in detail.

local helper = require "spec.helper"
local moonport = require "moonport"

describe("Differences from Qt", function()
  it("D29 a process has its own descriptors, ends without an error by an own signal, and loses no output", function()
    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    local process <close> = moonport.Process()
    local errors = 0
    function process.errorOccurred() errors = errors + 1 end
    assert(process:start("sh", { "-c", "ls -l /proc/$$/fd; (sleep 0.02; echo late) & exit 3" }))
    assert.is_nil(process:exitCode())
    local text = process:receive("all", helper.timeout)
    assert.is_nil(text:find "socket:")
    assert.truthy(text:find "late\n$")
    assert.is_true(process:waitForFinished(helper.timeout))
    assert.is_true(process:waitForFinished(0)) -- behind the end, too
    assert.equal(3, process:exitCode())
    assert(process:start "cat")
    assert.equal("Timedout", select(3, process:waitForFinished(1)))
    process:terminate()
    process:waitForFinished(helper.timeout)
    assert.same({ "CrashExit", "SIGTERM" }, { process:exitStatus() })
    assert.equal(0, errors)
  end)
end)
