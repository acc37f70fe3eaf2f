-- What the specs of signal orders share: a log of every signal of an object, and short names for states and
-- errors.
--
-- SPDX-License-Identifier: MIT

local busted = require "busted"
local helper = require "spec.helper"
local moonport = require "moonport"

local trace = {}

local signals = {
  TcpServer = { "pendingConnectionAvailable", "newConnection", "acceptError" },
  TcpSocket = {
    "hostFound", "connected", "disconnected", "readyRead", "bytesWritten", "stateChanged", "errorOccurred",
    "aboutToClose", "readChannelFinished",
  },
}
signals.SslSocket = table.move(signals.TcpSocket, 1, #signals.TcpSocket, 4, { "modeChanged", "encrypted", "sslErrors" })
signals.SslServer = signals.TcpServer

local function short(value)
  return (tostring(value):gsub("State$", ""):gsub("Error$", ""))
end

--- Logs every signal of an object from now on: "connected", "stateChanged(Closing)",
--- "errorOccurred(RemoteHostClosed)", in a list that grows. look(object, signal), if given, returns what to
--- add to each line: "connected [Connected]".
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

--- Waits until the log's last line is `last`, and compares all of it.
function trace.expect(log, lines)
  pcall(helper.eventually, function() return log[#log] == lines[#lines] and #log >= #lines end)
  helper.settle(5) -- nothing may follow
  busted.assert.same(lines, log)
end

--- The names without what each handler has seen.
function trace.names(log)
  local names = {}
  for i, line in ipairs(log) do names[i] = line:match "^%S+" end
  return names
end

--- A new log of one signal: how often it was emitted.
function trace.count(object, signal)
  local count = { n = 0 }
  moonport.connect(object, signal, function() count.n = count.n + 1 end)
  return count
end

return trace
