-- LuaSocket's interface on top of moonport's waits: a call suspends its handler or task, never the loop.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Tcp = require "moonport.compat.socket.tcp"
local Udp = require "moonport.compat.socket.udp"
local addresses = require "moonport.compat.socket.addresses"
local passage = require "moonport.compat.coroutine"

local socket = {
  _VERSION = "LuaSocket 3.1.0 (moonport " .. moonport.version .. ")",
  BLOCKSIZE = 2048, _DATAGRAMSIZE = Udp.size, _SETSIZE = 1024, _SOCKETINVALID = -1,
  sourcet = {}, sinkt = {},
  dns = require "moonport.compat.socket.dns",
  select = require "moonport.compat.socket.select",
  unix = require "moonport.compat.socket.unix",
}

-- Sockets -------------------------------------------------------------------------------------------------------------

function socket.tcp() return Tcp.new "AnyIPProtocol" end
function socket.tcp4() return Tcp.new "IPv4Protocol" end
function socket.tcp6() return Tcp.new "IPv6Protocol" end

function socket.udp() return Udp.new "AnyIPProtocol" end
function socket.udp4() return Udp.new "IPv4Protocol" end
function socket.udp6() return Udp.new "IPv6Protocol" end

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
  local list, problem = addresses.toBind(host, "AnyIPProtocol")
  if not list then return nil, problem end
  for _, address in ipairs(list) do
    local tcp = addresses.family(address) == "inet6" and socket.tcp6() or socket.tcp4()
    local ok
    ok, problem = tcp:bind(address, port)
    if ok then ok, problem = tcp:listen(backlog) end
    if ok then return tcp end
    tcp:close()
  end
  return nil, problem
end

-- Time ----------------------------------------------------------------------------------------------------------------

local beginning = moonport.epoch() / 1000 - moonport.hrtime() / 1e9

--- Seconds since 1970, as a number with a fraction: exact for differences, unless the clock is set.
function socket.gettime()
  local time = beginning + moonport.hrtime() / 1e9
  local clock = moonport.epoch() / 1000
  if math.abs(time - clock) < 0.01 then return time end
  beginning = clock - moonport.hrtime() / 1e9
  return clock
end

--- Suspends the caller for that many seconds.
function socket.sleep(seconds)
  passage.outside(moonport.sleep, math.max(seconds, 0) * 1000)
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
  for _, loaded in ipairs { globals.package.loaded, package.loaded } do
    loaded.socket, loaded["socket.unix"] = shared, shared.unix
  end
  return shared
end

return socket
