-- Asks at a control socket. The answer to a command is objects of JSON, each in a line; the last one says how it ended.
-- SPDX-License-Identifier: MIT

local json = require "ctl.json"

--- Sends a command and calls `each`(object, line) with every object of the answer. `msec`: patience for a line; -1: as
--- long as it takes. -> true | nil, the error; without one there is no answer any more
return function(socket, command, msec, each)
  if not socket:write(command) then return nil end
  while true do
    local line = socket:receive("line", msec)
    if not line then return nil end
    local object = json(line)
    if object.error then return nil, object.error end
    if object.done then return true end
    each(object, line)
  end
end
