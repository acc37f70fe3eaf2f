-- Answers of several workers as one: what ctl shows of all of them.
-- SPDX-License-Identifier: MIT

local sums = {}

-- JSON ------------------------------------------------------------------------------------------------------

local encode

local function escape(c) return ("\\u%04x"):format(c:byte()) end

local function encode_table(value)
  local parts = {}
  if value[1] ~= nil or value.list then
    for i, one in ipairs(value) do parts[i] = encode(one) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local names = {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = encode(name) .. ":" .. encode(value[name]) end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value)
  if type(value) == "string" then return '"' .. value:gsub('[%c"\\\127]', escape) .. '"' end
  if type(value) == "table" then return encode_table(value) end
  if math.type(value) == "float" then return ("%.6g"):format(value) end
  return tostring(value)
end

sums.json = encode

-- Status ----------------------------------------------------------------------------------------------------

-- Adds numbers, also those in tables, of `from` to `to`.
local function add(to, from)
  for name, value in pairs(from) do
    if type(value) == "number" then
      to[name] = (to[name] or 0) + value
    elseif type(value) == "table" then
      to[name] = to[name] or {}
      add(to[name], value)
    end
  end
end

local function most(to, from)
  for name, value in pairs(from) do to[name] = math.max(to[name] or 0, value) end
end

local added = { "connections", "memory" }
local counts = { "calls", "errors", "peerErrors", "tasks", "processes", "processor" }

--- `answers`: by worker, where it has answered; one that serves and hasn't is "silent". Times of turns are those of the
--- worst; the rest are sums.
function sums.status(master, answers, of_master)
  local all = { workers = { list = true }, lag = { p50 = 0, p99 = 0, longest = 0, recent = 0 },
    descriptors = { open = 0, limit = -1 }, connections = { open = 0, accepted = 0, connected = 0, bytesRead = 0,
    bytesSent = 0, refused = { buffers = 0, connections = 0, handshakes = 0 }, shed = 0 },
    memory = { lua = 0, resident = 0, buffers = 0, maxBuffers = 0 }, logLevel = "none" }
  for _, name in ipairs(counts) do all[name] = 0 end
  for i, worker in ipairs(master.workers) do
    local one = answers[i] and answers[i][1]
    local row = { worker = i, state = worker.stage, deaths = worker.history.deaths or 0,
      pid = worker.process and worker.process:processId() }
    all.workers[i] = row
    if not one and row.state == "serving" then row.state = "silent" end
    if one then
      row.uptime, row.generation, row.errors = one.uptime, one.generation, one.errors
      row.connections, row.resident, row.lag = one.connections.open, one.memory.resident, one.lag.longest
      for _, name in ipairs(added) do add(all[name], one[name]) end
      for _, name in ipairs(counts) do all[name] = all[name] + one[name] end
      most(all.lag, one.lag)
      all.descriptors.open = all.descriptors.open + one.descriptors.open
      all.descriptors.limit, all.logLevel = one.descriptors.limit, one.logLevel
      all.reload = all.reload or one.reload
    end
  end
  local time = all.reload and all.reload.time
  for name, value in pairs(of_master) do all[name] = value end
  all.reload.time = time
  return all
end

-- Lists -----------------------------------------------------------------------------------------------------

-- What has the same key in several workers is one, to which `add` adds the others.
local function united(answers, key, add_to)
  local list, known = {}, {}
  for _, objects in pairs(answers) do
    for _, one in ipairs(objects) do
      local name = key(one)
      if known[name] then
        add_to(known[name], one)
      else
        known[name] = one
        list[#list + 1] = one
      end
    end
  end
  return list
end

local function handler_key(one) return ("%s %s %s"):format(one.of, one.server, one.signal) end

local function add_handler(same, one)
  same.calls, same.errors = same.calls + one.calls, same.errors + one.errors
end

--- The same handler in several workers is one.
function sums.handlers(answers) return united(answers, handler_key, add_handler) end

-- Without the object, which differs.
local function error_key(one) return (one.message:gsub("%b()", "", 1)) end

local function add_error(same, one)
  same.count = same.count + one.count
  same.first, same.last = math.min(same.first, one.first), math.max(same.last, one.last)
  same.generation = math.max(same.generation, one.generation)
end

--- The same error in several workers is one.
function sums.errors(answers) return united(answers, error_key, add_error) end

return sums
