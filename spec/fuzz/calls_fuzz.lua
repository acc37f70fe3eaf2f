-- Calls that the input chooses, on a connected pair, its server, a timer and a channel, beside a model of what they
-- must cause: Qt's states, the order of signals, each byte that one end writes and the other reads.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local choices = require "spec.fuzz.choices"
local model = require "spec.qt.model"

local expect, eventually = choices.expect, choices.eventually

-- What every socket writes: its k-th byte says what k is, nearly.
local pattern = {}
for i = 0, 250 do pattern[i + 1] = i % 23 == 22 and "\n" or string.char(i) end
pattern = table.concat(pattern)

local function written(from, size) return pattern:rep(size // 251 + 2):sub(from % 251 + 1, from % 251 + size) end

local server = moonport.TcpServer()
local names = { "127.0.0.1", "unix:@moonport-calls-" .. tostring(moonport.now()) }
local signals = { "readyRead", "bytesWritten", "hostFound", "connected", "disconnected", "stateChanged",
  "errorOccurred", "aboutToClose", "readChannelFinished" }

-- Ends of a connection --------------------------------------------------------------------------------------

local End = {}
End.__index = End

local function newEnd(socket)
  local self = setmetatable({ socket = socket, log = {}, wrote = 0, position = 0, back = "" }, End)
  self.from = socket:state()
  for _, signal in ipairs(signals) do
    moonport.connect(socket, signal, function(_, argument) self.log[#self.log + 1] = { signal, argument } end)
  end
  socket:setReadBufferSize(0)
  moonport.connect(socket, "readyRead", function() if self.handle then self:handle() end end)
  return self
end

-- Takes what the socket gave: it must be what the other end has written. A peek stays where it is.
function End:took(bytes, peeks)
  if not bytes then return end
  local back = self.back:sub(1, #bytes)
  local size = #bytes - #back
  expect("bytes", back .. written(self.position, size), bytes)
  assert(not self.other or self.position + size <= self.other.wrote, "more than was written")
  if peeks then return end
  self.back, self.position = self.back:sub(#back + 1), self.position + size
end

function End:isIn(...)
  local state = self.socket:state()
  for _, name in ipairs { ... } do
    if state == name then return true end
  end
end

-- What must be true at any moment.
function End:check()
  local socket = self.socket
  local available, unsent = socket:bytesAvailable(), socket:bytesToWrite()
  assert(unsent <= self.wrote, "more is queued than was written")
  if self.other then assert(available <= #self.back + self.other.wrote - self.position, "more than was written") end
  if self:isIn("UnconnectedState") then expect("bytesToWrite", 0, unsent) end
  expect("atEnd", available == 0 or not socket:isOpen(), socket:atEnd())
  assert(not self:isIn "ConnectedState" or socket:isValid(), "connected, and not valid")
  assert(socket:bytesSent() <= self.wrote, "more is sent than was written")
end

-- What must be true when the loop has run.
function End:finish()
  local _, told = model.checkSignals(self.log, self.from)
  assert(told <= self.wrote, "bytesWritten of more than was written")
  if self:isIn("ConnectedState") then expect("bytesWritten", self.wrote - self.socket:bytesToWrite(), told) end
end

-- Calls -----------------------------------------------------------------------------------------------------

local calls = {}

function calls.write(self, choose)
  local size = choose:below(8) == 7 and 20000 or choose:below(60)
  local n, _, code = self.socket:write(written(self.wrote, size))
  if self.ended or not self.socket:isOpen() then
    expect("write", nil, n)
    expect("write", "OperationError", code)
  elseif n then
    expect("write", size, n)
    self.wrote = self.wrote + n
  else
    assert(code == "UnknownSocketError" or code == "RemoteHostClosedError" or code == "OperationError", code)
  end
end

function calls.flush(self)
  local unsent = self.socket:bytesToWrite()
  local flushed = self.socket:flush()
  assert(not flushed or self.socket:bytesToWrite() <= unsent, "a flush adds bytes")
end

function calls.read(self, choose) self:took(self.socket:read(choose:below(80))) end
function calls.readAll(self) self:took(self.socket:readAll()) end
function calls.peek(self, choose) self:took(self.socket:peek(choose:below(80)), true) end

function calls.readLine(self, choose)
  local whole = self.socket:canReadLine()
  local most = choose:below(80) + 1
  local line = self.socket:readLine(most)
  if line then
    assert(#line <= most and not line:sub(1, -2):find("\n", 1, true), "not a line")
    assert(not whole or line:sub(-1) == "\n" or #line == most, "canReadLine said that there is one")
  end
  self:took(line)
end

function calls.skip(self, choose)
  local available = self.socket:bytesAvailable()
  local wanted = choose:below(40)
  local n = self.socket:skip(wanted)
  if not n then return end
  expect("skip", math.min(wanted, available), n)
  local back = math.min(#self.back, n)
  self.back, self.position = self.back:sub(back + 1), self.position + n - back
end

function calls.ungetChar(self, choose)
  local char = string.char(choose:below(256))
  if self.socket:ungetChar(char) then
    assert(not self.mark, "ungetChar in a transaction")
    self.back = char .. self.back
  end
end

function calls.startTransaction(self)
  local started = self.socket:startTransaction()
  assert(not started or not self.mark, "a transaction in a transaction")
  if started then self.mark = { self.back, self.position } end
end

function calls.commitTransaction(self)
  local ended = self.socket:commitTransaction()
  if self.socket:isOpen() then expect("commitTransaction", self.mark and true or nil, ended) end
  self.mark = nil
end

function calls.rollbackTransaction(self)
  local ended = self.socket:rollbackTransaction()
  if ended then self.back, self.position = table.unpack(assert(self.mark, "there was no transaction")) end
  self.mark = nil
end

function calls.setReadBufferSize(self, choose) self.socket:setReadBufferSize(choose:of { 0, 1, 10, 1000 }) end
function calls.setWriteBufferLimit(self, choose) self.socket:setWriteBufferLimit(choose:of { 0, 1 << 16, 1 << 20 }) end
function calls.setHighWaterMark(self, choose) self.socket:setHighWaterMark(choose:of { 0, 1, 1000 }) end
function calls.pauseReading(self) self.socket:pauseReading() end
function calls.resumeReading(self) self.socket:resumeReading() end
function calls.setAllowHalfOpen(self, choose) self.socket:setAllowHalfOpen(choose:below(2) == 1) end

local function gone(self) self.back, self.mark, self.lossy = "", nil, true end

function calls.closeWriteChannel(self)
  if self.socket:closeWriteChannel() then self.ended = true end
end

function calls.disconnectFromHost(self)
  self.socket:disconnectFromHost()
  self.left = true
  assert(not self:isIn "ConnectedState", "it is still connected")
end

function calls.close(self)
  self.socket:close()
  gone(self)
  self.left = true
  expect("isOpen", false, self.socket:isOpen())
  expect("bytesAvailable", 0, self.socket:bytesAvailable())
end

function calls.abort(self)
  self.socket:abort()
  gone(self)
  self.left, self.aborted = true, true
  expect("state", "UnconnectedState", self.socket:state())
  expect("bytesToWrite", 0, self.socket:bytesToWrite())
  expect("bytesAvailable", 0, self.socket:bytesAvailable())
end

local function waits(name)
  calls[name] = function(self)
    local ok, message, code = self.socket[name](self.socket, 0)
    assert(ok == true or ok == nil and message and code, "no result of a wait")
  end
end
waits "waitForReadyRead"
waits "waitForBytesWritten"
waits "waitForDisconnected"

-- From now on the handler of readyRead does this.
local handlers = { false, calls.readAll, calls.abort, calls.close, calls.disconnectFromHost,
  function(self) calls.write(self, choices.of "\0\30") end,
  function(self) self.socket:waitForReadyRead(1) self:took(self.socket:read(5)) end }
function calls.setHandler(self, choose) self.handle = choose:of(handlers) end

function calls.loop() moonport.sleep(0) end

-- Other objects ---------------------------------------------------------------------------------------------

local function timerModel()
  local timer, made = moonport.Timer(), {}
  function timer:timeout()
    assert(self == timer and not timer.stopped, "a timeout behind stop()")
    timer.fired = (timer.fired or 0) + 1
    assert(not timer.once or timer.fired <= 1, "a single shot fires once")
    if timer.once then expect("isActive", false, timer:isActive()) end
  end
  function made.call(choose)
    local what = choose:below(4)
    if what == 0 then
      timer.once, timer.fired, timer.stopped = choose:below(2) == 1, 0, false
      timer:setSingleShot(timer.once)
      timer:start(choose:below(3))
      expect("isActive", true, timer:isActive())
    elseif what == 1 then
      timer:stop()
      timer.stopped = true
      expect("isActive", false, timer:isActive())
      expect("remainingTime", -1, timer:remainingTime())
    elseif what == 2 then
      timer.fired = 0
      timer:setInterval(choose:below(3))
    else
      assert(timer:remainingTime() <= 2, "longer than its interval")
    end
  end
  function made.close() timer:stop() end
  return made
end

local function channelModel(choose)
  local most = choose:of { 1, 2, 5, math.huge }
  local channel, held, closed, next = moonport.Channel(most), {}, false, 0
  local self = {}
  function self.call(more)
    local what = more:below(8)
    if what < 4 then
      local ok, _, code = channel:send(next, 0)
      expect("send", not closed and #held < most or nil, ok)
      if not ok then expect("send", closed and "OperationError" or "SocketTimeoutError", code) end
      if ok then held[#held + 1] = next end
      next = next + 1
    elseif what < 7 then
      local value, _, code = channel:receive(0)
      expect("receive", table.remove(held, 1), value)
      if value == nil then expect("receive", closed and "OperationError" or "SocketTimeoutError", code) end
    else
      channel:close()
      closed = true
    end
    expect("count", #held, channel:count())
    expect("isClosed", closed, channel:isClosed())
  end
  function self.close() channel:close() end
  return self
end

-- Runs ------------------------------------------------------------------------------------------------------

local list = {}
for name in pairs(calls) do list[#list + 1] = name end
table.sort(list)

local function connect(choose)
  local name = choose:of(names)
  assert(server:listen(name))
  local client = newEnd(moonport.TcpSocket())
  if name ~= names[1] then client.from = "HostLookupState" end -- a path has no such state
  local early = choose:below(6) -- calls while it connects
  assert(client.socket:connectToHost(name, name == names[1] and server:serverPort() or nil))
  for _ = 1, early do
    calls[choose:of { "write", "flush", "peek", "abort", "close", "disconnectFromHost", "closeWriteChannel",
      "waitForReadyRead", "readAll" }](client, choose)
    client:check()
  end
  local socket = nil
  eventually("a connection", function()
    socket = socket or server:nextPendingConnection()
    return socket and client.socket:state() ~= "ConnectingState" or client.aborted
      or client.left and client:isIn "UnconnectedState"
  end)
  socket = socket or server:nextPendingConnection()
  server:close()
  if not socket then return client end
  local peer = newEnd(socket)
  client.other, peer.other = peer, client
  return client, peer
end

-- All that was written must arrive, where nobody has thrown anything away.
local function drain(from, to)
  if from.lossy or to.lossy or to.mark or to.left then return end
  to.socket:setReadBufferSize(0)
  to.socket:resumeReading()
  to.handle = nil
  eventually(function() return ("%d of %d bytes"):format(to.position, from.wrote) end, function()
    if to.lossy or from.lossy or not to.socket:isOpen() then return true end
    to:took(to.socket:readAll())
    return to.position == from.wrote or from:isIn "UnconnectedState" and to:isIn "UnconnectedState"
  end)
end

return function(bytes)
  local choose = choices.of(bytes)
  local timer, channel = timerModel(), channelModel(choose)
  local client, peer = connect(choose)
  local ends = { client, peer }
  for _ = 1, 120 do
    if not choose:more() then break end
    local what = choose:below(#list + 6)
    if what >= #list + 3 then
      timer.call(choose)
    elseif what >= #list then
      channel.call(choose)
    else
      calls[list[what + 1]](choose:of(ends), choose)
      for _, one in ipairs(ends) do one:check() end
    end
  end
  if peer then
    drain(client, peer)
    drain(peer, client)
  end
  for _, one in ipairs(ends) do
    one.handle = nil
    one.socket:abort()
  end
  timer.close()
  channel.close()
  moonport.sleep(0)
  moonport.sleep(0)
  for _, one in ipairs(ends) do one:finish() end
  choices.check()
end
