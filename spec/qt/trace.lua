-- What the specs of signal orders share: a log of every signal of an object, and short names for states and errors.
--
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"

local trace = {}

local signals = {
  TcpServer = { "pendingConnectionAvailable", "newConnection", "acceptError" },
  TcpSocket = {
    "hostFound", "connected", "disconnected", "readyRead", "bytesWritten", "stateChanged", "errorOccurred", "aboutToClose",
    "readChannelFinished",
  },
}

local function short(value)
  return (tostring(value):gsub("State$", ""):gsub("Error$", ""))
end

--- Logs every signal of object from now on: "connected", "stateChanged(Closing)", "errorOccurred(RemoteHostClosed)", in a
--- list that grows. look(object, signal), if given, adds what it returns to each line: "connected [Connected]".
function trace.record(object, look, log)
  log = log or {}
  for _, signal in ipairs(signals[tostring(object):match "^%a+"]) do
    moonport.connect(object, signal, function(self, argument)
      local line = argument == nil and signal or ("%s(%s)"):format(signal, short(argument))
      local seen = look and look(self, signal)
      log[#log + 1] = seen and ("%s [%s]"):format(line, seen) or line
    end)
  end
  return log
end

--- For trace.record: the state of a socket when each handler runs.
function trace.state(socket)
  return short(socket:state())
end

--- For trace.record: "Connected, open, 11": state, isOpen and bytesAvailable.
function trace.device(socket)
  return ("%s, %s, %d"):format(short(socket:state()), socket:isOpen() and "open" or "not open", socket:bytesAvailable())
end

--- Is line in the log?
function trace.has(log, line)
  for _, entry in ipairs(log) do
    if entry == line then return true end
  end
  return false
end

--- A fresh log of one signal: how often it came.
function trace.count(object, signal)
  local count = { n = 0 }
  moonport.connect(object, signal, function() count.n = count.n + 1 end)
  return count
end

return trace
