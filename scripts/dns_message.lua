-- SPDX-License-Identifier: MIT
-- Messages of the domain name system (RFC 1035), as far as a forwarder needs them: the question, and where the times
-- to live are. dns.lua uses it.
local message = {}

message.types = { A = 1, SOA = 6, PTR = 12, AAAA = 28, OPT = 41, AXFR = 252 }
message.errors = { format = 1, server = 2, name = 3, unimplemented = 4, refused = 5 }

-- Reads a name at a place. -> its text with dots, in lower case; where it ends | nil: it is no name
local function readName(text, at)
  local labels, size, ends = {}, 0, nil
  for _ = 1, 128 do
    local length = text:byte(at)
    if not length then return nil end
    if length == 0 then
      return table.concat(labels, "."):lower(), ends or at + 1
    elseif length < 64 then
      local label = text:sub(at + 1, at + length)
      size = size + length + 1
      if #label < length or size > 254 then return nil end
      labels[#labels + 1] = label:gsub("[.\\]", "\\%0")
      at = at + length + 1
    elseif length >= 192 and text:byte(at + 1) then -- the rest is somewhere before
      ends = ends or at + 2
      local target = ((length & 63) << 8 | text:byte(at + 1)) + 1
      if target >= at or target < 13 then return nil end -- the head has no names
      at = target
    else
      return nil
    end
  end
end

-- A resource record at a place. -> { type, class, ttl, ttlAt, data, dataAt }, where it ends | nil
local function readRecord(text, at)
  local name, after = readName(text, at)
  if not name or after + 9 > #text then return nil end
  local kind, class, ttl, length = string.unpack(">I2I2I4I2", text, after)
  local ends = after + 10 + length
  if ends > #text + 1 then return nil end
  return { type = kind, class = class, ttl = ttl, ttlAt = after + 4, data = text:sub(after + 10, ends - 1),
    dataAt = after + 10 }, ends
end

--- Reads a message. -> a table of id, flags, response, code, truncated, name, type, class, question (its bytes),
-- records (of all sections), edns (the OPT record) | nil, what it has of these if it has at least a head
function message.read(text)
  if #text < 12 then return nil end
  local id, flags, questions, answers, authorities, additional = string.unpack(">I2I2I2I2I2I2", text)
  local self = { id = id, flags = flags, response = flags & 0x8000 ~= 0, operation = flags >> 11 & 15,
    code = flags & 15, truncated = flags & 0x0200 ~= 0, question = "", records = {}, answers = answers }
  if questions ~= 1 then return nil, self end
  local name, at = readName(text, 13)
  if not name or at + 3 > #text then return nil, self end
  self.name, self.type, self.class = name, string.unpack(">I2I2", text, at)
  at = at + 4
  self.question = text:sub(13, at - 1)
  for i = 1, answers + authorities + additional do
    local record, after = readRecord(text, at)
    if not record then return nil, self end
    self.records[i], at = record, after
    if record.type == message.types.OPT then self.edns = record end
  end
  return self
end

--- How long an answer may be kept, in seconds: its shortest time to live or, if there is none such name or record,
-- what the zone says (RFC 2308). nil: not at all
function message.lifetime(answer)
  if answer.truncated or (answer.code ~= 0 and answer.code ~= message.errors.name) then return nil end
  local shortest
  for _, record in ipairs(answer.records) do
    if record.type ~= message.types.OPT then
      local ttl = record.ttl < 1 << 31 and record.ttl or 0
      if record.type == message.types.SOA and answer.answers == 0 and #record.data >= 4 then
        ttl = math.min(ttl, (string.unpack(">I4", record.data, #record.data - 3)))
      end
      shortest = math.min(shortest or ttl, ttl)
    end
  end
  return shortest
end

--- The same answer for another client, so many seconds later: with its id, and its spelling of the name.
function message.again(text, answer, query, seconds)
  local parts, at = {}, 13 + #answer.question
  for _, record in ipairs(answer.records) do
    if record.type ~= message.types.OPT then
      parts[#parts + 1] = text:sub(at, record.ttlAt - 1)
      parts[#parts + 1] = string.pack(">I4", math.max(record.ttl - seconds, 0))
      at = record.ttlAt + 4
    end
  end
  parts[#parts + 1] = text:sub(at)
  return string.pack(">I2", query.id) .. text:sub(3, 12) .. query.question .. table.concat(parts)
end

--- An answer of our own: records of { type =, ttl =, data = }, or an error.
function message.answer(query, code, records)
  records = records or {}
  local flags = 0x8000 | query.flags & 0x7910 | 0x0080 | code
  local parts = { string.pack(">I2I2I2I2I2I2", query.id, flags, query.question ~= "" and 1 or 0, #records, 0, 0),
    query.question }
  for _, record in ipairs(records) do
    parts[#parts + 1] = string.pack(">I2I2I2I4s2", 0xc00c, record.type, 1, record.ttl, record.data)
  end
  return table.concat(parts)
end

--- What tells a client of UDP to ask again by TCP.
function message.cut(text, query)
  return string.pack(">I2I2I2I2I2I2", query.id, string.unpack(">I2", text, 3) | 0x0200, 1, 0, 0, 0) .. query.question
end

--- The bytes of a name: "a.example" as the system has it.
function message.name(text)
  local parts = {}
  for label in text:gmatch "[^.]+" do parts[#parts + 1] = string.pack("s1", label) end
  return table.concat(parts) .. "\0"
end

return message
