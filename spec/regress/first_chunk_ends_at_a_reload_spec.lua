-- SPDX-License-Identifier: MIT
-- A reload could begin in the very turn in which the first main chunk ended after a wait. It took that for
-- the end of the main chunk that it had loaded, and committed or rolled back the serving generation. A first
-- main chunk that failed there ended the program with status 0. Now the first run and the next one are two
-- loads, and a reload always knows its stage.

local helper = require "spec.helper"

-- The timer is due first and ends the main chunk's wait; the reload is due next, and comes in the same turn.
local script = [[
  local moonport = require "moonport"
  local first = moonport.generation() == 1
  local server = moonport.TcpServer()
  function server.connection:readyRead() self:write(moonport.generation() .. " " .. self:readAll()) end
  assert(server:listen("127.0.0.1", 0))
  if not first then return moonport.log.info("listening on %d", server:serverPort()) end
  local task = moonport.spawn(function() moonport.sleep(-1) end)
  local timer, later = moonport.Timer(), moonport.Timer()
  function timer:timeout() task:cancel() end
  timer:start(0)
  local now = moonport.now()
  while moonport.now() < now + 2 do end
  later:start(60000)
  later:stop()
  assert(moonport.reload())
  task:join()
]]

describe("A reload that begins in the turn in which the first main chunk ends", function()
  it("replaces that run like any other", function()
    local program = helper.program { source = script }
    local port = program:waitForLine "listening on (%d+)"
    local client = helper.connect(port)
    client:send "hello"
    assert.are.equal("2 hello", client:receive(7))
    program:waitForLine "reloaded .* generation 2, .* 1 listener kept, 0 added, 0 closed"
    program:signal "TERM"
    assert.are.equal(0, program:wait())
  end)

  it("fails with it when it fails, since nothing serves", function()
    local program = helper.program { source = script .. 'error "too bad"' }
    assert.are.equal(1, program:wait())
    assert.is_truthy(program:stderr():find("script.lua:17: too bad", 1, true), program:stderr())
  end)
end)
