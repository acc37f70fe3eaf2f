-- How the answers of commands look: `shows` has a function for each, which gets the objects of the answer and the
-- options; `chooses` says which objects are wanted.
-- SPDX-License-Identifier: MIT

local show = require "ctl.show"

local shows, chooses = {}, {}

local safe, bytes, duration = show.safe, show.bytes, show.duration

-- status ----------------------------------------------------------------------------------------------------

function shows.status(objects, options)
  local s = objects[1]
  local traffic, lag, reload = s.connections, s.lag, s.reload
  local limit = s.descriptors.limit < 0 and "no limit" or ("of %d"):format(s.descriptors.limit)
  local last = reload.time and ", the last " .. show.time(reload.time) or ""
  show.facts {
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
    s.store and { "store", ("process %d, %s resident"):format(s.store.pid, bytes(s.store.resident)) },
  }
  if s.workers then
    local rows = {}
    for i, w in ipairs(s.workers) do
      rows[i] = { tostring(w.worker), tostring(w.pid or "-"), w.state, w.uptime and duration(w.uptime) or "-",
        tostring(w.generation or "-"), tostring(w.connections or "-"), tostring(w.errors or "-"),
        w.resident and bytes(w.resident) or "-" }
    end
    show.rows({ ">worker", ">process", "state", ">up", ">gen", ">open", ">errors", ">memory" }, rows, options.columns)
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

-- what changes something --------------------------------------------------------------------------------------

function shows.reload(objects)
  print(("generation %d, in %.1f ms"):format(objects[1].generation, objects[1].duration))
  return true
end

shows.rollback = shows.reload

local function done() return true end

shows.drain, shows.stop, shows.close, shows.log = done, done, done, done

return { shows = shows, chooses = chooses }
