-- A temporary folder, which a shell removes when it is closed, or when this process ends, in whatever way.
-- SPDX-License-Identifier: MIT

local program = require "moonport.test.program"

local Folder = { __name = "moonport.test.Folder" }
Folder.__index = Folder

-- Waits for a line, or for the end of this process; no signal of the terminal ends it.
local keeper = [[
trap '' HUP INT QUIT TERM
read line
rm -rf '%s'
]]

--- Makes an empty folder. -> the folder, with its path. It holds a file, and no objects of moonport.
function Folder.open(environment)
  local maker = {}
  local started, message = program.start(maker,
    { "sh", "-c", 'mktemp -d "${TMPDIR:-/tmp}/moonport-test-XXXXXX"' }, environment)
  if not started then error(message, 0) end
  program.waitForEnd(maker, math.huge)
  local path = maker.written:match "^(.+)\n$"
  if not path then error("there is no temporary folder: " .. maker.errors, 0) end
  return setmetatable({ path = path, keeper = assert(io.popen(keeper:format(path:gsub("'", "'\\''")), "w")) }, Folder)
end

--- Removes the folder with its files, and waits until it is gone. -> what went wrong, or ""
function Folder:close()
  if not self.keeper then return "" end
  self.keeper:write "\n"
  local ok, how, number = self.keeper:close()
  self.keeper = nil
  return ok and "" or ("rm ended with %s %d"):format(how, number)
end

return Folder
