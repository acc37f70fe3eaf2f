-- SPDX-License-Identifier: MIT
-- What the specs of finalisers_spec.lua run: objects of each class in each state, and calls of every function
-- and method with arguments of all kinds. The results don't matter; the program must survive.

local moonport = require "moonport"
local ssl = dofile "spec/ssl_pair.lua"

local M = {}

local stat <close> = assert(io.open "/proc/self/stat")
local pid = stat:read "n"

local function nothing() end

-- New ones for each call.
local arguments = {
  function() end,
  function() return nil end,
  function() return true end,
  function() return 7 end,
  function() return -1 end,
  function() return 1.5 end,
  function() return "" end,
  function() return "readyRead" end,
  function() return nothing end,
  function() return {} end,
  function(self) return self end,
  function() return moonport.TcpSocket() end,
  function() return "127.0.0.1", 1 end,
  function() return "127.0.0.1", 0 end,
  function() return 1, nothing end,
  function() return "readyRead", nothing end,
  function(self) return self, "readyRead", nothing end,
  function(self) return self, "timeout", nothing, { singleShot = true } end,
  function() return "name", {} end,
  function() return nothing, 1, 2, 3 end,
}

-- Left out: what would close descriptors, end the program or load it again before everything is called, and
-- most log lines.
local function fits(name, i)
  return not (name:find "Descriptor" and (i == 4 or i == 6)) and name ~= "quit" and name ~= "reload"
    and (i < 4 or not name:find "^log")
end

local function try(name, f, self, step)
  for i = 1, #arguments, step or 1 do
    local make = arguments[i]
    if fits(name, i) then
      if self == nil then pcall(f, make()) else pcall(f, self, make(self)) end
    end
  end
end

-- Only the debug library gives a script these functions, which trust their argument.
local reserved = { __gc = true, __index = true, __newindex = true }

--- The methods and metamethods of an object, by name. An object's __index is the table of methods, or has it
--- as an upvalue.
function M.methods(object)
  local meta, found = debug.getmetatable(object), {}
  local index = meta.__index
  if type(index) == "function" then index = select(2, debug.getupvalue(index, 2)) end
  for name, f in pairs(index or {}) do found[name] = f end
  for name, f in pairs(meta) do
    if type(f) == "function" and not reserved[name] then found[name] = f end
  end
  return found
end

--- The functions of the module and of the tables in it.
function M.functions()
  local found = {}
  for name, value in pairs(moonport) do
    if type(value) == "function" then found[name] = value end
    if type(value) == "table" then
      for inner, f in pairs(value) do
        if type(f) == "function" then found[name .. "." .. inner] = f end
      end
      local meta = getmetatable(value)
      if meta and meta.__call then found[name] = function(...) return value(...) end end
    end
  end
  return found
end

--- Calls all functions, all methods of each object on that object, and each method on all objects, also of
--- other classes.
function M.callAll(objects)
  local called = {}
  for name, f in pairs(M.functions()) do try(name, f) end
  local strangers = { 1, "text", {}, nothing, io.stdout, coroutine.create(nothing) }
  for _, object in pairs(objects) do
    for name, f in pairs(M.methods(object)) do
      try(name, f, object)
      if not called[f] then
        called[f] = true
        for _, self in pairs(objects) do try(name, f, self, 7) end
        for _, self in ipairs(strangers) do pcall(f, self) pcall(f, self, self) end
        pcall(f)
      end
    end
    pcall(function() object.readyRead = nothing end)
    pcall(function() object.connection = {} end)
    pcall(function() return object.connection.x end)
  end
  io.write "done\n"
end

function M.callLast()
  for _, name in ipairs { "reload", "quit" } do pcall(moonport[name]) end
end

--- Objects of each class: fresh, in use, ended, and staged if this run is staged.
function M.make()
  local made = {}
  local function add(object) made[#made + 1] = object return object end
  add(moonport.TcpServer())
  add(moonport.TcpSocket())
  add(moonport.Timer())
  add(moonport.HostAddress "::1")
  add(moonport.SslCertificate(ssl.certificate))
  add(moonport.SslKey(ssl.key))
  add(moonport.SslConfiguration { certificate = ssl.certificate, key = ssl.key })
  add(moonport.SslServer())
  add(moonport.SslSocket())
  add(moonport.LocalServer())
  add(moonport.LocalSocket())
  add(moonport.UdpSocket())
  add(moonport.Process())
  add(moonport.spawn(nothing))
  local server = add(moonport.TcpServer())
  function server.connection:readyRead() end
  assert(server:listen "127.0.0.1")
  local ended = add(moonport.TcpServer())
  ended:listen "127.0.0.1"
  ended:close()
  add(moonport.connect(server, "newConnection", nothing))
  add(moonport.connect(moonport.TcpSocket(), "readyRead", nothing, { singleShot = true }))
  local socket = add(moonport.TcpSocket())
  socket:connectToHost("127.0.0.1", math.max(server:serverPort(), 1))
  local aborted = add(moonport.TcpSocket())
  aborted:connectToHost("127.0.0.1", 1)
  aborted:abort()
  local encrypted, client = add(moonport.SslServer()), add(moonport.SslSocket())
  encrypted:setSslConfiguration { certificate = ssl.certificate, key = ssl.key }
  encrypted:listen "127.0.0.1"
  client:setSslConfiguration { caCertificates = ssl.certificate }
  client:connectToHostEncrypted("127.0.0.1", math.max(encrypted:serverPort(), 1))
  local named, visitor = add(moonport.LocalServer()), add(moonport.LocalSocket())
  local name <const> = ("moonport finalisers %d %p"):format(pid, named)
  named:setSocketOptions "AbstractNamespaceOption"
  named:listen(name)
  visitor:setSocketOptions "AbstractNamespaceOption"
  visitor:setReceiveDescriptors(1)
  visitor:connectToServer(name)
  local bound, sender = add(moonport.UdpSocket()), add(moonport.UdpSocket())
  function bound.datagramReceived() end
  bound:bind "127.0.0.1"
  sender:connectToHost("127.0.0.1", math.max(bound:localPort(), 1))
  sender:write "datagram"
  add(moonport.Process()):start "cat"
  add(moonport.Process()):start "true"
  add(moonport.Process()):start "/nonexistent"
  local semaphore, channel, condition = add(moonport.Semaphore(1)), add(moonport.Channel(1)), add(moonport.Condition())
  add((semaphore:acquire(0)))
  channel:send("value", 0)
  for _, wait in ipairs {
    function() semaphore:acquire() end, function() channel:send "another" end, function() condition:wait() end,
  } do add(moonport.spawn(wait)) end
  add(moonport.Timer()):start(1)
  add(moonport.singleShot(60000, nothing))
  add(moonport.spawn(function() moonport.sleep(60000) end))
  local cancelled = add(moonport.spawn(nothing))
  cancelled:cancel()
  return made
end

--- Calls `act` in a finaliser, at the next collection or at the end of the state.
function M.finalise(act)
  return setmetatable({}, { __gc = act })
end

return M
