-- SPDX-License-Identifier: MIT
-- The service of ./dev soak: echoes on TCP, TLS, UDP, HTTP and WebSocket, with handlers of all kinds. soak.py writes it
-- anew for each reload, with code at the marks, which comments are until then.
--                                                moonport service.lua TCP-PORT TLS-PORT HTTP-PORT UDP-PORT FOLDER
local moonport = require "moonport"
local http = require "moonport.http"
local websocket = require "moonport.websocket"
--@BEFORE@

local tcpPort, tlsPort, httpPort, udpPort, folder = table.unpack(arg)
local generation = moonport.generation()
local file <close> = assert(io.open "/proc/self/stat")
local pid = file:read "n"
local greeting = ("%d %d\n"):format(pid, generation)

-- What the first line of a connection asks for; any other is an echo of bytes by the prototype's handler.
local modes = {}

local function answerLine(socket, line) socket:write(line) end

-- Handlers of this socket alone, which each reload exchanges.
local function serveLines(socket)
  function socket:readyRead()
    while self:canReadLine() do answerLine(self, self:readLine()) end
  end
end

function modes:closure()
  serveLines(self)
  self:readyRead()
end

-- A handler that waits, until there is newer code; that goes on with what it has read of a line.
function modes:wait()
  repeat
    local line, _, code, partial = self:receive("line", 20)
    self.partial = (self.partial or "") .. (line or partial or "")
    if line then
      answerLine(self, self.partial .. "\n")
      self.partial = nil
    end
  until moonport.stale() or (code and code ~= "SocketTimeoutError")
end

-- A helper process that echoes.
function modes:process()
  local cat <close> = moonport.Process()
  cat:start("cat", { "-u" })
  cat:write(self:receive("line", 10000) .. "\n")
  self:write(cat:receive("line", 10000) .. "\n")
end

-- Through a thread and back.
function modes:work()
  local line = self:receive("line", 10000)
  self:write(moonport.work(function(text) return text:reverse() end, line) .. "\n")
end

function modes.fail() error "soak: a handler fails" end

function modes.failLater()
  moonport.sleep(5)
  error "soak: a handler that has waited fails"
end

local servers = { moonport.TcpServer(), moonport.SslServer() }

local function readyRead(self)
  if not self.asked then
    if not self:canReadLine() then return end
    self.asked = self:readLine():sub(1, -2)
  elseif self.asked == "wait" then
    return modes.wait(self)
  end
  local first = modes[self.asked]
  if first and not self.begun then
    self.begun = true
    return first(self)
  end
  self:write(self:readAll())
end

for _, server in ipairs(servers) do
  server.connection.readyRead = readyRead
  function server:newConnection()
    for socket in self.nextPendingConnection, self do socket:write(greeting) end
  end
  function server.connectionResumed(_, socket)
    if socket.asked == "closure" then serveLines(socket) end
  end
end
local live = folder .. "/tls/live/"
assert(servers[2]:setSslConfiguration { certificate = live .. "cert.pem", key = live .. "key.pem" })

local routes = http.router()
local fields = { ["X-Worker"] = tostring(pid), ["Content-Type"] = "application/octet-stream" }

routes:use("/files", http.files(folder .. "/files"))
routes:get("/ws", websocket.accept)
routes:get("/loop", function(request, socket)
  local ws = websocket.accept(request, socket)
  if not ws then return end
  for message, kind in ws:messages() do ws:send(message, kind) end
end)
routes:get("/fail", function() error "soak: a route fails" end)
routes:post("/echo", function(request) return 200, fields, request.body end)
routes:post("/pieces", function(request)
  return 200, fields, function(write)
    for at = 1, #request.body, 7001 do
      if not write(request.body:sub(at, at + 7000)) then return end
    end
  end
end)

local web = http.server(routes, { body = 1 << 20, connections = 1000 })

function web.websocket:message(message, kind) self:send(message, kind) end

if moonport.worker() == 1 then
  local socket = moonport.UdpSocket()
  function socket:datagramReceived(data, address, port) self:writeDatagram(pid .. " " .. data, address, port) end
  assert(socket:bind("127.0.0.1", udpPort))
end

local ticks = moonport.Timer()
function ticks:timeout() self.count = (self.count or 0) + 1 end
ticks:start(10)
moonport.spawn(function() while true do moonport.sleep(10) end end)

assert(servers[1]:listen("127.0.0.1", tcpPort))
assert(servers[2]:listen("127.0.0.1", tlsPort))
assert(web:listen("127.0.0.1", httpPort))
--@AFTER@
moonport.log.info("serving, generation %d", generation)
