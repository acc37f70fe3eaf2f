-- What moonport.http knows of messages (RFC 9110, RFC 9112): limits, requests, dates, names. It knows no sockets.
-- SPDX-License-Identifier: MIT

local head = require "moonport.http.head"

local find, gsub, sub = string.find, string.gsub, string.sub

local message = {
  date = head.date, -- a time (of os.time) as HTTP writes it
}

message.limits = {
  line = 8192,     -- bytes of the request line: 414 beyond
  head = 16384,    -- bytes of the whole head: 431 beyond
  headers = 100,   -- fields of the head: 431 beyond
  body = 1 << 20,  -- bytes of a body: 413 beyond
}

local function byte(digits) return string.char(tonumber(digits, 16)) end

--- Percent-decoding. -> text | nil if it is malformed, or has a zero byte, which would end a file's name early
function message.decode(text)
  if not find(text, "%", 1, true) then return text end
  local plain, escapes = gsub(text, "%%(%x%x)", byte)
  local _, signs = gsub(text, "%%", "")
  if signs ~= escapes or find(plain, "\0", 1, true) then return nil end
  return plain
end

-- A name or value of a query. What is malformed stays as it is.
local function decodeForm(text)
  if find(text, "+", 1, true) then text = gsub(text, "%+", " ") end
  if find(text, "%", 1, true) then text = gsub(text, "%%(%x%x)", byte) end
  return text
end

--- The fields of "a=1&b=2", as a query or a form has them: name -> list of values
function message.parameters(text)
  local all, at, size = {}, 1, #text
  while at <= size do
    local stop = find(text, "&", at, true) or size + 1
    if stop > at then
      local equals = find(text, "=", at, true)
      if not equals or equals > stop then equals = stop end
      local name, value = decodeForm(sub(text, at, equals - 1)), decodeForm(sub(text, equals + 1, stop - 1))
      local list = all[name]
      if list then list[#list + 1] = value else all[name] = { value } end
    end
    at = stop + 1
  end
  return all
end

-- Name -> value, the first of each name counts (RFC 6265, 5.4).
local function cookies(request)
  local all = {}
  for _, text in ipairs { head.field(request, "cookie") } do
    local at, size = 1, #text
    while at <= size do
      local stop = find(text, ";", at, true) or size + 1
      local equals = find(text, "=", at, true)
      if equals and equals < stop then
        local first = find(text, "[^ ]", at)
        local name, value = sub(text, first, equals - 1), sub(text, equals + 1, stop - 1)
        if sub(value, 1, 1) == '"' and #value > 1 and sub(value, -1) == '"' then value = sub(value, 2, -2) end
        if all[name] == nil then all[name] = value end
      end
      at = stop + 1
    end
  end
  return all
end

-- Made when they are asked for first.
local lazy = {
  headers = head.fields,
  cookies = cookies,
  parameters = function(request) return message.parameters(request.query) end,
  version = function(request) return "1." .. request[4] end,
  peer = function(request) return request.socket:peerAddress() or "unix" end,
  secure = function(request)
    local isEncrypted = request.socket.isEncrypted -- which plain sockets don't have
    return isEncrypted ~= nil and isEncrypted(request.socket)
  end,
}

local methods = {}

--- Each value of a header field: local first, second = request:header "Accept"
function methods.header(request, name) return head.field(request, name) end

--- Each value of a parameter of the query.
function methods.parameter(request, name)
  local list = request.parameters[name]
  if list then return table.unpack(list) end
end

message.methods = methods

--- The metatable of requests.
message.request = {
  __name = "request",
  __tostring = function(request) -- as it is logged
    return ("%s %s %s %s"):format(request.peer, request.method, request.target, request.status or "-")
  end,
  __index = function(request, name)
    local method = methods[name]
    if method then return method end
    local make = lazy[name]
    if not make then return nil end
    local value = make(request)
    request[name] = value
    return value
  end,
}

local months = {}
for name in ("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"):gmatch "%a+" do
  months[#months + 1] = name
  months[name] = #months
end

--- A time from HTTP, nil for a text in none of the three forms (RFC 9110, 5.6.7).
function message.time(text)
  if #text > 40 then return nil end
  local day, month, year, clock = text:match "^%a+, (%d%d)[ -](%a%a%a)[ -](%d+) (%d%d:%d%d:%d%d) GMT$"
  if not day then month, day, clock, year = text:match "^%a%a%a (%a%a%a) ([ %d]%d) (%d%d:%d%d:%d%d) (%d%d%d%d)$" end
  month = months[month]
  if not month or #year > 4 then return nil end
  year = tonumber(year)
  if year < 100 then year = year + (year < 70 and 2000 or 1900) end
  if month < 3 then year, month = year - 1, month + 12 end -- a year begins in March: the leap day is its last
  local hours, minutes, seconds = clock:match "^(%d+):(%d+):(%d+)$"
  hours, minutes, seconds, day = tonumber(hours), tonumber(minutes), tonumber(seconds), tonumber(day)
  if hours > 23 or minutes > 59 or seconds > 60 or day < 1 or day > 31 then return nil end
  local days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
end

return message
