---@meta moonport.metrics
-- SPDX-License-Identifier: MIT
-- Types of moonport.metrics for LuaLS. spec/api/docs_library_spec.lua compares them with the module and its page.

---Numbers of a script that Prometheus reads.
---@class moonport.metrics
local metrics = {}

---@alias moonport.metrics.Labels table<string, string|number|boolean>

---@class moonport.metrics.Counter
---@field inc fun(self: moonport.metrics.Counter, n?: number, labels?: moonport.metrics.Labels)|fun(self: moonport.metrics.Counter, labels: moonport.metrics.Labels) # Adds n, or 1.

---@class moonport.metrics.Gauge
---@field inc fun(self: moonport.metrics.Gauge, n?: number, labels?: moonport.metrics.Labels)|fun(self: moonport.metrics.Gauge, labels: moonport.metrics.Labels) # Adds n, or 1.
---@field dec fun(self: moonport.metrics.Gauge, n?: number, labels?: moonport.metrics.Labels)|fun(self: moonport.metrics.Gauge, labels: moonport.metrics.Labels) # Takes n, or 1, away.
---@field set fun(self: moonport.metrics.Gauge, n: number, labels?: moonport.metrics.Labels) # Makes it n.

---@class moonport.metrics.Histogram
---@field observe fun(self: moonport.metrics.Histogram, n: number, labels?: moonport.metrics.Labels) # Counts n.

---A number that only grows. Its name ends with _total.
---@param name string
---@param help string
---@param labels? string[]
---@return moonport.metrics.Counter
function metrics.counter(name, help, labels) end

---A number that goes up and down.
---@param name string
---@param help string
---@param labels? string[]
---@return moonport.metrics.Gauge
function metrics.gauge(name, help, labels) end

---How many values were at most so large.
---@param name string
---@param help string
---@param labels? string[]
---@param buckets? number[] # Bounds in order; by default those for seconds.
---@return moonport.metrics.Histogram
function metrics.histogram(name, help, labels, buckets) end

---All metrics of this process, in Prometheus' text format.
---@return string
function metrics.text() end

return metrics
