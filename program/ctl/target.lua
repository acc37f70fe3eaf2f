-- Which program is asked: its control socket is found, and a client of it is made.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local host = require "ctl.host"
local request = require "ctl.request"

local target = {}

local Client = {}
Client.__index = Client

--- Sends a command and calls `each` with every object of the answer. -> true, or nil and the error
function Client:ask(command, each)
  local ok, why = request(self.socket, command, -1, each)
  if ok then return true end
  return nil, why or "the program has closed the connection"
end

-- -> client | nil, why, code
local function connect(path)
  local socket = moonport.LocalSocket()
  socket:setReadBufferSize(0)
  socket:connectToServer(path)
  local ok, message, code = socket:waitForConnected(5000)
  if not ok then
    if code == "SocketAccessError" then message = "it belongs to another user" end
    if code == "HostNotFoundError" then message = "there is no such socket" end
    if code == "ConnectionRefusedError" then message = "no program listens there any more" end
    return nil, message, code
  end
  local peer = assert(socket:peerCredentials())
  if peer.uid ~= host.user and peer.uid ~= 0 and host.user ~= 0 then
    return nil, "another user listens there", "SocketAccessError"
  end
  return setmetatable({ socket = socket, path = path, pid = peer.pid }, Client)
end

--- The programs of this user that answer, for root of all users: their clients. Removes what programs have left that
-- crashed, but root nothing in the folders of others.
function target.all()
  local found = {}
  for _, path in ipairs(host.sockets()) do
    local client, _, code = connect(path)
    if client then
      found[#found + 1] = client
    elseif code == "ConnectionRefusedError" and (host.user ~= 0 or path:find "^/run/moonport/%d+$") then
      moonport.LocalServer.removeServer(path)
    end
  end
  return found
end

--- By the number of a process, the name of a service, or a path. -> client | nil, why
function target.find(name)
  if name:find "^%d+$" then
    for _, client in ipairs(target.all()) do
      if client.pid == tonumber(name) then return client end
    end
    return nil, ("no program %s of this user has a control socket"):format(name)
  end
  local path = name:find "/" and name or "/run/moonport/" .. name .. "/control"
  local client, why, code = connect(path)
  if code == "HostNotFoundError" and path ~= name then
    return nil, ("%s: there is no such service, for there is no %s"):format(name, path)
  end
  return client, why and path .. ": " .. why
end

return target
