-- SPDX-License-Identifier: MIT
-- TCP load balancer: passes each connection on to the upstream with the fewest connections.
--   moonport proxy.lua [ADDRESS:]PORT UPSTREAM… [NAME=VALUE…]        an upstream is HOST:PORT
--   moonport --grace 30000 proxy.lua any:8080 10.0.0.1:80 10.0.0.2:80 get=/health
-- unix:/path may take the place of each address with its port.
-- An upstream that can't be reached is skipped until a check reaches it again, and the client gets the next one. Either
-- end may half-close; a reset is passed on. After SIGTERM, open connections have the time of --grace to end.
--
-- TLS: with certificate=FILE key=FILE clients speak TLS with the balancer. To tls://HOST:PORT it speaks TLS, and
-- verifies the upstream's certificate for HOST, or for NAME in tls://NAME@HOST:PORT. What clients of the server name
-- a.example send is passed on as it is, undecrypted, to the upstreams sni:a.example=HOST:PORT; sni:*.example=… is for
-- each name below. The upstreams without a name are for the other clients.
local settings = {
  connect = 3000, -- milliseconds that connecting to an upstream may take
  check = 2000,   -- how often each upstream is checked, by connecting to it
  get = "",       -- if set, also by an HTTP request for this path, which must be answered with 2xx or 3xx
  idle = 300000,  -- a connection without a byte either way for this time is closed; 0: never
  status = 60000, -- how often the log reports the status, if it changed
  clients = 0,    -- at most this many at once, further ones wait; 0: as many as descriptors allow, two each
  certificate = "", key = "", -- PEM files, with which clients are encrypted
  ca = "",        -- PEM file of the authority for upstreams; "": those of the system
  hello = 5000,   -- milliseconds that a client may take to say which name it wants, or for the handshake
}

-- The most bytes that are read from a client before it is piped to an upstream.
local most = 64 * 1024

local moonport = require "moonport"
local hello = require "proxy_hello"
local upstreams = require "proxy_upstreams" (settings)
local log, mark = moonport.log, upstreams.mark

-- client.pool are the upstreams for it; socket.target is the upstream of a socket that leads to one. `targets` are the
-- upstreams without a name, names[NAME] those with one.
local targets, names, address, port = {}, {}, nil, nil

for _, argument in ipairs(arg) do
  local name, value = argument:match "^(%a+)=(.*)$"
  local host, target = argument:match "^sni:([%w*_.-]+)=(.*)$"
  if name then
    local default = settings[name] or error(("unknown option '%s'"):format(name), 0)
    if type(default) == "number" then
      value = tonumber(value)
      local least = (name == "idle" or name == "clients") and 0 or 1
      if not value or value < least then error(argument .. ": not a valid number", 0) end
    end
    settings[name] = value
  elseif not address then
    address, port = upstreams.endpoint(argument)
  elseif host then
    if not host:find "^%*?[%w_.-]+$" then error(("'%s' is not a name"):format(host), 0) end
    host, target = host:lower(), upstreams.add(argument, target)
    if target.verify then error(argument .. ": its clients encrypt themselves", 0) end
    names[host] = names[host] or {}
    target.passes, names[host][#names[host] + 1] = true, target
  else
    targets[#targets + 1] = upstreams.add(argument, argument)
  end
end
if not upstreams.list[1] then error("usage: moonport proxy.lua [ADDRESS:]PORT UPSTREAM… [NAME=VALUE…]", 0) end

local isEncrypted, isByName = settings.certificate ~= "", next(names) ~= nil
for _, target in ipairs(targets) do target.passes = isByName and not isEncrypted end

local server
if isEncrypted then
  server = moonport.SslServer()
  local taken, message = server:setSslConfiguration { certificate = settings.certificate, key = settings.key }
  if not taken then error(message, 0) end
  server:setImplicitEncryption(not isByName)
  server:setHandshakeTimeout(settings.hello)
else
  server = moonport.TcpServer()
end
upstreams.watch()

-- Connections ------------------------------------------------------------------------------------------------------

local function reset(socket)
  socket:setSocketOption("LingerOption", 0)
  socket:abort()
end

-- One side has failed: the other gets what is left, and then a reset.
local function finish(socket)
  local time = settings.idle > 0 and settings.idle or -1
  while socket:bytesToWrite() > 0 and socket:waitForBytesWritten(time) do end
  reset(socket)
end

local function uncount(upstream)
  local target = upstream.target
  if target then target.connections, upstream.target = target.connections - 1, nil end
end

-- Pipes the two into each other until both have finished, or one has failed. -> true | false, why: the upstream has
-- failed before anything was sent, and the client needn't know
local function pipe(client, upstream)
  upstream.disconnected = uncount
  local there, _, code, sent, received = moonport.pipe(client, upstream, { idle = settings.idle })
  if there then return true end
  local failed = upstream:state() ~= "ConnectedState" and upstream or client
  if code == "SocketTimeoutError" and client:state() == upstream:state() then
    reset(client)
    reset(upstream)
  elseif failed == client then
    finish(upstream)
  elseif sent > 0 or received > 0 or client.finished then
    finish(client)
  else
    return false, upstream:errorString()
  end
  return true
end

-- Connects a client to an upstream; if that fails, to the next one, and so on.
local function serve(client)
  local tried = {}
  while client:state() == "ConnectedState" do
    local target = upstreams.choose(client.pool, tried)
    if not target then
      log.warning("proxy: no upstream for %s", (client:peerAddress() or "unix"))
      return reset(client)
    end
    local upstream = upstreams.connect(target)
    tried[target], upstream.target = true, target
    target.connections = target.connections + 1
    upstream:setAllowHalfOpen(true)
    local done, why, code = upstreams.wait(target, upstream)
    if done and client:state() == "ConnectedState" then
      target.total = target.total + 1
      done, why = pipe(client, upstream)
      if done then return end
    end
    uncount(upstream)
    upstream:abort()
    if code == "SocketResourceError" then
      log.warning("proxy: no descriptor left for an upstream of %s", (client:peerAddress() or "unix"))
      return reset(client)
    end
    if not done then mark(target, false, why) end
  end
end

function server.connection:readChannelFinished()
  self.finished = true
end

-- Waits until the client has said which name it wants. -> the name, "" for none | false, why
local function asked(client)
  local deadline = moonport.now() + settings.hello
  while true do
    local name, why = hello.name(client:peek(most) or "")
    if name ~= nil then return name, why end
    local came, message = client:waitForReadyRead(math.max(deadline - moonport.now(), 0))
    if not came then return false, message end
  end
end

-- Finds the upstreams for what the client asks for. -> whether there are any, and the client waits for one
local function route(client)
  local name, why = asked(client)
  if not name then
    log.debug("proxy: %s: %s", (client:peerAddress() or "unix"), why)
    reset(client)
    return false
  end
  client.pool = hello.find(names, name) or targets
  if not client.pool[1] then
    log.debug("proxy: %s: no upstream for the name '%s'", (client:peerAddress() or "unix"), name)
    client:write(hello.unrecognized)
    client:disconnectFromHost()
    return false
  end
  if client.pool ~= targets or not isEncrypted then return true end
  return client:startServerEncryption() and client:waitForEncrypted(settings.hello)
end

function server:newConnection()
  local client = self:nextPendingConnection()
  client.pool = targets
  if not isByName or route(client) then serve(client) end
end

server:setReadBufferSize(most)
server:setAllowHalfOpen(true)
server:setIdleTimeout(settings.idle)
server:setMaxConnections(math.floor(settings.clients))

-- Status and end ---------------------------------------------------------------------------------------------------

local function report()
  local open, parts = 0, {}
  for i, target in ipairs(upstreams.list) do
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
  upstreams.stop()
  log.info(report())
  while server:connectionCount() > 0 or select(2, report()) > 0 do moonport.sleep(20) end
end)

assert(server:listen(address, port))
log.info("proxy: listening on %s%s", server:serverAddress(), port and " port " .. server:serverPort() or "")
