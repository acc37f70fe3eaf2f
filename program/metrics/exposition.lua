-- Prometheus' text format: what a process has answered as families of samples, sums over processes, and the text.
-- SPDX-License-Identifier: MIT

local registry = require "moonport.metrics.registry"

local number = registry.number

local exposition = {}

local Set = {}
Set.__index = Set

--- A set of families: name -> { name, kind, help, keys = the samples' names with labels in order, values by key }
function exposition.set() return setmetatable({ order = {}, byName = {} }, Set) end

function Set:family(name, kind, help)
  local family = self.byName[name]
  if not family then
    family = { name = name, kind = kind, help = help, keys = {}, values = {} }
    self.byName[name] = family
    self.order[#self.order + 1] = family
  end
  return family
end

-- `how`: of two values makes one. False: there are `most` already.
local function put(family, key, value, how, most)
  local before = family.values[key]
  if before then
    family.values[key] = how(before, value)
    return true
  end
  if most and #family.keys >= most then return false end
  family.keys[#family.keys + 1] = key
  family.values[key] = value
  return true
end

local function plus(a, b) return a + b end

local escapes = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

--- One sample of the program's own; `labels` is a list of names and values in turn, or nil.
function Set:add(name, kind, help, value, labels)
  if not value then return end
  local parts = {}
  for i = 1, #(labels or {}), 2 do
    parts[#parts + 1] = ('%s="%s"'):format(labels[i], tostring(labels[i + 1]):gsub('[\\"\n]', escapes))
  end
  local key = parts[1] and ("%s{%s}"):format(name, table.concat(parts, ",")) or name
  put(self:family(name, kind, help), key, value, plus)
end

local words = { NaN = 0 / 0, ["+Inf"] = math.huge, ["-Inf"] = -math.huge }

--- Text of a script's metrics, as registry.lua makes it.
function Set:read(text)
  local helps, family = {}, nil
  for line in text:gmatch "[^\n]+" do
    local name, help = line:match "^# HELP (%S+) (.*)"
    local typed, kind = line:match "^# TYPE (%S+) (%S+)"
    if name then
      helps[name] = help
    elseif typed then
      family = self:family(typed, kind, helps[typed] or typed)
    elseif family then
      local key, value = line:match "^(.*) (%S+)$"
      value = words[value] or tonumber(value)
      if value then put(family, key, value, plus) end
    end
  end
end

-- The worst of several, or the one that all share; others are added up.
local notSummed = { moonport_lag_seconds = math.max, moonport_generation = math.max, moonport_build_info = math.max,
  moonport_uptime_seconds = math.max, moonport_max_descriptors = math.max }

local function merge(to, from, most)
  local left = 0
  for _, key in ipairs(from.keys) do
    if not put(to, key, from.values[key], notSummed[from.name] or plus, most) then left = left + 1 end
  end
  return left
end

local MOST = 10000 -- samples of a family, of processes that have ended

--- Adds the samples of another set: of counters and histograms alone if `growing`.
function Set:merge(other, growing)
  for _, from in ipairs(other.order) do
    if not growing or from.kind ~= "gauge" then
      local to = self:family(from.name, from.kind, from.help)
      if not growing then to.help = from.help end
      merge(to, from)
    end
  end
end

--- Keeps what a process that has ended has counted. This is bounded, for its labels may be others each time; what is
--- left out is counted.
function Set:keep(other)
  for _, from in ipairs(other.order) do
    if from.kind ~= "gauge" then
      local left = merge(self:family(from.name, from.kind, from.help), from, MOST)
      if left > 0 then
        self:add("moonport_metrics_dropped_total", "counter", registry.droppedHelp, left, { "metric", from.name })
      end
    end
  end
end

--- -> the text
function Set:text()
  local lines = {}
  for _, family in ipairs(self.order) do
    lines[#lines + 1] = ("# HELP %s %s\n# TYPE %s %s\n"):format(family.name, family.help, family.name, family.kind)
    for _, key in ipairs(family.keys) do lines[#lines + 1] = ("%s %s\n"):format(key, number(family.values[key])) end
  end
  return table.concat(lines)
end

--- Adds what `status` and `metrics` of one process have answered. `rows`: of handlers
function Set:addProcess(s, rows)
  local function counter(name, help, value, ...) self:add(name, "counter", help, value, { ... }) end
  local function gauge(name, help, value, ...) self:add(name, "gauge", help, value, { ... }) end
  local c, lag = s.connections, s.lag
  gauge("moonport_connections", "Connections that are open.", c.open)
  counter("moonport_connections_accepted_total", "Connections that were accepted.", c.accepted)
  counter("moonport_connections_made_total", "Outgoing connections that were made.", c.connected)
  local refusedHelp = "Connections that were refused: for all buffers, or an address with too many."
  for _, reason in ipairs { "buffers", "connections", "handshakes" } do
    counter("moonport_connections_refused_total", refusedHelp, c.refused[reason], "reason", reason)
  end
  counter("moonport_connections_shed_total", "Connections that ended because they held the most.", c.shed)
  counter("moonport_received_bytes_total", "Bytes that arrived on connections.", c.bytesRead)
  counter("moonport_sent_bytes_total", "Bytes that left on connections.", c.bytesSent)
  counter("moonport_errors_total", "Handlers and tasks that ended with an error.", s.errors)
  counter("moonport_peer_errors_total", "Handlers that ended by moonport.fail.", s.peerErrors)
  gauge("moonport_waiting_tasks", "Handlers and tasks that wait.", s.tasks)
  gauge("moonport_processes", "Other programs that run.", s.processes)
  local lagHelp = "How long turns of the event loop took in the last minutes; 1 is the longest."
  gauge("moonport_lag_seconds", lagHelp, lag.p50 / 1e3, "share", "0.5")
  gauge("moonport_lag_seconds", lagHelp, lag.p99 / 1e3, "share", "0.99")
  gauge("moonport_lag_seconds", lagHelp, lag.longest / 1e3, "share", "1")
  counter("moonport_cpu_seconds_total", "Time of the processor.", s.processor)
  gauge("moonport_lua_memory_bytes", "Memory of Lua.", s.memory.lua)
  gauge("moonport_buffer_memory_bytes", "Memory of the buffers of connections.", s.memory.buffers)
  gauge("moonport_resident_memory_bytes", "Memory of the process.", s.memory.resident)
  gauge("moonport_open_descriptors", "Descriptors that are open.", s.descriptors.open)
  if s.descriptors.limit >= 0 then
    gauge("moonport_max_descriptors", "Descriptors that a process may open.", s.descriptors.limit)
  end
  gauge("moonport_generation", "The generation of the code that serves.", s.generation)
  for _, row in ipairs(rows) do
    local labels = { "of", row.of, "signal", row.signal, "server", row.server or "" } -- an empty one is none
    self:add("moonport_handler_calls_total", "counter", "Calls of handlers.", row.calls, labels)
    self:add("moonport_handler_errors_total", "counter", "Calls of handlers that failed.", row.errors, labels)
  end
end

--- Adds what there is once for all processes. `s` is the answer to `status` of the only one, or of the master.
function Set:addProgram(s)
  self:add("moonport_build_info", "gauge", "The version.", 1, { "version", s.version })
  self:add("moonport_uptime_seconds", "gauge", "How long it runs.", s.uptime)
  self:add("moonport_reloads_total", "counter", "Reloads that succeeded.", s.reload.count)
  self:add("moonport_reload_failures_total", "counter", "Reloads that failed.", s.reload.failures)
  if not s.workers then return end
  local serving = 0
  for _, one in ipairs(s.workers) do serving = serving + (one.state == "serving" and 1 or 0) end
  self:add("moonport_workers", "gauge", "Workers that serve.", serving)
  for _, one in ipairs(s.workers) do
    self:add("moonport_worker_deaths_total", "counter", "Ends of workers that nobody asked for.", one.deaths,
      { "worker", one.worker })
  end
end

return exposition
