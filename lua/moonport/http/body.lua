-- The body of a message that arrives on a socket: by length, in chunks, or until the peer ends. Its pieces are taken as
-- they come, or all together.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local head = require "moonport.http.head"

local max, sub = math.max, string.sub

local Body = {}
Body.__index = Body

--- Makes text that was read unread again.
function Body.giveBack(socket, text)
  for i = #text, 1, -1 do socket:ungetChar(text:byte(i)) end
end

--- text, at: what has arrived of it already; length: -1 in chunks, math.maxinteger until the end
--- limits: line, head, headers, body, and time (milliseconds) and rate (bytes a second) for the deadline
function Body.new(socket, text, at, length, limits)
  return setmetatable({
    socket = socket, text = text, at = at, limits = limits, left = length, done = length == 0, received = 0,
    chunks = length == -1 and head.chunks(limits) or nil, began = moonport.now(),
  }, Body)
end

-- Waits for more. -> true | nil, status, why | nil, nil, message, code: the connection ended
local function more(self)
  local socket, limits = self.socket, self.limits
  if self.expects then
    socket:write "HTTP/1.1 100 Continue\r\n\r\n"
    self.expects = nil
  end
  local due = self.began + limits.time + self.received * 1000 // limits.rate
  local ok, text, code = socket:waitForReadyRead(max(due - moonport.now(), 0))
  if code == "SocketTimeoutError" then return nil, 408, "the body took too long", code end
  if not ok then return nil, nil, text, code end
  self.text, self.at = socket:readAll(), 1
  self.received = self.received + #self.text
  return true
end

--- -> the next piece, never empty | false: it ended | nil, status, why, code | nil, nil, message, code
function Body:next()
  while not self.done do
    local text, at = self.text, self.at
    local data, next, done
    if self.chunks then
      data, next, done = head.feed(self.chunks, text, at)
      if not data then
        self.failed = true
        return nil, next, done
      end
      self.at, self.done = next, done
    else
      data = sub(text, at, at + self.left - 1)
      self.at, self.left = at + #data, self.left - #data
      self.done = self.left == 0
    end
    if data ~= "" then return data end
    if not self.done then
      local ok, status, why, code = more(self)
      if not ok then
        self.failed = true
        return nil, status, why, code
      end
    end
  end
  return false
end

--- -> all of it | nil, as above
function Body:all()
  local data, status, why, code = self:next()
  if not data then return data == false and "" or nil, status, why, code end
  if self.done then return data end
  local pieces = { data }
  while true do
    data, status, why, code = self:next()
    if data == nil then return nil, status, why, code end
    if not data then return table.concat(pieces) end
    pieces[#pieces + 1] = data
  end
end

return Body
