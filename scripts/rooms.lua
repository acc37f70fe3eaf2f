-- Chat rooms over any number of workers and machines, which share a store: the program's own on one machine, or the
-- Redis that --store URL or MOONPORT_STORE names.   moonport [--workers N] rooms.lua [port [address]]
-- unix:/path may take the place of both port and address. Connect with: nc 127.0.0.1 7000
local moonport = require "moonport"
local redis = require "moonport.redis"
local where = require "where"

local longest = 1000 -- bytes of a line; the rest of it is dropped
local stays = 30     -- seconds that a name is kept whose machine has vanished
local help = "/nick NAME, /join ROOM, /who, /quit; anything else is said to the room"

-- In the store: rooms:guests counts guests, rooms:name:NAME belongs to whoever has that name, rooms:in:ROOM has the
-- names of its people with the time until which that holds. What is said to a room is published to rooms:said:ROOM.
local store = assert(redis.connect())
local people = moonport.persist("people", {}) -- the set of this process' sockets; each has its name and room

local server = moonport.TcpServer()
local person = server.connection

local function fits(name) return name:find "^[%w_-]+$" and #name <= 20 end

local function say(room, text) return store:publish("rooms:said:" .. room, text) end

-- Until when a name counts, for rooms:in:ROOM.
local function expiry() return moonport.epoch() // 1000 + stays end

local function take(name) return store:set("rooms:name:" .. name:lower(), name, "NX", "EX", stays) end

function person:enter(room)
  self.room = room
  store:hset("rooms:in:" .. room, self.name, expiry())
  return say(room, ("* %s joined %s"):format(self.name, room))
end

function person:leave(how)
  local room = self.room
  self.room = nil
  store:hdel("rooms:in:" .. room, self.name)
  return say(room, ("* %s %s"):format(self.name, how))
end

local commands = {}

function commands.nick(self, name)
  if not fits(name) then return "a name has 1 to 20 letters, digits, - and _" end
  local old = self.name
  if name:lower() ~= old:lower() then
    local taken, why = take(name)
    if not taken then return why or name .. " is taken" end
    if not people[self] then return store:del("rooms:name:" .. name:lower()) end -- left meanwhile
  end
  self.name = name
  local room = self.room
  store:multi(function(t)
    if name:lower() ~= old:lower() then t:del("rooms:name:" .. old:lower()) end
    t:hdel("rooms:in:" .. room, old)
    t:hset("rooms:in:" .. room, name, expiry())
  end)
  say(room, ("* %s is now %s"):format(old, name))
end

function commands.join(self, room)
  if not fits(room) then return "a room's name has 1 to 20 letters, digits, - and _" end
  if room == self.room then return "you are there already" end
  self:leave("went to " .. room)
  if people[self] then self:enter(room) end
end

function commands.who(self)
  local room, names = "rooms:in:" .. self.room, {}
  local all, why = store:hgetall(room)
  if not all then return why end
  for i = 1, #all, 2 do
    local counts = tonumber(all[i + 1]) > moonport.epoch() // 1000
    if counts then names[#names + 1] = all[i] else store:hdel(room, all[i]) end
  end
  table.sort(names)
  return table.concat(names, ", ")
end

function commands.quit(self) self:disconnectFromHost() end

function person:heard(line)
  local command, argument = line:match "^/(%a*)%s*(.*)$"
  if command then
    local answer = help
    if commands[command] then answer = commands[command](self, argument:match "^.*%S" or "") end
    if answer then self:write("* " .. answer .. "\n") end
  elseif line ~= "" then
    local ok, why = say(self.room, ("%s: %s"):format(self.name, line))
    if not ok then self:write("* nobody has got that: " .. why .. "\n") end
  end
end

function person:readyRead()
  while self.room and (self:canReadLine() or self:bytesAvailable() >= longest) do
    local line = self:readLine(longest)
    if not self.cutting then self:heard((line:gsub("%c", ""))) end
    self.cutting = line:sub(-1) ~= "\n"
  end
end

function person:disconnected()
  if not people[self] then return end
  people[self] = nil
  if self.room then self:leave "left" end
  store:del("rooms:name:" .. self.name:lower())
end

function server:newConnection()
  local socket = self:nextPendingConnection()
  local number, why
  repeat
    number, why = store:incr "rooms:guests"
  until not number or take("guest" .. number)
  if not number then
    socket:write("* Sorry: " .. why .. "\n")
    return socket:disconnectFromHost()
  end
  socket.name = "guest" .. number
  socket:write(("* Welcome, %s. %s\n"):format(socket.name, help))
  if socket:state() ~= "ConnectedState" then return store:del("rooms:name:" .. socket.name) end
  people[socket] = true
  socket:enter "lobby"
  socket:readyRead()
end

-- What anybody says anywhere comes once to each process, which tells those of its people that are in the room.
assert(store:psubscribe("rooms:said:*", function(text, channel)
  local room = channel:sub(#"rooms:said:" + 1)
  for someone in pairs(people) do
    if someone.room == room and not someone:write(text .. "\n") then
      someone:abort() -- it doesn't read fast enough: the write buffer is full
    end
  end
end))

function store.reconnected()
  for someone in pairs(people) do someone:write "* The rooms were apart for a moment: something may be missing.\n" end
end

-- Says that this process' people are still there.
local refresh = moonport.Timer()
function refresh:timeout()
  store:multi(function(t) -- it doesn't wait, so nobody comes while this goes over the people
    for someone in pairs(people) do
      if someone.room then
        t:hset("rooms:in:" .. someone.room, someone.name, expiry())
        t:set("rooms:name:" .. someone.name:lower(), someone.name, "EX", stays)
      end
    end
  end)
end
refresh:start(stays * 1000 / 3)

server:setIdleTimeout(60 * 60 * 1000)
server:setWriteBufferLimit(256 * 1024)
assert(server:listen(table.unpack((where.from(arg, 7000)))))
moonport.log.info("rooms: listening on %s", where.of(server))
