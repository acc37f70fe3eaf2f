-- How the answers of commands look: `shows` has a function for each, which gets the objects of the answer and the
-- options; `chooses` says which objects are wanted.
-- SPDX-License-Identifier: MIT

local show = require "ctl.show"

local shows, chooses = {}, {}

local safe, bytes, duration = show.safe, show.bytes, show.duration

-- status ----------------------------------------------------------------------------------------------------

-- -> a row, or nil where there is nothing to tell
local function overload(s)
  local refused, memory = s.connections.refused, s.memory
  local bound = memory.maxBuffers > 0 and " of " .. bytes(memory.maxBuffers) or ""
  if memory.maxBuffers == 0 and refused.connections + refused.handshakes == 0 then return nil end
  return { "overload", ("%s%s in buffers, %d refused for that, %d shed, %d refused by address"):format(
    bytes(memory.buffers), bound, refused.buffers, s.connections.shed, refused.connections + refused.handshakes) }
end

function shows.status(objects, options)
  local s = objects[1]
  local traffic, lag, reload = s.connections, s.lag, s.reload
  local limit = s.descriptors.limit < 0 and "no limit" or ("of %d"):format(s.descriptors.limit)
  local last = reload.time and ", the last " .. show.time(reload.time) or ""
  local facts = {
    { "script", ("%s, process %d, moonport %s"):format(safe(s.script), s.pid, s.version) },
    { "up", ("%s, generation %d%s"):format(duration(s.uptime), s.generation, s.draining and ", draining" or "") },
    { "connections", ("%d open, %d accepted, %d made"):format(traffic.open, traffic.accepted, traffic.connected) },
    { "traffic", ("%s read, %s sent"):format(bytes(traffic.bytesRead), bytes(traffic.bytesSent)) },
    { "handlers", ("%d calls of generation %d, %d waiting"):format(s.calls, s.generation, s.tasks) },
    { "errors", ("%d of handlers, %d of peers"):format(s.errors, s.peerErrors) },
    { "lag", ("%s the longest turn, %s 99 of 100, %s half of them"):format(duration(lag.longest / 1e3),
      duration(lag.p99 / 1e3), duration(lag.p50 / 1e3)) },
    { "processor", ("%s, %.1f %% of the time"):format(duration(s.processor),
      100 * s.processor / math.max(s.uptime, 1e-3)) },
    { "memory", ("%s resident, %s of it Lua's"):format(bytes(s.memory.resident), bytes(s.memory.lua)) },
    { "descriptors", ("%d %s"):format(s.descriptors.open, limit) },
    { "processes", ("%d"):format(s.processes) },
    { "reloads", ("%d, %d failed%s"):format(reload.count, reload.failures, last) },
    { "log level", s.logLevel },
  }
  if s.store then
    facts[#facts + 1] = { "store", ("process %d, %s resident"):format(s.store.pid, bytes(s.store.resident)) }
  end
  facts[#facts + 1] = overload(s)
  show.facts(facts)
  if s.workers then
    local rows = {}
    for i, w in ipairs(s.workers) do
      rows[i] = { tostring(w.worker), tostring(w.pid or "-"), w.state, w.uptime and duration(w.uptime) or "-",
        tostring(w.generation or "-"), tostring(w.connections or "-"), tostring(w.errors or "-"),
        w.lag and duration(w.lag / 1e3) or "-", w.resident and bytes(w.resident) or "-", tostring(w.deaths) }
    end
    show.rows({ ">worker", ">process", "state", ">up", ">gen", ">open", ">errors", ">lag", ">memory", ">deaths" }, rows,
      options.columns)
  end
  if reload.lastError then print("the last failed reload:\n" .. reload.lastError:gsub("[^\n]+", safe)) end
  return true
end

-- connections -----------------------------------------------------------------------------------------------

local function fields(object)
  local parts = {}
  for name, value in pairs(object.fields or {}) do parts[#parts + 1] = ("%s=%s"):format(name, value) end
  table.sort(parts)
  return safe(table.concat(parts, " "))
end

local function peer(object)
  if object.peer then return object.peer end
  return object.peerProcess and ("process %d of user %d"):format(object.peerProcess, object.peerUser) or "-"
end

function chooses.connections(object, options)
  local text = table.concat({ object.id, object.server or "", peer(object), object.state, fields(object) }, " ")
  return (not options[1] or text:find(options[1], 1, true))
    and (not options.server or (object.server or ""):match ":(%d+)$" == options.server)
end

function shows.connections(objects, options)
  local key, rows = options.sort or "id", {}
  table.sort(objects, function(a, b)
    local x, y = a[key] or -1, b[key] or -1
    if x ~= y and key ~= "id" then return x > y end
    return a.id < b.id
  end)
  for i, o in ipairs(objects) do
    rows[i] = { tostring(o.id), o.server or "(outgoing)", peer(o), o.age and duration(o.age) or "-",
      o.idle and duration(o.idle) or "-", (o.state:gsub("State$", "")), bytes(o.unread), bytes(o.unsent), bytes(o.read),
      bytes(o.sent), tostring(o.generation or "-"), fields(o) }
  end
  show.rows({ ">id", "server", "peer", ">age", ">idle", "state", ">unread", ">unsent", ">read", ">sent", ">gen",
    "fields" }, rows, options.columns)
  return true
end

-- handlers, waits, errors -------------------------------------------------------------------------------------

function shows.handlers(objects, options)
  table.sort(objects, function(a, b) return a.calls > b.calls end)
  local rows = {}
  for i, o in ipairs(objects) do
    rows[i] = { tostring(o.calls), tostring(o.errors), o.signal, o.server or o.of,
      safe(o.line) .. (o.others and " and others" or "") }
  end
  show.rows({ ">calls", ">errors", "signal", "of", "line" }, rows, options.columns)
  return true
end

function shows.waits(objects, options)
  table.sort(objects, function(a, b) return a.since > b.since end)
  local rows = {}
  for i, o in ipairs(objects) do
    local awaited = safe(o.waitsFor or o.of or "-") .. (o.awaited and (", id %d"):format(o.awaited) or "")
    rows[i] = { o.line == "" and "-" or safe(o.line), safe(o.call or "-"), duration(o.since), o.task,
      tostring(o.connection or "-"), tostring(o.generation or "-"), awaited }
  end
  show.rows({ "line", "waits in", ">since", "handler", ">connection", ">gen", "of" }, rows, options.columns)
  return true
end

function shows.errors(objects)
  table.sort(objects, function(a, b) return a.last > b.last end)
  for _, o in ipairs(objects) do
    print(("%s  %d time%s since %s, generation %d"):format(show.time(o.last), o.count, o.count == 1 and "" or "s",
      show.time(o.first), o.generation))
    print("  " .. safe(o.message))
    for line in o.traceback:gmatch "[^\n]+" do print("  " .. safe(line:gsub("^\t", "  "))) end
  end
  return true
end

-- profile, memory, trace ------------------------------------------------------------------------------------

local MOST = 20 -- rows of a profile

local function writeFolded(objects, path)
  local file, why = io.open(path, "w")
  if not file then return nil, why end
  table.sort(objects, function(a, b) return a.stack < b.stack end)
  for _, o in ipairs(objects) do file:write(o.stack, " ", o.count, "\n") end
  return file:close()
end

function shows.profile(objects, options)
  local own, all, samples, lines = {}, {}, 0, {}
  for _, o in ipairs(objects) do
    local met, last = {}, nil
    samples = samples + o.count
    for line in o.stack:gmatch "[^;]+" do
      if not met[line] then
        if not all[line] then lines[#lines + 1] = line end
        all[line], met[line] = (all[line] or 0) + o.count, true
      end
      last = line:find "^%[C%]" and last or line -- time in C counts for the line that calls
    end
    own[last] = (own[last] or 0) + o.count
  end
  table.sort(lines, function(a, b)
    local x, y = own[a] or 0, own[b] or 0
    if x ~= y then return x > y end
    return all[a] > all[b]
  end)
  local rows = {}
  for i = 1, math.min(#lines, MOST) do
    local line = lines[i]
    rows[i] = { ("%.1f %%"):format(100 * (own[line] or 0) / samples), ("%.1f %%"):format(100 * all[line] / samples),
      safe(line) }
  end
  show.rows({ ">self", ">with calls", "line" }, rows, options.columns)
  if not options.folded then return true end
  return writeFolded(objects, options.folded)
end

function shows.memory(objects, options)
  local s, rows, older, cut = objects[1], {}, {}, false
  for i = 2, #objects do
    local o = objects[i]
    if o.path then
      rows[#rows + 1] = { bytes(o.bytes), ("%d"):format(o.tables), ("%d"):format(o.entries), safe(o.path) }
    elseif o.generation then
      older[#older + 1] = o
    end
    cut = cut or o.cut
  end
  show.facts {
    { "resident", bytes(s.resident) },
    { "Lua", bytes(s.lua) },
    { "connections", ("%d, with %s unread and %s unsent"):format(s.connections, bytes(s.unread), bytes(s.unsent)) },
    { "objects", ("%d"):format(s.objects) },
  }
  show.rows({ ">about", ">tables", ">entries", "path" }, rows, options.columns)
  if cut then print "not all of it could be looked at" end
  for _, o in ipairs(older) do
    print(("generation %d: %d connections, %d handlers that wait (%s)"):format(o.generation, o.connections, o.handlers,
      safe(o.source)))
  end
  return true
end

local follows = {}

function follows.trace(object)
  if object.tracing then return print(("connection %d:"):format(object.tracing)) end
  if object.lost then return print(("… %d bytes are left out"):format(object.lost)) end
  local text = object.text or object.hex:gsub("..", function(digits)
    local c = string.char(tonumber(digits, 16))
    return c:find "^[ -~]$" and c or "\\x" .. digits
  end)
  if object.text then text = text:gsub("\\", "\\\\"):gsub("\r", "\\r"):gsub("\n", "\\n"):gsub("\t", "\\t") end
  local time = ("%s.%03d"):format(os.date("%H:%M:%S", object.time // 1 | 0), object.time % 1 * 1000 // 1 | 0)
  print(("%s %s %s"):format(time, object.way == "sent" and "<" or ">", text))
end

function shows.trace() return true end

-- what changes something --------------------------------------------------------------------------------------

function shows.reload(objects)
  print(("generation %d, in %.1f ms"):format(objects[1].generation, objects[1].duration))
  return true
end

shows.rollback = shows.reload

local function done() return true end

shows.drain, shows.stop, shows.close, shows.log = done, done, done, done

return { shows = shows, chooses = chooses, follows = follows }
