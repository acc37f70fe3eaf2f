-- SPDX-License-Identifier: MIT
-- A store looked at the clock after 32 commands of a client, and let others run after 64. So a client with slow ones,
-- such as those on strings of many MiB, stopped all others for as long as 64 take.

local helper = require "spec.helper"
local resp = require "moonport.resp"

-- SLOW takes two milliseconds; MOST tells how many of them ran in one turn of the loop at most.
local source = [[
local moonport = require "moonport"
local resp = require "moonport.resp"
local commands = require "moonport.store.commands"
local find, answer, count = commands.find, commands.answer, 0
local seen, most, turns = 0, 0, moonport.Timer()
function turns.timeout() seen, most = count, math.max(most, count - seen) end
turns:start(0)
function commands.find(name)
  if name == "SLOW" or name == "MOST" then return { arity = 1 } end
  return find(name)
end
function commands.answer(session, command, name, ...)
  if name == "MOST" then return resp.integer(most) end
  if name ~= "SLOW" then return answer(session, command, name, ...) end
  count = count + 1
  local since = moonport.now()
  repeat until moonport.now() - since > 2
  return "+OK\r\n"
end
local server = require "moonport.store".server()
assert(server:listen("127.0.0.1", 0))
moonport.log.info("port %d", server:serverPort())
]]

describe("moonport.store", function()
  it("lets others run after few commands if these are slow", function()
    local program = helper.program { source = source }
    local client = helper.connect(tonumber((program:waitForLine "port (%d+)")))
    client:send(resp.command "SLOW":rep(200))
    assert.equal(("+OK\r\n"):rep(200), client:receive(1000, 20000))
    client:send(resp.command "MOST")
    local most = tonumber(client:receiveLine():match "^:(%d+)\r\n")
    assert.is_true(most > 0 and most <= 4, most)
    client:close()
  end)
end)
