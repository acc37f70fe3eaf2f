-- A small model of a TcpSocket that talks to a plain peer: what it must hold, which state it must be in, and
-- which signals may follow each other. spec/qt/model_spec.lua runs it beside a real socket.
--
-- SPDX-License-Identifier: MIT

local model = {}

-- The states that may follow each state.
local follows = {
  UnconnectedState = { HostLookupState = true },
  HostLookupState = { ConnectingState = true, UnconnectedState = true },
  ConnectingState = { ConnectedState = true, UnconnectedState = true },
  ConnectedState = { ClosingState = true, UnconnectedState = true },
  ClosingState = { UnconnectedState = true },
}

--- Checks a log of { signal, argument } against the grammar of signals. Returns the state it ends in, and the
--- sum of bytesWritten of the last connection. The log begins in "UnconnectedState" unless `from` names
--- another state.
function model.checkSignals(log, from)
  local state, before, remote = from or "UnconnectedState", nil, false
  local connected, disconnected, finished, written, closing = 0, 0, 0, 0, 0
  for i, entry in ipairs(log) do
    local signal, argument = entry[1], entry[2]
    local function check(fits, what)
      if not fits then error(("signal %d, %s(%s): %s"):format(i, signal, argument or "", what), 0) end
    end
    if signal == "stateChanged" then
      check(follows[state][argument], "not after " .. state)
      before, state = state, argument
      if state == "HostLookupState" then remote = false end
      if state == "HostLookupState" then connected, disconnected, finished, written, closing = 0, 0, 0, 0, 0 end
    elseif signal == "hostFound" then
      check(state == "ConnectingState", "in " .. state)
    elseif signal == "connected" then
      connected = connected + 1
      check(state == "ConnectedState" and connected == 1, "in " .. state)
    elseif signal == "readyRead" then
      check(state == "ConnectedState" or state == "ClosingState" and remote, "in " .. state)
    elseif signal == "bytesWritten" then
      check(argument > 0 and (state == "ConnectedState" or state == "ClosingState"), "in " .. state)
      written = written + argument
    elseif signal == "readChannelFinished" then
      finished = finished + 1
      check(state == "UnconnectedState" and finished == 1, "in " .. state)
    elseif signal == "disconnected" then
      disconnected = disconnected + 1
      check(state == "UnconnectedState", "in " .. state)
      check(before == "ConnectedState" or before == "ClosingState", "after " .. before)
      check(disconnected == 1 and finished == 1, "twice, or before readChannelFinished")
    elseif signal == "errorOccurred" then
      check(argument == "OperationError" or argument == "SocketTimeoutError"
        or argument == "ConnectionRefusedError" and before == "ConnectingState" and state == "UnconnectedState"
        or argument == "RemoteHostClosedError" and (state == "ConnectedState" or state == "ClosingState"),
        "in " .. state)
      remote = remote or argument == "RemoteHostClosedError" -- a handler may still run after it (D4)
    elseif signal == "aboutToClose" then
      closing = closing + 1
      check(closing <= 1, "twice")
    end
  end
  if state == "UnconnectedState" and (before == "ConnectedState" or before == "ClosingState") then
    assert(disconnected == 1, "no disconnected at the end")
  end
  return state, written
end

local Buffer = {}
Buffer.__index = Buffer

--- The read side: what the peer has sent and the script hasn't taken. `held` bytes are in the socket, at most
--- `limit` (0: all).
function model.buffer()
  return setmetatable({ data = "", held = 0, position = 0, limit = 0, transaction = false }, Buffer)
end

function Buffer:clear() self.data, self.held, self.position, self.transaction = "", 0, 0, false end

--- The loop has run: the socket has received what it has room for.
function Buffer:arrive()
  if self.limit == 0 then
    self.held = #self.data
  elseif self.held < self.limit then
    self.held = math.min(self.limit, #self.data)
  end
end

--- True if the peer ended and its end has been read.
function Buffer:sawEnd()
  return self.held == #self.data and (self.limit == 0 or self.held < self.limit)
end

--- The connection ended: what the socket hadn't received is lost.
function Buffer:cut() self.data = self.data:sub(1, self.held) end

function Buffer:available() return self.held - self.position end

function Buffer:peek(n) return self.data:sub(self.position + 1, math.min(self.position + n, self.held)) end

function Buffer:read(n)
  local bytes = self:peek(n)
  self.position = self.position + #bytes
  if not self.transaction then self:drop() end
  return bytes
end

-- What has been read is no longer held.
function Buffer:drop()
  self.data = self.data:sub(self.position + 1)
  self.held, self.position = self.held - self.position, 0
end

function Buffer:line(n)
  local bytes = self:peek(n)
  return self:read(bytes:find("\n", 1, true) or #bytes)
end

function Buffer:unget(c)
  self.data, self.held = c .. self.data, self.held + 1
end

function Buffer:finish(rollback)
  self.transaction = false
  if rollback then self.position = 0 else self:drop() end
end

return model
