-- URLs of stores: redis://[[user]:password@]host[:port][/database], rediss://… with TLS, and unix:/run/redis.sock. A
-- query adds db, user, password, and for TLS ca, certificate and key, which are files.
-- SPDX-License-Identifier: MIT

local url = {}

local known = { db = true, user = true, password = true, ca = true, certificate = true, key = true }

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- "db=1&user=ann" -> table | nil, why
local function query(text)
  local fields = {}
  for part in text:gmatch "[^&]+" do
    local name, value = part:match "^([^=]*)=(.*)$"
    if not known[name] then return nil, ("an unknown field in the query, '%s'"):format(name or part) end
    fields[name] = decoded(value)
  end
  return fields
end

-- "host:port" -> host, port | nil, why
local function split(authority)
  local host, digits = authority:match "^%[([%x:.%%]+)%]:?(%d*)$"
  if not host then host, digits = authority:match "^([^:%[%]]*):?(%d*)$" end
  if not host then return nil, "no host" end
  local port = digits == "" and 6379 or math.tointeger(tonumber(digits))
  if not port or port < 1 or port > 65535 then return nil, "no port" end
  return host == "" and "localhost" or decoded(host), port
end

-- Completes a place with what the path and the query say. -> place | nil, why
local function completed(place, database, fields)
  database = fields.db or database
  if database ~= "" then
    place.database = database:find "^%d%d?%d?%d?$" and math.tointeger(tonumber(database))
    if not place.database then return nil, "the database is no number" end
  end
  place.user, place.password = fields.user or place.user, fields.password or place.password
  if place.user == "" then place.user = nil end
  if place.user and not place.password then return nil, "a user without a password" end
  if fields.ca or fields.certificate or fields.key then
    if not place.tls then return nil, "certificates are for rediss" end
    place.ssl = { caCertificates = fields.ca, certificate = fields.certificate, key = fields.key }
  end
  if place.database and place.database > 0 then place.name = ("%s/%d"):format(place.name, place.database) end
  return place
end

--- -> { name, host, port or nil, tls, user, password, database, ssl } | nil, why; `name` is for messages: it has no
--- password
function url.parse(text)
  if text:find "[%c%s]" then return nil, "a character that must be percent-encoded" end
  local before, after = text:match "^([^?]*)%??(.*)$"
  local fields, why = query(after)
  if not fields then return nil, why end
  local path = before:match "^unix:/?/?(/[^/].*)$"
  if path then
    local host = "unix:" .. decoded(path)
    return completed({ name = host, host = host }, "", fields)
  end
  local scheme, rest = before:match "^(%a+)://(.*)$"
  scheme = scheme and scheme:lower()
  if scheme ~= "redis" and scheme ~= "rediss" then return nil, "no URL of redis, rediss or unix" end
  local place = { tls = scheme == "rediss" }
  local authority, database = rest:match "^([^/]*)/?(.*)$"
  local user, address = authority:match "^(.*)@(.*)$"
  if user then
    local name, password = user:match "^([^:]*):(.*)$"
    if not password then return nil, "a user without a password" end
    place.user, place.password = decoded(name), decoded(password)
  end
  place.host, place.port = split(address or authority)
  if not place.host then return nil, place.port end
  place.name = ("%s://%s:%d"):format(scheme, place.host:find(":", 1, true) and "[" .. place.host .. "]" or place.host,
    place.port)
  return completed(place, database, fields)
end

return url
