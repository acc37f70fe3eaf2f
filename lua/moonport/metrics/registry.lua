-- What moonport.metrics counts, one for all runs of the script: families of series, in the order in which they were
-- made. The program reads it piece by piece, between events.
-- SPDX-License-Identifier: MIT

local registry = { families = {}, droppedHelp = "Changes of metrics that have too many series." }

local MOST_FAMILIES, MOST_SERIES, LONGEST_VALUE = 1000, 1000, 128 -- the last one in bytes
local PIECE = 50 -- lines of text at a time

local families, byName = registry.families, {}
local standard = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 }
local parts = { histogram = { "_bucket", "_sum", "_count" } }

local find, format, sub = string.find, string.format, string.sub

-- Text ------------------------------------------------------------------------------------------------------

local escapes = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }

-- Bytes that aren't UTF-8 become U+FFFD.
local function whole(text)
  local at, pieces = 1, nil
  while true do
    local length, bad = utf8.len(text, at)
    if length then break end
    pieces = pieces or {}
    pieces[#pieces + 1] = sub(text, at, bad - 1)
    pieces[#pieces + 1] = "\u{fffd}"
    at = bad + 1
  end
  if not pieces then return text end
  pieces[#pieces + 1] = sub(text, at)
  return table.concat(pieces)
end

--- A number as Prometheus reads it.
function registry.number(n)
  if math.type(n) == "integer" then return format("%d", n) end
  if n ~= n then return "NaN" end
  if n == math.huge then return "+Inf" end
  if n == -math.huge then return "-Inf" end
  for digits = 15, 16 do
    local text = format("%." .. digits .. "g", n)
    if tonumber(text) == n then return text end
  end
  return format("%.17g", n)
end

local number = registry.number

-- Series ----------------------------------------------------------------------------------------------------

-- A label's value as a string that isn't long.
local function value(family, name, given)
  local kind = type(given)
  if kind == "number" or kind == "boolean" then
    given = tostring(given)
  elseif kind ~= "string" then
    error(format("%s: the label %s is %s", family.name, name, given == nil and "missing" or "a " .. kind .. " value"),
      4)
  end
  if #given <= LONGEST_VALUE then return given end
  local stop = LONGEST_VALUE
  while stop > LONGEST_VALUE - 4 and find(given, "^[\x80-\xbf]", stop + 1) do stop = stop - 1 end
  return sub(given, 1, stop)
end

local function newSeries(family, text)
  local one = { text = text }
  if family.kind == "histogram" then
    one.sum, one.count, one.counts = 0, 0, {}
    for i = 1, #family.buckets + 1 do one.counts[i] = 0 end
  else
    one.value = 0
  end
  family.series[#family.series + 1] = one
  family.byText[text] = one
  return one
end

-- The series of values that `index` doesn't know: a new one, or one whose text is the same. nil: there are too many.
local function unknown(family, values)
  local names, pairs_of, plain = family.labels, {}, true
  for i, name in ipairs(names) do
    local text = whole(values[i])
    plain = plain and text == values[i]
    pairs_of[i] = format('%s="%s"', name, text:gsub('[\\"\n]', escapes))
  end
  local text = table.concat(pairs_of, ",")
  local one = family.byText[text]
  if one then return one end
  if #family.series >= MOST_SERIES then
    family.dropped = family.dropped + 1
    return nil
  end
  one = newSeries(family, text)
  if plain then
    local index = family.index
    for i = 1, #names - 1 do
      index[values[i]] = index[values[i]] or {}
      index = index[values[i]]
    end
    index[values[#names]] = one
  end
  return one
end

--- The series with these labels, a table of names and values; nil: the family has too many already. Raises if they
--- are not the labels of the family.
function registry.series(family, labels)
  local names = family.labels
  local count = #names
  if count == 0 then
    if labels ~= nil and next(labels) ~= nil then error(family.name .. ": it has no labels", 3) end
    return family.series[1] or newSeries(family, "")
  end
  if type(labels) ~= "table" then error(format("%s: a table of labels expected", family.name), 3) end
  local values, at = {}, family.index
  for i = 1, count do
    local one = value(family, names[i], labels[names[i]])
    values[i] = one
    at = at and at[one]
  end
  for name in next, labels do
    if not family.isLabel[name] then error(format("%s: it has no label %s", family.name, tostring(name)), 3) end
  end
  return at or unknown(family, values)
end

-- Families --------------------------------------------------------------------------------------------------

local function sameList(one, other)
  if #one ~= #other then return false end
  for i = 1, #one do
    if one[i] ~= other[i] then return false end
  end
  return true
end

local function wrongName(kind, name)
  if type(name) ~= "string" or not find(name, "^[%a_:][%w_:]*$") or #name > 200 then
    return "a name of letters, digits and _ expected"
  end
  if find(name, "^moonport_") then return name .. ": moonport_ is for the program's own" end
  if (kind == "counter") ~= (find(name, "_total$") ~= nil) then
    return name .. (kind == "counter" and ": the name of a counter ends with _total" or ": only a counter is a _total")
  end
end

local function wrongLabels(kind, labels)
  if type(labels) ~= "table" then return "a list of labels expected" end
  local known = {}
  for _, label in ipairs(labels) do
    if type(label) ~= "string" or not find(label, "^[%a_][%w_]*$") or find(label, "^__") or known[label] or
      kind == "histogram" and label == "le" then
      return "bad label " .. tostring(label)
    end
    known[label] = true
  end
end

local function wrongBuckets(buckets)
  if type(buckets) ~= "table" or #buckets == 0 or #buckets > 100 then return "a list of bounds expected" end
  for i, bound in ipairs(buckets) do
    if type(bound) ~= "number" or bound ~= bound or bound == math.huge or i > 1 and bound <= buckets[i - 1] then
      return "the bounds are not in order"
    end
  end
end

--- The family of this name, which is made if there is none. -> family | nil, why
function registry.family(kind, name, help, labels, buckets)
  labels = labels or {}
  local why = wrongName(kind, name) or wrongLabels(kind, labels)
  if not why and (type(help) ~= "string" or help == "") then why = name .. ": a help text expected" end
  if kind == "histogram" then
    buckets = buckets or standard
    why = why or wrongBuckets(buckets)
  elseif buckets then
    why = why or name .. ": only a histogram has bounds"
  end
  if why then return nil, why end
  local known = byName[name]
  if known then
    if known.kind ~= kind or known.name ~= name then return nil, ("%s is a %s already"):format(name, known.kind) end
    if not sameList(known.labels, labels) then return nil, name .. " has other labels already" end
    if buckets and not sameList(known.buckets, buckets) then return nil, name .. " has other bounds already" end
    known.help = whole(help)
    return known
  end
  local names = { name }
  for i, part in ipairs(parts[kind] or {}) do names[i + 1] = name .. part end
  for _, one in ipairs(names) do
    if byName[one] then return nil, ("%s is a %s already"):format(one, byName[one].kind) end
  end
  if #families >= MOST_FAMILIES then return nil, ("there are %d metrics already"):format(#families) end
  local family = { name = name, kind = kind, help = whole(help), labels = table.move(labels, 1, #labels, 1, {}),
    isLabel = {}, buckets = buckets and table.move(buckets, 1, #buckets, 1, {}), series = {}, index = {}, byText = {},
    dropped = 0 }
  for _, label in ipairs(labels) do family.isLabel[label] = true end
  for _, one in ipairs(names) do byName[one] = family end
  families[#families + 1] = family
  return family
end

-- Reading ---------------------------------------------------------------------------------------------------

local function braced(text) return text == "" and "" or "{" .. text .. "}" end

local function addHistogram(lines, family, one)
  local name, before, total = family.name, one.text == "" and "" or one.text .. ",", 0
  for i, bound in ipairs(family.buckets) do
    total = total + one.counts[i]
    lines[#lines + 1] = format('%s_bucket{%sle="%s"} %d\n', name, before, number(bound), total)
  end
  lines[#lines + 1] = format('%s_bucket{%sle="+Inf"} %d\n', name, before, one.count)
  lines[#lines + 1] = format("%s_sum%s %s\n", name, braced(one.text), number(one.sum))
  lines[#lines + 1] = format("%s_count%s %d\n", name, braced(one.text), one.count)
end

local function heading(name, kind, help)
  return format("# HELP %s %s\n# TYPE %s %s\n", name, help:gsub("[\\\n]", escapes), name, kind)
end

local function dropped()
  local lines = {}
  for _, family in ipairs(families) do
    if family.dropped > 0 then
      lines[#lines + 1] = format('moonport_metrics_dropped_total{metric="%s"} %d\n', family.name, family.dropped)
    end
  end
  if #lines == 0 then return "" end
  return heading("moonport_metrics_dropped_total", "counter", registry.droppedHelp) ..
    table.concat(lines)
end

--- A piece of the text of all metrics, from a place on; 0 is the first. -> text, the next place | text, nil: the last
function registry.text(place)
  local at, from = (place >> 16) + 1, place & 0xffff
  local family = families[at]
  if not family then return dropped(), nil end
  local lines, series = {}, family.series
  if from == 0 and #series > 0 then lines[1] = heading(family.name, family.kind, family.help) end
  while from < #series and #lines < PIECE do
    from = from + 1
    local one = series[from]
    if one.counts then
      addHistogram(lines, family, one)
    else
      lines[#lines + 1] = format("%s%s %s\n", family.name, braced(one.text), number(one.value))
    end
  end
  if from >= #series then return table.concat(lines), at << 16 end
  return table.concat(lines), place - (place & 0xffff) + from
end

return registry
