-- Any bytes to what scripts/ reads: messages of DNS, a TLS client's hello. What is read lies within the bytes, is the
-- same when it is written again, and needs no more work than its size.
-- SPDX-License-Identifier: MIT

local dns = require "dns_message"
local hello = require "proxy_hello"
local choices = require "spec.fuzz.choices"

local expect = choices.expect

-- Of DNS ----------------------------------------------------------------------------------------------------

local function tryDns(text)
  local message, part = dns.read(text)
  if not message then
    assert(not part or #text >= 12, "a part of a head")
    if part then assert(#dns.answer(part, dns.errors.format) >= 12) end
    return
  end
  assert(#message.records * 11 <= #text, "more records than bytes")
  expect("the question", text:sub(13, 12 + #message.question), message.question)
  for _, record in ipairs(message.records) do
    expect("data", record.data, text:sub(record.dataAt, record.dataAt + #record.data - 1))
    expect("a time to live", record.ttl, (string.unpack(">I4", text, record.ttlAt)))
  end
  local lifetime = dns.lifetime(message)
  assert(not lifetime or lifetime >= 0, "a negative time to live")
  expect("the same again", text, dns.again(text, message, message, 0))
  local later = assert(dns.read(dns.again(text, message, message, 10)))
  for i, record in ipairs(message.records) do
    local left = record.type == dns.types.OPT and record.ttl or math.max(record.ttl - 10, 0)
    expect("the time that is left", left, later.records[i].ttl)
  end
  local own = dns.answer(message, 0, { { type = 1, ttl = 5, data = "abcd" } })
  assert(own:sub(1, 2) == text:sub(1, 2) and own:sub(13, 12 + #message.question) == message.question)
  local cut = dns.read(dns.cut(text, message))
  assert(not cut or cut.truncated and cut.name == message.name, "no cut answer to this question")
end

-- Of TLS ----------------------------------------------------------------------------------------------------

local function outcome(text)
  local result = table.pack(hello.name(text))
  for i = 1, result.n do result[i] = tostring(result[i]) end
  return table.concat(result, " ")
end

-- What a hello says doesn't change by what follows it, and what was refused stays refused.
local function tryHello(text)
  local first = outcome(text)
  if first ~= outcome "" then
    for _, more in ipairs { "a", "\x16\3\1\0\5", ("\0"):rep(300) } do
      expect("with more", first, outcome(text .. more))
    end
  end
end

return function(bytes)
  tryDns(bytes)
  tryHello(bytes)
  tryHello("\x16\3\1" .. string.pack(">s2", "\1\0" .. string.pack(">s2", "\3\3" .. bytes)))
end
