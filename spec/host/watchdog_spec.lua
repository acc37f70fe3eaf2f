-- --handler-timeout: a handler that never returns is ended, and nothing else is affected.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

local script = [[
local moonport = require "moonport"
local server = moonport.TcpServer()
local loops = {}
function loops.plain() while true do end end
function loops.protected() while true do pcall(function() while true do end end) end end
function loops.gsub() while true do (("x"):rep(100)):gsub("x", "y") end end
function server.connection:readyRead()
  local name = self:readLine()
  if loops[name:match "%w+"] then loops[name:match "%w+"]() end
  self:write("answer to " .. name)
end
assert(server:listen("127.0.0.1", 0))
print(server:serverPort())
io.stdout:flush()
]]

describe("A handler that never returns", function()
  for _, name in ipairs { "plain", "protected", "gsub" } do
    it("is ended, the report names its line, and the next client is served: " .. name, function()
      local program = helper.program { options = { "--handler-timeout", "100" }, source = script }
      local port = tonumber(program:waitForLine("^%d+$", 10000))
      local client = helper.connect(port)
      client:send(name .. "\n")
      assert.are.equal("", client:receiveAll(20000))
      local other = helper.connect(port)
      other:send "hello\n"
      assert.are.equal("answer to hello\n", other:receive(16, 10000))
      assert.is_truthy(program:stderr():find "the handler has not returned within 100")
      assert.is_truthy(program:stderr():find "script%.lua:%d+: ")
    end)
  end

  it("is ended without harm to the others whose input arrived in the same turn", function()
    local program = helper.program { options = { "--handler-timeout", "100" }, source = script }
    local port = tonumber(program:waitForLine("^%d+$", 10000))
    local clients = {}
    for i = 1, 12 do
      clients[i] = helper.connect(port)
      clients[i]:send "hello\n"
      assert.are.equal("answer to hello\n", clients[i]:receive(16, 10000))
    end
    program:signal "STOP"
    for i, client in ipairs(clients) do client:send(i % 4 == 2 and "plain\n" or "hello\n") end
    program:signal "CONT"
    for i, client in ipairs(clients) do
      if i % 4 == 2 then
        assert.are.equal("", client:receiveAll(20000))
      else
        assert.are.equal("answer to hello\n", client:receive(16, 20000))
      end
    end
    helper.eventually(function()
      local _, errors = program:stderr():gsub("handler of [^\n]*the handler has not returned within 100", "")
      for more in program:stderr():gmatch "(%d+) more times within a second: [^\n]*the handler has not returned" do
        errors = errors + more -- the same error, not reported in full again
      end
      return errors == 3
    end)
  end)

  it("isn't ended before the option's time has passed", function()
    local program = helper.program { options = { "--handler-timeout", "60000" }, source = script }
    local client = helper.connect(tonumber(program:waitForLine("^%d+$", 10000)))
    client:send "hello\n"
    assert.are.equal("answer to hello\n", client:receive(16, 10000))
  end)
end)
