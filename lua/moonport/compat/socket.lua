-- LuaSocket's interface on top of moonport's waits: a call suspends its handler or task, never the loop.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local passage = require "moonport.compat.coroutine"
local Tcp = require "moonport.compat.socket.tcp"

local socket = {
  _VERSION = "LuaSocket 3.1.0 (moonport " .. moonport.version .. ")",
  BLOCKSIZE = 2048,
  sourcet = {}, sinkt = {},
}

-- Sockets -------------------------------------------------------------------------------------------------------------

function socket.tcp() return Tcp.new "AnyIPProtocol" end
function socket.tcp4() return Tcp.new "IPv4Protocol" end
function socket.tcp6() return Tcp.new "IPv6Protocol" end

--- A connected client, or nil and why.
function socket.connect(host, port, localHost, localPort, family)
  local tcp = family == "inet" and socket.tcp4() or family == "inet6" and socket.tcp6() or socket.tcp()
  if localHost then
    local bound, problem = tcp:bind(localHost, localPort or 0)
    if not bound then return nil, problem end
  end
  local connected, problem = tcp:connect(host, port)
  if not connected then return nil, problem end
  return tcp
end

function socket.connect4(host, port, localHost, localPort)
  return socket.connect(host, port, localHost, localPort, "inet")
end

function socket.connect6(host, port, localHost, localPort)
  return socket.connect(host, port, localHost, localPort, "inet6")
end

--- A listening server, or nil and why. "*": every IPv4 address
function socket.bind(host, port, backlog)
  local tcp = socket.tcp()
  local bound, problem = tcp:bind(host, port)
  if not bound then return nil, problem end
  bound, problem = tcp:listen(backlog)
  if not bound then return nil, problem end
  return tcp
end

-- Time ----------------------------------------------------------------------------------------------------------------

local epoch = os.time() - moonport.hrtime() / 1e9

--- Seconds since 1970, as a number with a fraction: exact for differences, otherwise to a second.
function socket.gettime()
  return epoch + moonport.hrtime() / 1e9
end

--- Suspends the caller for that many seconds.
function socket.sleep(seconds)
  passage.outside(moonport.sleep, math.max(seconds, 0) * 1000)
end

-- select --------------------------------------------------------------------------------------------------------------

local function ready(list, method)
  local found = {}
  for _, tcp in ipairs(list or {}) do
    if tcp[method](tcp) then
      found[#found + 1] = tcp
      found[tcp] = #found
    end
  end
  return found
end

local readSignals = { "readyRead", "readChannelFinished", "disconnected" }
local writeSignals = { "bytesWritten", "connected", "errorOccurred", "disconnected" }

-- Waits until something happens to one of them, or the time is up.
local function waitForAny(readers, writers, msec)
  local sleeper = moonport.spawn(moonport.sleep, -1)
  local connections = {}
  local function wake() sleeper:cancel() end
  local function watch(object, signals)
    for _, signal in ipairs(object and signals or {}) do
      connections[#connections + 1] = moonport.connect(object, signal, wake)
    end
  end
  for _, tcp in ipairs(readers or {}) do
    watch(tcp.server, { "newConnection" })
    watch(tcp.socket, readSignals)
  end
  for _, tcp in ipairs(writers or {}) do
    if tcp.attempt then
      local attempt = tcp.attempt
      moonport.spawn(function() attempt:join() wake() end)
    end
    watch(tcp.socket, writeSignals)
  end
  passage.outside(sleeper.join, sleeper, msec)
  sleeper:cancel()
  for _, connection in ipairs(connections) do moonport.disconnect(connection) end
end

--- Returns the readers that can be read from or have a connection to accept, and the writers that can be written to or
--- failed to connect; also "timeout" if there are none.
function socket.select(readers, writers, seconds)
  local till = seconds and seconds >= 0 and moonport.hrtime() / 1e6 + seconds * 1000 or math.huge
  passage.outside(moonport.sleep, 0) -- lets the loop see what the system has
  while true do
    local readable, writable = ready(readers, "readable"), ready(writers, "writable")
    if readable[1] or writable[1] then return readable, writable end
    local left = till - moonport.hrtime() / 1e6
    if left <= 0 then return readable, writable, "timeout" end
    waitForAny(readers, writers, left)
  end
end

-- Errors --------------------------------------------------------------------------------------------------------------

-- What try raises and protect catches.
local Problem = { __tostring = function(self) return tostring(self[1]) end }

--- Returns a try that calls the finalizer before it raises.
function socket.newtry(finalizer)
  return function(...)
    local ok, problem = ...
    if ok then return ... end
    if finalizer then pcall(finalizer) end
    error(setmetatable({ problem }, Problem), 0)
  end
end

--- Returns its arguments if the first is true; otherwise raises the second for protect.
socket.try = socket.newtry()

local function caught(ok, problem, ...)
  if ok then return problem, ... end
  if getmetatable(problem) == Problem then return nil, problem[1] end
  error(problem, 0)
end

--- Wraps the function: what try raises becomes nil and a message.
function socket.protect(fn)
  return function(...) return caught(pcall(fn, ...)) end
end

--- Returns its arguments without the first n.
function socket.skip(n, ...) return select(n + 1, ...) end

-- Sources and sinks of LTN12 ------------------------------------------------------------------------------------------

-- A function over a socket that select could take, too.
local function over(tcp, fn)
  return setmetatable({
    getfd = function() return tcp:getfd() end,
    dirty = function() return tcp:dirty() end,
  }, { __call = function(_, ...) return fn(...) end })
end

function socket.choose(makers)
  return function(name, ...)
    if type(name) ~= "string" then return makers.default(name, ...) end
    local make = makers[name] or error(("unknown key (%s)"):format(name), 3)
    return make(...)
  end
end

socket.sinkt["keep-open"] = function(tcp)
  return over(tcp, function(chunk)
    if chunk then return tcp:send(chunk) end
    return 1
  end)
end

socket.sinkt["close-when-done"] = function(tcp)
  return over(tcp, function(chunk)
    if chunk then return tcp:send(chunk) end
    return tcp:close()
  end)
end

socket.sourcet["by-length"] = function(tcp, length)
  return over(tcp, function()
    if length <= 0 then return nil end
    local chunk, problem = tcp:receive(math.min(socket.BLOCKSIZE, length))
    if not chunk then return nil, problem end
    length = length - #chunk
    return chunk
  end)
end

socket.sourcet["until-closed"] = function(tcp)
  local done = false
  return over(tcp, function()
    if done then return nil end
    local chunk, problem, partial = tcp:receive(socket.BLOCKSIZE)
    if chunk or problem ~= "closed" then return chunk, problem end
    done = true
    tcp:close()
    return partial
  end)
end

socket.sinkt.default, socket.sourcet.default = socket.sinkt["keep-open"], socket.sourcet["until-closed"]
socket.sink, socket.source = socket.choose(socket.sinkt), socket.choose(socket.sourcet)

-- In LuaSocket's place ------------------------------------------------------------------------------------------------

--- From now on `require "socket"` returns this module, to the script and to installed libraries alike, and their calls
--- may wait inside coroutines. Libraries that have loaded LuaSocket already keep it.
function socket.install()
  local globals = debug.getregistry()[2] -- LUA_RIDX_GLOBALS: those of the installed modules
  local shared = globals.require "moonport.compat.socket"
  passage.install()
  globals.package.loaded.socket = shared
  package.loaded.socket = shared
  return shared
end

return socket
