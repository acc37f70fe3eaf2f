-- SPDX-License-Identifier: MIT
-- What moonport.http.head makes of requests that come in pieces, as lines of text, for the specs that hold it against
-- known verdicts; and random requests, with faults and without.

local head = require "moonport.http.head"

local verdicts = {}

--- So that requests often reach the limits.
verdicts.limits = { line = 60, head = 240, headers = 8, body = 64 }

local function describe(one, kept, minor, body)
  local list = {}
  for name, value in pairs(head.fields(one)) do list[#list + 1] = ("%s=%s"):format(name, value) end
  table.sort(list)
  return ("%s %s ?%s 1.%d %s [%s] %q"):format(one.method, one.path, one.query, minor, kept, table.concat(list, ";"),
    body):gsub("\\\n", "\\n")
end

-- The head at the beginning of the text. -> what is behind it, request, kept, minor, length | rest | nil, status, why
local function whole(parser, text)
  local one, next, kept, minor, length = parser.parse(text, 1)
  if one then return text:sub(next), one, kept, minor, length end
  if next then return nil, next, kept end
  return text
end

-- The same by a reader, which has been given all before this text.
local function pieceByPiece(parser, text)
  parser.reader = parser.reader or parser.open()
  local used, one, next, kept, minor, length = parser.feed(parser.reader, text)
  if used then
    parser.reader = nil
    assert(next == #one[1] + 1)
    return text:sub(used + 1), one, kept, minor, length
  end
  if one then return nil, one, next end
  return ""
end

--- Feeds the pieces one after another, as a connection would; each head anew with each piece, or by a reader.
--- -> a list of texts: requests, then how it ended
function verdicts.of(pieces, byReader)
  local limits, seen, rest, state = verdicts.limits, {}, "", "head"
  local parser = {}
  parser.parse, parser.open, parser.feed = head.parser("request", limits, {})
  local one, kept, minor, length, body, chunks
  local function refused(status, why)
    seen[#seen + 1] = ("answer %d: %s"):format(status, why)
    return seen
  end
  for _, piece in ipairs(pieces) do
    rest = rest .. piece
    repeat
      local waits = true
      if state == "head" then
        local after, what, a, b, c = (byReader and pieceByPiece or whole)(parser, rest)
        if not after then return refused(what, a) end
        rest = after
        if what then
          one, kept, minor, length, body, waits = what, a, b, c or 0, "", false
          chunks = length == -1 and head.chunks(limits)
          state = chunks and "chunks" or "length"
        end
      elseif state == "length" then
        local part = rest:sub(1, length - #body)
        rest, body = rest:sub(#part + 1), body .. part
        if #body == length then state, waits = "done", false end
      elseif state == "chunks" then
        local data, next, done = head.feed(chunks, rest, 1)
        if not data then return refused(next, done) end
        rest, body = rest:sub(next), body .. data
        if done then state, waits = "done", false end
      end
      if state == "done" then
        assert(#body <= limits.body, "a body over the limit")
        seen[#seen + 1] = describe(one, kept, minor, body)
        state = "head"
      end
    until waits
    assert(#rest <= limits.head + 10 + #piece, "more is kept than the limits allow")
  end
  seen[#seen + 1] = state == "head" and "waits for a head" or "waits for a body"
  return seen
end

function verdicts.split(text, size)
  local pieces, at = {}, 1
  while at <= #text do
    local n = size or math.random(1, math.random(1, #text))
    pieces[#pieces + 1] = text:sub(at, at + n - 1)
    at = at + n
  end
  return pieces
end

local function pick(...) return (select(math.random(select("#", ...)), ...)) end

local function letters(most)
  return (("x"):rep(math.random(0, most)):gsub("x", function() return string.char(math.random(97, 122)) end))
end

--- A request, and what verdicts.of returns for it.
function verdicts.compose()
  local method, minor = pick("GET", "POST", "PUT", "HEAD"), pick(1, 1, 1, 0)
  local path, query = "/" .. letters(8), letters(5)
  local fields, lines = {}, {}
  local function field(name, value, spelt)
    fields[#fields + 1] = ("%s=%s"):format(name, value)
    lines[#lines + 1] = ("%s:%s%s%s\r\n"):format(spelt or name, pick("", " ", " \t "), value, pick("", "  ", "\t"))
  end
  field("host", "localhost:8080", pick("Host", "host", "HOST"))
  if math.random(2) == 1 then field("x-" .. letters(5), letters(10)) end
  local keepAlive = minor == 1
  if math.random(3) == 1 then
    local value = pick("close", "keep-alive", "Keep-Alive, Upgrade", "foo,CLOSE")
    field("connection", value, "Connection")
    keepAlive = value:lower():find(minor == 1 and "close" or "keep%-alive") ~= nil
    if minor == 1 then keepAlive = not keepAlive end
  end
  local body, sent = "", ""
  local form = minor == 1 and pick("none", "length", "chunked") or pick("none", "length")
  if form == "length" then
    body = letters(verdicts.limits.body)
    sent = body
    field("content-length", tostring(#body), "Content-Length")
  elseif form == "chunked" then
    field("transfer-encoding", "chunked", "Transfer-Encoding")
    for _ = 1, math.random(0, 4) do
      local data = "x" .. letters(10)
      body = body .. data
      sent = ("%s%s%x%s\r\n%s\r\n"):format(sent, pick("", "00"), #data, pick("", ";a=b", " ;c"), data)
    end
    sent = sent .. "0\r\n" .. pick("", "Trailer: x\r\n") .. "\r\n"
  end
  table.sort(fields)
  local spelt = pick("", "http://localhost:8080") .. path .. (query == "" and "" or "?" .. query)
  local text = pick("", "", "\r\n") .. ("%s %s HTTP/1.%d\r\n"):format(method, spelt, minor) .. table.concat(lines)
  return text .. "\r\n" .. sent,
    ("%s %s ?%s 1.%d %s [%s] %q"):format(method, path, query, minor, keepAlive, table.concat(fields, ";"), body)
end

--- One random fault.
function verdicts.spoil(text)
  local at = math.random(#text)
  local stop = math.min(#text, at + math.random(0, 20))
  return pick(
    function() return text:sub(1, at - 1) .. string.char(math.random(0, 255)) .. text:sub(at + 1) end,
    function() return text:sub(1, at - 1) .. text:sub(stop + 1) end,
    function() return text:sub(1, stop) .. text:sub(at) end,
    function()
      return text:sub(1, at) .. pick("\r", "\n", "\r\n", "\0", " ", ":", "\t", "\127", "0") .. text:sub(at + 1)
    end,
    function() return text:sub(1, at) .. letters(300) .. text:sub(at + 1) end
  )()
end

--- Bytes in which a request may begin.
function verdicts.garbage()
  return (("x"):rep(math.random(400)):gsub("x", function()
    return pick(string.char(math.random(0, 255)), "\r\n", " ", ":", "GET / HTTP/1.1\r\n", "0", "Host: a\r\n")
  end))
end

return verdicts
