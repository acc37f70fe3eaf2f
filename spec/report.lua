-- Busted's output for ./dev test: full failures on stdout, and a record of each event in the file that
-- MOONPORT_SPEC_RESULTS names. Each event is written at once, so a crash loses nothing and shows where it
-- happened:
--   start NAME    passed    failed    skipped NAME    end

local busted = require "busted"
local base = require "busted.outputHandlers.base"

return function(_)
  local handler = base()
  local results = assert(io.open(assert(os.getenv "MOONPORT_SPEC_RESULTS"), "a"))
  results:setvbuf "line"

  local function record(...)
    results:write(table.concat({ ... }, " "):gsub("\n", " "), "\n")
  end

  local current
  local function show(entry)
    local trace = entry.element.trace or entry.trace or {}
    local name = entry.name
    if entry.element.descriptor ~= "it" and current then name = ("%s of: %s"):format(name, current) end
    local place = trace.short_src and (" (%s:%s)"):format(trace.short_src, trace.currentline) or ""
    io.write("not ok: ", name, place, "\n")
    io.write("  ", (tostring(entry.message):gsub("\n", "\n  ")), "\n")
    if entry.isError and entry.trace and entry.trace.traceback then
      io.write("  ", (entry.trace.traceback:gsub("^\n", ""):gsub("\n", "\n  ")), "\n")
    end
    io.flush()
  end

  busted.subscribe({ "test", "start" }, function(element)
    current = handler.getFullName(element)
    record("start", current)
    return nil, true
  end)

  busted.subscribe({ "test", "end" }, function(element, _, status)
    if status == "success" then
      record "passed"
    elseif status == "pending" then
      record("skipped", handler.getFullName(element))
    else
      record "failed"
      local list = status == "failure" and handler.failures or handler.errors
      show(list[#list])
    end
    return nil, true
  end)

  -- failures outside of a spec: a file that can't be loaded, a setup, a check after each spec
  local function outside(element, _, message, trace)
    if element.descriptor ~= "it" then
      record "failed"
      local name = element.name or element.descriptor or "busted"
      show { element = element, name = name, message = message, trace = trace, isError = true }
    end
    return nil, true
  end
  busted.subscribe({ "error" }, outside)
  busted.subscribe({ "failure" }, outside)

  busted.subscribe({ "suite", "end" }, function()
    record "end"
    return nil, true
  end)
  return handler
end
