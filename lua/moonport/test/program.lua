-- Another program: its process, what it has written, and its end. A program is a table, to which start adds the
-- process, and the texts `written` and `errors`.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"

local program = {}

--- The program of which this script is a part, as something to start; nil in a plain Lua.
function program.own() return moonport.stats().reload and "/proc/self/exe" end

-- This process' environment with these changes: name to text, or to false.
local function changed(changes)
  local environment = moonport.Process.systemEnvironment()
  for name, value in pairs(changes) do environment[name] = value and tostring(value) or nil end
  return environment
end

--- Starts it, with changes of the environment: name to text, or to false. -> self, or nil and a message
function program.start(self, arguments, environment)
  local process = moonport.Process()
  self.process, self.written, self.errors = process, "", ""
  process:setProcessEnvironment(changed(environment))
  process:setReadBufferSize(0)
  function process.readyReadStandardOutput() self.written = self.written .. process:readAllStandardOutput() end
  function process.readyReadStandardError() self.errors = self.errors .. process:readAllStandardError() end
  if not process:start(arguments[1], { table.unpack(arguments, 2) }) then
    return nil, ("%s: %s"):format(arguments[1], process:errorString():match "^execve: (.*)" or process:errorString())
  end
  self.pid = process:processId()
  return self
end

--- Looks whether it ended, and everything that it has written is there. -> its exit status (128 + n after signal
--- n), or nil
function program.reap(self)
  local how = not self.status and self.process:exitStatus()
  if how then
    local code = self.process:exitCode()
    if how == "CrashExit" then self.endedBy = code end
    self.status = how == "CrashExit" and 128 + code or code
  end
  return self.status
end

--- Waits until condition() is true. -> its result, or nil if that takes longer
function program.waitUntil(condition, msec)
  local deadline = moonport.now() + msec
  repeat
    local value = condition()
    if value or moonport.now() > deadline then return value end
    moonport.sleep(1)
  until false
end

--- Waits until the program ends. meanwhile() is called again and again. -> whether it did
function program.waitForEnd(self, msec, meanwhile)
  local function ended()
    if meanwhile then meanwhile() end
    return program.reap(self)
  end
  return program.waitUntil(ended, msec) ~= nil
end

return program
