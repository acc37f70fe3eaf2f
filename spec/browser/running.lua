-- SPDX-License-Identifier: MIT
-- One Chromium for all specs of a file: a helper's program would end with its spec.
--
--   local running
--   setup(function() running = start() end)
--   teardown(function() running:stop() end)
--   … running:connect():open(url)
local chromium = require "spec.browser.chromium"
local helper = require "spec.helper"

local posix = helper.posix

local Running = {}
Running.__index = Running

function Running:connect() return chromium.connect(self.folder) end

--- Ends it, and removes its folder.
function Running:stop()
  pcall(function() self:connect():quit() end)
  if not pcall(helper.eventually, function() return posix.wait(self.pid) end) then
    posix.kill(self.pid, posix.SIGKILL)
    posix.wait(self.pid)
  end
  helper.run { "rm", "-rf", self.folder }
end

return function()
  local folder = helper.folder()
  return setmetatable({ folder = folder, pid = assert(posix.spawn(chromium.command(folder), { "LD_PRELOAD" })) },
    Running)
end
