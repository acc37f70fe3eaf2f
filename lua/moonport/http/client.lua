-- Requests to other servers: http.request(url) or http.request { url =, … }. See docs/reference/http.md.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Body = require "moonport.http.body"
local Response = require "moonport.http.response"
local answer = require "moonport.http.answer"
local head = require "moonport.http.head"
local pool = require "moonport.http.pool"
local url = require "moonport.http.url"

local defaults = { method = "GET", timeout = 30000, redirects = 10, limit = 16 << 20 }
local known = {
  url = "string", method = "string", headers = "table", timeout = "number", stream = "boolean", redirects = "number",
  ssl = "table", private = "boolean", limit = "number",
}
local idempotent = { GET = true, HEAD = true, OPTIONS = true, PUT = true, DELETE = true }

local function lowered(headers)
  local names = {}
  for name in pairs(headers or {}) do names[tostring(name):lower()] = name end
  return names
end

-- -> true | nil, message, code
local function send(socket, place, options)
  local headers, names, body = {}, lowered(options.headers), options.body
  for name, value in pairs(options.headers or {}) do headers[name] = value end
  if not names.host then headers.Host = place.authority end
  local method = options.method
  local length = type(body) == "string" and #body or body and true or nil
  if not length and (method == "POST" or method == "PUT" or method == "PATCH") then length = 0 end
  local text = head.request(method, place.target, headers, length)
  local ok, why, code = socket:write(text)
  if ok and type(body) == "string" then
    ok, why, code = answer.writeLong(socket, body)
  elseif ok and body and type(body) ~= "string" then
    body(function(piece)
      if piece == "" then return true end
      ok, why, code = socket:write(("%x\r\n%s\r\n"):format(#piece, piece))
      if ok then ok, why, code = answer.drain(socket) end
      return ok and true or nil, why, code
    end)
    if ok then ok, why, code = socket:write "0\r\n\r\n" end
  end
  return ok, why, code
end

-- The body's next piece. -> piece | false: it ended | nil, message, code
local function nextPiece(response)
  local body = response.incoming
  if not body then return false end
  local piece, status, why, code = body:next()
  if piece == nil and body.untilEnd and code == "RemoteHostClosedError" then piece = false end
  if piece == nil then
    body.socket:abort()
    response.incoming = nil
    return nil, why, code or "ProtocolFailure", status
  end
  body.total = body.total + #(piece or "")
  if body.total > response.limit then
    body.socket:abort()
    response.incoming = nil
    return nil, ("the body has more than %d bytes"):format(response.limit), "ProtocolFailure"
  end
  if not piece or body.done then
    response.incoming = nil
    body.finish(not body.untilEnd and body.at > #body.text)
  end
  return piece
end

--- With stream: for piece in response:read() do … end. A body that breaks off ends the loop, and response.problem says
--- why.
function Response.methods.read(response)
  return function()
    local piece, why, code = moonport.deadline(response.timeout, nextPiece, response)
    if piece == nil then response.problem, response.code = why, code end
    return piece or nil
  end
end

--- Gives up the rest of the body.
function Response.methods.close(response)
  if response.incoming then response.incoming.socket:abort() end
  response.incoming = nil
end

-- The body of a response that has begun. -> true | nil, message, code
local function receiveBody(response, socket, text, length, options, finish)
  local without = options.method == "HEAD" or response.status == 204 or response.status == 304 or length == 0
  if without then
    finish(text == "")
    response.body = ""
    return true
  end
  if length and length > options.limit then
    socket:abort()
    return nil, ("the body has %d bytes, more than %d"):format(length, options.limit), "ProtocolFailure"
  end
  local body = Body.new(socket, text, 1, length or math.maxinteger, Response.limits)
  body.untilEnd, body.total, body.finish = not length, 0, finish
  response.incoming, response.limit, response.timeout = body, options.limit, options.timeout
  if options.stream then return true end
  local pieces = {}
  while true do
    local piece, why, code = nextPiece(response)
    if piece == nil then return nil, why, code end
    pieces[#pieces + 1] = piece or nil
    if not piece or not response.incoming then break end
  end
  response.body = table.concat(pieces)
  return true
end

-- One request and its response. -> response | nil, message, code
local function exchange(place, options)
  for attempt = 1, 2 do
    local socket = attempt == 1 and pool.take(place, options)
    local fresh = not socket
    if fresh then
      local why, code
      socket, why, code = pool.connect(place, options)
      if not socket then return nil, why, code end
    end
    local guard <close> = setmetatable({ socket = socket }, { __close = function(self)
      if self.socket then self.socket:abort() end
    end })
    local sent, why, code = send(socket, place, options)
    local response, text, kept, length = Response.receive(socket)
    if response then
      local closes = response.status == 101 or not sent or not kept
      guard.socket = nil
      local ok
      ok, why, code = receiveBody(response, socket, text, length, options, function(clean)
        if closes or not clean then return socket:close() end
        pool.give(socket, place, options)
      end)
      if not ok then return nil, why, code end
      return response
    end
    if sent then why, code = text, kept end
    local some = length
    local again = not fresh and not some and idempotent[options.method] and type(options.body) ~= "function"
    if not again or code == "SocketTimeoutError" then return nil, why, code end
  end
end

local moved = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

-- The options for where a redirect leads. -> place, options | nil, message, code
local function follow(place, options, response)
  local location = url.resolve(place, response:header "Location")
  local to, why = url.parse(location)
  if not to or to.scheme == "unix" and to.host ~= place.host then
    return nil, "redirected to what is no URL of http or https: " .. (why or to.scheme), "ProtocolUnknownError"
  end
  if place.scheme == "https" and to.scheme ~= "https" then
    return nil, "redirected from https to http", "InsecureRedirectError"
  end
  local changed = {}
  for name, value in pairs(options) do changed[name] = value end
  local drop = {}
  if response.status == 303 and options.method ~= "HEAD"
    or options.method == "POST" and (response.status == 301 or response.status == 302) then
    changed.method, changed.body = "GET", nil
    drop["content-type"], drop["content-length"] = true, true
  elseif type(options.body) == "function" then
    return nil, "redirected, and the body can't be sent again", "ProtocolFailure"
  end
  if to.scheme ~= place.scheme or to.host ~= place.host or to.port ~= place.port then
    drop.authorization, drop.cookie, drop.host = true, true, true
  end
  changed.headers = {}
  for name, value in pairs(options.headers or {}) do
    if not drop[tostring(name):lower()] then changed.headers[name] = value end
  end
  changed.url = location
  return to, changed
end

local function run(place, options)
  for left = options.redirects, 0, -1 do
    local response, why, code = exchange(place, options)
    if not response then return nil, why, code end
    response.url = options.url
    if not moved[response.status] or options.redirects == 0 or not response:header "Location" then return response end
    response:close()
    if left == 0 then break end
    place, options, code = follow(place, options, response)
    if not place then return nil, options, code end
  end
  return nil, "too many redirects", "TooManyRedirectsError"
end

local function checked(options)
  if type(options) == "string" then options = { url = options } end
  if type(options) ~= "table" then error("http.request: a URL or a table of options expected", 3) end
  local all = {}
  for name, value in pairs(defaults) do all[name] = value end
  for name, value in pairs(options) do
    local fits = known[name] == type(value) or name == "body" and (type(value) == "string" or type(value) == "function")
      or name == "resolve" and (type(value) == "table" or type(value) == "function")
    if not fits then error(("http.request: bad option %s"):format(tostring(name)), 3) end
    all[name] = value
  end
  if not all.url then error("http.request: no url", 3) end
  -- Connections are shared only by requests with the same options of TLS, of resolving, and of what is private.
  all.key = ("%s %s %s"):format(all.ssl or "", all.resolve or "", all.private == false)
  return all
end

--- -> response | nil, message, code
return function(options)
  options = checked(options)
  local place, why = url.parse(options.url)
  if not place then return nil, "request: " .. why, "ProtocolUnknownError" end
  return moonport.deadline(options.timeout, run, place, options)
end
