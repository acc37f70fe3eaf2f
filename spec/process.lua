-- Children of a spec: processes that tell what they signal, shells, and what the system knows of a pid.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

local process = {} -- which a spec of the program may load without moonport

--- A process, and in `trace` what it signals.
function process.traced(trace)
  local self = require("moonport").Process()
  for _, name in ipairs { "started", "finished", "errorOccurred", "stateChanged", "readChannelFinished",
    "aboutToClose" } do
    self[name] = function(_, ...) trace[#trace + 1] = table.concat({ name, ... }, " ") end
  end
  return self
end

--- A process, and what it has signalled, also of its channels: a list, and the number of each.
function process.counted()
  local self, seen = require("moonport").Process(), {}
  for _, name in ipairs { "started", "finished", "errorOccurred", "stateChanged", "readyRead",
    "readyReadStandardOutput", "readyReadStandardError", "channelReadyRead", "bytesWritten", "readChannelFinished",
    "aboutToClose" } do
    seen[name] = 0
    self[name] = function(_, ...)
      seen[#seen + 1] = table.concat({ name, ... }, " ")
      seen[name] = seen[name] + 1
    end
  end
  return self, seen
end

--- Starts a shell with this script.
function process.start(self, script, ...) assert(self:start("sh", { "-c", script, "sh", ... })) end

--- The same in a process of its own.
function process.shell(script, ...)
  local self = require("moonport").Process()
  process.start(self, script, ...)
  return self
end

--- Waits for its end; returns its exit code and status, and the signal that ended it.
function process.finished(self)
  assert(self:waitForFinished(helper.timeout))
  return self:exitCode(), self:exitStatus()
end

-- A script that prints so many lines, with their numbers; fewer where each allocation collects.
process.lines = os.getenv "MOONPORT_SPEC_GC" and 500 or 10240
process.many = ("i=0; while [ $i -lt %d ]; do echo $i; i=$((i+1)); done"):format(process.lines)

function process.content(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

--- The letter of its state in the system, such as "T" if it is stopped; nil if there is no such process.
function process.stateOf(pid)
  local file = io.open(("/proc/%d/stat"):format(pid))
  if not file then return nil end
  local line = file:read "a"
  file:close()
  return line and line:match "%) (%a)"
end

--- Neither a program nor its remains: a zombie has a state, too.
function process.isGone(pid) return process.stateOf(pid) == nil end

--- Runs, and isn't only waited for by its parent.
function process.isAlive(pid)
  local letter = process.stateOf(pid)
  return letter ~= nil and letter ~= "Z" and letter ~= "X"
end

return process
