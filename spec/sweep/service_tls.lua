-- The service of the sweep over TLS: it accepts, echoes, chooses a certificate, encrypts later, connects, renews its
-- certificate, is reloaded and stopped. It prints a line that begins with "told" for each error that the script gets.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"

local host, upstream, folder = arg[1], math.tointeger(arg[2]), arg[3]
local counts = moonport.persist("counts", { ended = 0 })

local function say(...)
  local line = table.concat({ ... }, "\t") .. "\n"
  return io.stdout:write(line) and io.stdout:flush()
end

local function failed(socket, code)
  if code ~= "RemoteHostClosedError" then say("told", tostring(socket), code, socket:errorString()) end
end

local function ended() counts.ended = counts.ended + 1 end

local function certificate(name)
  return { certificate = ("%s/%s.pem"):format(folder, name), key = ("%s/%s.key"):format(folder, name) }
end

-- A connection ends with a word of its own, or its handshake fails: then the server has it.
local function watch(server)
  server.connection.errorOccurred, server.connection.disconnected = failed, ended
  function server:acceptError(code) say("told", "accept", code) end
  function server:errorOccurred(socket, code)
    ended()
    say("told", "handshake", code, socket:errorString())
  end
end

local echo = moonport.SslServer()
watch(echo)
assert(echo:setSslConfiguration(certificate "first"))

function echo:serverNameRequested(name)
  moonport.sleep(1)
  return certificate(name)
end

function echo.connection:readyRead()
  local data = self:readAll()
  if data == "bye\n" then
    assert(self:write(("bye"):rep(10000) .. "\n"))
    self:disconnectFromHost()
  elseif data then
    assert(self:write(data))
  end
end

local function fetch()
  local socket <close> = moonport.SslSocket()
  local ok, message, code = socket:setSslConfiguration { caCertificates = folder .. "/authority.pem" }
  if not ok then return ("failed %s %s"):format(code, message) end
  socket:connectToHostEncrypted("127.0.0.1", upstream, "upstream.test")
  ok, message, code = socket:waitForEncrypted(2000)
  if not ok then return ("failed %s %s"):format(code, message) end
  assert(socket:write "ping\n")
  local line
  line, message, code = socket:receive("line", 2000)
  return line or ("failed %s %s"):format(code, message)
end

local function report()
  local stats = moonport.stats()
  return ("accepted %d ended %d connections %d reloads %d"):format(stats.accepted, counts.ended, stats.connections,
    stats.reload.count + stats.reload.failures)
end

-- A line is a command; behind "encrypt" the connection is an encrypted echo.
local command = moonport.SslServer()
watch(command)
command:setImplicitEncryption(false)
assert(command:setSslConfiguration(certificate "first"))

function command.connection:readyRead()
  if self:isEncrypted() then return assert(self:write(self:readAll())) end
  for line in self:lines() do
    if line == "encrypt" then
      assert(self:write "go\n")
      return assert(self:startServerEncryption())
    end
    assert(self:write((line == "fetch" and fetch() or report()) .. "\n"))
  end
end

moonport.onReload(function(ok, about) say(ok and "reloaded" or "told", moonport.generation(), about.error or "") end)
moonport.onQuit(function() say "quit" end)

assert(echo:listen(host))
assert(command:listen(host))
assert(say("serving", moonport.generation(), echo:serverPort(), command:serverPort()))
