-- For tests of your own services: starts scripts, connects to them, and waits for what they say. Under busted it also
-- ends what a test leaves behind.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local Client = require "moonport.test.client"
local Service = require "moonport.test.service"
local failure = require "moonport.test.failure"
local process = require "moonport.test.process"

local test = {
  timeout = tonumber(os.getenv "MOONPORT_TEST_TIMEOUT") or 5000, -- milliseconds, the default of calls
}

function Client.timeout() return test.timeout end

local open = {} -- clients and services, in the order in which they were made

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

--- Connects to a port, or to a TcpServer of this process. -> the client
function test.connect(port, host, msec)
  if type(port) == "userdata" then
    host = host or port:serverAddress()
    host = (host == "any" or host == "0.0.0.0") and "127.0.0.1" or host == "::" and "::1" or host
    port = port:serverPort()
  end
  local client, message = Client.connect(host or "127.0.0.1", port, msec or test.timeout)
  if not client then failure.raise(message, 1) end
  return opened(client)
end

--- Waits until condition() is true. -> its result
function test.eventually(condition, msec, what)
  msec = msec or test.timeout
  local deadline = moonport.now() + msec
  repeat
    local value = condition()
    if value then return value end
    if moonport.now() > deadline then
      local at = debug.getinfo(condition, "S")
      what = what or ("the condition at %s:%d"):format(at.short_src, at.linedefined)
      failure.raise(("%s did not come true within %d ms"):format(what, msec), 1)
    end
    moonport.sleep(1)
  until false
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

--- Ends all services and clients that are still open.
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
    if process.program() then moonport.quit() end
    return nil, true
  end)
end

return test
