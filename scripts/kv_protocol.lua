-- SPDX-License-Identifier: MIT
-- The Redis protocol (RESP2) for kv.lua: requests from bytes, and replies.
local protocol = {
  bulk = 16 << 20,    -- bytes of one argument
  request = 32 << 20, -- bytes of all arguments of one request
  count = 1 << 20,    -- arguments of one request
  inline = 64 << 10,  -- bytes of an inline request, and of a line with a length
}

local unescaped = { n = "\n", r = "\r", t = "\t", a = "\a", b = "\b" }

-- The words of an inline request, with redis-cli's quotes: "a\x20b\n", 'it\'s'. -> list, or nil
local function words(line)
  local list, pos = {}, 1
  while true do
    pos = line:find("[^%s\0]", pos)
    if not pos then return list end
    local word = {}
    while true do
      local c = line:sub(pos, pos)
      if c == "" or c:find "[%s\0]" then break end
      pos = pos + 1
      if c == '"' or c == "'" then
        while line:sub(pos, pos) ~= c do
          local hex = c == '"' and line:match("^\\x(%x%x)", pos)
          local escaped = line:match(c == '"' and "^\\(.)" or "^\\(')", pos)
          if hex then
            word[#word + 1], pos = string.char(tonumber(hex, 16)), pos + 4
          elseif escaped then
            word[#word + 1], pos = c == '"' and unescaped[escaped] or escaped, pos + 2
          elseif pos > #line then
            return nil
          else
            word[#word + 1], pos = line:sub(pos, pos), pos + 1
          end
        end
        pos = pos + 1
        if not line:find("^[%s\0]", pos) and pos <= #line then return nil end
      else
        word[#word + 1] = c
      end
    end
    list[#list + 1] = table.concat(word)
  end
end

-- Reads a line with a number after its first character. -> number, position after the line; nil if the line isn't there
-- yet; false if it is too long or has no number
local function header(data, pos)
  local number, behind = data:match("^.(%-?%d+)\r\n()", pos)
  if number and #number < 19 then return tonumber(number), behind end
  local line = data:find("\r", pos, true)
  if not line and #data - pos < protocol.inline then return nil end
  if line and line == #data then return nil end
  return false, line ~= nil
end

--- The next request in `data` from `pos` on. `state` is a table that keeps the part of a request that has arrived;
--- don't pass that part again. -> arguments, position after it; or nil, position, the least number of bytes needed from
--- there; or nil, nil, what is wrong
function protocol.parse(state, data, pos)
  local list = state.list
  while not list do
    if pos > #data then return nil, pos, 1 end
    if data:byte(pos) == 42 then -- *
      local count, behind = header(data, pos)
      if count == nil then return nil, pos, #data - pos + 2 end
      if not count and not behind then return nil, nil, "too big mbulk count string" end
      if not count or count > protocol.count then return nil, nil, "invalid multibulk length" end
      pos = behind
      if count > 0 then
        list = {}
        state.list, state.left, state.size = list, count, 0
      end
    else
      local last = data:find("\n", pos, true)
      if not last and #data - pos < protocol.inline then return nil, pos, #data - pos + 2 end
      if not last or last - pos > protocol.inline then return nil, nil, "too big inline request" end
      local found = words(data:sub(pos, last - 1))
      if not found then return nil, nil, "unbalanced quotes in request" end
      pos = last + 1
      if found[1] then return found, pos end
    end
  end
  for _ = 1, state.left do
    if pos > #data then return nil, pos, 1 end
    local size, behind = header(data, pos)
    if data:byte(pos) ~= 36 then -- $
      return nil, nil, ("expected '$', got '%s'"):format(data:sub(pos, pos))
    end
    if size == nil then return nil, pos, #data - pos + 2 end
    if not size and not behind then return nil, nil, "too big bulk count string" end
    if not size or size < 0 or size > protocol.bulk then return nil, nil, "invalid bulk length" end
    if state.size + size > protocol.request then return nil, nil, "too big request" end
    if #data < behind + size + 1 then return nil, pos, behind + size + 2 - pos end
    list[#list + 1] = data:sub(behind, behind + size - 1)
    pos = behind + size + 2
    state.left, state.size = state.left - 1, state.size + size
  end
  state.list = nil
  return list, pos
end

--- What Redis takes as an integer: without blanks, a plus or leading zeros. -> integer, or nil
function protocol.whole(word)
  return (word:find "^-?[1-9]%d*$" or word == "0") and math.tointeger(tonumber(word)) or nil
end

-- Replies ------------------------------------------------------------------------------------------------------------

protocol.ok, protocol.null, protocol.none = "+OK\r\n", "$-1\r\n", "*0\r\n"

function protocol.string(text) return "$" .. #text .. "\r\n" .. text .. "\r\n" end

function protocol.integer(n) return ":" .. n .. "\r\n" end

function protocol.error(text) return "-" .. text:gsub("[\r\n]", " ") .. "\r\n" end

protocol.notInteger = protocol.error "ERR value is not an integer or out of range"

--- A list of strings (false: null), integers, or replies in { }, as an array.
function protocol.array(list)
  local parts = { "*" .. #list .. "\r\n" }
  for i, item in ipairs(list) do
    parts[i + 1] = not item and protocol.null or type(item) == "string" and protocol.string(item)
      or type(item) == "table" and item[1] or protocol.integer(item)
  end
  return table.concat(parts)
end

return protocol
