-- SPDX-License-Identifier: MIT
-- Random sequences of calls on a socket and its plain peer, with fixed seeds, beside a model that says what
-- they must cause. A failure names the seed and lists the calls.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local model = require "spec.qt.model"

local stress = os.getenv "MOONPORT_SPEC_GC" == "stress"
-- a full collection at each allocation makes a sequence a hundred times slower
local seeds, steps = stress and 20 or 100, 40
local signals = { "readyRead", "bytesWritten", "hostFound", "connected", "disconnected", "stateChanged",
  "errorOccurred", "aboutToClose", "readChannelFinished" }

-- One run ---------------------------------------------------------------------------------------------------

local Run = {}
Run.__index = Run

local function newRun(seed)
  math.randomseed(seed)
  local run = setmetatable({ listener = helper.listen(), socket = sockets.socket(), input = model.buffer() }, Run)
  run.state, run.open = "UnconnectedState", false -- what the model expects
  run.toSend, run.sent = "", ""                   -- queued since the loop last ran; all that the peer must get
  run.log, run.calls = {}, {}
  run.socket:setReadBufferSize(0)
  for _, signal in ipairs(signals) do
    moonport.connect(run.socket, signal, function(_, argument) run.log[#run.log + 1] = { signal, argument } end)
  end
  return run
end

local function expect(what, expected, got)
  if expected ~= got then error(("%s: expected %q, got %q"):format(what, tostring(expected), tostring(got)), 0) end
end

local function randomText(most)
  local letters = {}
  for i = 1, math.random(most) do letters[i] = ("abc\n\r\0z"):sub(math.random(7)):sub(1, 1) end
  return table.concat(letters)
end

-- The loop runs until the socket has reached the model's state.
function Run:sync()
  local socket, input = self.socket, self.input
  if self.state == "ConnectingState" then
    self.peer = self.listener:accept()
    self.state = "ConnectedState"
    if self.closeConnected then self.state, self.closeConnected = "ClosingState", nil end
  end
  self.sent, self.toSend = self.sent .. self.toSend, ""
  if self.state == "ClosingState" then self.state = "UnconnectedState" end
  if self.state == "ConnectedState" then
    input:arrive()
    if self.peerEnded and input:sawEnd() then self.state = "UnconnectedState" end
  end
  moonport.sleep(1)
  helper.eventually(function()
    return socket:state() == self.state and socket:bytesAvailable() == (self.open and input:available() or 0)
  end, ("%s with %d bytes to read, not %s with %d"):format(self.state, input:available(), socket:state(),
    socket:bytesAvailable()))
  moonport.sleep(1)
  if self.state == "UnconnectedState" then
    self:endPeer()
    input:cut()
  end
  local state, written = model.checkSignals(self.log)
  expect("the last stateChanged", self.state, state)
  if self.state == "ConnectedState" and not self.peerEnded then expect("bytesWritten", #self.sent, written) end
end

-- The connection ended: the peer has received everything, unless abort() ended it, or the socket was
-- closed with unread input, which resets the connection.
function Run:endPeer()
  if not self.peer then return end
  if not self.aborted and not self.peerEnded then
    local how = self.peer:waitForEnd()
    local got = self.peer.unread
    if how == "closed" then expect("all that was written", self.sent, got) end
    if how == "reset" then expect("was there unread input at a reset", true, self.unseen) end
    expect("what was written", self.sent:sub(1, #got), got)
  end
  self.peer:close()
  self.peer, self.peerEnded = nil, nil
end

-- The peer has received what was written so far; the socket still has its unread bytes.
function Run:peerHasAll()
  expect("what the peer gets", self.sent, self.peer:receive(#self.sent))
  self.peer.unread = self.sent .. self.peer.unread
end

function Run:isConnected() return self.state == "ConnectedState" or self.state == "ClosingState" end

-- The calls -------------------------------------------------------------------------------------------------

local calls = {}

function calls.connectToHost(self)
  local busy = self.state ~= "UnconnectedState"
  local ok, _, code = self.socket:connectToHost("127.0.0.1", self.listener:port())
  if busy then
    expect("connectToHost", "OperationError", code)
    return
  end
  expect("connectToHost", true, ok)
  self.input:clear()
  self.state, self.open, self.aborted, self.peerEnded, self.closeConnected = "ConnectingState", true, nil, nil, nil
  self.toSend, self.sent = "", ""
end

function calls.write(self)
  local text = randomText(math.random() < 0.1 and 20000 or 50)
  local n, _, code = self.socket:write(text)
  if not self.open then
    expect("write", "OperationError", code)
  elseif self.state == "UnconnectedState" then
    expect("write", "UnknownSocketError", code)
  elseif n or not self.peerEnded then -- the socket may know the peer's end before it signals it
    expect("write", #text, n)
    self.toSend = self.toSend .. text
    if not self.peerEnded then expect("bytesToWrite", #self.toSend, self.socket:bytesToWrite()) end
  end
end

function calls.flush(self)
  local sends = self:isConnected() and self.toSend ~= ""
  local flushed = self.socket:flush()
  if not self.peerEnded then expect("flush", sends, flushed) end -- a peer that ended takes nothing
  if sends then
    self.sent, self.toSend = self.sent .. self.toSend, ""
  end
end

-- read and its like return nil at the end of a stream, "" when nothing is there now.
local function reads(name, take)
  calls[name] = function(self)
    local n = math.random(60)
    local got = self.socket[name](self.socket, n)
    if not self.open or self.input:available() == 0 then
      expect(name, self.open and self.state == "ConnectedState" and "" or nil, got)
    else
      expect(name, take(self.input, n), got)
    end
  end
end
reads("read", function(input, n) return input:read(n) end)
reads("peek", function(input, n) return input:peek(n) end)
reads("readLine", function(input, n) return input:line(n) end)

function calls.readAll(self)
  local got = self.socket:readAll()
  expect("readAll", self.open and self.input:read(math.huge) or "", got)
end

function calls.skip(self)
  local n = math.random(30)
  local got = self.socket:skip(n)
  if not self.open or self.input:available() == 0 then
    expect("skip", self.open and self.state == "ConnectedState" and 0 or nil, got)
  else
    expect("skip", #self.input:read(n), got)
  end
end

function calls.ungetChar(self)
  local c = randomText(1)
  local ok = self.socket:ungetChar(c)
  if self.open and not self.input.transaction then
    expect("ungetChar", true, ok)
    self.input:unget(c)
  else
    expect("ungetChar", nil, ok)
  end
end

function calls.canReadLine(self)
  expect("canReadLine", self.open and self.input:peek(math.huge):find("\n", 1, true) ~= nil, self.socket:canReadLine())
end

function calls.startTransaction(self)
  if not self.open then return end
  expect("startTransaction", not self.input.transaction or nil, (self.socket:startTransaction()))
  if not self.input.transaction then self.input.transaction = true end
end

local function ends(name, rollback)
  calls[name] = function(self)
    expect(name, self.input.transaction or nil, (self.socket[name](self.socket)))
    if self.input.transaction then self.input:finish(rollback) end
  end
end
ends("commitTransaction", false)
ends("rollbackTransaction", true)

function calls.setReadBufferSize(self)
  local limit = ({ 0, 0, 1, 10, 100, 1000 })[math.random(6)]
  self.socket:setReadBufferSize(limit)
  self.input.limit = limit
end

function calls.disconnectFromHost(self)
  self.socket:disconnectFromHost()
  if self.state == "ConnectingState" then
    self.closeConnected = true
  elseif self.state == "ConnectedState" then
    self.unseen = #self.input.data > self.input.held
    self.state = self.toSend == "" and "UnconnectedState" or "ClosingState"
    expect("state", self.state, self.socket:state())
    self.input:cut()
  elseif self.state == "ClosingState" and self.toSend == "" then
    self.state = "UnconnectedState"
  end
end

function calls.close(self)
  calls.disconnectFromHost(self)
  self.socket:close()
  self.open = false
  self.input:clear()
  expect("isOpen", false, self.socket:isOpen())
end

function calls.abort(self)
  self.socket:abort()
  self.aborted = true
  if self.state == "ConnectingState" and self.socket:socketDescriptor() < 0 then self.closeConnected = nil end
  self.state, self.open, self.toSend = "UnconnectedState", false, ""
  self.input:clear()
  expect("state", "UnconnectedState", self.socket:state())
  expect("bytesToWrite", 0, self.socket:bytesToWrite())
  self:sync()
  local before = #self.log
  moonport.sleep(1)
  expect("signals after abort", before, #self.log)
end

-- What the peer does. The socket has had its turn before.

function calls.peerSends(self)
  self:sync()
  if self.state ~= "ConnectedState" or self.peerEnded then return end
  local text = randomText(math.random() < 0.1 and 20000 or 50)
  self.peer:send(text)
  self.input.data = self.input.data .. text
end

function calls.peerReads(self)
  self:sync()
  if self.state ~= "ConnectedState" or self.peerEnded then return end
  self:peerHasAll()
end

local function peerEnds(name, finish)
  calls[name] = function(self)
    self:sync()
    if self.state ~= "ConnectedState" or self.peerEnded then return end
    self:peerHasAll()
    if name == "peerResets" and not self.input:sawEnd() then return end -- a reset may destroy unread data
    finish(self.peer)
    self.peerEnded = true
  end
end
peerEnds("peerCloses", function(peer) peer:close() end)
peerEnds("peerHalfCloses", function(peer) peer:shutdown() end)
peerEnds("peerResets", function(peer) peer:reset() end)

function calls.loop(self) self:sync() end

-- Nothing new arrives by itself, whether there is unread data or not.
function calls.waitForReadyRead(self)
  self:sync()
  local ok, _, code = self.socket:waitForReadyRead(0)
  expect("waitForReadyRead", nil, ok)
  if self.state == "ConnectedState" then expect("waitForReadyRead", "SocketTimeoutError", code) end
end

-- How often each call is made; calls that end a connection are rare.
local weights = { connectToHost = 6, write = 8, flush = 2, read = 6, peek = 3, readLine = 4, readAll = 2, skip = 2,
  ungetChar = 2, canReadLine = 2, startTransaction = 3, commitTransaction = 3, rollbackTransaction = 3,
  setReadBufferSize = 2, disconnectFromHost = 2, close = 2, abort = 1, peerSends = 12, peerReads = 2, peerCloses = 1,
  peerHalfCloses = 1, peerResets = 1, loop = 4, waitForReadyRead = 2 }
local bag = {}
for name, weight in pairs(weights) do for _ = 1, weight do bag[#bag + 1] = name end end
table.sort(bag)

local function play(seed)
  local run = newRun(seed)
  local ok, message = xpcall(function()
    for _ = 1, steps do
      local name = bag[math.random(#bag)]
      run.calls[#run.calls + 1] = name
      calls[name](run)
    end
    run.calls[#run.calls + 1] = "the end"
    run:sync()
    calls.abort(run)
  end, function(message) return type(message) == "string" and message or tostring(message) end)
  sockets.close()
  if not ok then error(("seed %d: %s\nafter %s"):format(seed, message, table.concat(run.calls, ", ")), 0) end
end

describe("TcpSocket beside a model", function()
  after_each(sockets.close)

  for first = 1, seeds, 10 do
    it(("agrees with the model over %d random calls, seeds %d to %d"):format(steps, first, first + 9), function()
      for seed = first, first + 9 do play(seed) end
    end)
  end
end)
