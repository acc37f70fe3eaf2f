-- SPDX-License-Identifier: MIT
-- Random calls within the handlers of two connected sockets, with fixed seeds. Whatever the handlers do, also
-- while they wait, each socket's signals keep to the grammar of spec/qt/model.lua. A failure names the seed.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local model = require "spec.qt.model"

local stress = os.getenv "MOONPORT_SPEC_GC" == "stress"
-- a full collection at each allocation makes a run much slower
local seeds, most = stress and 20 or 100, 150
local signals = { "readyRead", "bytesWritten", "hostFound", "connected", "disconnected", "stateChanged",
  "errorOccurred", "aboutToClose", "readChannelFinished" }

-- What a handler may do. Calls that end a connection are listed once, the others several times.
local actions = {
  function(self) self:write(("x"):rep(math.random(3000))) end,
  function(self) self:write "line\n" self:write "and\n" end,
  function(self) self:write "flushed" self:flush() end,
  function(self) self:readAll() end,
  function(self) self:read(math.random(100)) end,
  function(self) self:readLine() end,
  function(self) self:ungetChar "u" end,
  function(self) self:startTransaction() self:read(10) end,
  function(self) self:rollbackTransaction() end,
  function(self) self:commitTransaction() end,
  function(self) self:setReadBufferSize(({ 0, 1, 100, 1000 })[math.random(4)]) end,
  function() moonport.sleep(math.random() < 0.5 and 0 or 1) end,
  function(self) self:waitForReadyRead(1) end,
  function(self) self:waitForBytesWritten(1) end,
  function(self) self:waitForDisconnected(1) end,
  function(self) self:receive(5, 1) end,
  function(self) self:receive("line", 1) end,
  function(self) self:disconnectFromHost() end,
  function(self) self:close() end,
  function(self) self:abort() end,
}

local function play(seed)
  math.randomseed(seed)
  local server, client, runs, logs = sockets.server(), sockets.socket(), 0, {}
  local function chaos(self)
    runs = runs + 1
    if runs > most then return end
    for _ = 1, math.random(0, 2) do actions[math.random(#actions)](self) end
    if self == client and math.random() < 0.3 then self:connectToHost("127.0.0.1", server:serverPort()) end
  end
  local function watch(socket, from)
    local log = { socket = socket, from = from }
    logs[#logs + 1] = log
    for _, signal in ipairs(signals) do
      moonport.connect(socket, signal, function(_, argument) log[#log + 1] = { signal, argument } end)
      moonport.connect(socket, signal, chaos)
    end
  end
  watch(client, "UnconnectedState")
  function server:newConnection()
    local peer = sockets.closing(self:nextPendingConnection())
    watch(peer, "ConnectedState")
    if peer:state() == "ConnectedState" then chaos(peer) end
  end
  client:connectToHost("127.0.0.1", server:serverPort())
  local quiet, before = 0, 0
  helper.eventually(function()
    quiet = runs == before and quiet + 1 or 0
    before = runs
    if quiet > 5 and runs <= most then -- idle: go on with a new connection
      client:abort()
      client:connectToHost("127.0.0.1", server:serverPort())
    end
    return runs > most
  end, "the end of seed " .. seed)
  server:close()
  local rest = 0
  helper.eventually(function() -- a handler that has waited may still connect
    local was = runs
    for _, log in ipairs(logs) do log.socket:abort() end
    for _ = 1, 5 do moonport.sleep(1) end
    rest = runs == was and rest + 1 or 0
    return rest == 3
  end, "rest after seed " .. seed)
  for _, log in ipairs(logs) do
    local ok, state = pcall(model.checkSignals, log, log.from)
    if not ok or state ~= "UnconnectedState" then
      local list = {}
      for i, entry in ipairs(log) do list[i] = entry[2] and entry[1] .. " " .. entry[2] or entry[1] end
      error(("seed %d: %s\n%s"):format(seed, state, table.concat(list, ", ")), 0)
    end
    assert.equal("UnconnectedState", log.socket:state())
  end
  sockets.close()
end

describe("TcpSocket's handlers", function()
  after_each(sockets.close)

  for first = 1, seeds, 10 do
    it(("may do anything: seeds %d to %d"):format(first, first + 9), function()
      for seed = first, first + 9 do play(seed) end
    end)
  end
end)
