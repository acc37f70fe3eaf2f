-- Metrics of a script, as Prometheus reads them: counters, gauges and histograms. The program serves them at --metrics;
-- registry.lua keeps them, over all runs of the script.
-- SPDX-License-Identifier: MIT

local registry = require("moonport.lasting").require "moonport.metrics.registry"

local metrics = {}

local series = registry.series

-- `level` as of error: who is to blame.
local function checkNumber(what, n, level, least)
  if type(n) ~= "number" then error(("%s: a number expected, got a %s value"):format(what, type(n)), level + 1) end
  if least and (n < least or n ~= n) then error(("%s: %s is below %d"):format(what, tostring(n), least), level + 1) end
end

-- inc, dec: the number may be left out before labels.
local function amount(what, n, labels, least)
  if type(n) == "table" and labels == nil then n, labels = 1, n end
  if n == nil then n = 1 else checkNumber(what, n, 3, least) end
  return n, labels
end

local Counter, Gauge, Histogram = {}, {}, {}
Counter.__index, Gauge.__index, Histogram.__index = Counter, Gauge, Histogram
Counter.__name, Gauge.__name, Histogram.__name = "counter", "gauge", "histogram"

--- Adds n, which is 1 if left out, and not negative.
function Counter:inc(n, labels)
  n, labels = amount("inc", n, labels, 0)
  local one = labels == nil and self.only or series(self.family, labels)
  if one then one.value = one.value + n end
end

--- Adds n, or 1.
function Gauge:inc(n, labels)
  n, labels = amount("inc", n, labels)
  local one = labels == nil and self.only or series(self.family, labels)
  if one then one.value = one.value + n end
end

--- Takes n, or 1, away.
function Gauge:dec(n, labels)
  n, labels = amount("dec", n, labels)
  local one = labels == nil and self.only or series(self.family, labels)
  if one then one.value = one.value - n end
end

--- Sets it to n.
function Gauge:set(n, labels)
  checkNumber("set", n, 2)
  local one = labels == nil and self.only or series(self.family, labels)
  if one then one.value = n end
end

--- Counts n in the first bucket that it fits into.
function Histogram:observe(n, labels)
  checkNumber("observe", n, 2)
  if n ~= n then error("observe: not a number", 2) end
  local one = labels == nil and self.only or series(self.family, labels)
  if not one then return end
  local buckets, counts, i = self.family.buckets, one.counts, 1
  while buckets[i] and n > buckets[i] do i = i + 1 end
  counts[i] = counts[i] + 1
  one.sum, one.count = one.sum + n, one.count + 1
end

local function maker(kind, class)
  return function(name, help, labels, buckets)
    local family, why = registry.family(kind, name, help, labels, buckets)
    if not family then error(("%s: %s"):format(kind, why), 2) end
    return setmetatable({ family = family, only = not family.labels[1] and series(family) or nil }, class)
  end
end

--- counter(name, help[, labels]): a number that only grows. The name ends with _total; `labels` is a list of names.
metrics.counter = maker("counter", Counter)

--- gauge(name, help[, labels]): a number that goes up and down.
metrics.gauge = maker("gauge", Gauge)

--- histogram(name, help[, labels[, buckets]]): how many values were at most so large. `buckets` is a list of bounds.
metrics.histogram = maker("histogram", Histogram)

--- -> all metrics of this process in Prometheus' text format.
function metrics.text()
  local pieces, at = {}, 0
  while at do
    pieces[#pieces + 1], at = registry.text(at)
  end
  return table.concat(pieces)
end

return metrics
