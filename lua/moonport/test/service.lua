-- A service under test: a script in a moonport process of its own, with its ports, its log and its end.
-- SPDX-License-Identifier: MIT

local Client = require "moonport.test.client"
local failure = require "moonport.test.failure"
local program = require "moonport.test.program"

local reap, waitUntil = program.reap, program.waitUntil

local Service = { __name = "moonport.test.Service" }
Service.__index = Service

local lines = 20 -- of the log, shown in failures

-- Lines about the service, for failures.
local function about(self)
  local state = not reap(self) and "is running"
    or self.endedBy and ("was killed by signal %d"):format(self.endedBy)
    or ("ended with status %d"):format(self.status)
  local text = ("\n%s %s; the end of its log:"):format(self.script, state)
  local list = {}
  for line in self.errors:gmatch "[^\n]+" do list[#list + 1] = line end
  for i = math.max(1, #list - lines + 1), #list do text = text .. "\n  " .. list[i] end
  return text
end

local function waitForEnd(self, msec)
  return program.waitForEnd(self, msec, function()
    for client in pairs(self.clients) do client:giveWay() end
  end)
end

-- The log's line of a listener, as text and as JSON.
local listening = {
  "debug listening on (%S+):(%d+)\n()",
  '"debug","pid":%d+,"message":"listening on (%S+):(%d+)"}\n()',
}

-- Notes the listeners that the log names.
local function findListeners(self)
  for _, line in ipairs(listening) do
    for host, port, next in self.errors:gmatch(line, self.searched) do
      host = host:match "^%[(.*)%]$" or host
      host = (host == "any" or host == "0.0.0.0") and "127.0.0.1" or host == "::" and "::1" or host
      self.listeners[#self.listeners + 1] = { host = host, port = tonumber(port) }
      self.searched = next
    end
  end
  return #self.listeners
end

local function arguments(options)
  local list = { options.program or os.getenv "MOONPORT" or program.own() or "moonport", "--log-level", "debug" }
  for _, option in ipairs(options.options or {}) do list[#list + 1] = tostring(option) end
  list[#list + 1] = options.script
  for _, argument in ipairs(options.arguments or {}) do list[#list + 1] = tostring(argument) end
  return list
end

--- Starts the script and waits until it listens. -> the service, or nil and a message
function Service.start(options, msec)
  local self = setmetatable({
    script = options.script, tls = options.tls, listeners = {}, searched = 1, seen = {},
    clients = setmetatable({}, { __mode = "k" }),
  }, Service)
  local started, message = program.start(self, arguments(options), options.environment or {})
  if not started then return nil, message end
  local wanted = options.listeners or 1
  waitUntil(function() return findListeners(self) >= wanted or reap(self) end, msec)
  if findListeners(self) < wanted then
    local why = reap(self) and "ended before it listened" or ("did not listen within %d ms"):format(msec)
    waitForEnd(self, reap(self) and 0 or -1)
    local text = ("%s %s%s"):format(self.script, why, about(self))
    self:kill()
    return nil, text
  end
  self.host, self.port = (self.listeners[1] or {}).host, (self.listeners[1] or {}).port
  return self
end

--- Connects to the service, or to another port of it, or as a table says: port, timeout, tls. -> the client
function Service:connect(port, msec)
  local host, tls = self.host, self.tls
  if type(port) == "table" then
    if port.tls ~= nil then tls = port.tls end
    port, msec = port.port, port.timeout
  end
  for _, listener in ipairs(self.listeners) do
    if listener.port == port then host = listener.host end
  end
  port = port or self.port or failure.raise("it does not listen", 1)
  local client, message = Client.connect(host or "127.0.0.1", port, msec or Client.timeout(), function()
    return about(self)
  end, tls)
  if not client then failure.raise(message .. about(self), 1) end
  self.clients[client] = true
  return self.opened(client)
end

--- Its whole log so far: what it wrote to standard error.
function Service:log() return self.errors end

--- Everything that it has written to standard output.
function Service:output() return self.written end

--- Writes to its standard input.
function Service:write(bytes) self.process:write(bytes) end

local function expect(self, name, pattern, msec)
  local found = waitUntil(function()
    local ended = reap(self)
    local text, from = self[name], self.seen[name] or 1
    local stop = text:find("\n", from, true)
    while stop do
      local line = text:sub(from, stop - 1)
      if line:find(pattern) then
        self.seen[name] = stop + 1
        return table.pack(line:match(pattern))
      end
      from = stop + 1
      stop = text:find("\n", from, true)
    end
    return ended and {}
  end, msec)
  if not found or not found[1] then
    local why = found and "the service ended" or ("none came within %d ms"):format(msec)
    local where = name == "errors" and "log" or "output"
    failure.raise(("expected a line like %s in its %s: %s%s"):format(failure.quoted(pattern), where, why, about(self)),
      1) -- it is tail-called
  end
  return table.unpack(found, 1, found.n)
end

--- Waits for a line of the log that matches; each is found once. -> the captures, or the line
function Service:expectLog(pattern, msec)
  failure.needString(pattern, "expectLog")
  return expect(self, "errors", pattern, msec or Client.timeout())
end

--- The same for standard output.
function Service:expectOutput(pattern, msec)
  failure.needString(pattern, "expectOutput")
  return expect(self, "written", pattern, msec or Client.timeout())
end

function Service:isRunning() return not reap(self) end

--- Sends a signal: "HUP", "TERM", …
function Service:signal(name)
  self.known = self.known or name ~= "HUP"
  if not reap(self) then assert(self.process:sendSignal("SIG" .. name)) end
end

--- Waits until it ends. -> exit status (128 + n after signal n)
function Service:wait(msec)
  msec = msec or Client.timeout()
  if not waitForEnd(self, msec) then
    failure.raise(("%s did not end within %d ms%s"):format(self.script, msec, about(self)), 1)
  end
  self.known = true
  return self.status
end

--- Ends it with SIGTERM. -> exit status
function Service:stop(msec)
  msec = msec or Client.timeout()
  self.known = true
  if not reap(self) then self.process:terminate() end
  if not waitForEnd(self, msec) then
    local text = ("%s did not end within %d ms of SIGTERM%s"):format(self.script, msec, about(self))
    self:kill()
    failure.raise(text, 1)
  end
  return self.status
end

--- Ends it at once.
function Service:kill()
  self.known = true
  if not reap(self) then self.process:killTree() end
  waitForEnd(self, Client.timeout())
end

--- Ends it with its test. If it failed by itself before, and the test hasn't asked for its end, that is an error.
function Service:close()
  local failed = reap(self) and self.status ~= 0 and not self.known and waitForEnd(self, 0)
  local text = failed and about(self)
  if not reap(self) then self.process:terminate() end
  if not waitForEnd(self, 2000) then self:kill() end
  self.known = true
  if text then error("the service failed:" .. text, 0) end
end

Service.__close = Service.close

function Service:__gc()
  if self.pid and not self.status then pcall(self.process.kill, self.process) end
end

return Service
