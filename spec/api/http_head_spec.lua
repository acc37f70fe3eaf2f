-- SPDX-License-Identifier: MIT
-- moonport.http.head: known requests, the same with random faults, and garbage. However the bytes are split, the result
-- is the same; nothing raises, loops, or grows beyond the limits. MOONPORT_SPEC_SEED sets the random sequence.
-- #nogc: it computes

local head = require "moonport.http.head"
local verdicts = require "spec.http_verdicts"

local limits = { line = 8192, head = 16384, headers = 100, body = 1 << 20 }
local seed = tonumber(os.getenv "MOONPORT_SPEC_SEED") or 20261123

local function rounds(count, round)
  math.randomseed(seed)
  for i = 1, count do
    local ok, problem = pcall(round)
    if not ok then error(("seed %d, round %d: %s"):format(seed, i, tostring(problem)), 0) end
  end
end

-- In whatever pieces the text comes, and however it is parsed, it must come to this.
local function same(expected, text)
  for _, pieces in ipairs { { text }, verdicts.split(text), verdicts.split(text, 1) } do
    for _, byReader in ipairs { false, true } do
      local got = table.concat(verdicts.of(pieces, byReader), "\n")
      if got ~= expected then
        error(("%q in %d pieces, %s\nexpected: %s\ngot: %s"):format(text, #pieces, byReader, expected, got), 0)
      end
    end
  end
end

local function request(text)
  local parse = head.parser("request", limits, {})
  return parse(text, 1)
end

describe("moonport.http.head", function()
  -- spec/http_verdicts.txt has a request and its verdict in turn, as the parser in Lua gave them which was before.
  it("gives the verdicts of the parser in Lua, whole and in pieces", function()
    local function plain(line)
      return (line:gsub("\\(x?)(.)(%x?)", function(x, c, d)
        if x ~= "" then return string.char(tonumber(c .. d, 16)) end
        return ((c == "r" and "\r" or c == "n" and "\n") or c) .. d
      end))
    end
    local count, text = 0, nil
    for line in io.lines "spec/http_verdicts.txt" do
      if not text then
        text = plain(line)
      else
        same(plain(line), text)
        text, count = nil, count + 1
      end
    end
    assert.is_true(count > 250)
  end)

  it("reads the requests that were written, one after another, however they are split", function()
    rounds(500, function()
      local text, expected = "", {}
      for i = 1, math.random(4) do
        local one
        one, expected[i] = verdicts.compose()
        text = text .. one
      end
      expected[#expected + 1] = "waits for a head"
      same(table.concat(expected, "\n"), text)
    end)
  end)

  it("gives the same result for requests with faults, and for garbage, however they are split", function()
    local ends = {}
    rounds(1000, function()
      local text = verdicts.compose() .. verdicts.compose()
      for _ = 1, math.random(3) do text = verdicts.spoil(text) end
      local expected = verdicts.of { text }
      ends[expected[#expected]:match "%d+" or "none"] = true
      same(table.concat(expected, "\n"), text)
      text = verdicts.garbage()
      same(table.concat(verdicts.of { text }, "\n"), text)
    end)
    for _, status in ipairs { "400", "414", "431", "501" } do
      assert.is_true(ends[status], ("no fault led to %s"):format(status))
    end
  end)

  it("has the header fields as one table, joined, and each value on its own", function()
    local one = request("GET /a?b HTTP/1.1\r\nHost: x\r\nA-b: 1 \r\na-B:\t2\r\nEmpty:\r\n\r\n")
    assert.are.same({ host = "x", ["a-b"] = "1, 2", empty = "" }, head.fields(one))
    assert.are.same({ "1", "2" }, { head.field(one, "A-B") })
    assert.are.same({ "" }, { head.field(one, "empty") })
    assert.are.equal(0, select("#", head.field(one, "none")))
    assert.are.same({ "GET", "/a?b", "/a", "b" }, { one.method, one.target, one.path, one.query })
  end)

  it("refuses what is no head, no reader, no position", function()
    local parse, open, feed = head.parser("request", limits, {})
    for _, misuse in ipairs {
      function() head.parser("request", {}, {}) end,
      function() head.parser("request", { line = -1, head = 1, headers = 1, body = 1 }, {}) end,
      function() head.parser("none", limits, {}) end,
      function() head.fields {} end,
      function() head.fields { "", 0, 5 } end,
      function() head.fields { "text", -1, 3 } end,
      function() parse("GET", 0) end,
      function() parse("GET", 5) end,
      function() feed({}, "GET") end,
      function() feed(io.stdout, "GET") end,
      function() head.feed(open(), "5", 1) end,
      function()
        local reader = open()
        feed(reader, "x\r\n")
        feed(reader, "x")
      end,
    } do
      assert.has_error(misuse)
    end
  end)

  it("reads responses, whole and byte by byte", function()
    local text = "HTTP/1.1 206 Some Part\r\nContent-Length: 3\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nabc"
    local parse, open, feed = head.parser("response", limits, {})
    local one, next, kept, minor, length = parse(text, 1)
    assert.are.same({ 206, "Some Part", #text - 2, true, 1, 3 }, { one.status, one.reason, next, kept, minor, length })
    assert.are.same({ "a", "b" }, { head.field(one, "Set-Cookie") })
    local reader = open()
    for i = 1, #text - 4 do assert.is_nil(feed(reader, text:sub(i, i))) end
    local used, again = feed(reader, text:sub(#text - 3))
    assert.are.same({ 1, 206 }, { used, again.status })
    for bad, status in pairs {
      ["HTTP/1.1 20 OK\r\n\r\n"] = 400, ["HTTP/1.1 2000 OK\r\n\r\n"] = 400, ["HTTP/1.1  200 OK\r\n\r\n"] = 400,
      ["HTTP/1.1 200 OK\n\n"] = 400, ["HTTP/2.0 200 OK\r\n\r\n"] = 505, ["HTTP/1.1 099 x\r\n\r\n"] = 400,
      ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"] = 400,
      ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"] = 400,
      ["ICY 200 OK\r\n\r\n"] = 400,
    } do
      assert.are.same({ [2] = status }, { parse(bad, 1), (select(2, parse(bad, 1))) }, bad)
    end
  end)

  it("refuses what lenient parsers let pass, of other protocols and of messages with codings", function()
    local from = "Host: a\r\n\r\n"
    for text, status in pairs {
      ["\r\n\r\nGET / HTTP/1.1\r\n" .. from] = 400, ["GET /\r\n\r\n"] = 400, ["GET / ICE/1.0\r\n" .. from] = 400,
      ["OPTIONS * RTSP/1.0\r\n" .. from] = 400, ["GET / IHTTP/1.0\r\n" .. from] = 400,
      ["CONNECT a:443 HTTP/1.1\r\n" .. from] = 501, ["GETA / HTTP/1.1\r\n" .. from] = 501,
      ["PUT / HTTP/1.1\r\nTransfer-Encoding: deflate, chunked\r\n" .. from] = 501,
      ["PUT / HTTP/1.1\r\nTransfer-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n" .. from] = 400,
      ["GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n"] = 400, ["GET / HTTP/1.1\r\n Host: a\r\n\r\n"] = 400,
    } do
      assert.are.equal(status, (select(2, request(text))), text)
    end
    local parse = head.parser("response", limits, {})
    for text, status in pairs {
      ["\r\nHTTP/1.1 200 OK\r\n\r\n"] = 400, ["RTSP/1.1 200 OK\r\n\r\n"] = 400, ["HTTP/0.9 200 OK\r\n\r\n"] = 505,
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, deflate\r\n\r\n"] = 501,
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunkedchunked\r\n\r\n"] = 501,
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"] = 400,
    } do
      assert.are.equal(status, (select(2, parse(text, 1))), text)
    end
  end)

  it("writes heads of responses, and no field that begins another", function()
    local fields = { A = "b", N = 5, ["Set-Cookie"] = { "x", "y" }, Date = "now" }
    local text, kept = head.response(200, fields, 2, true, 1, "hi")
    local lines = {}
    for line in text:gmatch "(.-)\r\n" do lines[#lines + 1] = line end
    table.sort(lines)
    assert.are.same({ "", "A: b", "Content-Length: 2", "Date: now", "HTTP/1.1 200 OK", "N: 5", "Set-Cookie: x",
      "Set-Cookie: y" }, lines)
    assert.is_true(kept)
    assert.are.equal("\r\n\r\nhi", text:sub(-6))
    text, kept = head.response(299, { connection = "x, Close" }, true, true, 1)
    assert.is_false(kept)
    assert.is_truthy(text:find("^HTTP/1.1 299 Status\r\nDate: %a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT\r\n"
      .. "Transfer%-Encoding: chunked\r\nConnection: close\r\n\r\n$"))
    assert.is_truthy(head.response(200, nil, 0, true, 0):find "Connection: keep%-alive\r\n\r\n$")
    assert.is_nil(head.response(204, { ["Content-Length"] = 5 }, nil, true, 1):find "Length")
    assert.is_truthy(head.response(304, { ["Content-Length"] = 5 }, nil, true, 1):find "Content%-Length: 5\r\n")
    for _, bad in ipairs {
      { A = "a\r\nSet-Cookie: b" }, { A = "a\nb" }, { A = "a\0b" }, { ["A\r\nB"] = "c" }, { ["A:"] = "c" },
      { [""] = "c" }, { ["A b"] = "c" }, { A = true }, { A = { {} } }, { A = { "x\n" } }, { "A" },
      { ["Transfer-Encoding"] = "chunked" },
      { ["Content-Length"] = "5" }, { ["Content-Length"] = "x" }, { ["content-length"] = { 2, 2 } },
    } do
      assert.has_error(function() head.response(200, bad, 2, true, 1, "hi") end)
    end
    text = head.response(200, { A = ("x"):rep(100000) }, 5, true, 1)
    assert.is_true(#text > 100000)
  end)

  it("writes heads of requests", function()
    assert.are.equal("POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi",
      head.request("POST", "/a?b", { Host = "x" }, 2, "hi"))
    for _, misuse in ipairs { { "G T", "/" }, { "GET", "/ a" }, { "GET", "/\r\n" }, { "GET", "" }, { "", "/" } } do
      assert.has_error(function() head.request(misuse[1], misuse[2], {}, nil) end)
    end
  end)

  it("looks at each byte once, however they come", function()
    local text = "GET / HTTP/1.1\r\nHost: a\r\n" .. ("X: " .. ("x"):rep(140) .. "\r\n"):rep(99) .. "\r\n"
    local _, open, feed = head.parser("request", limits, {})
    local reader, used = open(), nil
    for i = 1, #text do used = feed(reader, text:sub(i, i)) end
    assert.are.equal(1, used)
  end)

  it("writes dates in the only form that RFC 9110 lets one write", function()
    assert.are.equal("Sun, 06 Nov 1994 08:49:37 GMT", head.date(784111777))
    assert.are.equal("Thu, 01 Jan 1970 00:00:00 GMT", head.date(0))
  end)
end)
