-- top: how the program is and which handlers are busy, again each second.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local host = require "ctl.host"
local show = require "ctl.show"

local safe, bytes, duration = show.safe, show.bytes, show.duration
local HANDLERS, ERRORS = 10, 3 -- rows

local function key(row) return ("%s %s %s"):format(row.of, row.server, row.signal) end

-- -> { time, status, rows, calls by row } | nil, why
local function look(client)
  local found = { time = moonport.now() / 1000, rows = {}, calls = {} }
  local ok, why = client:ask("status\n", function(o) found.status = o end)
  if ok then ok, why = client:ask("top\n", function(o) found.rows[#found.rows + 1] = o end) end
  if not ok then return nil, why end
  for _, row in ipairs(found.rows) do found.calls[key(row)] = row.calls end
  return found
end

local function numbers(s, before, now, rate)
  local c, last = s.connections, before.status.connections
  local calls, errors = 0, s.errors - before.status.errors
  for _, row in ipairs(now.rows) do calls = calls + row.calls - (before.calls[key(row)] or 0) end
  show.facts {
    { "script", ("%s, process %d, up %s, generation %d"):format(safe(s.script), s.pid, duration(s.uptime),
      s.generation) },
    { "connections", ("%d open, %.1f new a second"):format(c.open, rate(c.accepted - last.accepted)) },
    { "traffic", ("%s read, %s sent a second"):format(bytes(rate(c.bytesRead - last.bytesRead) // 1),
      bytes(rate(c.bytesSent - last.bytesSent) // 1)) },
    { "handlers", ("%.1f calls a second, %d waiting, %d errors, %d of them new"):format(rate(calls), s.tasks, s.errors,
      errors) },
    { "lag", ("%s the longest turn just now, %s the longest, %s 99 of 100"):format(duration(s.lag.recent / 1e3),
      duration(s.lag.longest / 1e3), duration(s.lag.p99 / 1e3)) },
    { "processor", ("%.1f %%"):format(100 * rate(s.processor - before.status.processor)) },
    { "memory", ("%s resident, %s of it Lua's"):format(bytes(s.memory.resident), bytes(s.memory.lua)) },
  }
  for _, w in ipairs(s.workers or {}) do
    print(("worker %d     %s, process %s, %s connections, %s errors, %s the longest turn"):format(w.worker, w.state,
      w.pid or "-", w.connections or "-", w.errors or "-", w.lag and duration(w.lag / 1e3) or "-"))
  end
end

local function busiest(before, now, rate, columns)
  table.sort(now.rows, function(a, b)
    local x, y = a.calls - (before.calls[key(a)] or 0), b.calls - (before.calls[key(b)] or 0)
    if x ~= y then return x > y end
    return a.calls > b.calls
  end)
  local rows = {}
  for i = 1, math.min(HANDLERS, #now.rows) do
    local row = now.rows[i]
    rows[i] = { ("%.1f"):format(rate(row.calls - (before.calls[key(row)] or 0))), ("%d"):format(row.calls),
      ("%d"):format(row.errors), row.signal, row.server or row.of, safe(row.line or "") }
  end
  show.rows({ ">calls/s", ">calls", ">errors", "signal", "of", "line" }, rows, columns)
end

local function lastErrors(client)
  local list = {}
  client:ask("errors\n", function(o) list[#list + 1] = o end)
  table.sort(list, function(a, b) return a.last > b.last end)
  for i = 1, math.min(ERRORS, #list) do
    print(("%s  %d × %s"):format(show.time(list[i].last), list[i].count, safe(list[i].message)))
  end
end

return function(client, options)
  local terminal, left = host.isTerminal(1), tonumber(options.count)
  local before, why = look(client)
  while before and left ~= 0 do
    moonport.sleep(1000)
    local now
    now, why = look(client)
    if not now then return nil, why end
    local time = math.max(now.time - before.time, 0.001)
    local function rate(difference) return math.max(difference, 0) / time end
    if terminal and not left then io.write "\27[H\27[2J" end
    numbers(now.status, before, now, rate)
    busiest(before, now, rate, options.columns)
    if now.status.errors > 0 then lastErrors(client) end
    if not terminal then print() end
    io.stdout:flush()
    before, left = now, left and left - 1
  end
  if why then return nil, why end
  return true
end
