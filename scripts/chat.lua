-- Chat: people in rooms talk line by line.   moonport chat.lua [port [address]] [--tls CERTIFICATE KEY]
-- unix:/path may take the place of both port and address.
-- Connect with: nc 127.0.0.1 7000, or with --tls: openssl s_client -quiet -connect 127.0.0.1:7000
local moonport = require "moonport"

local longest = 1000 -- bytes of a line; the rest of it is dropped
local help = "/nick NAME, /join ROOM, /who, /rooms, /quit; anything else is said to the room"

-- A reload keeps these tables, and the fields of sockets: socket.name and socket.room.
local rooms = moonport.persist("rooms", {}) -- the name of a room -> the set of sockets in it
local guests = moonport.persist("guests", { count = 0 })

local given, server = { table.unpack(arg) }, moonport.TcpServer()
local count = #given
if given[count - 2] == "--tls" then
  server = moonport.SslServer()
  assert(server:setSslConfiguration { certificate = given[count - 1], key = given[count] })
  given = table.move(given, 1, count - 3, 1, {})
end
local person = server.connection -- the handlers and methods of every connection of this server

local function tell(room, text)
  for someone in pairs(rooms[room]) do
    if not someone:write(text .. "\n") then -- doesn't read fast enough: the write buffer is full
      rooms[room][someone] = nil
      someone:abort()
    end
  end
end

local function fits(name)
  return name:find "^[%w_-]+$" and #name <= 20
end

local function find(name)
  for _, people in pairs(rooms) do
    for someone in pairs(people) do
      if someone.name:lower() == name:lower() then return someone end
    end
  end
end

local function sorted(set, text)
  local list = {}
  for key in pairs(set) do list[#list + 1] = text(key) end
  table.sort(list)
  return table.concat(list, ", ")
end

function person:enter(room)
  rooms[room] = rooms[room] or {}
  rooms[room][self] = true
  self.room = room
  tell(room, ("* %s joined %s"):format(self.name, room))
end

function person:leave(how)
  local people = rooms[self.room]
  if not people then return end
  people[self] = nil
  if next(people) then tell(self.room, ("* %s %s"):format(self.name, how)) else rooms[self.room] = nil end
  self.room = nil
end

local commands = {}

function commands.nick(self, name)
  if not fits(name) then return "a name has 1 to 20 letters, digits, - and _" end
  local other = find(name)
  if other and other ~= self then return name .. " is taken" end
  tell(self.room, ("* %s is now %s"):format(self.name, name))
  self.name = name
end

function commands.join(self, room)
  if not fits(room) then return "a room's name has 1 to 20 letters, digits, - and _" end
  if room == self.room then return "you are there already" end
  self:leave("went to " .. room)
  self:enter(room)
end

function commands.who(self)
  return sorted(rooms[self.room], function(someone) return someone.name end)
end

function commands.rooms()
  return sorted(rooms, function(room) return room end)
end

function commands.quit(self)
  self:disconnectFromHost() -- what is queued is still sent
end

function person:heard(line)
  if line == "" then return end
  local command, argument = line:match "^/(%a*)%s*(.*)$"
  if not command then return tell(self.room, ("%s: %s"):format(self.name, line)) end
  local answer = help
  if commands[command] then answer = commands[command](self, argument:match "^.*%S" or "") end
  if answer then self:write("* " .. answer .. "\n") end
end

function person:readyRead()
  while self:canReadLine() or self:bytesAvailable() >= longest do
    local line = self:readLine(longest)
    if not self.cutting then self:heard((line:gsub("%c", ""))) end
    self.cutting = line:sub(-1) ~= "\n"
  end
end

function person:disconnected()
  self:leave "left"
end

function server:newConnection()
  local socket = self:nextPendingConnection()
  repeat
    guests.count = guests.count + 1
    socket.name = "guest" .. guests.count
  until not find(socket.name)
  socket:write(("* Welcome, %s. %s\n"):format(socket.name, help))
  socket:enter "lobby"
end

server:setIdleTimeout(60 * 60 * 1000)
server:setWriteBufferLimit(256 * 1024)
local address, port = given[2] or "127.0.0.1", given[1] or 7000
if tostring(port):find "^unix:" then address, port = port, nil end
assert(server:listen(address, port))
moonport.log.info("chat: listening on %s%s", server:serverAddress(), port and " port " .. server:serverPort() or "")
