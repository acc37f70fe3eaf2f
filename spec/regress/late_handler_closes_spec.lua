-- SPDX-License-Identifier: MIT
-- Cause: a late handler was ended by an error that a hook raised. No hook runs any more in a coroutine that
-- dies of that, so that an endless __close in it stopped the service. Fix: the hook has the handler's
-- coroutine yield, and hooks guard its variables as they are closed. Where it can't yield, its variables
-- aren't closed.
-- #nogc: programs do the work

local helper = require "spec.helper"

local script = [[
local moonport = require "moonport"
local server = moonport.TcpServer()
local function forever() while true do end end -- line 3
local function closing(fn) return setmetatable({}, { __close = fn }) end
local loops = {}
function loops.plain() local _ <close> = closing(forever) forever() end
function loops.protected() local _ <close> = closing(forever) pcall(forever) end
function loops.nested() local _ <close> = closing(function() local _ <close> = closing(forever) forever() end) forever() end
function loops.sort() local _ <close> = closing(forever) table.sort({ 1, 2, 3 }, forever) end
function loops.text() local _ <close> = closing(forever) tostring(setmetatable({}, { __tostring = forever })) end
function loops.wrap() coroutine.wrap(loops.plain)() end
function loops.sortInWrap() coroutine.wrap(loops.sort)() end
function loops.resume() coroutine.resume(coroutine.create(loops.sort)) end
local died
function loops.close()
  local _ <close> = closing(function() coroutine.close(died) end)
  died = coroutine.create(loops.sort)
  coroutine.resume(died)
end
function loops.task() moonport.spawn(loops.plain):join() error "the task ended" end
function loops.waited() moonport.sleep(1) loops.plain() end
function loops.closes()
  local _ <close> = closing(function() moonport.log.info "closed the first" end)
  local _ <close> = closing(forever)
  local _ <close> = closing(function() moonport.log.info "closed the last" end)
  forever()
end
function server.connection:readyRead()
  local name = self:readLine():match "%w+"
  if loops[name] then loops[name]() end
  self:write("answer to " .. name .. "\n")
end
assert(server:listen("127.0.0.1", 0))
print(server:serverPort())
io.stdout:flush()
]]

describe("A late handler whose variable takes for ever to close", function()
  local program, port

  before_each(function()
    program = helper.program { options = { "--handler-timeout", "50" }, source = script }
    port = tonumber(program:waitForLine("^%d+$", 10000))
  end)

  after_each(function() program:signal "KILL" end)

  local function ends(name)
    local client = helper.connect(port)
    client:send(name .. "\n")
    client:waitForEnd(20000)
    local other = helper.connect(port)
    other:send "hello\n"
    assert.equal("answer to hello\n", other:receive(16, 20000))
    assert.is_nil(program:stderr():find("answer to " .. name, 1, true))
  end

  for _, name in ipairs {
    "plain", "protected", "nested", "sort", "text", "wrap", "sortInWrap", "resume", "close", "task", "waited",
  } do
    it("doesn't stop the service: " .. name, function()
      ends(name)
      program:waitForLine("script%.lua:3: the handler has not returned within 50 ms", 20000)
      ends(name)
    end)
  end

  it("has its other variables closed before it", function()
    ends "closes"
    program:waitForLine("closed the last", 20000)
    local _, told = program:stderr():gsub("script%.lua:3: the handler has not returned", "")
    assert.is_true(told >= 1)
  end)
end)
