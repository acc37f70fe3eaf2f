-- Chat rooms over any number of workers and machines, which share a store: the program's own on one machine, or the
-- Redis that --store URL or MOONPORT_STORE names.   moonport [--workers N] rooms.lua [port [address]]
-- unix:/path may take the place of both port and address. Connect with: nc 127.0.0.1 7000
-- Browsers find the same rooms at the next port, http://127.0.0.1:7001/, or at unix:/path.page.
local moonport = require "moonport"
local http = require "moonport.http"
local redis = require "moonport.redis"
local websocket = require "moonport.websocket"
local html = require "rooms_page"
local where = require "where"

local longest = 1000      -- bytes of a line; the rest of it is dropped
local unsent = 256 * 1024 -- bytes that may wait for somebody who doesn't read
local stays = 30          -- seconds that a name is kept whose machine has vanished
local later, elsewhere = 1013, 4001 -- why a page is disconnected: the store is away; it has another connection
local help = "/nick NAME, /join ROOM, /who, /quit; anything else is said to the room"

-- In the store: rooms:guests counts guests, rooms:name:NAME has the mark of whoever has that name, rooms:in:ROOM the
-- names of its people with the time until which that holds. What is said to a room is published to rooms:said:ROOM, and
-- to rooms:back whose page has come back with another connection.
local store = assert(redis.connect())
local people = moonport.persist("people", {}) -- the set of this process' sockets and WebSockets

-- The methods of everybody. A socket or WebSocket has its number, name and room, and the key by which its page gets the
-- name again; and tell, finish and abort.
local person = {}

local function fits(name) return name and name:find "^[%w_-]+$" and #name <= 20 end

local function isKey(key) return key and key:find "^%x+$" and #key == 32 end

local function say(room, text) return store:publish("rooms:said:" .. room, text) end

-- Until when a name counts, for rooms:in:ROOM.
local function expiry() return moonport.epoch() // 1000 + stays end

local function nameKey(name) return "rooms:name:" .. name:lower() end

function person:mark() return ("%d %s"):format(self.number, self.key or "") end

-- Takes a name that is free, or that an earlier connection of the same page has. -> true | nil[, message]
function person:take(name)
  local taken, why = store:set(nameKey(name), self:mark(), "NX", "EX", stays)
  if taken or why or not self.key then return taken, why end
  local mark, message = store:get(nameKey(name))
  if not mark or mark:match " (%x+)$" ~= self.key then return nil, message end
  taken, why = store:set(nameKey(name), self:mark(), "EX", stays)
  if taken then store:publish("rooms:back", ("%s %d"):format(name, self.number)) end
  return taken, why
end

function person:enter(room)
  self.room = room
  store:hset("rooms:in:" .. room, self.name, expiry())
  self:known()
  return say(room, ("* %s joined %s"):format(self.name, room))
end

function person:leave(how)
  local room = self.room
  self.room = nil
  store:hdel("rooms:in:" .. room, self.name)
  return say(room, ("* %s %s"):format(self.name, how))
end

-- Name and room have changed.
function person:known() end

-- Lets somebody in who has just connected: by that name and into that room, else as a guest and into the lobby.
function person:welcome(name, room)
  local why
  repeat
    self.number, why = store:incr "rooms:guests"
    if not self.number then
      self:tell("* Sorry: " .. why)
      return self:finish(later)
    end
    self.name, name = name or "guest" .. self.number, nil
  until self:take(self.name)
  self:tell(("* Welcome, %s. %s"):format(self.name, help))
  if self:state() ~= "ConnectedState" then return store:del(nameKey(self.name)) end
  people[self] = true
  self:enter(room or "lobby")
end

-- Its connection has ended, or will.
function person:gone()
  if not people[self] then return end
  people[self] = nil
  local mark = store:get(nameKey(self.name))
  if mark and mark ~= self:mark() then return end -- its page has come back already
  if self.room then self:leave "left" end
  store:del(nameKey(self.name))
end

local commands = {}

function commands.nick(self, name)
  if not fits(name) then return "a name has 1 to 20 letters, digits, - and _" end
  local old = self.name
  if name:lower() ~= old:lower() then
    local taken, why = self:take(name)
    if not taken then return why or name .. " is taken" end
    if not people[self] then return store:del(nameKey(name)) end -- left meanwhile
  end
  self.name = name
  local room = self.room
  store:multi(function(t)
    if name:lower() ~= old:lower() then t:del(nameKey(old)) end
    t:hdel("rooms:in:" .. room, old)
    t:hset("rooms:in:" .. room, name, expiry())
  end)
  self:known()
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

function commands.quit(self)
  self:gone()
  self:finish()
end

function person:heard(line)
  line = line:gsub("%c", "")
  local command, argument = line:match "^/(%a*)%s*(.*)$"
  if command then
    local answer = help
    if commands[command] then answer = commands[command](self, argument:match "^.*%S" or "") end
    if answer then self:tell("* " .. answer) end
  elseif line ~= "" then
    local ok, why = say(self.room, ("%s: %s"):format(self.name, line))
    if not ok then self:tell("* nobody has got that: " .. why) end
  end
end

-- People with nc: a line each.

local server = moonport.TcpServer()
local caller = setmetatable({}, { __index = person })
server.connection = caller

function caller:tell(text) return self:write(text .. "\n") end

function caller:finish() self:disconnectFromHost() end

function caller:readyRead()
  if self.isHeard then return end -- by newConnection, or by one that waits
  self.isHeard = true
  while self.room and (self:canReadLine() or self:bytesAvailable() >= longest) do
    local line = self:readLine(longest)
    if not self.cutting then self:heard(line) end
    self.cutting = line:sub(-1) ~= "\n"
  end
  self.isHeard = false
end

function caller:disconnected() self:gone() end

function server:newConnection()
  local socket = self:nextPendingConnection()
  socket.isHeard = true -- what it says waits until it is in
  socket:welcome()
  socket.isHeard = false
  socket:readyRead()
end

-- People with a browser: the page, and for each a WebSocket with a message for each line. One that begins with "=" has
-- the person's name and room.

local routes = http.router()

routes:get("/", function()
  return 200, { ["Content-Type"] = "text/html; charset=utf-8", ["Cache-Control"] = "no-cache" }, html
end)

routes:get("/rooms", function(request, socket)
  local ws = websocket.accept(request, socket, { limit = 4 * longest, queue = unsent })
  if not ws then return end
  local name, room, key = (request:parameter "name"), (request:parameter "room"), (request:parameter "key")
  ws.key = isKey(key) and key or nil
  ws:welcome(fits(name) and name, fits(room) and room)
end)

local web = http.server(routes, { connections = 10000 })
local visitor = setmetatable({}, { __index = person })
web.websocket = visitor

-- The text with a mark in place of what isn't UTF-8: people with nc send what they like.
local function legible(text)
  local _, at = utf8.len(text)
  while at do
    text = text:sub(1, at - 1) .. "\u{FFFD}" .. text:sub(at + 1)
    _, at = utf8.len(text, at)
  end
  return text
end

function visitor:tell(text) return self:send(legible(text)) end

function visitor:known() self:send(("=%s %s"):format(self.name, self.room)) end

function visitor:finish(code) self:close(code) end

function visitor:message(text)
  if self.room then self:heard(text:sub(1, longest)) end
end

function visitor:closed() self:gone() end

-- What anybody says anywhere comes once to each process, which tells those of its people that are in the room.
assert(store:psubscribe("rooms:said:*", function(text, channel)
  local room = channel:sub(#"rooms:said:" + 1)
  for someone in pairs(people) do
    if someone.room == room and not someone:tell(text) then
      someone:abort() -- it doesn't read fast enough: the write buffer is full
    end
  end
end))

assert(store:subscribe("rooms:back", function(text)
  local name, number = text:match "^(%S+) (%d+)$"
  for someone in pairs(people) do
    if someone.name:lower() == name:lower() and someone.number ~= tonumber(number) then
      people[someone], someone.room = nil, nil
      someone:finish(elsewhere)
    end
  end
end))

function store.reconnected()
  for someone in pairs(people) do someone:tell "* The rooms were apart for a moment: something may be missing." end
end

-- Says that this process' people are still there.
local refresh = moonport.Timer()
function refresh:timeout()
  store:multi(function(t) -- it doesn't wait, so nobody comes while this goes over the people
    for someone in pairs(people) do
      if someone.room then
        t:hset("rooms:in:" .. someone.room, someone.name, expiry())
        t:set(nameKey(someone.name), someone:mark(), "EX", stays)
      end
    end
  end)
end
refresh:start(stays * 1000 / 3)

server:setIdleTimeout(60 * 60 * 1000)
server:setWriteBufferLimit(unsent)
local place = where.from(arg, 7000)
local address, port = table.unpack(place)
assert(server:listen(address, port))
if where.isPath(address) then address = address .. ".page" else port = port > 0 and port + 1 or 0 end
assert(web:listen(address, port))
moonport.log.info("rooms: listening on %s, for browsers on %s", where.of(server),
  web:serverPort() > 0 and "port " .. web:serverPort() or where.of(web))
