-- SPDX-License-Identifier: MIT
-- TCP load balancer: passes each connection on to the upstream with the fewest connections.
--   moonport proxy.lua [ADDRESS:]PORT UPSTREAM… [NAME=VALUE…]        an upstream is HOST:PORT
--   moonport --grace 30000 proxy.lua any:8080 10.0.0.1:80 10.0.0.2:80 get=/health
-- An upstream that can't be reached is skipped until a check reaches it again, and the client gets the next one. Either
-- end may half-close; a reset is passed on. After SIGTERM, open connections have the time of --grace to end.
local settings = {
  connect = 3000, -- milliseconds that connecting to an upstream may take
  check = 2000,   -- how often each upstream is checked, by connecting to it
  get = "",       -- if set, also by an HTTP request for this path, which must be answered with 2xx or 3xx
  idle = 300000,  -- a connection without a byte either way for this time is closed; 0: never
  status = 60000, -- how often the log reports the status, if it changed
  clients = 0,    -- at most this many at once, further ones wait; 0: as many as descriptors allow, two each
}

-- The most memory that a connection takes, whoever is slow: each direction holds `chunk` unread bytes, and queues
-- nothing more once `queue` bytes wait to be sent.
local chunk, queue = 64 * 1024, 256 * 1024

local moonport = require "moonport"
local log = moonport.log

local function endpoint(text)
  local host, port = text:match "^%[?([^%[%]]+)%]?:(%d+)$"
  port = tonumber(port or text:match "^%d+$")
  if not port or port > 65535 then error(("'%s' is not an address: HOST:PORT"):format(text), 0) end
  return host or "127.0.0.1", port
end

-- The upstreams by their names, kept over reloads: { name, host, port, up, connections, total }. socket.other is the
-- socket on the other side; socket.target is the upstream of a socket that leads to one.
local known = moonport.persist("upstreams", {})
local targets, address, port = {}, nil, nil

for _, argument in ipairs(arg) do
  local name, value = argument:match "^(%a+)=(.*)$"
  if name then
    local default = settings[name] or error(("unknown option '%s'"):format(name), 0)
    if type(default) == "number" then
      value = tonumber(value)
      local least = (name == "idle" or name == "clients") and 0 or 1
      if not value or value < least then error(argument .. ": not a valid number", 0) end
    end
    settings[name] = value
  elseif not port then
    address, port = endpoint(argument)
  else
    local target = known[argument] or { name = argument, up = true, connections = 0, total = 0 }
    target.host, target.port = endpoint(argument)
    known[argument], targets[#targets + 1] = target, target
  end
end
if not targets[1] then error("usage: moonport proxy.lua [ADDRESS:]PORT UPSTREAM… [NAME=VALUE…]", 0) end

local server = moonport.TcpServer()

-- Upstreams --------------------------------------------------------------------------------------------------------

local function mark(target, up, why)
  if target.up ~= up then
    target.up = up
    log[up and "info" or "warning"]("proxy: %s is %s: %s", target.name, up and "up" or "down", why)
  end
end

-- The upstream with the fewest connections: those that are up first, and equal ones in turn.
local turn = 0

local function choose(tried)
  local best
  turn = turn + 1
  for i = 1, #targets do
    local target = targets[(turn + i) % #targets + 1]
    if not tried[target] and (not best or target.up and not best.up or
        target.up == best.up and target.connections < best.connections) then
      best = target
    end
  end
  return best
end

-- Checks an upstream. -> true or false, and why
local function probe(target)
  local socket <close> = moonport.TcpSocket()
  socket:connectToHost(target.host, target.port)
  local well, why, code = socket:waitForConnected(settings.connect)
  if code == "SocketResourceError" then return target.up end -- not the upstream's fault
  if well and settings.get ~= "" then
    socket:write(("GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n"):format(settings.get, target.name))
    well, why = socket:receive("line", settings.connect)
    if well then well, why = well:find "^HTTP/1%.%d [23]%d%d", well end
  end
  return well ~= nil, why or "it can be reached"
end

local checking, checks = {}, moonport.Timer()

function checks:timeout()
  for _, target in ipairs(targets) do
    if not checking[target] then
      checking[target] = moonport.spawn(function()
        mark(target, probe(target))
        checking[target] = nil
      end)
    end
  end
end

checks:start(settings.check)

-- Connections ------------------------------------------------------------------------------------------------------

local function reset(socket)
  socket:setSocketOption("LingerOption", 0)
  socket:abort()
end

-- Passes on what arrived from one side, as far as the other keeps up, and then that side's end.
local function pass(from)
  local to = from.other
  if not to or to:state() ~= "ConnectedState" or to:bytesToWrite() >= queue then return end
  if from:bytesAvailable() > 0 then
    from.used, to.used = true, true
    to:write(from:readAll())
  end
  if from.finished then
    to:closeWriteChannel()
    to.ended = true
  elseif from.broken and to:bytesToWrite() == 0 then
    reset(to)
  end
end

-- The handlers of both sides.
local side = {}

function side:readyRead()
  pass(self)
end

function side:bytesWritten()
  if self.other then pass(self.other) end
end

function side:readChannelFinished()
  if self:state() ~= "ConnectedState" then return end -- closed in both directions
  self.finished = true
  pass(self)
end

function side:disconnected()
  local other, target = self.other, self.target
  if target then target.connections, self.target = target.connections - 1, nil end
  if not other then return end
  other:setIdleTimeout(settings.idle) -- bounds the time to send what is left
  if not (self.finished and self.ended) then
    self.finished, self.broken = nil, true
    pass(self)
  end
end

local wire

-- Connects a client to an upstream; if that fails, to the next one, and so on.
local function serve(client)
  client.tried = client.tried or {}
  while client:state() == "ConnectedState" do
    local target = choose(client.tried)
    if not target then
      log.warning("proxy: no upstream for %s", client:peerAddress())
      return reset(client)
    end
    local upstream = moonport.TcpSocket()
    client.tried[target], upstream.target = true, target
    target.connections = target.connections + 1
    upstream:setReadBufferSize(chunk)
    upstream:setHighWaterMark(0)
    upstream:setAllowHalfOpen(true)
    upstream:connectToHost(target.host, target.port)
    local connected, why, code = upstream:waitForConnected(settings.connect)
    if connected and client:state() == "ConnectedState" then
      target.total = target.total + 1
      client.other, upstream.other = upstream, client
      wire(upstream)
      pass(client)
      return pass(upstream)
    end
    target.connections, upstream.target = target.connections - 1, nil
    upstream:abort()
    if code == "SocketResourceError" then
      log.warning("proxy: no descriptor left for an upstream of %s", client:peerAddress())
      return reset(client)
    end
    if not connected then mark(target, false, why) end
  end
end

function wire(upstream)
  for signal, handler in pairs(side) do upstream[signal] = handler end
  function upstream:errorOccurred()
    local client = self.other
    if not client or self.used or self.ended then return end
    client.other, self.other = nil, nil -- it closed before anything was sent: the client needn't know
    mark(self.target, false, self:errorString())
    serve(client)
  end
end

for signal, handler in pairs(side) do server.connection[signal] = handler end

function server:newConnection()
  serve(self:nextPendingConnection())
end

function server.connectionResumed(_, client) -- after a reload: connections to upstreams get the new handlers as well
  if client.other then wire(client.other) end
end

server:setReadBufferSize(chunk)
server:setHighWaterMark(0) -- only its own receiver slows a direction down
server:setAllowHalfOpen(true)
server:setIdleTimeout(settings.idle)
server:setMaxConnections(math.floor(settings.clients))

-- Status and end ---------------------------------------------------------------------------------------------------

local function report()
  local open, parts = 0, {}
  for i, target in ipairs(targets) do
    open = open + target.connections
    parts[i] = ("%s %s %d of %d"):format(target.name, target.up and "up" or "down", target.connections, target.total)
  end
  return ("proxy: %d clients; %s"):format(server:connectionCount(), table.concat(parts, ", ")), open
end

local said
local status = moonport.Timer()

function status:timeout()
  local line = report()
  if line ~= said then log.info(line) end
  said = line
end

status:start(settings.status)

moonport.onQuit(function()
  checks:stop()
  log.info(report())
  while server:connectionCount() > 0 or select(2, report()) > 0 do moonport.sleep(20) end
end)

assert(server:listen(address, port))
log.info("proxy: listening on %s port %d", server:serverAddress(), server:serverPort())
