-- SPDX-License-Identifier: MIT
-- Takes log messages (RFC 3164 and 5424) by UDP, TCP and a Unix-domain socket, and writes them to files that rotate.
--   moonport syslog.lua FOLDER [port [address [unix:/path]]]        5514 of 127.0.0.1
--   moonport syslog.lua FOLDER unix:/path                           no UDP and no TCP
-- Try it with
--   logger --server 127.0.0.1 --port 5514 --udp "hello"
-- A line of FOLDER/messages.log is a message: time, host, facility.severity, program, text. Whoever can send may fill
-- the folder, up to `files` files of `largest` bytes.
local moonport = require "moonport"
local where = require "where"
local log = moonport.log

local folder, place, words = arg[1], where.from(table.move(arg, 2, #arg, 1, {}), 5514)
local here = where.isPath(place[1]) and place[1] or words[1] -- "unix:/run/syslog"
if not folder or here and not here:find "^unix:." then
  error("usage: moonport syslog.lua FOLDER [port [address [unix:/path]]]", 0)
end

local largest = math.tointeger(tonumber(os.getenv "SYSLOG_FILE_SIZE" or 10 << 20)) -- bytes of a file
local files = 5           -- beside the one that is written
local pause = 200         -- milliseconds between writes
local hurry = 256 << 10   -- bytes that are written without a pause
local patience = 16 << 20 -- bytes that wait if they can't be written; more is dropped
local longest = 8192      -- bytes of a message; the rest is cut

-- Messages -----------------------------------------------------------------------------------------------------------

local facilities = { [0] = "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
  "authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5",
  "local6", "local7" }
local severities = { [0] = "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug" }
local months = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11,
  Dec = 12 }

-- RFC 5424, behind the priority: "1 time host program process id data text". -> nil if it isn't
local function modern(text)
  local time, host, program, process, _, rest = text:match "^1 (%S+) (%S+) (%S+) (%S+) (%S+) (.*)$"
  if not time or not (time == "-" or time:find "^%d%d%d%d%-%d%d%-%d%dT") then return nil end
  local data = "" -- structured data: "-", or elements in brackets, in whose quotes anything can be
  local at = rest:find "^%-" and 2 or 1
  while rest:sub(at, at) == "[" do
    local ends = at + 1
    while ends <= #rest and rest:sub(ends, ends) ~= "]" do
      if rest:sub(ends, ends) == '"' then
        repeat
          ends = rest:find('[\\"]', ends + 1) or #rest
          if rest:sub(ends, ends) == "\\" then ends = ends + 1 end
        until rest:sub(ends, ends) == '"' and rest:sub(ends - 1, ends - 1) ~= "\\" or ends >= #rest
      end
      ends = ends + 1
    end
    at = ends + 1
  end
  if at > 2 then data = rest:sub(1, at - 1) .. " " end
  local body = rest:sub(at):gsub("^ ", "", 1):gsub("^\xEF\xBB\xBF", "", 1)
  if process ~= "-" then program = ("%s[%s]"):format(program, process) end
  return time ~= "-" and time or nil, host ~= "-" and host or nil, program, data .. body
end

-- RFC 3164: "Nov 30 12:00:00 host program[process]: text", of which anything may be missing.
local function old(text)
  local time, host
  local month, day, clock, rest = text:match "^(%u%l%l) +(%d+) (%d%d:%d%d:%d%d) (.*)$"
  if months[month] and tonumber(day) <= 31 then
    time, text = ("%s-%02d-%02dT%s"):format(os.date "%Y", months[month], tonumber(day), clock), rest
    local name, more = text:match "^([%w.:_-]+) (.*)$"
    if name and not name:find ":$" then host, text = name, more end -- a program's name ends in a colon
  end
  local after = text:match "^[%w./_-]+()"
  local ends, body
  if after then ends, body = text:match("^%[?%d*%]?(): ?(.*)$", after) end
  return time, host, ends and text:sub(1, ends - 1) or "-", body or text
end

-- One line, in which no message can forge another.
local function line(text, from)
  if #text > longest then text = text:sub(1, longest) .. "…" end
  local priority, rest = text:match "^<(%d%d?%d?)>(.*)$"
  priority = tonumber(priority)
  if not priority or priority > 191 then priority, rest = 13, text end
  local time, host, program, body
  if rest:find "^1 " then time, host, program, body = modern(rest) end
  if not program then time, host, program, body = old(rest) end
  local made = ("%s %s %s.%s %s: %s"):format(time or os.date "%Y-%m-%dT%H:%M:%S", host or from,
    facilities[priority >> 3], severities[priority & 7], program, body)
  return made:gsub("%c", function(c) return ("\\x%02x"):format(c:byte()) end) .. "\n"
end

-- Files --------------------------------------------------------------------------------------------------------------

-- What waits to be written. A reload keeps it.
local waiting = moonport.persist("syslog", { lines = {}, bytes = 0, dropped = 0, taken = 0 })
local path = folder .. "/messages.log"

local function rotate()
  os.remove(("%s.%d"):format(path, files))
  for i = files - 1, 1, -1 do os.rename(("%s.%d"):format(path, i), ("%s.%d"):format(path, i + 1)) end
  assert(os.rename(path, path .. ".1"))
end

-- Appends to the file. -> its size | nil, message
local function append(text)
  local file, why = io.open(path, "ab")
  if not file then return nil, why end
  local written, problem = file:write(text)
  local size = file:seek "end"
  local closed, late = file:close()
  if not written or not closed then return nil, problem or late end
  return size
end

local complained

-- Writes what waits, all at once.
local function flush()
  if waiting.bytes == 0 then return end
  local size, why = append(table.concat(waiting.lines))
  if not size then
    if not complained then log.error("syslog: %s", why) end
    complained = true
    return
  end
  if complained or waiting.dropped > 0 then log.warning("syslog: %d messages were dropped", waiting.dropped) end
  complained = false
  waiting.lines, waiting.bytes, waiting.dropped = {}, 0, 0
  if size >= largest then
    local ok, problem = pcall(rotate)
    if not ok then log.error("syslog: %s", problem) end
  end
end

local function take(text, from)
  local made = line(text, from)
  waiting.taken = waiting.taken + 1
  if waiting.bytes + #made > patience then
    waiting.dropped = waiting.dropped + 1
    return
  end
  waiting.lines[#waiting.lines + 1] = made
  waiting.bytes = waiting.bytes + #made
  if waiting.bytes >= hurry and not complained then flush() end
end

moonport.spawn(function()
  while true do
    moonport.sleep(pause)
    flush()
  end
end)

-- Without these bytes at its end; one by one, since a pattern would begin anew at each of a long row of them.
local function trimmed(text, bytes)
  local last = #text
  while last > 0 and bytes:find(text:sub(last, last), 1, true) do last = last - 1 end
  return text:sub(1, last)
end

-- Receiving ----------------------------------------------------------------------------------------------------------

local socket = moonport.UdpSocket()

function socket:datagramReceived(data, from)
  take(trimmed(data, "\n\0"), from)
end

local most = 1 << 16 -- bytes of a message of a stream; a longer one ends it

-- The messages of a stream (RFC 6587): "5 hello", or up to a line's end or, as syslog(3) sends them, a NUL.
local function messages(client)
  local buffer, looked, ended = "", 1, false
  local function cut(first, last, behind)
    local text = buffer:sub(first, last)
    buffer, looked = buffer:sub(behind), 1
    return text
  end
  return function()
    while true do
      local digits = buffer:match "^(%d%d?%d?%d?%d?) "
      if digits then
        local first = #digits + 2
        local last = first + tonumber(digits) - 1
        if #buffer >= last then return cut(first, last, last + 1) end
      else
        local stop = buffer:find("[\n\0]", looked)
        if stop then return cut(1, stop - 1, stop + 1) end
        looked = #buffer + 1
      end
      if ended then return buffer ~= "" and cut(1, -1, #buffer + 1) or nil end
      if #buffer > most then return nil end
      ended = not client:waitForReadyRead(digits and 60000 or -1)
      buffer = buffer .. (client:readAll() or "")
    end
  end
end

local function serve(self)
  local client = self:nextPendingConnection()
  local from = client:peerAddress() or "localhost"
  client:setReadBufferSize(1 << 16)
  for text in messages(client) do
    text = trimmed(text, "\r\n\0")
    if text ~= "" then take(text, from) end
  end
  client:disconnectFromHost()
end

local function listen(...)
  local server = moonport.TcpServer()
  server.newConnection = serve
  server:setMaxConnections(500)
  assert(server:listen(...))
  return server
end

local server = listen(table.unpack(place))
if not where.isPath(place[1]) then
  assert(socket:bind(place[1], server:serverPort()))
  socket:setSocketOption("ReceiveBufferSizeSocketOption", 4 << 20)
  if here then listen(here) end
end

moonport.onQuit(function()
  flush()
  log.info("syslog: %d messages, %d dropped by the system", waiting.taken, socket:datagramsDropped())
end)

log.info("syslog: listening on %s, writing to %s", where.of(server), path)
