-- The service of the sweep: it accepts, echoes, connects by name, waits, fails, has timers, datagrams, Unix-domain
-- sockets, pipes and files to send, is reloaded and stopped. It prints a line that begins with "told" for each error
-- that the script gets.
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

-- Signals: sends back what arrives.
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

-- Sequential: a line is a command, and its answer a line.
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

-- A program, without the faults of this one.
function commands.process()
  local process <close> = moonport.Process()
  process:setProcessEnvironment { PATH = os.getenv "PATH" }
  local ok, message, code = process:start "cat"
  if not ok then return ("failed %s %s"):format(code, message) end
  assert(process:write "ping\n")
  local line
  line, message, code = process:receive("line", 2000)
  process:closeWriteChannel()
  if line then ok, message, code = process:waitForFinished(2000) end
  if not line or not ok then return ("failed %s %s"):format(code, message) end
  return line .. " " .. table.concat({ process:exitCode(), process:exitStatus() }, " ")
end

function commands.bye(socket)
  assert(socket:write(("bye"):rep(1000) .. "\n"))
  socket:disconnectFromHost()
end

-- Large pieces are sent together, and then the write side ends.
function commands.pieces(socket)
  for i = 1, 4 do assert(socket:write(tostring(i):rep(20000))) end
  assert(socket:write "\n")
  socket:closeWriteChannel()
end

local function refused(what, message, code) return ("failed %s %s: %s"):format(code, what, message) end

-- A datagram may be lost, as every one may.
function commands.datagram()
  local server <close> = moonport.UdpSocket()
  local client <close> = moonport.UdpSocket()
  function server:datagramReceived(data, address, where) self:writeDatagram(data:upper(), address, where) end
  local ok, message, code = server:bind "127.0.0.1"
  if not ok then return refused("bind", message, code) end
  ok, message, code = client:connectToHost("127.0.0.1", server:localPort())
  if not ok then return refused("connect", message, code) end
  for _ = 1, 20 do
    local data
    for _ = 1, 3 do client:write "datagram" end
    data, message, code = client:receive(50)
    if data then return data end
  end
  return refused("receive", message, code)
end

-- A listener is passed over a Unix-domain socket.
function commands.unix()
  local path = arg[0] .. ".sock"
  local server <close> = moonport.LocalServer()
  local client <close> = moonport.LocalSocket()
  local tcp <close> = moonport.TcpServer()
  server:setReceiveDescriptors(1)
  server:setSocketPermissions "0600"
  local ok, message, code = server:listen(path)
  if not ok then return refused("listen", message, code) end
  ok, message, code = tcp:listen "127.0.0.1"
  if not ok then return refused("listen", message, code) end
  ok, message, code = client:connectToServer(path)
  if not ok then return refused("connect", message, code) end
  ok, message, code = client:sendDescriptor(tcp, "a listener\n")
  if not ok then return refused("send", message, code) end
  ok, message, code = server:waitForNewConnection(2000)
  if not ok then return refused("accept", message, code) end
  local peer <close> = server:nextPendingConnection()
  peer.disconnected = ended
  local fd
  fd, message, code = peer:receiveDescriptor(2000)
  if not fd then return refused("receive", message, code) end
  local passed <close> = moonport.TcpServer()
  ok, message, code = passed:setSocketDescriptor(fd)
  if not ok then return refused("adopt", message, code) end
  return passed:serverPort() == tcp:serverPort() and "passed" or "another port"
end

-- Everything that comes goes to the echo server, and back.
function commands.pipe(socket)
  local upstream <close> = moonport.TcpSocket()
  upstream:connectToHost("127.0.0.1", echo:serverPort())
  if not upstream:waitForConnected(2000) then return socket:abort() end
  assert(socket:write "piped\n")
  local bytes = moonport.pipe(socket, upstream)
  socket:abort()
  if bytes == nil then counts.broken = (counts.broken or 0) + 1 end
end

function commands.send(socket)
  if not socket:sendFile(arg[0] .. ".large") then return socket:abort() end
  socket:disconnectFromHost()
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
