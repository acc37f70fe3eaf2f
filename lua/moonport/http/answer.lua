-- What a handler has returned, sent as a response: a string, a file, or a function that writes.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local head = require "moonport.http.head"

local sub = string.sub

local answer = {}

local unsent = 256 * 1024  -- bytes that may wait to be sent; above, nothing more is written, read or parsed
local short = 64 * 1024    -- bytes of a file that is sent together with its head; a longer one is sent from the disk
local together = 4096      -- bytes of a body that is copied behind its head

--- Waits until the client has read most of what was sent to it. -> true | nil, message, code: it disconnected
function answer.drain(socket)
  while socket:bytesToWrite() > unsent do
    local ok, message, code = socket:waitForBytesWritten(-1) -- time-outs bound this
    if not ok then return nil, message, code end
  end
  return true
end

--- A long string in parts, so that the peer's reading sets the pace. -> true | nil, message, code
function answer.writeLong(socket, text)
  for at = 1, #text, unsent do
    local ok, message, code = socket:write(sub(text, at, at + unsent - 1))
    if ok then ok, message, code = answer.drain(socket) end
    if not ok then return nil, message, code end
  end
  return true
end

-- -> whether all of it went out
local function sendFile(socket, file, offset, length)
  if type(file) == "string" or length > short then return socket:sendFile(file, offset, length) == length end
  file:seek("set", offset)
  local text = length > 0 and file:read(length) or ""
  return text and #text == length and socket:write(text) -- or the file shrank, or the client disconnected
end

local function size(file)
  if type(file) ~= "string" then return file:seek "end" end
  local handle <close> = assert(io.open(file, "rb"))
  return handle:seek "end"
end

-- -> true | nil: the client disconnected
local function writeFile(socket, status, headers, body, kept, minor, silent)
  local file, offset = body.file, body.offset or 0
  local length = body.length or size(file) - offset
  local text
  text, kept = head.response(status, headers, length, kept, minor)
  socket:write(text)
  if silent or sendFile(socket, file, offset, length) then return kept end
  socket:abort() -- so that the client doesn't mistake the part for the whole
  return nil
end

local function stated(headers)
  for name, value in pairs(headers or {}) do
    if type(name) == "string" and name:lower() == "content-length" then return math.tointeger(tonumber(value)) end
  end
end

-- The function that writes a body: in chunks, with a known length, or until the end of an HTTP/1.0 connection.
local function writer(socket, chunked, length)
  local state = { written = 0 }
  return function(data)
    if type(data) ~= "string" then error(("write: a string expected, got a %s value"):format(type(data)), 2) end
    if state.ended then moonport.fail "the client disconnected, and more was written" end
    state.written = state.written + #data
    if length and state.written > length then error("more is written than Content-Length says", 2) end
    if data == "" then return true end
    local ok, message, code
    if chunked then
      ok, message, code = socket:write(("%x\r\n"):format(#data))
      if ok then ok, message, code = answer.writeLong(socket, data) end
      if ok then ok, message, code = socket:write "\r\n" end
    else
      ok, message, code = answer.writeLong(socket, data)
    end
    if ok then ok, message, code = answer.drain(socket) end
    if ok then return true end
    state.ended = true
    return nil, message, code
  end, state
end

local function writeByFunction(socket, status, headers, body, kept, minor, silent)
  local length = stated(headers)
  local chunked = not length and minor > 0
  if not length and not chunked then kept = false end
  local text
  text, kept = head.response(status, headers, length or chunked or nil, kept, minor)
  socket:write(text)
  if silent then return kept end
  local write, state = writer(socket, chunked, length)
  local ok, problem = xpcall(body, debug.traceback, write)
  if not ok or state.ended or length and state.written ~= length then
    socket:abort()
    if not ok then error(problem, 0) end
    if not state.ended then
      error(("the body has %d bytes, Content-Length says %d"):format(state.written, length), 0)
    end
    return nil
  end
  if chunked then socket:write "0\r\n\r\n" end
  return kept
end

--- Answers with a reason, and closes: sends what is queued, and discards what still arrives.
function answer.refuse(socket, status, why, headers)
  local fields = { ["Content-Type"] = "text/plain" }
  for name, value in pairs(headers or {}) do fields[name] = value end
  socket:write(head.response(status, fields, #why + 1, false, 1, why .. "\n"), nil)
  socket:disconnectFromHost()
end

--- Writes the response to a request. Raises, and has written nothing, if the values are no response.
--- -> whether the connection is kept | nil: it ended
function answer.write(socket, status, headers, body, kept, minor, method)
  local kind = type(body)
  local silent = method == "HEAD" or status == 204 or status == 304
  if kind == "string" then
    local text
    local length = status ~= 204 and status ~= 304 and #body or nil
    if silent or #body <= together then
      text, kept = head.response(status, headers, length, kept, minor, not silent and body or nil)
      if not socket:write(text) then return nil end
    else
      text, kept = head.response(status, headers, length, kept, minor)
      if not socket:write(text) then return nil end
      if #body <= unsent then
        if not socket:write(body) then return nil end
      elseif not answer.writeLong(socket, body) then
        return nil
      end
    end
    return kept
  elseif kind == "nil" then
    local text
    text, kept = head.response(status, headers, not silent and 0 or nil, kept, minor)
    return socket:write(text) and kept
  elseif kind == "function" then
    return writeByFunction(socket, status, headers, body, kept, minor, silent)
  elseif kind == "table" and body.file then
    local file <close> = type(body.file) ~= "string" and body.file or nil -- luacheck: ignore
    if status == 204 or status == 304 then return answer.write(socket, status, headers, nil, kept, minor, method) end
    return writeFile(socket, status, headers, body, kept, minor, silent)
  end
  error(("the body is a %s value"):format(kind), 0)
end

return answer
