-- SPDX-License-Identifier: MIT
-- A program with a control socket in a folder of its own, and a client of it, for the specs of the control socket.

local cjson = require "cjson"
local helper = require "spec.helper"
local moonport = require "moonport"

local control = {}

local Client = {}
Client.__index = Client

--- Sends a command; `text` is what follows its line. -> the objects of the answer; the last one is how it ended
function Client:ask(command, text)
  assert(self.socket:write(command .. (text and " " .. #text or "") .. "\n" .. (text or "")))
  local objects = {}
  repeat
    local line = assert(self.socket:receive("line", helper.timeout))
    objects[#objects + 1] = cjson.decode(line)
  until objects[#objects].done or objects[#objects].error
  return objects
end

--- The objects before the last, which must say that all went well.
function Client:get(command, text)
  local objects = self:ask(command, text)
  assert(table.remove(objects).done, "the answer ended with an error")
  return objects
end

--- What a Lua entry prints and gives, in a line each; or its error.
function Client:eval(text, msec)
  local lines = {}
  for _, object in ipairs(self:ask(("eval %d"):format(msec or 5000), text)) do
    lines[#lines + 1] = object.print or object.value or object.error
  end
  return table.concat(lines, "\n")
end

local sockets = {}

--- For after_each.
function control.close()
  for i, socket in ipairs(sockets) do
    socket:abort()
    sockets[i] = nil
  end
end

function control.connect(path)
  local socket = moonport.LocalSocket()
  sockets[#sockets + 1] = socket
  socket:setReadBufferSize(0)
  socket:connectToServer(path)
  assert(socket:waitForConnected(helper.timeout))
  return setmetatable({ socket = socket }, Client)
end

--- Starts a script with a control socket. -> program, client, the socket's path, port, the script's path
function control.start(source, options)
  options = options or {}
  local path = helper.folder()
  os.remove(path)
  options.script = helper.file(source, "script.lua")
  options.options = { "--control", path, table.unpack(options.options or {}) }
  local program = helper.program(options)
  local port = source:find "listening on" and tonumber(program:waitForLine "listening on .-(%d+)$")
  local client = helper.eventually(function()
    local made, found = pcall(control.connect, path)
    return made and found
  end, "a control socket")
  return program, client, path, port, options.script
end

--- A service that echoes.
control.echo = [[
  local moonport = require "moonport"
  server = moonport.TcpServer()
  function server.connection:readyRead() self:write(self:readAll()) end
  assert(server:listen "127.0.0.1")
  moonport.log.info("listening on %d", server:serverPort())
]]

return control
