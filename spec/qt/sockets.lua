-- SPDX-License-Identifier: MIT
-- What the specs of TcpSocket share: connected pairs, a record of signals, and closing everything at a spec's
-- end.
--
--   local sockets = require "spec.qt.sockets"
--   after_each(sockets.close)

local helper = require "spec.helper"
local moonport = require "moonport"

local sockets = {}
local opened = {} -- what the running spec has to close

--- Remembers objects for close(). -> the same
function sockets.closing(object, ...)
  opened[#opened + 1] = object
  return object, ...
end

--- Ends everything that the spec has opened.
function sockets.close()
  for _, object in ipairs(opened) do
    local abort = object.abort or object.close
    abort(object)
  end
  opened = {}
end

function sockets.socket() return sockets.closing(moonport.TcpSocket()) end

function sockets.server(address)
  local server = sockets.closing(moonport.TcpServer())
  assert(server:listen(address or "127.0.0.1"))
  return server
end

--- The server's next connection, waited for.
function sockets.accept(server)
  return sockets.closing(helper.eventually(function() return server:nextPendingConnection() end, "a connection"))
end

--- A moonport socket connected to a moonport socket. -> client, peer
function sockets.pair(openMode)
  local server, client = sockets.server(), sockets.socket()
  client:connectToHost("127.0.0.1", server:serverPort(), openMode)
  assert(client:waitForConnected(helper.timeout))
  local peer = sockets.accept(server)
  server:close()
  return client, peer
end

--- A moonport socket connected to a plain one of the helper. -> socket, plain
function sockets.withPlain(openMode, receiveBuffer)
  local listener, socket = helper.listen(), sockets.socket()
  if receiveBuffer then socket:setReadBufferSize(receiveBuffer) end
  socket:connectToHost("127.0.0.1", listener:port(), openMode)
  assert(socket:waitForConnected(helper.timeout))
  local plain = listener:accept()
  listener:close()
  return socket, plain
end

local signals = { "readyRead", "bytesWritten", "hostFound", "connected", "disconnected", "stateChanged",
  "errorOccurred", "aboutToClose", "readChannelFinished" }

--- Records the socket's signals, "stateChanged ConnectedState", in the order of their arrival. -> the list
function sockets.record(socket)
  local seen = {}
  for _, signal in ipairs(signals) do
    moonport.connect(socket, signal, function(_, argument)
      seen[#seen + 1] = argument ~= nil and signal .. " " .. argument or signal
    end)
  end
  return seen
end

--- How many of the recorded signals begin with a name.
function sockets.count(seen, name)
  local n = 0
  for _, signal in ipairs(seen) do
    if signal:sub(1, #name) == name then n = n + 1 end
  end
  return n
end

--- Writes more than the kernel takes, so that bytes stay queued until the peer reads.
function sockets.stuff(socket)
  assert(socket:setSocketOption("SendBufferSizeSocketOption", 4096))
  assert(socket:write(("x"):rep(4 << 20)))
  assert(socket:flush())
  assert(socket:bytesToWrite() > 1 << 20)
end

function sockets.eventuallyState(socket, state)
  return helper.eventually(function() return socket:state() == state end, state)
end

function sockets.eventuallyAvailable(socket, n)
  return helper.eventually(function() return socket:bytesAvailable() == n end, n .. " bytes available")
end

--- Asserts nil, a message and this code.
function sockets.fails(code, value, message, got)
  assert(value == nil, "it succeeded")
  assert(type(message) == "string", "there is no message")
  assert(got == code, ("the code is %s, not %s"):format(got, code))
end

return sockets
