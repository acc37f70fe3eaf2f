-- The service of the sweep: accepts, echoes, connects by name, waits, fails, has timers, is reloaded and stopped.
-- A line of standard output begins with "told" where something has gone wrong and the script was told of it.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"

local host, port = arg[1], math.tointeger(arg[2])
local counts = moonport.persist("counts", { disconnected = 0 })

local function say(...)
  local line = table.concat({ ... }, "\t") .. "\n"
  return io.stdout:write(line) and io.stdout:flush()
end

local function failed(socket, code)
  if code ~= "RemoteHostClosedError" then say("told", tostring(socket), code) end
end

local function ended() counts.disconnected = counts.disconnected + 1 end

-- By signals: all that comes goes back.
local echo = moonport.TcpServer()

function echo:acceptError(code) say("told", "echo", code) end

function echo:newConnection()
  for socket in function() return self:nextPendingConnection() end do
    socket.errorOccurred, socket.disconnected = failed, ended
    socket.readyRead = function(this)
      local data = this:readAll()
      if data then assert(this:write(data)) end
    end
  end
end

function echo:connectionResumed(socket)
  socket.errorOccurred, socket.disconnected = failed, ended
  socket.readyRead = function(this) assert(this:write(this:readAll())) end
end

-- From top to bottom: a line is a command, and its answer a line.
local commands = {}

local function fetch(name, where)
  local socket <close> = moonport.TcpSocket()
  socket:connectToHost(name, where)
  local ok, message, code = socket:waitForConnected(2000)
  if not ok then return ("failed %s %s"):format(code, message) end
  assert(socket:write "ping\n")
  local line
  line, message, code = socket:receive("line", 2000)
  return line or ("failed %s %s"):format(code, message)
end

function commands.name(_, name) return fetch(name, port) end

function commands.refused() return fetch("127.0.0.1", 1) end

function commands.wait(socket)
  moonport.sleep(1)
  local line, _, code = socket:receive("line", 2)
  return tostring(line) .. " " .. tostring(code)
end

function commands.task()
  local task = moonport.spawn(function(a, b)
    moonport.sleep(1)
    return a + b
  end, 1, 2)
  return "sum " .. tostring(task:join(2000))
end

function commands.timer(socket)
  local ticks, timer = 0, moonport.Timer()
  function timer:timeout()
    ticks = ticks + 1
    if ticks == 3 then
      self:stop()
      assert(socket:write "ticks 3\n")
    end
  end
  timer:start(1)
end

function commands.later(socket)
  moonport.singleShot(1, function() assert(socket:write "later\n") end)
end

function commands.fail() error "on purpose" end

function commands.file()
  local file <close> = assert(io.open(arg[0]))
  return file:read()
end

function commands.bye(socket)
  assert(socket:write(("bye"):rep(1000) .. "\n"))
  socket:disconnectFromHost()
end

-- Large pieces leave together, and then the write side ends.
function commands.pieces(socket)
  for i = 1, 4 do assert(socket:write(tostring(i):rep(20000))) end
  assert(socket:write "\n")
  socket:closeWriteChannel()
end

function commands.report()
  local stats = moonport.stats()
  return ("accepted %d disconnected %d connections %d reloads %d"):format(stats.accepted, counts.disconnected,
    stats.connections, stats.reload.count + stats.reload.failures)
end

local command = moonport.TcpServer()

function command:acceptError(code) say("told", "command", code) end

command.connection.errorOccurred, command.connection.disconnected = failed, ended

function command.connection:readyRead()
  for line in self:lines() do
    local name, argument = line:match "^(%a+) ?(.*)$"
    local answer = commands[name](self, argument)
    if answer then assert(self:write(answer .. "\n")) end
  end
end

moonport.onReload(function(ok, report)
  say(ok and "reloaded" or "told", moonport.generation(), report.error or "")
end)
moonport.onQuit(function() say "quit" end)

assert(echo:listen(host))
assert(command:listen(host))
assert(say("serving", moonport.generation(), echo:serverPort(), command:serverPort()))
