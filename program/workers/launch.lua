-- Starts the process of a worker, with a channel of lines and descriptors to it.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local host = require "moonport.program.host"
local lines = require "moonport.program.lines"
local words = require "moonport.program.words"

--- `heard`(channel, words, fd) is called for each line, without words for one that is too long;
--- `ended`(process, why, crashed, code) behind all lines, when the process has ended: by a signal, if it `crashed`.
--- -> process, channel | nil, why
local function launch(number, count, heard, ended)
  local ours, theirs = host.pair()
  if not ours then return nil, theirs end
  local process, channel = moonport.Process(), moonport.LocalSocket()
  channel:setReadBufferSize(lines.longest)
  channel:setReceiveDescriptors(64)
  assert(channel:setSocketDescriptor(ours))
  process:setProgram "/proc/self/exe" -- also if another version has been installed meanwhile
  process:setArguments { "--as-worker", ("%d/%d:%d"):format(number, count, 3 + host.passed),
    table.unpack(host.arguments) }
  process:setProcessChannelMode "ForwardedChannels"
  if number == 1 then
    process:setInputChannelMode "ForwardedInputChannel"
  else
    process:setStandardInputFile "/dev/null"
  end
  host.give(process, theirs)

  local how, parted
  local function leave() if how and parted then ended(process, table.unpack(how, 1, 3)) end end

  function process:finished(code, status, name) -- luacheck: no self
    local crashed = status == "CrashExit"
    how = { crashed and "was ended by " .. (name or code) or ("ended with status %d"):format(code), crashed, code }
    leave()
  end

  function channel:disconnected() -- luacheck: no self
    parted = true
    leave()
  end

  function channel:readyRead()
    while self:canReadLine() do
      local list, brings = words.split(self:readLine())
      heard(self, list, brings and self:receiveDescriptor(0) or nil)
    end
    if self:bytesAvailable() >= lines.longest then heard(self, {}) end
  end

  local ok, why = process:start()
  host.close(theirs)
  if ok then return process, channel end
  channel:abort()
  return nil, why
end

return launch
