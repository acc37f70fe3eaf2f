-- Datagrams whose bytes, sizes and times the input chooses, between two sockets that read them in the ways that there
-- are: by a handler, one by one, in parts. All arrive in order, as they were sent, as long as there is room.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local choices = require "spec.fuzz.choices"

local expect, eventually = choices.expect, choices.eventually

local addresses = { "127.0.0.1", "::1" }

-- Checks the next datagram; `most`: of its bytes, if that many were wanted.
local function took(self, data, from, port, info, most)
  local sent = table.remove(self.sent, 1)
  assert(sent, "a datagram that nobody has sent")
  expect("bytes", sent:sub(1, most), data)
  expect("from", self.from, tostring(from))
  expect("port", self.sender:localPort(), port)
  if info then
    expect("size", #sent, info.size)
    expect("truncated", most ~= nil and most < #sent, info.truncated)
    expect("localAddress", self.from, tostring(info.localAddress))
  end
end

local ways = {}

function ways.receive(self, choose)
  local most = choose:below(3) > 0 and choose:below(40) or nil
  local data, from, port, info = self.socket:receiveDatagram(most)
  if data then took(self, data, from, port, info, most) else expect("an address", "TemporaryError", port) end
end

function ways.size(self)
  local size = self.socket:pendingDatagramSize()
  if size >= 0 then expect("pendingDatagramSize", #self.sent[1], size) end
  expect("hasPendingDatagrams", size >= 0, self.socket:hasPendingDatagrams())
  expect("bytesAvailable", math.max(size, 0), self.socket:bytesAvailable())
end

function ways.read(self, choose)
  if not self.socket:hasPendingDatagrams() then return end
  local most = choose:below(2) == 1 and choose:below(60) or math.huge
  local data = most == math.huge and self.socket:readAll() or self.socket:read(most)
  expect("bytes", table.remove(self.sent, 1):sub(1, most == math.huge and -1 or most), data)
end

local handlers = {
  function(self, data, from, port, info) took(self, data, from, port, info) end,
  function(self, data, from, port, info)
    took(self, data, from, port, info)
    self.socket:writeDatagram(data:sub(1, 20), from, port)
  end,
}

function ways.handle(self, choose)
  local handler = handlers[choose:below(3)]
  self.socket.datagramReceived = handler and function(_, ...) handler(self, ...) end or nil
end

function ways.send(self, choose)
  if #self.sent > 20 then return end
  local data = choose:below(8) == 0 and ("x"):rep(choose:below(256) * 30) or choose:text(60)
  if self.sender:writeDatagram(data, self.from, self.socket:localPort()) then self.sent[#self.sent + 1] = data end
end

function ways.several(self, choose)
  for _ = 1, choose:below(12) do ways.send(self, choose) end
end

function ways.loop() moonport.sleep(0) end

local list = {}
for name in pairs(ways) do list[#list + 1] = name end
table.sort(list)

return function(bytes)
  local choose = choices.of(bytes)
  local self = { socket = moonport.UdpSocket(), sender = moonport.UdpSocket(), sent = {}, from = choose:of(addresses) }
  self.socket:setReadBufferSize(0)
  assert(self.socket:bind(self.from) and self.sender:bind(self.from))
  for _ = 1, 100 do
    if not choose:more() then break end
    ways[choose:of(list)](self, choose)
  end
  self.socket.datagramReceived = function(_, ...) took(self, ...) end
  eventually(function() return ("%d datagrams"):format(#self.sent) end, function()
    while self.socket:hasPendingDatagrams() do
      took(self, self.socket:receiveDatagram())
    end
    return #self.sent == 0
  end)
  self.socket:abort()
  self.sender:abort()
  moonport.sleep(0)
  choices.check()
end
