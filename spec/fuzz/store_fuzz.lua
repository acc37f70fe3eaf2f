-- Any bytes from two clients of moonport.store, in pieces that the input chooses. What the store answers is
-- well-formed, there is an answer to each command, and the store serves others behind it.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local resp = require "moonport.resp"
local store = require "moonport.store"
local choices = require "spec.fuzz.choices"

local eventually, expect = choices.eventually, choices.expect

local name = "unix:@moonport-store-" .. tostring(moonport.now())
local server = store.server { maxMemory = 1 << 20, saveEvery = 0 }
assert(server:listen(name))

local function client()
  local socket = moonport.LocalSocket()
  socket:setReadBufferSize(0)
  assert(socket:connectToServer(name))
  assert(socket:waitForConnected(5000))
  return { socket = socket, reader = resp.replies { maxSize = 64 << 20 }, replies = 0, sent = {} }
end

-- Reads what there is; RESP3 only as bytes.
local function take(self)
  local bytes = self.socket:readAll()
  if self.isThree then return end
  self.reader:feed(bytes)
  while true do
    local ok, value = self.reader:next()
    if ok == nil then
      if value and bytes:find("[_#,%%~>]") then self.isThree = true end
      return assert(not value or self.isThree, value)
    end
    if not ok and type(value) == "string" and value:find "^ERR Protocol error" then self.refused = true end
    self.replies = self.replies + 1
  end
end

-- How many commands are in what was sent. nil: what they cause isn't one reply each
local function count(text)
  local reader, n = resp.commands(), 0
  reader:feed(text)
  while true do
    local word = reader:next()
    if not word then return n end
    word = word:upper()
    if word:find "SUBSCRIBE" or word == "QUIT" or word == "HELLO" or word == "CLIENT" or word == "RESET" then return end
    n = n + 1
  end
end

local function sendTo(self, text)
  if self.socket:state() ~= "ConnectedState" then return end
  self.socket:write(text)
  self.sent[#self.sent + 1] = text
end

local function settled(self)
  take(self)
  if self.socket:state() ~= "ConnectedState" then return true end
  self.quiet = self.seen == self.socket:bytesRead() and self.quiet + 1 or 0
  self.seen = self.socket:bytesRead()
  return self.quiet > 3
end

return function(bytes)
  local from = choices.of(bytes)
  local clients = { client(), client() }
  while from:more() do
    local one = clients[1 + from:below(8) // 7]
    local size = from:below(256)
    sendTo(one, from.bytes:sub(from.at, from.at + size))
    from.at = from.at + size + 1
    if size % 4 == 0 then moonport.sleep(0) end
  end
  for _, one in ipairs(clients) do
    local wanted = count(table.concat(one.sent))
    eventually(function() return ("%d of %d answers"):format(one.replies, wanted or -1) end, function()
      local rests = settled(one)
      if not wanted or one.isThree or one.socket:state() ~= "ConnectedState" then return rests end
      return one.replies >= wanted + (one.refused and 1 or 0)
    end)
    if wanted and not one.isThree then expect("answers", wanted + (one.refused and 1 or 0), one.replies) end
    one.socket:abort()
  end
  local last = client()
  last.socket:write(resp.command "FLUSHALL" .. resp.command("ECHO", "here"))
  eventually("the store answers", function()
    take(last)
    return last.replies == 2
  end)
  last.socket:abort()
  choices.check()
end
