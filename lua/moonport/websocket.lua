-- WebSocket (RFC 6455), both sides: websocket.accept(request, socket[, options]) in a handler of moonport.http, and
-- websocket.connect(url[, options]). Frames are C's; see docs/reference/websocket.md.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Body = require "moonport.http.body"
local Response = require "moonport.http.response"
local answer = require "moonport.http.answer"
local frames = require "moonport.websocket.frames"
local head = require "moonport.http.head"
local pool = require "moonport.http.pool"
local url = require "moonport.http.url"

local websocket = {}

local defaults = {
  limit = 1 << 20,    -- bytes of a message: closed with 1009 beyond
  pingTime = 30000,   -- milliseconds in which nothing comes: pinged, and given up after the same once more
  closeTime = 5000,   -- milliseconds for the peer to answer a close
}
local input = 128 * 1024 -- bytes of pongs, at most, for what is read at once
local common = { limit = "bytes", queue = "bytes", pingTime = "msec", closeTime = "msec", protocols = "table",
  headers = "table" }
local ofServer = { origins = "table" }
local ofClient = { timeout = "msec", ssl = "table", private = "boolean", resolve = "table" }

local function fits(name, kind, value)
  local found = type(value)
  if kind == "bytes" then return found == "number" and value >= 0 and math.tointeger(value) end
  if kind == "msec" then return found == "number" and value >= 0 and (name ~= "closeTime" or value > 0) end
  return found == kind or name == "origins" and value == "*" or name == "resolve" and found == "function"
end

-- -> options | nil, what is wrong
local function checked(what, options, known)
  if not options then return defaults end
  local all = {}
  for name, value in pairs(defaults) do all[name] = value end
  for name, value in pairs(options) do
    local kind = common[name] or known[name]
    if not kind or not fits(name, kind, value) then
      return nil, ("%s: %s option %s"):format(what, kind and "bad" or "unknown", tostring(name))
    end
    all[name] = value
  end
  return all
end

-- Has further header fields take the place of those of the same name.
local function replace(headers, further)
  local names = {}
  for name in pairs(headers) do names[name:lower()] = name end
  for name, value in pairs(further or {}) do headers[names[tostring(name):lower()] or name] = value end
end

-- Whether one of the words between commas is the token, in any of the values.
local function has(token, ...)
  for i = 1, select("#", ...) do
    for word in (select(i, ...)):gmatch "[^,]+" do
      local _, last, first = word:find "^%s*(%S+)"
      if first and first:lower() == token and not word:find("%S", last + 1) then return true end
    end
  end
  return false
end

local function open(socket, isClient, options)
  socket:setIdleTimeout(0)
  if options.queue then
    socket:setWriteBufferLimit(options.queue)
    -- Reading stops while all that was read can still be answered: else pongs are dropped.
    socket:setHighWaterMark(math.max(1, math.min(socket:highWaterMark(), math.tointeger(options.queue) - input)))
  end
  return frames.open(socket, isClient, options.limit, options.pingTime, options.closeTime)
end

-- Servers ------------------------------------------------------------------------------------------------------------

-- An origin as browsers write it: in lower case, and without the port that the scheme means anyway.
local function canonical(origin)
  return (origin:lower():gsub("^(http://.*):80$", "%1"):gsub("^(https://.*):443$", "%1"))
end

-- Whether the page that asks may: by default it is of this host; other programs than browsers don't say.
local function mayConnect(request, origins)
  local origin, other = request:header "Origin"
  if origins == "*" or not origin then return true end
  if other then return false end
  origin = canonical(origin)
  local scheme = origin:match "^https?://"
  if not origins then return scheme and origin == canonical(scheme .. request:header "Host") end
  for _, one in ipairs(origins) do
    if canonical(one) == origin then return true end
  end
  return false
end

-- -> the answer to the key | nil, status, why, headers
local function agree(request, options)
  if request.method ~= "GET" then return nil, 405, "a WebSocket begins with GET", { Allow = "GET" } end
  if request.version ~= "1.1" then return nil, 400, "a WebSocket needs HTTP/1.1" end
  if not has("websocket", request:header "Upgrade") or not has("upgrade", request:header "Connection") then
    return nil, 426, "here is a WebSocket", { Upgrade = "websocket", Connection = "Upgrade" }
  end
  local version, otherVersion = request:header "Sec-WebSocket-Version"
  if version ~= "13" or otherVersion then
    return nil, 426, "the version of WebSocket is 13", { ["Sec-WebSocket-Version"] = "13" }
  end
  local key, otherKey = request:header "Sec-WebSocket-Key"
  local accept = key and not otherKey and frames.accept(key)
  if not accept then return nil, 400, "the key of a WebSocket is sixteen bytes in Base64" end
  if request.incoming then return nil, 400, "a WebSocket begins without a body" end
  if not mayConnect(request, options.origins) then return nil, 403, "not from this origin" end
  return accept
end

-- The first of the client's that the server has.
local function choose(request, protocols)
  for _, value in ipairs { request:header "Sec-WebSocket-Protocol" } do
    for word in value:gmatch "[^,%s]+" do
      for _, one in ipairs(protocols or {}) do
        if word == one then return one end
      end
    end
  end
end

-- -> WebSocket | nil, message, code | false, an error
local function upgrade(request, socket, options)
  local problem
  options, problem = checked("websocket.accept", options, ofServer)
  if not options then return false, problem end
  if request.upgraded or request.status then return false, "websocket.accept: the request was answered already" end
  local answered, status, why, headers = agree(request, options)
  if not answered then
    request.upgraded = true
    answer.refuse(socket, status, why, headers)
    return nil, "accept: " .. why, "ProtocolFailure"
  end
  local protocol = choose(request, options.protocols)
  headers = { Upgrade = "websocket", Connection = "Upgrade", ["Sec-WebSocket-Accept"] = answered,
    ["Sec-WebSocket-Protocol"] = protocol }
  replace(headers, options.headers)
  local text = head.response(101, headers, nil, true, 1)
  request:upgrade()
  local ok, message, code = socket:write(text)
  if not ok then return nil, message, code end
  local ws = open(socket, false, options)
  socket.httpState = ws
  if protocol then ws.subprotocol = protocol end
  return ws
end

--- In a handler of a server of moonport.http: makes the connection of the request a WebSocket. If the request asks for
--- none, or may not, this answers it. Whatever the handler then returns is ignored. -> WebSocket | nil, message, code
function websocket.accept(request, socket, options)
  -- In a coroutine, since the stack of the handler's keeps the size that it has once needed.
  local ws, message, code = coroutine.wrap(upgrade)(request, socket, options)
  if ws == false then error(message, 2) end
  return ws, message, code
end

-- Clients ------------------------------------------------------------------------------------------------------------

local schemes = { ws = "http", wss = "https", unix = "unix" }

local function arrived(socket) frames.arrived(socket.websocket) end
local function ended(socket) frames.ended(socket.websocket) end

-- What is wrong with the response, or nil.
local function disagreement(response, key, protocols)
  if response.status ~= 101 then
    return ("the server answered %d %s"):format(response.status, response.reason)
  end
  local accept, other = response:header "Sec-WebSocket-Accept"
  local protocol, otherProtocol = response:header "Sec-WebSocket-Protocol"
  if not has("websocket", response:header "Upgrade") or not has("upgrade", response:header "Connection") then
    return "the server upgraded to something else"
  end
  if other or accept ~= frames.accept(key) then return "the server answered to another key" end
  if response:header "Sec-WebSocket-Extensions" then return "the server uses an extension" end
  local offered = not protocol
  for _, one in ipairs(protocols or {}) do offered = offered or one == protocol end
  if not offered or otherProtocol then return "the server chose another protocol" end
end

-- -> WebSocket, response | nil, message, code, response
local function connect(place, options)
  local socket, message, code = pool.connect(place, options)
  if not socket then return nil, message, code end
  local guard <close> = setmetatable({ socket = socket }, { __close = function(self)
    if self.socket then self.socket:abort() end
  end })
  local key, offered = frames.key(), table.concat(options.protocols or {}, ", ")
  local headers = {
    Host = place.authority, Upgrade = "websocket", Connection = "Upgrade", ["Sec-WebSocket-Version"] = "13",
    ["Sec-WebSocket-Key"] = key,
    ["Sec-WebSocket-Protocol"] = offered ~= "" and offered or nil,
  }
  replace(headers, options.headers)
  local ok
  ok, message, code = socket:write(head.request("GET", place.target, headers, nil))
  if not ok then return nil, message, code end
  local response, rest, why = Response.receive(socket)
  if not response then return nil, rest, why end
  message = disagreement(response, key, options.protocols)
  if message then return nil, "connect: " .. message, "ProtocolFailure", response end
  Body.giveBack(socket, rest)
  local ws = open(socket, true, options)
  guard.socket = nil
  socket.websocket, socket.readyRead, socket.disconnected = ws, arrived, ended
  local protocol = response:header "Sec-WebSocket-Protocol"
  if protocol then ws.subprotocol = protocol end
  return ws, response
end

--- Connects to ws://host:port/path, wss://…, or unix:/run/app.sock:/path. -> WebSocket, response | nil, message, code,
--- and the response if the server refused
function websocket.connect(address, options)
  if type(address) ~= "string" then error("websocket.connect: a URL expected", 2) end
  local problem
  options, problem = checked("websocket.connect", options, ofClient)
  if not options then error(problem, 2) end
  local scheme = schemes[(address:match "^(%a+):" or ""):lower()]
  local place, why
  if scheme then
    place, why = url.parse((address:gsub("^%a+", scheme)))
  else
    why = "no URL of ws, wss or unix"
  end
  if not place then return nil, "connect: " .. why, "ProtocolUnknownError" end
  return moonport.deadline(options.timeout or 30000, connect, place, options)
end

return websocket
