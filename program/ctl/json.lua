-- Reads JSON, as the control socket writes it: one value, in one line.
-- SPDX-License-Identifier: MIT

local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local value

local function fail(text, at) error(("no JSON at byte %d: %s"):format(at, text:sub(at, at + 20)), 0) end

local function character(text, at)
  local code = tonumber(text:match("^%x%x%x%x", at), 16)
  if code and code >= 0xd800 and code < 0xdc00 and text:find("^\\u", at + 4) then
    local low = tonumber(text:match("^%x%x%x%x", at + 6), 16)
    if low and low >= 0xdc00 then return utf8.char(0x10000 + (code - 0xd800) * 0x400 + low - 0xdc00), at + 10 end
  end
  if not code then fail(text, at) end
  return utf8.char(code), at + 4
end

-- The opening quote is at `at`.
local function string(text, at)
  local parts = {}
  at = at + 1
  while true do
    local plain, stop = text:match('^([^"\\]*)(["\\])', at)
    if not plain then fail(text, at) end
    parts[#parts + 1] = plain
    at = at + #plain + 1
    if stop == '"' then return table.concat(parts), at end
    local escape = text:sub(at, at)
    if escape == "u" then
      parts[#parts + 1], at = character(text, at + 1)
    else
      parts[#parts + 1], at = escapes[escape] or escape, at + 1
    end
  end
end

local function members(text, at, close, read)
  local result = {}
  at = text:match("^%s*()", at + 1)
  if text:sub(at, at) == close then return result, at + 1 end
  while true do
    at = read(result, at)
    local stop
    stop, at = text:match("^%s*([,%]}])%s*()", at)
    if stop == close then return result, at end
    if stop ~= "," then fail(text, at or #text) end
  end
end

function value(text, at)
  local first = text:sub(at, at)
  if first == '"' then return string(text, at) end
  if first == "{" then
    return members(text, at, "}", function(result, from)
      local name
      name, from = string(text, from)
      result[name], from = value(text, text:match("^%s*:%s*()", from))
      return from
    end)
  elseif first == "[" then
    return members(text, at, "]", function(result, from)
      result[#result + 1], from = value(text, from)
      return from
    end)
  end
  local word, after = text:match("^([%w%+%-%.]+)()", at)
  if word == "true" or word == "false" then return word == "true", after end
  local number = tonumber(word)
  if not number then fail(text, at) end
  return number, after
end

return function(text) return (value(text, 1)) end
