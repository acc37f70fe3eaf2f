-- Answers as text: tables for a terminal, tab-separated lines for everything else. What comes from peers and scripts
-- can't control the terminal.
-- SPDX-License-Identifier: MIT

local show = {}

--- Text without control characters.
function show.safe(text)
  return (tostring(text):gsub("[%c\127]", function(c)
    return c == "\t" and "\\t" or c == "\n" and "\\n" or ("\\x%02x"):format(c:byte())
  end):gsub("\xc2[\x80-\x9f]", "?"))
end

--- 1234567 -> "1.2M"
function show.bytes(n)
  if n < 10000 then return ("%d"):format(n) end
  for _, unit in ipairs { "k", "M", "G" } do
    n = n / 1024
    if n < 10 then return ("%.1f%s"):format(n, unit) end
    if n < 1024 or unit == "G" then return ("%.0f%s"):format(n, unit) end
  end
end

--- Seconds -> "350ms", "12s", "5m10s", "3h2m", "4d5h"
function show.duration(seconds)
  if seconds < 1 then return ("%.0fms"):format(seconds * 1000) end
  if seconds < 60 then return seconds < 10 and ("%.1fs"):format(seconds) or ("%.0fs"):format(seconds) end
  seconds = seconds // 1 | 0
  local minutes, hours = seconds // 60, seconds // 3600
  if hours < 1 then return ("%dm%ds"):format(minutes, seconds % 60) end
  if hours < 24 then return ("%dh%dm"):format(hours, minutes % 60) end
  return ("%dd%dh"):format(hours // 24, hours % 24)
end

--- Seconds since 1970
function show.time(seconds) return os.date("%Y-%m-%d %H:%M:%S", seconds // 1 | 0) end

local function width(text) return utf8.len(text) or #text end

--- Rows of texts below their heads, into a file (stdout). `columns`: the terminal's width, or nil for lines of fields
--- between tabs. A head that begins with ">" is of numbers, which stand on the right.
function show.rows(heads, rows, columns, file)
  file = file or io.stdout
  if not columns then
    for _, row in ipairs(rows) do file:write(table.concat(row, "\t"), "\n") end
    return
  end
  local widths, names = {}, {}
  for i, head in ipairs(heads) do
    names[i] = head:gsub("^>", "")
    widths[i] = width(names[i])
  end
  for _, row in ipairs(rows) do
    for i, text in ipairs(row) do widths[i] = math.max(widths[i], width(text)) end
  end
  local function line(row)
    local parts = {}
    for i, text in ipairs(row) do
      local blanks = (" "):rep(widths[i] - width(text))
      parts[i] = heads[i]:find "^>" and blanks .. text or i < #row and text .. blanks or text
    end
    local whole = table.concat(parts, "  ")
    local last = utf8.offset(whole, columns + 1)
    file:write(last and whole:sub(1, last - 1) or whole, "\n")
  end
  line(names)
  for _, row in ipairs(rows) do line(row) end
end

--- A name and a text in each row.
function show.facts(rows)
  for _, row in ipairs(rows) do print(("%-12s %s"):format(row[1], row[2])) end
end

return show
