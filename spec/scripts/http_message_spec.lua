-- SPDX-License-Identifier: MIT
-- The HTTP parser of scripts/http_message.lua: requests that are known beforehand, the same with random faults, and
-- garbage. However the bytes are split, the result is the same; nothing raises, loops, or grows beyond the limits.
-- MOONPORT_SPEC_SEED chooses another sequence.

package.path = "scripts/?.lua;" .. package.path
require "spec.helper"
local message = require "http_message"

local small = { line = 60, head = 240, headers = 8, body = 64 } -- so that the limits are met often

-- Feeds the pieces one after the other, as a connection would. -> a list of texts: requests, then how it ended
local function parse(pieces, limits)
  local seen, buffer, request, body, calls = {}, "", nil, nil, 0
  for _, piece in ipairs(pieces) do
    buffer = buffer .. piece
    local at, waits = 1, false
    while not waits do
      calls = calls + 1
      assert(calls <= 4 * (#buffer + #seen + #pieces) + 100, "it loops")
      local status
      if request then
        local next
        next, status = message.feed(body, buffer, at, limits)
        at = next or at
        if next and body.done then
          assert(#body.text <= limits.body, "a body over the limit")
          local list = {}
          for name, value in pairs(request.headers) do list[#list + 1] = ("%s=%s"):format(name, value) end
          table.sort(list)
          seen[#seen + 1] = ("%s %s ?%s 1.%d %s [%s] %q"):format(request.method, request.path, request.query,
            request.minor, request.keepAlive, table.concat(list, ";"), body.text)
          request = nil
        else
          waits = true
        end
      else
        request, status = message.head(buffer, at, limits)
        if request then at, status, body = status, nil, message.body(request) else waits = true end
      end
      if status then
        seen[#seen + 1] = "answer " .. status
        return seen
      end
    end
    buffer = buffer:sub(at)
    assert(#buffer <= limits.head + 1100 + #piece, "more is kept than the limits allow")
  end
  seen[#seen + 1] = request and "waits for a body" or "waits for a head"
  return seen
end

local function split(text, size)
  local pieces, at = {}, 1
  while at <= #text do
    local n = size or math.random(1, math.random(1, #text))
    pieces[#pieces + 1] = text:sub(at, at + n - 1)
    at = at + n
  end
  return pieces
end

local function pick(...) return (select(math.random(select("#", ...)), ...)) end

local function letters(most)
  return (("x"):rep(math.random(0, most)):gsub("x", function() return string.char(math.random(97, 122)) end))
end

-- A request, and what parse is to say of it.
local function compose()
  local method, minor = pick("GET", "POST", "PUT", "HEAD"), pick(1, 1, 1, 0)
  local path, query = "/" .. letters(8), letters(5)
  local fields, lines = {}, {}
  local function field(name, value, spelt)
    fields[#fields + 1] = ("%s=%s"):format(name, value)
    lines[#lines + 1] = ("%s:%s%s%s\r\n"):format(spelt or name, pick("", " ", " \t "), value, pick("", "  ", "\t"))
  end
  field("host", "localhost:8080", pick("Host", "host", "HOST"))
  if math.random(2) == 1 then field("x-" .. letters(5), letters(10)) end
  local keepAlive = minor == 1
  if math.random(3) == 1 then
    local value = pick("close", "keep-alive", "Keep-Alive, Upgrade", "foo,CLOSE")
    field("connection", value, "Connection")
    keepAlive = value:lower():find(minor == 1 and "close" or "keep%-alive") ~= nil
    if minor == 1 then keepAlive = not keepAlive end
  end
  local body, sent = "", ""
  local form = minor == 1 and pick("none", "length", "chunked") or pick("none", "length")
  if form == "length" then
    body = letters(small.body)
    sent = body
    field("content-length", tostring(#body), "Content-Length")
  elseif form == "chunked" then
    field("transfer-encoding", "chunked", "Transfer-Encoding")
    for _ = 1, math.random(0, 4) do
      local data = "x" .. letters(10)
      body = body .. data
      sent = ("%s%s%x%s\r\n%s\r\n"):format(sent, pick("", "00"), #data, pick("", ";a=b", " ;c"), data)
    end
    sent = sent .. "0\r\n" .. pick("", "Trailer: x\r\n") .. "\r\n"
  end
  table.sort(fields)
  local spelt = pick("", "http://localhost:8080") .. path .. (query == "" and "" or "?" .. query)
  local text = pick("", "", "\r\n") .. ("%s %s HTTP/1.%d\r\n"):format(method, spelt, minor) .. table.concat(lines)
  return text .. "\r\n" .. sent,
    ("%s %s ?%s 1.%d %s [%s] %q"):format(method, path, query, minor, keepAlive, table.concat(fields, ";"), body)
end

-- One random fault.
local function spoil(text)
  local at = math.random(#text)
  local stop = math.min(#text, at + math.random(0, 20))
  return pick(
    function() return text:sub(1, at - 1) .. string.char(math.random(0, 255)) .. text:sub(at + 1) end,
    function() return text:sub(1, at - 1) .. text:sub(stop + 1) end,
    function() return text:sub(1, stop) .. text:sub(at) end,
    function()
      return text:sub(1, at) .. pick("\r", "\n", "\r\n", "\0", " ", ":", "\t", "\127", "0") .. text:sub(at + 1)
    end,
    function() return text:sub(1, at) .. letters(300) .. text:sub(at + 1) end
  )()
end

local seed = tonumber(os.getenv "MOONPORT_SPEC_SEED") or 20261123

local function rounds(count, round)
  math.randomseed(seed)
  for i = 1, count do
    local ok, problem = pcall(round)
    if not ok then error(("seed %d, round %d: %s"):format(seed, i, tostring(problem)), 0) end
  end
end

local function same(expected, text, pieces)
  local got = parse(pieces, small)
  local a, b = table.concat(expected, "\n"), table.concat(got, "\n")
  if a ~= b then error(("%q in %d pieces\nexpected: %s\ngot: %s"):format(text, #pieces, a, b), 0) end
end

describe("scripts/http_message.lua", function()
  it("reads the requests that were written, one after the other, however they are split", function()
    rounds(1500, function()
      local text, expected = "", {}
      for i = 1, math.random(4) do
        local one
        one, expected[i] = compose()
        text = text .. one
      end
      expected[#expected + 1] = "waits for a head"
      same(expected, text, { text })
      same(expected, text, split(text))
      same(expected, text, split(text, 1))
    end)
  end)

  it("comes to the same result with faults in it, however it is split", function()
    local ends = {}
    rounds(2500, function()
      local text = compose() .. compose()
      for _ = 1, math.random(3) do text = spoil(text) end
      local expected = parse({ text }, small)
      ends[expected[#expected]] = true
      same(expected, text, split(text))
      same(expected, text, split(text, 1))
    end)
    for _, status in ipairs { 400, 413, 414, 431, 501 } do
      assert.is_true(ends["answer " .. status], ("no fault led to %d"):format(status))
    end
  end)

  it("stands garbage", function()
    rounds(2000, function()
      local text = ("x"):rep(math.random(400)):gsub("x", function()
        return pick(string.char(math.random(0, 255)), "\r\n", " ", ":", "GET / HTTP/1.1\r\n", "0", "Host: a\r\n")
      end)
      local expected = parse({ text }, small)
      same(expected, text, split(text))
      same(expected, text, split(text, 1))
    end)
  end)

  it("takes no time to speak of for lines that are made to be slow", function()
    local limits = message.limits
    local blanks = (" "):rep(16000)
    for _, head in ipairs {
      "GET / HTTP/1.1\r\nHost: a\r\nx:" .. blanks .. "y" .. "\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nx:y" .. blanks .. "\0",
      "GET / HTTP/1.1\r\nHost: a\r\nConnection:" .. blanks .. ",\r\n\r\n",
      "GET " .. ("/"):rep(8000) .. "\r\n",
      "GET / HTTP/1.1\r\n" .. ("x"):rep(16000) .. "\r\n",
    } do
      local steps = 0 -- of a thousand instructions of Lua; the patterns' own work shows in the spec's time-out
      debug.sethook(function() steps = steps + 1 end, "", 1000)
      message.head(head, 1, limits)
      debug.sethook()
      assert.is_true(steps < 500)
    end
  end)

  it("decodes percent signs, and takes no broken ones and no zero byte", function()
    local cases = {
      ["/a%20b"] = "/a b", ["/%2e%2E/%2f"] = "/..//", ["/%C3%A9"] = "/é", ["/%25"] = "/%", ["/a+b"] = "/a+b",
      ["/%"] = false, ["/%2"] = false, ["/%zz"] = false, ["/%00"] = false, ["/a%00.html"] = false,
    }
    for text, expected in pairs(cases) do assert.are.equal(expected or nil, message.decode(text), text) end
  end)

  it("reads the three forms of a date, and writes the first", function()
    local time = 784111777
    for _, text in ipairs {
      "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    } do
      assert.are.equal(time, message.time(text))
    end
    assert.are.equal("Sun, 06 Nov 1994 08:49:37 GMT", message.date(time))
    for _, text in ipairs { "", "yesterday", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 199499 08:49:37 GMT" } do
      assert.is_nil(message.time(text))
    end
    for day = 0, 40000, 13 do assert.are.equal(day * 86400 + 1, message.time(message.date(day * 86400 + 1))) end
  end)

  it("writes no field that would end its line", function()
    for _, value in ipairs { "a\r\nSet-Cookie: b", "a\nb", "a\0b" } do
      assert.has_error(function() message.response(200, { Location = value }, 0) end)
    end
  end)
end)
