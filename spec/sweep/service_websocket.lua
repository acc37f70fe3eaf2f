-- The service of the sweep over WebSocket: it upgrades, echoes by handlers and by a loop, connects to itself, closes,
-- is reloaded and stopped. It prints a line that begins with "told" for each error that the script gets.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local http = require "moonport.http"
local websocket = require "moonport.websocket"

local host = arg[1]
local counts = moonport.persist("counts", { opened = 0, closed = 0 })

local function say(...)
  local line = table.concat({ ... }, "\t") .. "\n"
  return io.stdout:write(line) and io.stdout:flush()
end

local echo = http.server(function(request, socket)
  local ws = websocket.accept(request, socket, { pingTime = 1000 })
  if not ws then return end
  counts.opened = counts.opened + 1
  if request.path ~= "/loop" then return end
  for message, kind in ws:messages() do assert(ws:send(message, kind)) end
end)

function echo:acceptError(code) say("told", "echo", code) end

function echo.websocket:message(message, kind)
  if message == "bye" then self:close(1001, "bye") else assert(self:send(message, kind)) end
end

function echo.websocket:closed() counts.closed = counts.closed + 1 end -- luacheck: no self

local commands = {}

function commands.connect()
  local function failed(what, message, code) return ("failed %s %s: %s"):format(code, what, message) end
  local url = ("ws://127.0.0.1:%d/"):format(echo:serverPort())
  local ws <close>, message, code = websocket.connect(url, { timeout = 2000 })
  if not ws then return failed("connect", message, code) end
  local ok
  ok, message, code = ws:send "Hello"
  if not ok then return failed("send", message, code) end
  local text
  text, message, code = ws:receive(2000)
  if not text then return failed("receive", message, code) end
  ws:close(3000)
  ok, message, code = ws:receive(2000)
  if ok or not ws:closeCode() then return failed("close", message, code) end
  return text .. " " .. ws:closeCode()
end

function commands.report()
  local stats = moonport.stats()
  return ("accepted %d opened %d closed %d connections %d reloads %d"):format(stats.accepted, counts.opened,
    counts.closed, stats.connections, stats.reload.count + stats.reload.failures)
end

local command = moonport.TcpServer()

function command:acceptError(code) say("told", "command", code) end

function command.connection:errorOccurred(code)
  if code ~= "RemoteHostClosedError" then say("told", tostring(self), code) end
end

function command.connection:readyRead()
  for line in self:lines() do assert(self:write(commands[line]() .. "\n")) end
end

moonport.onReload(function(ok, about) say(ok and "reloaded" or "told", moonport.generation(), about.error or "") end)
moonport.onQuit(function() say "quit" end)

assert(echo:listen(host))
assert(command:listen(host))
assert(say("serving", moonport.generation(), echo:serverPort(), command:serverPort()))
