-- URLs of requests: http://host:port/path?query, https://…, and unix:/run/app.sock:/path for a Unix-domain socket.
-- SPDX-License-Identifier: MIT

local find, match, sub = string.find, string.match, string.sub

local url = {}

local ports = { http = 80, https = 443 }

-- "host:port" -> host, port as text or nil | nil
local function split(authority)
  if sub(authority, 1, 1) == "[" then
    local close = find(authority, "]", 1, true)
    local rest = close and sub(authority, close + 1)
    if not close or rest ~= "" and not find(rest, "^:%d*$") then return nil end
    return sub(authority, 2, close - 1), sub(rest, 2)
  end
  local colon = find(authority, ":", 1, true)
  if not colon then return authority, "" end
  return sub(authority, 1, colon - 1), sub(authority, colon + 1)
end

--- -> { scheme, host, port, target, authority } | nil, why
function url.parse(text)
  if find(text, "[^!-~]") then return nil, "a character that must be percent-encoded" end
  local hash = find(text, "#", 1, true)
  if hash then text = sub(text, 1, hash - 1) end
  local colon = find(text, ":", 1, true)
  local scheme = colon and sub(text, 1, colon - 1):lower()
  if scheme == "unix" then
    local stop = find(text, ":", colon + 1, true) or #text + 1
    local path, target = sub(text, colon + 1, stop - 1), sub(text, stop + 1)
    if path == "" or target ~= "" and sub(target, 1, 1) ~= "/" then return nil, "no path of a socket" end
    return { scheme = "unix", host = "unix:" .. path, target = target == "" and "/" or target, authority = "localhost" }
  end
  if not ports[scheme] or sub(text, colon, colon + 2) ~= "://" then return nil, "no URL of http, https or unix" end
  local stop = find(text, "[/?]", colon + 3) or #text + 1
  local authority, target = sub(text, colon + 3, stop - 1), sub(text, stop)
  if find(authority, "@", 1, true) then return nil, "a name and password, which belong into a header field" end
  local host, digits = split(authority)
  if not host or host == "" or not match(host, "^[%w._:%%-]+$") then return nil, "no host" end
  local port = digits == "" and ports[scheme] or math.tointeger(tonumber(digits))
  if digits ~= "" and not find(digits, "^%d+$") or not port or port < 1 or port > 65535 then return nil, "no port" end
  if sub(target, 1, 1) ~= "/" then target = "/" .. target end
  return { scheme = scheme, host = host:lower(), port = port, target = target, authority = authority }
end

-- Without "." and ".." (RFC 3986, 5.2.4).
local function withoutDots(path)
  local parts = {}
  for part in path:gmatch "/([^/]*)" do
    if part == ".." then parts[#parts] = nil elseif part ~= "." then parts[#parts + 1] = part end
  end
  if find(path, "/%.%.?$") then parts[#parts + 1] = "" end
  return "/" .. table.concat(parts, "/")
end

--- The target of a Location field, as seen from a URL. -> text
function url.resolve(base, location)
  if find(location, "^%a[%w+.-]*:") then return location end
  local origin = base.scheme == "unix" and base.host .. ":" or base.scheme .. "://" .. base.authority
  if sub(location, 1, 2) == "//" then return base.scheme .. ":" .. location end
  local path = match(base.target, "^[^?]*")
  if location == "" then return origin .. base.target end
  if sub(location, 1, 1) == "?" then return origin .. path .. location end
  local stop = find(location, "[?#]") or #location + 1
  local relative, rest = sub(location, 1, stop - 1), sub(location, stop)
  if sub(relative, 1, 1) ~= "/" then
    local last = #path
    while last > 0 and sub(path, last, last) ~= "/" do last = last - 1 end
    relative = sub(path, 1, last) .. relative
  end
  return origin .. withoutDots(relative) .. rest
end

return url
