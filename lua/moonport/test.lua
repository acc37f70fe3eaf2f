-- For tests of your own services: starts scripts, connects to them, and waits for what they say. Under busted it also
-- ends what a test leaves behind. Makes certificates for them as well.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Authority = require "moonport.test.authority"
local Client = require "moonport.test.client"
local Service = require "moonport.test.service"
local failure = require "moonport.test.failure"
local program = require "moonport.test.program"

local test = {
  timeout = tonumber(os.getenv "MOONPORT_TEST_TIMEOUT") or 5000, -- milliseconds, the default of calls
}

function Client.timeout() return test.timeout end

local open = {} -- clients, services and authorities, in the order in which they were made

local function opened(thing)
  open[#open + 1] = thing
  return thing
end

Service.opened = opened

--- Starts a script and waits until it listens: test.start("echo.lua", 0), or a table: script, arguments, options,
--- environment, listeners, timeout, program.
function test.start(script, ...)
  local options = type(script) == "table" and script or { script = script, arguments = { ... } }
  failure.needString(options.script, "start")
  local service, message = Service.start(options, options.timeout or test.timeout)
  if not service then failure.raise(message, 1) end
  return opened(service)
end

--- Connects to a port, or to a TcpServer of this process: test.connect(server), or a table: port, host, timeout, tls.
--- -> the client
function test.connect(port, host, msec)
  local tls = nil
  if type(port) == "table" then port, host, msec, tls = port.port, port.host, port.timeout, port.tls end
  if type(port) == "userdata" then
    host = host or port:serverAddress()
    host = (host == "any" or host == "0.0.0.0") and "127.0.0.1" or host == "::" and "::1" or host
    port = port:serverPort()
  end
  local client, message = Client.connect(host or "127.0.0.1", port, msec or test.timeout, nil, tls)
  if not client then failure.raise(message, 1) end
  return opened(client)
end

--- Makes an authority for certificates, by the program openssl.
function test.authority(options)
  local authority, message = Authority.open(options or {})
  if not authority then failure.raise(message, 1) end
  return opened(authority)
end

--- Waits until condition() is true. -> its result
function test.eventually(condition, msec, what)
  msec = msec or test.timeout
  local value = program.waitUntil(condition, msec)
  if value then return value end
  local at = debug.getinfo(condition, "S")
  what = what or ("the condition at %s:%d"):format(at.short_src, at.linedefined)
  failure.raise(("%s did not come true within %d ms"):format(what, msec), 1)
end

-- Closes what was opened after the first `count`, the last first.
local function closeFrom(count)
  local problem
  for i = #open, count + 1, -1 do
    local thing = open[i]
    open[i] = nil
    local ok, message = pcall(thing.close, thing)
    problem = problem or not ok and message
  end
  if problem then error(problem, 0) end
end

--- Ends all services and clients that are still open, and removes the files of authorities.
function test.cleanup() closeFrom(0) end

-- Under busted: closes at the end of an `it` what it opened, and the rest at the very end, which nothing may delay.
local busted = package.loaded["busted.runner"] and package.loaded.busted and require "busted"
if type(busted) == "table" and busted.subscribe then
  local before = 0
  busted.subscribe({ "test", "start" }, function()
    before = #open
    return nil, true
  end)
  busted.subscribe({ "test", "end" }, function()
    closeFrom(before)
    return nil, true
  end)
  busted.subscribe({ "exit" }, function()
    closeFrom(0)
    if program.own() then moonport.quit() end
    return nil, true
  end)
end

return test
