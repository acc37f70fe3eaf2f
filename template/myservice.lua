#!/usr/bin/env moonport
-- myservice: answers commands, one per line.   moonport myservice.lua [port [address]] --plain
-- Talk to it with: nc 127.0.0.1 7000 --plain
--tls -- myservice: answers commands, one per line, by TLS.   moonport myservice.lua [port [address [certificate key]]]
--tls -- Talk to it with: openssl s_client -quiet -CAfile certificate.pem -connect 127.0.0.1:7000
local moonport = require "moonport"

local longest = 1024           -- bytes of a line
local most = 1000              -- connections at once; further clients wait
local patience = 5 * 60 * 1000 -- milliseconds without a byte after which a connection ends

-- A reload makes fresh locals. It keeps what is in persist, or in a field of a connection.
local totals = moonport.persist("totals", { requests = 0 })

local server = moonport.TcpServer() --plain
--tls local server = moonport.SslServer()
--tls assert(server:setSslConfiguration { certificate = arg[3] or "certificate.pem", key = arg[4] or "key.pem" })
local client = server.connection -- handlers, data and methods that every connection has

-- A command gets the connection, and the text after its name in the line. It returns the answer, or nil and what is
-- wrong.
local commands = {}

function commands.hello(_, name)
  if name == "" then return nil, "hello whom?" end
  return "hello " .. name
end

function commands.sleep(_, seconds)
  seconds = tonumber(seconds)
  if not seconds or not (seconds >= 0 and seconds <= 60) then return nil, "sleep how many seconds, up to 60?" end
  moonport.sleep(seconds * 1000) -- a handler may wait: only this client waits, all others go on
  return "good morning"
end

function commands.count()
  return totals.requests .. " requests so far"
end

function commands.help()
  local names = {}
  for name in pairs(commands) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, " ")
end

function commands.quit(self)
  self:readAll() -- doesn't answer what follows
  self:write "ok bye\n"
  self:disconnectFromHost() -- once everything is sent
end

function client:answer(line)
  totals.requests = totals.requests + 1
  local name, argument = line:match "^%s*(%S*)%s*(.*)$"
  argument = argument:match "^.*%S" or "" -- without blanks at its end
  local answer, wrong = nil, "no such command; help lists them"
  if commands[name] then answer, wrong = commands[name](self, argument) end
  if answer or wrong then self:write((answer and "ok " .. answer or "error " .. wrong) .. "\n") end
end

function client:readyRead()
  while self:canReadLine() do self:answer(self:readLine()) end
  if self:bytesAvailable() >= longest then
    self:readAll()
    self:write(("error a line has at most %d bytes\n"):format(longest))
    self:disconnectFromHost()
  end
end

function client:errorOccurred(code)
  if code == "RemoteHostClosedError" then return end -- it disconnected, as clients do
  moonport.log.info("%s: %s", self:peerAddress(), self:errorString())
end

server:setMaxConnections(most)
server:setIdleTimeout(patience)
server:setReadBufferSize(longest)
assert(server:listen(arg[2] or "127.0.0.1", arg[1] or 7000))
moonport.log.info("myservice: listening on %s port %d", server:serverAddress(), server:serverPort())
