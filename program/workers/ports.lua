-- The listening sockets, which outlive the workers: one for each worker and port, beside one that reserves the port.
-- Sockets of Unix-domain names are one for all. `host` makes the sockets.
-- SPDX-License-Identifier: MIT

local Ports = {}
Ports.__index = Ports

function Ports.new(host, moonport)
  return setmetatable({ host = host, moonport = moonport, all = {}, names = {} }, Ports)
end

-- TCP -------------------------------------------------------------------------------------------------------

-- A port that this worker may still ask for: port 0 is another one each time.
local function find(self, worker, address, asked)
  for _, port in ipairs(self.all) do
    if port.address == address and port.asked == asked then
      local socket = port.sockets[worker]
      if not socket or not socket.given then return port end
      if asked ~= 0 then return nil, true end
    end
  end
end

local function reserve(self, address, asked, beside)
  local fd, number = self.host.reserve(address, asked, beside)
  if not fd then return nil, number end
  local port = { address = address, asked = asked, number = number, fd = fd, sockets = {} }
  self.all[#self.all + 1] = port
  return port
end

local function release(self, port)
  if next(port.sockets) then return end
  self.host.close(port.fd)
  for i, one in ipairs(self.all) do
    if one == port then return table.remove(self.all, i) end
  end
end

--- A socket for the worker, bound to the address. -> fd, which stays here | nil, the number of a fault
function Ports:listen(worker, address, asked, beside)
  local port, used = find(self, worker, address, asked)
  local fault, fd
  if used then return nil, self.host.fault "AddressInUseError" end
  if not port then port, fault = reserve(self, address, asked, beside) end
  if not port then return nil, fault end
  local socket = port.sockets[worker]
  if not socket then
    fd, fault = self.host.share(address, port.number)
    if not fd then
      release(self, port)
      return nil, fault
    end
    socket = { fd = fd, cookie = self.host.cookie(fd) }
    port.sockets[worker] = socket
  end
  socket.given = true
  return socket.fd
end

local function drop(self, port, worker)
  local socket = port.sockets[worker]
  port.sockets[worker] = nil
  self.host.shutdown(socket.fd)
  self.host.close(socket.fd)
  release(self, port)
end

--- The sockets of a worker that doesn't accept, and beside each the one of another worker at that port.
function Ports:lendable(worker, other)
  local list = {}
  for _, port in ipairs(self.all) do
    local socket, own = port.sockets[worker], port.sockets[other]
    if socket and own and own.given and self.host.listens(socket.fd) and self.host.listens(own.fd) then
      list[#list + 1] = { fd = socket.fd, cookie = socket.cookie, to = own.cookie }
    end
  end
  return list
end

-- Names -----------------------------------------------------------------------------------------------------

local function open(self, name, mode, group, backlog)
  local server = self.moonport.TcpServer()
  if mode ~= "-" then server:setSocketPermissions(mode, group >= 0 and group or nil) end
  server:setListenBacklogSize(backlog)
  local ok, _, code = server:listen(name)
  if not ok then return nil, self.host.fault(code) end
  server:pauseAccepting() -- the workers do
  local fd = server:socketDescriptor()
  return { server = server, fd = fd, cookie = self.host.cookie(fd), users = {} }
end

--- The socket with this name, which listens. `wanted` false: the worker will ask again when it serves.
-- -> fd | nil, the number of a fault
function Ports:listenAt(worker, name, wanted, mode, group, backlog)
  local place = self.names[name]
  if not place then
    local fault
    place, fault = open(self, name, mode, group, backlog)
    if not place then return nil, fault end
    self.names[name] = place
  end
  if wanted then place.users[worker] = true end
  return place.fd
end

--- Closes the names that nobody uses: those of a reload that was given up, for one.
function Ports:tidy()
  for name, place in pairs(self.names) do
    if not next(place.users) then
      place.server:close()
      self.names[name] = nil
    end
  end
end

-- Workers ---------------------------------------------------------------------------------------------------

--- The worker has closed the socket with this cookie.
function Ports:closed(worker, cookie)
  for _, port in ipairs(self.all) do
    local socket = port.sockets[worker]
    if socket and socket.cookie == cookie then return drop(self, port, worker) end
  end
  for _, place in pairs(self.names) do
    if place.cookie == cookie then place.users[worker] = nil end
  end
end

--- Another process is this worker now: it has no sockets until it asks.
function Ports:begun(worker)
  for _, port in ipairs(self.all) do
    if port.sockets[worker] then port.sockets[worker].given = false end
  end
  for _, place in pairs(self.names) do
    if place.users[worker] then place.users[worker] = "before" end
  end
end

--- It serves: clients of sockets that it hasn't asked for go elsewhere.
function Ports:served(worker)
  for i = #self.all, 1, -1 do
    local socket = self.all[i].sockets[worker]
    if socket and not socket.given then drop(self, self.all[i], worker) end
  end
  for _, place in pairs(self.names) do
    if place.users[worker] == "before" then place.users[worker] = nil end
  end
  self:tidy()
end

--- There is no such worker any more.
function Ports:left(worker)
  self:begun(worker)
  self:served(worker)
end

--- Closes all: nobody can connect any more.
function Ports:close()
  for i = #self.all, 1, -1 do
    local port = self.all[i]
    for worker in pairs(port.sockets) do
      self.host.close(port.sockets[worker].fd)
      port.sockets[worker] = nil
    end
    release(self, port)
  end
  for name, place in pairs(self.names) do
    place.server:close()
    self.names[name] = nil
  end
end

return Ports
