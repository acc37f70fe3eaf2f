-- Any bytes to the readers of moonport.resp. Whole and in pieces they give the same; what a reader gives, written by
-- the same module, is read as the same again; and what a table chooses to be written comes back.
-- SPDX-License-Identifier: MIT

local resp = require "moonport.resp"
local choices = require "spec.fuzz.choices"

local expect = choices.expect

local function show(value)
  if type(value) ~= "table" then return ("%s %q"):format(math.type(value) or type(value), tostring(value)) end
  local parts = { value.error and show(value.error) or "" }
  for i, one in ipairs(value) do parts[i + 1] = show(one) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

-- All that the reader gives of the text in pieces of this size: a list of what `take` makes of it, and the refusal.
local function read(reader, text, size, take)
  local list = {}
  for at = 1, math.max(#text, 1), size do
    reader:feed(text:sub(at, at + size - 1))
    repeat
      local first, second, a, b, c = reader:next()
      if first == nil and second then return list, second end
      if first ~= nil then list[#list + 1] = take(reader, first, second, a, b, c) end
    until first == nil
  end
  return list, "none"
end

local function agree(text, make, take)
  local whole, why = read(make(), text, math.max(#text, 1), take)
  for _, size in ipairs { 1, 7 } do
    local list, what = read(make(), text, size, take)
    expect("the refusal", why, what)
    expect("what was read", show(whole), show(list))
  end
  return whole
end

-- Commands --------------------------------------------------------------------------------------------------

local function command(reader, name, count, ...)
  local all = reader:arguments()
  expect("the count", #all, count)
  expect("the name", all[0], name)
  for i = 1, 3 do expect("an argument", all[i], (select(i, ...))) end
  table.insert(all, 1, all[0])
  all[0] = nil
  return all
end

local bounds = { maxSize = 300, maxCount = 20, maxArgument = 200, maxLine = 100 }
local function commands() return resp.commands(bounds) end

local function tryCommands(text)
  for _, one in ipairs(agree(text, commands, command)) do
    local written = resp.command(table.unpack(one))
    local list = read(commands(), written, #written, command)
    expect("a command, written", show { one }, show(list))
  end
end

-- Replies ---------------------------------------------------------------------------------------------------

local function reply(_, ok, value)
  if not ok then return { error = value } end
  if value == nil then return false end
  return value
end

local function hasError(value)
  if type(value) ~= "table" then return false end
  if value.error then return true end
  for _, one in ipairs(value) do
    if hasError(one) then return true end
  end
  return false
end

-- nil: the module writes no errors within lists
local function write(value)
  if value == false then return "$-1\r\n" end
  if type(value) == "string" then return resp.bulk(value) end
  if math.type(value) == "integer" then return resp.integer(value) end
  if value.error then return resp.error(value.error) end
  return not hasError(value) and resp.array(value) or nil
end

local function replies() return resp.replies { maxSize = 600, maxElements = 60 } end

-- Bytes of a reply are its own, written anew, or more: bulk strings for simple ones.
local function tryReplies(text)
  for _, one in ipairs(agree(text, replies, reply)) do
    local written = write(one)
    if written then
      local list = read(resp.replies(), written, #written, reply)
      if type(one) == "table" and one.error then one.error = one.error:gsub("[\r\n]", " ") end
      expect("a reply, written", show { one }, show(list))
    end
  end
end

-- Values that the bytes choose ------------------------------------------------------------------------------

local function choose(from, depth)
  local kind = from:below(depth > 3 and 4 or 6)
  if kind == 0 then return false end
  if kind == 1 then return string.unpack("<i8", (from:text(8) .. ("\0"):rep(8))) end
  if kind < 4 then return from:text(20) end
  local list = {}
  for i = 1, from:below(5) do list[i] = choose(from, depth + 1) end
  return list
end

local function tryValues(bytes)
  local from = choices.of(bytes)
  local value = { choose(from, 0), choose(from, 0) }
  local written = resp.array(value)
  expect("a value", show { value }, show(read(resp.replies(), written, 1 + from:below(9), reply)))
  for _, line in ipairs { "status", "error" } do
    local text = from:text(40)
    local list = read(resp.replies(), resp[line](text), 3, reply)
    local seen = text:gsub("[\r\n]", " ")
    expect(line, show { line == "error" and { error = seen } or seen }, show(list))
  end
  local pairs = { from:text(9), from:text(9), from:text(9), from:text(9) }
  for _, name in ipairs { "map", "set", "push" } do
    local list = read(resp.replies(), resp[name](pairs), 5, reply)
    expect(name, show { pairs }, show(list))
    assert(#resp[name](pairs, 3) <= #resp[name](pairs), "RESP3 is longer")
  end
end

return function(bytes)
  tryCommands(bytes)
  tryReplies(bytes)
  tryValues(bytes)
end
