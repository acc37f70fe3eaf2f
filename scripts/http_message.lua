-- SPDX-License-Identifier: MIT
-- HTTP/1.1 messages from bytes and to bytes (RFC 9110, RFC 9112), for http_server.lua. It knows no sockets: the caller
-- passes what has arrived, and passes an incomplete rest again together with what follows.
--
-- It is strict where leniency lets two servers see different requests in the same bytes (request smuggling): lines end
-- only with CRLF; there are no folded lines, no blank before a colon, no control characters; one Host, one
-- Content-Length, and never that together with Transfer-Encoding.
local message = {}

local byte, find, match, sub = string.byte, string.find, string.match, string.sub

message.limits = {
  line = 8192,     -- bytes of the request line: 414 beyond
  head = 16384,    -- bytes of the whole head: 431 beyond
  headers = 100,   -- fields of the head: 431 beyond
  body = 1 << 20,  -- bytes of a body: 413 beyond
}

local methods = { GET = true, HEAD = true, POST = true, PUT = true, PATCH = true, DELETE = true, OPTIONS = true }

-- Fields that must not occur twice; others are joined with commas.
local single = {
  host = true, ["content-length"] = true, ["transfer-encoding"] = true, ["content-type"] = true,
  range = true, ["if-range"] = true, ["if-modified-since"] = true, ["if-unmodified-since"] = true, authorization = true,
}

-- Where the line that begins at `at` ends, and whether it ends with CRLF: false if it ends otherwise, nil if that isn't
-- known yet. An unfinished line counts as far as it is there.
local function lineEnd(text, at)
  local stop = at - 1
  repeat stop = find(text, "%c", stop + 1) until not stop or byte(text, stop) ~= 9
  if not stop then return #text + 1, nil end
  if byte(text, stop) ~= 13 then return stop, false end
  local following = byte(text, stop + 1)
  return stop, following and following == 10
end

-- Removes the blanks at both ends. At the end it does so by hand: a pattern would try each blank within in turn.
local function trim(text, from, to)
  from = find(text, "[^ \t]", from)
  while byte(text, to) == 32 or byte(text, to) == 9 do to = to - 1 end
  return sub(text, from, to)
end

-- Whether a list such as "keep-alive, Upgrade" names the word.
local function names(list, word)
  return list and find("," .. list:lower():gsub("[ \t]", "") .. ",", "," .. word .. ",", 1, true) ~= nil
end

-- How long the body is: request.length or request.chunked. -> true | nil, status, why
local function frame(request, limits)
  local length, encoding = request.headers["content-length"], request.headers["transfer-encoding"]
  if encoding then
    if length then return nil, 400, "both Content-Length and Transfer-Encoding" end
    if request.minor == 0 then return nil, 400, "Transfer-Encoding in HTTP/1.0" end
    if encoding:lower() ~= "chunked" then return nil, 501, "the only transfer coding is chunked" end
    request.chunked = true
  elseif length then
    if not find(length, "^%d+$") then return nil, 400, "bad Content-Length" end
    if #length > 15 or tonumber(length) > limits.body then return nil, 413, "the body is too long" end
    request.length = tonumber(length)
  end
  return true
end

local function understand(request, limits)
  local headers, minor = request.headers, request.minor
  local host = headers.host
  if minor > 0 and not host then return nil, 400, "no Host" end
  if host and not find(host, "^[%w.:%[%]_~%%!$&'()*+,;=-]*$") then return nil, 400, "bad Host" end
  if not methods[request.method] then return nil, 501, "unknown method" end
  local target = request.target
  if byte(target) ~= 47 then -- not "/…": http://host/…, or the asterisk of OPTIONS
    local rest = match(target, "^[hH][tT][tT][pP][sS]?://[^/?#]+(.*)$")
    if not rest and not (request.method == "OPTIONS" and target == "*") then return nil, 400, "bad target" end
    target = rest or target
    if find(target, "^%??$") or byte(target) == 63 then target = "/" .. target end
  end
  request.path, request.query = match(target, "^([^?]*)%??(.*)$")
  local connection = headers.connection
  if minor == 0 then
    request.keepAlive = names(connection, "keep-alive") or false
  else
    request.keepAlive = not (connection and names(connection, "close"))
  end
  if headers.expect and minor > 0 then
    if headers.expect:lower() ~= "100-continue" then return nil, 417, "unknown expectation" end
    request.expectsContinue = true
  end
  return frame(request, limits)
end

--- Parses the head of the request that begins at `from`.
--- -> request, the position after the head | nil: more is needed | nil, status, why: answer that, and close
--- request: method, target, path and query (as they came, see message.decode), minor (of HTTP/1.), headers (names in
--- lower case), keepAlive, expectsContinue, and length or chunked if it has a body.
function message.head(text, from, limits)
  if byte(text, from) == 13 and byte(text, from + 1) == 10 then from = from + 2 end -- an empty line before (9112, 2.2)
  local stop, sound = lineEnd(text, from)
  if stop - from > limits.line then return nil, 414, "the request line is too long" end
  if sound == nil then return nil end
  local method, target, major, minor = match(text, "^([%w!#$%%&'*+.^_`|~-]+) ([!-~]+) HTTP/(%d)%.(%d)\r\n", from)
  if not method then return nil, 400, "bad request line" end
  if major ~= "1" then return nil, 505, "only HTTP/1.1 is spoken here" end
  local headers, count = {}, 0
  while true do
    local at = stop + 2
    stop, sound = lineEnd(text, at)
    if stop - from > limits.head then return nil, 431, "the head is too long" end
    if sound == nil then return nil end
    if sound and stop == at then break end
    local name, value = match(text, "^([%w!#$%%&'*+.^_`|~-]+):()", at)
    if not name or not sound then return nil, 400, "bad header field" end
    count = count + 1
    if count > limits.headers then return nil, 431, "too many header fields" end
    name, value = name:lower(), trim(text, value, stop - 1)
    local before = headers[name]
    if before and single[name] then return nil, 400, "more than one " .. name end
    headers[name] = before and before .. ", " .. value or value
  end
  local request = { method = method, target = target, minor = tonumber(minor), headers = headers }
  local ok, status, why = understand(request, limits)
  if not ok then return nil, status, why end
  return request, stop + 2
end

--- The state of reading a request's body: `body.done`, and then `body.text`. Call message.feed until it is done.
function message.body(request)
  if request.chunked then return { left = 0, size = 0, state = "size" } end
  local length = request.length or 0
  return { left = length, size = length, done = length == 0, text = "" }
end

local longestLine = 1024 -- of a chunk's size and its extensions, or a trailer field

-- What a line between the data of a chunked body means. -> true | nil, status, why
local chunkLine = {}

function chunkLine.size(body, line, limits)
  local digits = match(line, "^(%x+)$") or match(line, "^(%x+)[ \t]*;")
  if not digits then return nil, 400, "bad chunk size" end
  local size = #digits <= 15 and tonumber(digits, 16)
  if not size or body.size + size > limits.body then return nil, 413, "the body is too long" end
  body.left, body.size = size, body.size + size
  body.state = size > 0 and "ending" or "trailer"
  return true
end

function chunkLine.ending(body, line)
  if line ~= "" then return nil, 400, "a chunk is longer than its size" end
  body.state = "size"
  return true
end

function chunkLine.trailer(body, line, limits) -- skipped
  body.trailer = (body.trailer or 0) + #line
  if body.trailer > limits.head then return nil, 431, "the trailer is too long" end
  body.done = line == ""
  if line ~= "" and not find(line, "^[%w!#$%%&'*+.^_`|~-]+:") then return nil, 400, "bad trailer field" end
  return true
end

--- Feeds the body with text from position `at` on.
--- -> the position after what was used; pass the rest again together with what follows | nil, status, why
function message.feed(body, text, at, limits)
  while not body.done do
    if body.left > 0 then
      local piece = sub(text, at, at + body.left - 1)
      if piece == "" then return at end
      at, body.left = at + #piece, body.left - #piece
      body[#body + 1] = piece
      if #body == 256 then body[1] = table.concat(body) for i = 2, 256 do body[i] = nil end end
      body.done = body.left == 0 and not body.state
    else
      local stop, sound = lineEnd(text, at)
      if stop - at > longestLine then return nil, 400, "a line of the body is too long" end
      if sound == nil then return at end
      if not sound then return nil, 400, "a line of the body is broken" end
      local ok, status, why = chunkLine[body.state](body, sub(text, at, stop - 1), limits)
      if not ok then return nil, status, why end
      at = stop + 2
    end
  end
  if body[1] then body.text = table.concat(body) end
  body.text = body.text or ""
  return at
end

--- Percent-decoding. -> text | nil if it is malformed, or has a zero byte, which would end a file's name early
function message.decode(text)
  if not find(text, "%", 1, true) then return text end
  local plain, escapes = text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end)
  local _, signs = text:gsub("%%", "")
  if signs ~= escapes or find(plain, "\0", 1, true) then return nil end
  return plain
end

message.reasons = {
  [100] = "Continue", [200] = "OK", [201] = "Created", [202] = "Accepted", [204] = "No Content",
  [206] = "Partial Content", [301] = "Moved Permanently", [302] = "Found", [303] = "See Other", [304] = "Not Modified",
  [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found",
  [405] = "Method Not Allowed", [408] = "Request Timeout", [409] = "Conflict", [412] = "Precondition Failed",
  [413] = "Content Too Large", [414] = "URI Too Long", [415] = "Unsupported Media Type",
  [416] = "Range Not Satisfiable", [417] = "Expectation Failed", [429] = "Too Many Requests",
  [431] = "Request Header Fields Too Large", [500] = "Internal Server Error", [501] = "Not Implemented",
  [502] = "Bad Gateway", [503] = "Service Unavailable", [504] = "Gateway Timeout",
  [505] = "HTTP Version Not Supported",
}

--- A time (of os.time) as HTTP writes it, and back; nil for a text in none of the three forms (RFC 9110, 5.6.7).
function message.date(time) return os.date("!%a, %d %b %Y %H:%M:%S GMT", time) end

local months = {}
for name in ("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"):gmatch "%a+" do
  months[#months + 1] = name
  months[name] = #months
end

function message.time(text)
  local day, month, year, clock = match(text, "^%a+, (%d%d)[ -](%a%a%a)[ -](%d+) (%d%d:%d%d:%d%d) GMT$")
  if not day then month, day, clock, year = match(text, "^%a%a%a (%a%a%a) ([ %d]%d) (%d%d:%d%d:%d%d) (%d%d%d%d)$") end
  month = months[month]
  if not month or #year > 4 then return nil end
  year = tonumber(year)
  if year < 100 then year = year + (year < 70 and 2000 or 1900) end
  if month < 3 then year, month = year - 1, month + 12 end -- a year begins in March: the leap day is its last
  local days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469
  local hours, minutes, seconds = match(clock, "(%d+):(%d+):(%d+)")
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds // 1
end

local second, date = nil, nil -- Date is formatted once a second

--- The head of a response. `length` is that of the body, nil where it must not be stated (204, 304); `connection`
--- "close", "keep-alive" or nil. A line end in a field raises: text from others could begin a field or body of its own.
function message.response(status, headers, length, connection)
  local time = os.time()
  if time ~= second then second, date = time, message.date(time) end
  local lines = { ("HTTP/1.1 %d %s\r\nDate: %s"):format(status, message.reasons[status] or "Status", date) }
  for name, value in pairs(headers) do
    if find(value, "[\r\n\0]") then error(("line end in header field %s"):format(name), 2) end
    lines[#lines + 1] = name .. ": " .. value
  end
  if connection then lines[#lines + 1] = "Connection: " .. connection end
  if length then lines[#lines + 1] = "Content-Length: " .. length end
  lines[#lines + 1] = "\r\n"
  return table.concat(lines, "\r\n")
end

return message
