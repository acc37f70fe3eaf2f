-- SPDX-License-Identifier: MIT
-- An HTTP/1.1 server on moonport's TcpServer, for http.lua and gateway.lua:
--
--   local server = httpServer(function(request) return 200, { ["Content-Type"] = "text/plain" }, "hello\n" end)
--   assert(server:listen("127.0.0.1", 8080))
--
-- The function gets each request (see http_message.lua) with its whole body in request.body. It may wait. It returns
-- status, headers, and the body: a string, or { file = handle, offset = 0, length = n }. That is a part of an open
-- file; the server sends it piece by piece, as fast as the client reads, and closes the file. An error in the function
-- answers 500.
--
-- Between two requests no code runs for a connection: after a reload, the new code serves its next request.
local moonport = require "moonport"
local message = require "http_message"

local defaults = {
  line = message.limits.line, head = message.limits.head, headers = message.limits.headers, body = message.limits.body,
  headTime = 10000,     -- milliseconds from the first byte of a head to its last: 408
  bodyTime = 60000,     -- the same for a body: 408
  idleTime = 60000,     -- without a byte either way, between two requests or from a client that doesn't read: closed
  connections = 1000,   -- further ones wait in the backlog
}
local unread = 64 * 1024   -- bytes that may be unread in a connection; more than a head
local unsent = 256 * 1024  -- bytes that may wait to be sent; above, neither files nor requests are read
local block = 64 * 1024    -- bytes of a file in one piece
local turn = 100           -- pipelined requests that are served before others run

-- Returns what there is after position `at`; waits if that is no more than before. -> text | nil, code
local function more(socket, text, at, deadline)
  socket:skip(at - 1)
  local left, now = #text - at + 1, socket:peek(unread)
  if now and #now > left then return now end
  local ok, _, code = socket:waitForReadyRead(math.max(deadline - moonport.now(), 0))
  if not ok then return nil, code end
  return socket:peek(unread)
end

-- Waits until the client has read most of what was sent to it. -> true | nil: it disconnected
local function drain(socket)
  while socket:bytesToWrite() > unsent do
    if not socket:waitForBytesWritten(-1) then return nil end -- the idle time-out bounds this
  end
  return true
end

local function sendFile(socket, body)
  local left = body.length
  body.file:seek("set", body.offset)
  while left > 0 do
    local piece = body.file:read(math.min(left, block))
    if not piece or not socket:write(piece) then return nil end -- the file shrank, or the client disconnected
    left = left - #piece
    if left > 0 and not drain(socket) then return nil end
  end
  return true
end

-- -> true if the connection may go on
local function respond(socket, request, status, headers, body)
  body = body or ""
  local file <close> = type(body) == "table" and body.file or nil
  local bodiless = status == 204 or status == 304
  local connection = not request.keepAlive and "close" or (request.minor == 0 and "keep-alive" or nil)
  local length = file and body.length or #body
  socket:write(message.response(status, headers, not bodiless and length or nil, connection))
  if not bodiless and request.method ~= "HEAD" then
    if not file then
      socket:write(body)
    elseif not sendFile(socket, body) then
      socket:abort() -- so that the client doesn't mistake the part for the whole
      return false
    end
  end
  if request.keepAlive then return true end
  socket:disconnectFromHost() -- sends what is queued, and discards what still arrives
  return false
end

local function refuse(socket, status, why)
  respond(socket, { keepAlive = false, minor = 1 }, status, { ["Content-Type"] = "text/plain" }, why .. "\n")
end

-- Reads a request's body. -> the text after it and the position there | nil: the connection ended
local function readBody(socket, request, text, at, limits)
  local body, deadline = message.body(request), moonport.now() + limits.bodyTime
  local status, why
  at, status, why = message.feed(body, text, at, limits)
  if at and not body.done and request.expectsContinue and at > #text then
    socket:write "HTTP/1.1 100 Continue\r\n\r\n"
  end
  while at and not body.done do
    local code
    text, code = more(socket, text, at, deadline)
    if code == "SocketTimeoutError" then refuse(socket, 408, "the body took too long") end
    if not text then return nil end
    at, status, why = message.feed(body, text, 1, limits)
  end
  if not at then
    refuse(socket, status, why)
    return nil
  end
  request.body = body.text
  return text, at
end

local function answerTo(socket, answer, request)
  local ok, status, headers, body = xpcall(answer, debug.traceback, request, socket)
  if not ok then
    refuse(socket, 500, "something went wrong here")
    socket:flush()
    error(status, 0) -- the host logs and counts it, and ends the connection
  end
  moonport.log.debug("%s %s %s %d", socket:peerAddress(), request.method, request.target, status)
  return respond(socket, request, status, headers or {}, body)
end

-- Serves what has arrived. Waits for the rest of a request that has begun, but not for a request to begin.
local function serve(socket, answer, limits)
  local text, at, deadline, served = socket:peek(unread) or "", 1, nil, 0
  while true do
    local request, status, why = message.head(text, at, limits)
    if request then
      deadline, at = nil, status
      if request.length or request.chunked then
        text, at = readBody(socket, request, text, at, limits)
        if not text then return end
      else
        request.body = ""
      end
      if not answerTo(socket, answer, request) or not drain(socket) then return end
      served = served + 1
      if served % turn == 0 then moonport.sleep(0) end
    elseif status then
      return refuse(socket, status, why)
    elseif at > #text or text:find("^\r\n$", at) then
      socket:skip(#text)
      text, at = socket:peek(unread) or "", 1
      if text == "" then return end
    else
      local code
      deadline = deadline or moonport.now() + limits.headTime
      text, code = more(socket, text, at, deadline)
      at = 1
      if code == "SocketTimeoutError" then refuse(socket, 408, "the request took too long") end
      if not text then return end
    end
  end
end

--- A TcpServer that answers HTTP requests with the function. limits: the defaults are above. The caller lets it listen.
return function(answer, limits)
  limits = setmetatable(limits or {}, { __index = defaults })
  assert(limits.line <= limits.head and limits.head < unread, "a head must fit into what may be unread")
  local server = moonport.TcpServer()
  server:setReadBufferSize(unread)
  server:setIdleTimeout(limits.idleTime)
  server:setMaxConnections(limits.connections)

  function server.connection:readyRead()
    self.busy = true
    serve(self, answer, limits)
    self.busy = nil
  end

  --- Waits until no request is being answered, for moonport.onQuit.
  function server:finish()
    local busy
    repeat
      busy = false
      for socket in self:connections() do busy = busy or socket.busy end
      if busy then moonport.sleep(20) end
    until not busy
  end

  return server
end
