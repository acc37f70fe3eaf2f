-- SPDX-License-Identifier: MIT
-- A service whose script is replaced while it runs, for the specs of reloading.

local helper = require "spec.helper"

local Service = {}
Service.__index = Service

-- One line, so that the body begins in line 2. The port is 0 in each generation: they share one listener.
local head = 'local moonport = require "moonport" local server = moonport.TcpServer() '
  .. 'local person = server.connection\n'
local tail = '\nassert(server:listen("127.0.0.1", 0)) moonport.log.info("listening on %d", server:serverPort())\n'

--- Replaces a file of the service's folder by renaming.
function Service:write(name, text)
  helper.rewrite(self.folder .. "/.new", text)
  assert(os.rename(self.folder .. "/.new", self.folder .. "/" .. name))
end

function Service:replace(body)
  self:write("main.lua", head .. body .. tail)
end

--- Starts the program with the script; options.options, options.files (name -> text), options.plain (no head
--- and tail), options.environment.
local function start(body, options)
  options = options or {}
  local folder = helper.folder()
  local self = setmetatable({ folder = folder }, Service)
  for name, text in pairs(options.files or {}) do self:write(name, text) end
  if options.plain then self:write("main.lua", body) else self:replace(body) end
  self.program = helper.program { options = options.options, script = folder .. "/main.lua", args = options.args,
    environment = options.environment }
  self.port = self.program:waitForLine "listening on .-(%d+)$"
  return self
end

--- Removes the files; the helper ends the program.
function Service:remove()
  os.execute(("rm -rf '%s'"):format(self.folder))
end

--- Waits for the line of the next reload. -> the rest of the line after "reloaded main.lua: "
function Service:reloaded(msec)
  return self.program:waitForLine("reloaded main%.lua: (.*)$", msec)
end

--- Waits for the line of the next failed reload. -> the error, the generation that goes on
function Service:failed(msec)
  local generation, text = self.program:waitForLine("reload of main%.lua failed, generation (%d+) goes on: (.*)$", msec)
  return text:gsub(self.folder:gsub("%p", "%%%0") .. "/", ""), tonumber(generation)
end

--- Replaces the script, sends HUP, waits for the line.
function Service:reload(body)
  if body then self:replace(body) end
  self.program:signal "HUP"
  return self:reloaded()
end

function Service:reloadFails(body)
  if body then self:replace(body) end
  self.program:signal "HUP"
  return self:failed()
end

function Service:connect()
  return helper.connect(self.port)
end

--- Sends a line, or the text of a script, and returns the answer line without its end.
local function ask(client, text)
  client:send(text .. "\n")
  return (client:receiveLine():gsub("\n$", ""))
end

return { start = start, ask = ask }
