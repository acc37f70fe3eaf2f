-- The log where stderr is systemd's journal: each line begins with its priority, which the journal takes away, and has
-- no time, since the journal has one.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local log = require "spec.log"

local script = [[
local moonport = require "moonport"
local log = moonport.log
log.debug "a" log.info("b\n<0>c") log.warning("d", { peer = "\n" }) log.error "e"
moonport.spawn(function() error "boom" end)
]]

-- How the program gets a stderr that JOURNAL_STREAM names, as the journal's, or another one.
local starts = {
  pipe = { "sh", "-c", 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$0" "$@"' },
  other = { "sh", "-c", 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)0 exec "$0" "$@"' },
  socket = { "python3", "spec/host/journal.py" },
}

-- -> status, what the journal gets
local function run(kind, source, option, value)
  local status, out, err = helper.run { starts[kind][1], starts[kind][2], starts[kind][3] or "--",
    os.getenv "MOONPORT" or "build/asan/moonport", "--log-level", "debug", option or "-e", value or "",
    helper.file(source, "script.lua") }
  return status, out .. err
end

describe("A log that the journal takes", function()
  for _, kind in ipairs { "pipe", "socket" } do
    it("has the priority in each line, also of a traceback, and no time: " .. kind, function()
      local status, text = run(kind, script)
      assert.equal(0, status)
      local head, trace = text:match "^(.-\n)(<3>error task: .*)$"
      assert.equal('<7>debug a\n<6>info b\\n<0>c\n<4>warning d peer="\\n"\n<3>error e\n', head)
      assert.truthy(trace:find "^<3>error task: [^\n]*script.lua:4: boom\n<3>\tstack traceback:\n<3>\t\t%[C%]: in")
      for line in trace:gmatch "[^\n]+" do assert.truthy(line:find "^<3>[e\t]", line) end
    end)

    it("has the priority before each object: " .. kind, function()
      local status, text = run(kind, script, "--log-format", "json")
      assert.equal(0, status)
      local priorities = {}
      local objects = text:gsub("%f[^\0\n]<(%d)>", function(digit)
        priorities[#priorities + 1] = digit
        return ""
      end)
      assert.equal("7 6 4 3 3", table.concat(priorities, " "))
      local events = log.events(objects)
      assert.equal("b\n<0>c", events[2].message)
      assert.truthy(events[5].traceback)
    end)
  end

  it("has a failed start and the watchdog's words with their priority", function()
    local status, text = run("pipe", 'error "boom"')
    assert.equal(1, status)
    assert.truthy(text:find "^<3>error [^\n]*script.lua:1: boom\n<3>\tstack traceback:\n<3>\t\t")
    status, text = run("pipe", [[
      local moonport = require "moonport"
      local text = ("a"):rep(40)
      moonport.singleShot(1, function() text:find(("a?"):rep(40) .. text .. "b") end)
    ]], "--handler-kill", "100")
    assert.equal(1, status)
    assert.truthy(text:find "^<3>error a handler has not returned in time; the process ends: [^\n]*script.lua:3\n$",
      text)
  end)

  it("is plain where JOURNAL_STREAM is another stream", function()
    local status, text = run("other", script)
    assert.equal(0, status)
    assert.truthy(text:find "^%d+%-%d+%-%d+ %d+:%d+:%d+%.%d+ debug a\n%d+%-%d+%-%d+ %d+:%d+:%d+%.%d+ info b\\n<0>c\n")
  end)

  it("is plain in a program that it has started with another stderr", function()
    local status, text = run("pipe", ([[
      local process = require("moonport").Process()
      assert(process:start(%q, { "-e", "require('moonport').log.info 'inner'" }))
      process:waitForFinished()
      io.stdout:write("", process:readAllStandardError())
    ]]):format(os.getenv "MOONPORT" or "build/asan/moonport"))
    assert.equal(0, status)
    assert.truthy(text:find "%d+%.%d+ info inner\n$", text)
  end)
end)
