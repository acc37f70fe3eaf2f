-- What the master says to a worker: lines, with a descriptor or without.
-- SPDX-License-Identifier: MIT

local host = require "moonport.program.host"

local tell = {}

--- Sends a line to a worker, with a descriptor or without.
function tell.worker(worker, line, fd)
  local channel = worker.channel
  if not channel then return end
  if not fd then return channel:write(line .. "\n") end
  line = "+" .. line .. "\n"
  channel:flush()
  local to = channel:socketDescriptor() -- -1: its process has just ended
  if to >= 0 and (channel:bytesToWrite() > 0 or not host.send(to, line, fd)) then
    channel:sendDescriptor(fd, line) -- waits for room, for which it needs a descriptor more
  end
end

--- The same behind sources for what it says.
function tell.behind(sources, worker, line)
  for _, fd in ipairs(sources) do tell.worker(worker, "sources", fd) end
  tell.worker(worker, line)
end

return tell
