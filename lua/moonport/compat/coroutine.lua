-- Waits inside a coroutine that a library makes. The host can't suspend such a coroutine: the library that resumed it
-- expects a value. After install, coroutine.resume and coroutine.wrap see that the coroutine wants to wait, wait in its
-- place, and then resume it. The library notices nothing.
-- SPDX-License-Identifier: MIT

local key = "moonport.compat.coroutine"

-- One for all instances of this module: the script's own, and that of installed libraries.
local registry = debug.getregistry()
local state = registry[key] or { within = setmetatable({}, { __mode = "k" }), wait = {} }
registry[key] = state

local running, yield = coroutine.running, coroutine.yield

local function returned(ok, ...)
  if ok then return ... end
  error((...), 0)
end

--- Calls fn(...), which waits. Where it can't wait, the caller of resume calls it instead.
local function outside(fn, ...)
  if not state.within[running()] then return fn(...) end
  return returned(yield(state.wait, fn, ...))
end

local function install()
  if state.installed then return end
  state.installed = true
  local resume, within, wait = coroutine.resume, state.within, state.wait
  local create, close, go = coroutine.create, coroutine.close, nil

  local function went(co, ...)
    local ok, first, fn = ...
    if ok and rawequal(first, wait) then return go(co, pcall(outside, fn, select(4, ...))) end
    return ...
  end

  function go(co, ...) return went(co, resume(co, ...)) end

  rawset(coroutine, "resume", function(co, ...)
    if type(co) == "thread" then within[co] = true end
    return go(co, ...)
  end)

  local function unwrapped(co, ok, ...)
    if ok then return ... end
    close(co)
    error((...), 0)
  end

  rawset(coroutine, "wrap", function(fn)
    local co = create(fn)
    within[co] = true
    return function(...) return unwrapped(co, go(co, ...)) end
  end)
end

return { outside = outside, install = install }
