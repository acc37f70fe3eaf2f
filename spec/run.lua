-- Runs busted inside the host: moonport spec/run.lua [busted's options] spec/api
-- The main chunk may wait, and so may every spec. The host ends in its usual way with busted's exit status.

local moonport = require "moonport"
local compatibility = require "busted.compatibility"

-- Busted ends by os.exit, in the middle of the host's loop. Here an error that carries the status replaces
-- it.
local leave = {}
function compatibility.exit(status)
  leave.status = status == 0 and 0 or 1
  error(leave, 0)
end

local runner = require "busted.runner" -- only now, since it takes the os.exit of this moment
local ok, problem = xpcall(runner, function(e)
  return e == leave and e or debug.traceback(tostring(e), 2)
end, { standalone = false })
if not ok and problem ~= leave then
  io.stderr:write(problem, "\n")
  leave.status = 1
end
moonport.quit(leave.status or 0)
