-- Asks the program that this process serves, as `moonport ctl` does: each question is a visit. The owner of the channel
-- makes the connection.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local request = require "ctl.request"

local visits = {}
local channel
local one = moonport.Semaphore(1) -- that asks for a connection

local PATIENCE = 2000 -- milliseconds for a line of an answer

--- `descriptor`: the channel. `gone`() is called when the program has ended.
function visits.open(descriptor, gone)
  channel = moonport.LocalSocket()
  channel:setReceiveDescriptors(16)
  function channel.disconnected() gone() end
  assert(channel:setSocketDescriptor(descriptor))
end

-- -> socket | nil: the program can't
local function connect()
  local permit <close> = one:acquire() -- luacheck: ignore
  channel:write "visit\n"
  local line = channel:receive("line", PATIENCE)
  local fd = line and line:find "visit" and channel:receiveDescriptor(PATIENCE)
  if not fd then return nil end
  local socket = moonport.LocalSocket()
  socket:setReadBufferSize(0)
  assert(socket:setSocketDescriptor(fd))
  return socket
end

--- Asks the program, or one of its workers, and calls `each` with every object of the answer, or collects them. It may
--- be silent for so many milliseconds longer than others. -> objects | nil, why
function visits.ask(command, worker, each, silence)
  local socket <close> = connect()
  if not socket then return nil, "the program does not answer" end
  local objects = {}
  if worker then
    local ok, why = request(socket, ("worker %d\n"):format(worker), PATIENCE, function() end)
    if not ok then return nil, why or "the worker does not answer" end
  end
  local ok, why = request(socket, command .. "\n", PATIENCE + (silence or 0), each or function(object)
    objects[#objects + 1] = object
  end)
  if ok then return objects end
  return nil, why or "it does not answer"
end

return visits
