-- A server whose connections are never taken, because a handler is missing or misspelt, or expects the
-- connection as its argument, was silent: the client waited, and after thirty of them accepting stopped. Now
-- the log says so, once.
-- SPDX-License-Identifier: MIT
-- #nogc: programs do the work

local helper = require "spec.helper"

-- Runs a script that sets up `server`, and connects two clients one after another, or only one if the
-- listening ends. -> the warnings of the log
local function logged(source, expected, closes)
  local program = helper.program { source = ([[
local moonport = require "moonport"
local server = moonport.TcpServer()
%s
assert(server:listen("127.0.0.1"))
print(server:serverPort())
if after then moonport.spawn(after) end
]]):format(source) }
  local port = program:waitForLine "^(%d+)$"
  local first = helper.connect(port)
  if expected then program:waitForLine " warning " end
  local second = not closes and helper.connect(port)
  helper.settle(20) -- nothing else is logged
  if not closes then program:signal "TERM" end -- that one ends by itself
  assert.equal(0, program:wait())
  first:close()
  if second then second:close() end
  local lines = {}
  for line in program:stderr():gmatch "[^\n]+ warning ([^\n]+)" do
    lines[#lines + 1] = line:gsub("127%.0%.0%.1:%d+", "HERE")
  end
  return lines
end

local nobody = "TcpServer(HERE): a client has connected, and nothing takes it: set newConnection on the server, or " ..
  "handlers in its connection"
local untaken = "TcpServer(HERE): a client has connected, and newConnection has not taken it: call " ..
  "nextPendingConnection there"

describe("A server whose connections are never taken", function()
  for what, case in pairs {
    ["no handler at all"] = { "", nobody },
    ["an empty prototype"] = { "local _ = server.connection", nobody },
    ["a prototype that newConnection hides"] = {
      "function server.connection:readyRead() end function server.newConnection(_, socket) assert(not socket) end",
      untaken },
    ["a handler that doesn't take it"] = { "function server.newConnection() end", untaken },
    ["a handler that connect has added"] = { "moonport.connect(server, 'newConnection', function() end)", untaken },
  } do
    it("warns once: " .. what, function() assert.same({ case[2] }, logged(case[1], true)) end)
  end

  for what, source in pairs {
    ["a handler takes them"] = "function server:newConnection() self:nextPendingConnection() end",
    ["another signal's handler does"] = "function server:pendingConnectionAvailable() self:nextPendingConnection() end",
    ["a handler waits before it does"] =
      "function server:newConnection() moonport.sleep(10) self:nextPendingConnection() end",
    ["the prototype does"] = "function server.connection:readyRead() end",
    ["a task waits for them"] =
      "function after() while server:waitForNewConnection(-1) do server:nextPendingConnection() end end",
    ["a task has waited for them, and is doing something else"] =
      "function after() server:waitForNewConnection(1) moonport.sleep(1000) end",
    ["a task looks for them"] =
      "function after() while true do server:nextPendingConnection() moonport.sleep(5) end end",
    ["the script asks whether there are any"] =
      "function after() while not server:hasPendingConnections() do moonport.sleep(5) end end",
  } do
    it("isn't reported where " .. what, function() assert.same({}, logged(source)) end)
  end

  it("isn't reported where the connections have ended", function()
    assert.same({}, logged("function server:newConnection() self:close() end", false, true))
  end)
end)
