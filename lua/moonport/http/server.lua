-- An HTTP/1.1 server on moonport's TcpServer or SslServer: http.server(handler[, options]).
--
-- Between two requests no code runs for a connection: after a reload, the new code serves its next request. Each
-- request is answered by the handler that serves when the whole of it is there, whichever run read its head.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Body = require "moonport.http.body"
local answer = require "moonport.http.answer"
local frames = require "moonport.websocket.frames"
local head = require "moonport.http.head"
local message = require "moonport.http.message"

local find, max, min, sub, type = string.find, math.max, math.min, string.sub, type
local debugLog, traceback = moonport.log.debug, debug.traceback
local refuse = answer.refuse

local defaults = {
  line = message.limits.line, head = message.limits.head, headers = message.limits.headers, body = message.limits.body,
  firstTime = 10000,    -- milliseconds from the connection to its first byte: closed
  headTime = 10000,     -- milliseconds from the first byte of a head to its last: 408
  bodyTime = 60000,     -- the same for a body, and a second more for each readRate bytes: 408
  idleTime = 60000,     -- without a byte either way, between two requests or from a client that doesn't read: closed
  readRate = 4096,      -- bytes a second
  sendRate = 1024,      -- bytes a second that a client takes at least, of what waits for it: closed
  connections = 1000,   -- further ones wait in the backlog
  perAddress = 250,     -- connections of one address, unless it is this host's own: closed
}
local others = { stream = true, ssl = true, server = true }
local unread = 64 * 1024  -- bytes that may be unread in a connection; more than a head
local turn = 100          -- pipelined requests that are served before others run
local tick = 10           -- seconds between two looks at how fast clients read

-- The WebSocket that a connection has become, or false. Until then httpState is a table.
local function websocketOf(socket)
  local state = socket.httpState
  return type(state) == "userdata" and state
end

-- The rest of a head of which a part is there. -> request, what is behind it, kept, minor, length, expects | nil
local function readHead(socket, service, text)
  local reader, deadline = service.open(), moonport.now() + service.headTime
  while true do
    local used, request, next, kept, minor, length, expects = service.feed(reader, text)
    if used then return request, sub(text, used + 1), kept, minor, length, expects end
    if request then return refuse(socket, request, next) end
    local ok, _, code = socket:waitForReadyRead(max(deadline - moonport.now(), 0))
    if code == "SocketTimeoutError" then return refuse(socket, 408, "the request took too long") end
    if not ok then return nil end
    text = socket:readAll()
  end
end

-- -> whether the connection goes on
local function answerTo(socket, service, request, kept, minor, body)
  local ok, status, headers, content = xpcall(service.handler, traceback, request, socket)
  if request.upgraded then
    if not ok then
      local ws = websocketOf(socket)
      if ws then frames.failed(ws, status) end
      error(status, 0)
    end
    return false
  end
  if body and not body.done then kept = false end -- what is unread of it is thrown away
  local problem = not ok and status
  if ok then
    local number = math.tointeger(status)
    if not number or number < 200 or number > 999 then
      problem = ("the handler of %s returned no status but %s"):format(request.path, tostring(status))
    else
      ok, kept = xpcall(answer.write, traceback, socket, number, headers, content, kept, minor, request.method)
      if not ok then problem = kept end
    end
  end
  if problem then
    if body and body.failed then return false end -- that has been answered
    refuse(socket, 500, "something went wrong here")
    socket:flush()
    error(problem, 0) -- the host logs and counts it, and ends the connection
  end
  request.status = status
  debugLog(request)
  if kept then return answer.drain(socket) end
  if kept == false then socket:disconnectFromHost() end
  return false
end

-- Serves what has arrived. Waits for the rest of a request that has begun, but not for a request to begin.
local function serve(socket, service)
  local text, at, served = socket:readAll(), 1, 0
  while true do
    local request, next, kept, minor, length, expects = service.parse(text, at)
    if not request then
      if next then return refuse(socket, next, kept) end
      if at > #text or find(text, "^\r\n$", at) then return end
      request, text, kept, minor, length, expects = readHead(socket, service, sub(text, at))
      if not request then return end
      request.rest, next, service = text, 1, socket.httpService
    end
    request.socket = socket
    if not length or length == 0 then
      at, request.body = next, ""
      if not answerTo(socket, service, request, kept, minor) then return end
    else
      local body = Body.new(socket, text, next, length, service.bodyLimits)
      body.expects = expects and next > #text
      request.incoming = body
      if not service.stream then
        local all, status, why = body:all()
        if not all then return status and refuse(socket, status, why) end
        request.body, service = all, socket.httpService
      end
      if not answerTo(socket, service, request, kept, minor, body) then return end
      text, at = body.text, body.at
    end
    served = served + 1
    if served % turn == 0 then moonport.sleep(0) end
    if at > #text then return end
    service = socket.httpService
  end
end

--- for piece in request:read() do … end, with options.stream: the body's pieces as they come. Ends the handler, and the
--- connection, if the rest doesn't come.
function message.methods.read(request)
  local body = request.incoming
  return function()
    if not body then return nil end
    local piece, status, why = body:next()
    if piece == nil then
      if status then refuse(request.socket, status, why) end
      moonport.fail("the body of a request: " .. why)
    end
    return piece or nil
  end
end

--- For another protocol on this connection: what arrived behind the request is unread again, and whatever the handler
--- returns is ignored. -> the socket
function message.methods.upgrade(request)
  local body = request.incoming
  local rest = body and sub(body.text, body.at) or request.rest or sub(request[1], request[3] + 1)
  request.upgraded = true
  request.socket.httpState.busy = nil
  Body.giveBack(request.socket, rest)
  return request.socket
end

-- Clients ------------------------------------------------------------------------------------------------------------

local function isOwn(address) return find(address, "^127%.") or find(address, "^::ffff:127%.") or address == "::1" end

-- Counts the connections of each address, and closes those that are too many.
local function boundAddresses(server, service)
  local counts, most = nil, service.perAddress
  local function count(address, by)
    local now = (counts[address] or 0) + by
    counts[address] = now > 0 and now or nil
    return now
  end
  local function address(socket)
    local text = socket:peerAddress()
    return text and (service.boundsOwn or not isOwn(text)) and text
  end
  function server.connection:disconnected()
    local ws = websocketOf(self)
    if self.httpAddress and counts then count(self.httpAddress, -1) end
    service.left()
    if ws then frames.ended(ws) end
  end
  -- -> whether the connection may stay
  return function(socket)
    if not counts then -- those of an earlier run, too
      counts = {}
      for one in server:connections() do
        if one ~= socket and one.httpAddress then count(one.httpAddress, 1) end
      end
    end
    local from = address(socket)
    if not from then return true end
    socket.httpAddress = from
    if count(from, 1) <= most then return true end
    moonport.log.debug("http: %s has more than %d connections", from, most)
    socket:abort()
    return false
  end
end

-- Closes those who read slower than they may.
local function watchReaders(server, service)
  local timer = moonport.Timer()
  function service.left() -- the timer keeps no program alive
    if server:connectionCount() == 0 then timer:stop() end
  end
  function timer.timeout()
    service.left()
    for socket in server:connections() do
      local waits, sent = socket:bytesToWrite(), socket:bytesSent()
      if waits > 0 and socket.httpDue and sent < socket.httpDue then
        moonport.log.debug("http: %s reads too slowly", socket:peerAddress() or "unix")
        socket:abort()
      elseif waits > 0 or socket.httpDue then
        socket.httpDue = waits > 0 and sent + min(waits, service.sendRate * tick) or nil
      end
    end
  end
  return function()
    if not timer:isActive() then timer:start(tick * 1000) end
  end
end

-- Making one ---------------------------------------------------------------------------------------------------------

local function checked(options)
  local service = {}
  for name, value in pairs(defaults) do service[name] = value end
  for name, value in pairs(options) do
    if defaults[name] then
      if type(value) ~= "number" or value < 0 then error(("http.server: bad option %s"):format(name), 3) end
      service[name] = value
    elseif not others[name] then
      error(("http.server: unknown option %s"):format(name), 3)
    end
  end
  if service.line > service.head or service.head >= unread then
    error("http.server: the head must fit into 64 KiB, and the line into the head", 3)
  end
  service.boundsOwn, service.stream = options.perAddress ~= nil, options.stream
  service.bodyLimits = {
    line = service.line, head = service.head, headers = service.headers, body = service.body,
    time = service.bodyTime, rate = max(service.readRate, 1),
  }
  return service
end

local function newServer(options)
  if options.server then return options.server end
  if not options.ssl then return moonport.TcpServer() end
  local ssl = {}
  for name, value in pairs(options.ssl) do ssl[name] = value end
  ssl.allowedNextProtocols = ssl.allowedNextProtocols or { "http/1.1" }
  local server = moonport.SslServer()
  local taken, problem = server:setSslConfiguration(ssl)
  if not taken then error(problem, 3) end
  return server
end

--- A TcpServer, or with options.ssl an SslServer, that answers HTTP requests with the handler. The caller lets it
--- listen. handler(request, socket) -> status[, headers[, body]]
return function(handler, options)
  options = options or {}
  local service = checked(options)
  local call = type(handler) == "table" and getmetatable(handler) and getmetatable(handler).__call
  if type(handler) ~= "function" and not call then
    error(("http.server: a handler expected, got a %s value"):format(type(handler)), 2)
  end
  service.handler = handler
  service.parse, service.open, service.feed = head.parser("request", service.bodyLimits, message.request)
  local server = newServer(options)
  server:setReadBufferSize(unread)
  server:setIdleTimeout(service.firstTime)
  server:setMaxConnections(service.connections)

  local connection = server.connection
  server.websocket = server.websocket or {} -- the handlers of WebSockets
  connection.httpService = service
  local mayStay, watch = boundAddresses(server, service), watchReaders(server, service)

  function server:newConnection()
    local socket = self:nextPendingConnection()
    if socket and mayStay(socket) then watch() end
  end

  function server:connectionResumed(socket) -- luacheck: no self
    local ws = websocketOf(socket)
    watch()
    if ws then frames.resumed(ws) end
  end

  function connection:readyRead()
    local state = self.httpState
    if not state then
      state = {} -- to set a field of the connection with each request would cost more
      self.httpState = state
      self:setIdleTimeout(service.idleTime)
    elseif type(state) == "userdata" then
      return frames.arrived(state)
    end
    state.busy = true
    serve(self, service)
    state.busy = nil
  end

  --- Waits until no request is being answered, for moonport.onQuit.
  function server:finish()
    local busy
    repeat
      busy = false
      for socket in self:connections() do
        local state = socket.httpState
        busy = busy or type(state) == "table" and state.busy
      end
      if busy then moonport.sleep(20) end
    until not busy
  end

  return server
end
