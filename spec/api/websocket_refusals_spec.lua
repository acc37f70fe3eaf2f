-- SPDX-License-Identifier: MIT
-- What peers of moonport.websocket do wrong: handshakes, frames, texts, closes; and what they get for it.

local moonport = require "moonport"
local helper = require "spec.helper"
local http = require "moonport.http"
local websocket = require "moonport.websocket"
local wire = require "spec.websocket"

local frame, text = wire.frame, wire.text

-- A server whose requests all are for a WebSocket. -> server, what is seen
local function serve(options)
  local seen = { messages = {} }
  local server = http.server(function(request, socket)
    seen.result = { websocket.accept(request, socket, options) }
  end)
  function server.websocket:message(message) -- luacheck: no self
    seen.messages[#seen.messages + 1] = message
  end
  function server.websocket:closed(...) seen.closed = { ... } end -- luacheck: no self
  assert(server:listen("127.0.0.1", 0))
  return server, seen
end

-- The answer to a request that is refused. -> status, fields, body
local function refused(server, fields, line, behind)
  local client = wire.connect(server:serverPort())
  client:send(wire.request(fields, line) .. (behind or ""))
  local status, got = client:head()
  local body = client.socket:receive("all", 5000)
  assert.equal("close", got.connection)
  client:close()
  return status, got, body
end

describe("A server of moonport.websocket refuses", function()
  it("a request without an upgrade, with another one, or another method, version or length", function()
    local server <close>, seen = serve()
    for _, fields in ipairs {
      { Upgrade = false, Connection = false }, { Upgrade = false }, { Upgrade = "h2c" }, { Upgrade = "websockets" },
      { Connection = "keep-alive" }, { Connection = "upgraded" },
    } do
      local status, got, body = refused(server, fields)
      assert.same({ 426, "websocket", "here is a WebSocket\n" }, { status, got.upgrade, body })
      assert.same({ nil, "accept: here is a WebSocket", "ProtocolFailure" }, seen.result)
    end
    local status, got = refused(server, nil, "POST / HTTP/1.1")
    assert.same({ 405, "GET" }, { status, got.allow })
    assert.equal(400, (refused(server, nil, "GET / HTTP/1.0")))
    assert.equal(400, (refused(server, { ["Content-Length"] = "1" }, nil, "x")))
    assert.equal(400, (refused(server, { ["Transfer-Encoding"] = "chunked" }, nil, "0\r\n\r\n")))
    for _, version in ipairs { false, "8", "12", "14", "013", "", { "13", "13" }, { "13", "8" }, "13, 8" } do
      status, got = refused(server, { ["Sec-WebSocket-Version"] = version })
      assert.same({ 426, "13" }, { status, got["sec-websocket-version"] })
    end
  end)

  it("a key that isn't sixteen bytes in Base64, none, and two", function()
    local server <close> = serve()
    for _, key in ipairs {
      false, "", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ===",
      "dGhlIHNhbXBsZSBub25jZTE=",
      "dGhlIHNhbXBsZSBub25jZ=Q=", "dGhlIHNhbXBsZSBub25j_Q==", "dGhl HNhbXBsZSBub25jZQ==", ("A"):rep(24),
      { "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ==" },
    } do
      assert.equal(400, (refused(server, { ["Sec-WebSocket-Key"] = key })))
    end
  end)

  it("pages of other origins, unless it is told otherwise", function()
    local server <close> = serve()
    local port = server:serverPort()
    local host = "localhost:" .. port
    for _, origin in ipairs {
      "http://localhost", "http://localhost:1", "https://example.org", "null", "http://" .. host .. ".example.org",
      "http://" .. host .. "/", "ftp://" .. host, { "http://" .. host, "http://" .. host },
    } do
      assert.equal(403, (refused(server, { Host = host, Origin = origin })))
    end
    for _, origin in ipairs { false, "http://" .. host, "https://" .. host, "http://LOCALHOST:" .. port } do
      wire.open(port, { Host = host, Origin = origin }):close()
    end
    for _, pair in ipairs { -- the port that the scheme means is the same as none
      { "http://a", "a:80" }, { "http://a:80", "a" }, { "https://a", "A:443" }, { "https://[::1]", "[::1]:443" },
    } do
      wire.open(port, { Origin = pair[1], Host = pair[2] }):close()
    end
    for _, pair in ipairs { { "http://a", "a:443" }, { "https://a", "a:80" }, { "http://a:8080", "a:80" } } do
      assert.equal(403, (refused(server, { Origin = pair[1], Host = pair[2] })))
    end
    local open <close> = serve { origins = "*" }
    wire.open(open:serverPort(), { Origin = "https://example.org" }):close()
    local listed <close> = serve { origins = { "https://a.example:443", "https://B.example:444" } }
    wire.open(listed:serverPort(), { Origin = "https://A.example" }):close()
    wire.open(listed:serverPort(), { Origin = "https://b.example:444" }):close()
    wire.open(listed:serverPort()):close()
    assert.equal(403, (refused(listed, { Origin = "http://a.example" })))
    assert.equal(403, (refused(listed, { Origin = "http://localhost" })))
  end)

  it("an upgrade in a pipeline only if it is refused, too; else it comes in its turn", function()
    local server <close>, seen = serve()
    local router = http.server(function(request, socket)
      if request.path == "/ws" then websocket.accept(request, socket) return end
      moonport.sleep(2)
      return 200, nil, request.path
    end)
    function router.websocket:message(message) self:send(message) end
    assert(router:listen("127.0.0.1", 0))
    local client = wire.connect(router:serverPort())
    client:send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
      .. wire.request(nil, "GET /ws HTTP/1.1") .. text "then frames")
    for i = 1, 2 do
      local status, fields = client:head()
      assert.same({ 200, "2" }, { status, fields["content-length"] })
      assert.equal("/" .. i, client.socket:receive(2, 5000))
    end
    assert.equal(101, (client:head()))
    assert.same({ wire.TEXT, "then frames", true }, { client:take() })
    -- what follows is frames, whatever it looks like: "GE" has a reserved bit
    client:send "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"
    assert.same({ 1002, "a reserved bit is set" }, { client:closed() })
    client:close()
    router:close()
    client = wire.connect(server:serverPort())
    client:send(wire.request { ["Sec-WebSocket-Key"] = "x" } .. wire.request())
    assert.equal(400, (client:head()))
    assert.matches("^the key [^\n]*\n$", client.socket:receive("all", 5000))
    assert.same({}, seen.messages)
    client:close()
  end)

  -- bytes -> code and reason of the close
  local cases = {
    { "a frame without a mask", text("x", { mask = false }), 1002, "a frame without a mask" },
    { "a ping without a mask", frame(wire.PING, "", { mask = false }), 1002, "a frame without a mask" },
    { "reserved bit 1", text("x", { reserved = 4 }), 1002, "a reserved bit is set" },
    { "reserved bit 2", text("x", { reserved = 2 }), 1002, "a reserved bit is set" },
    { "reserved bit 3", frame(wire.PING, "x", { reserved = 1 }), 1002, "a reserved bit is set" },
    { "a reserved bit in a later fragment", text("x", { final = false }) .. frame(0, "", { reserved = 4 }), 1002,
      "a reserved bit is set" },
    { "opcode 3", frame(3, "x"), 1002, "an unknown opcode" },
    { "opcode 7", frame(7, ""), 1002, "an unknown opcode" },
    { "opcode 11", frame(11, ""), 1002, "an unknown opcode" },
    { "opcode 15", frame(15, "x"), 1002, "an unknown opcode" },
    { "a ping in fragments", frame(wire.PING, "x", { final = false }), 1002, "a control frame in fragments" },
    { "a close in fragments", frame(wire.CLOSE, "", { final = false }), 1002, "a control frame in fragments" },
    { "a ping of 126 bytes", frame(wire.PING, ("x"):rep(126)), 1002, "a control frame that is too long" },
    { "a pong whose length has 64 bits", frame(wire.PONG, "", { form = 64 }), 1002,
      "a control frame that is too long" },
    { "a close of 126 bytes", frame(wire.CLOSE, wire.code(1000, ("x"):rep(124))), 1002,
      "a control frame that is too long" },
    { "a continuation of nothing", frame(0, "x"), 1002, "a continuation of no message" },
    { "a continuation behind a whole message", text "x" .. frame(0, ""), 1002, "a continuation of no message" },
    { "a message within another", text("x", { final = false }) .. text "y", 1002, "a message within another one" },
    { "a length of 2^63", text("", { length = math.mininteger }), 1002, "a length of 2^63 or more" },
    { "a length of 2^64 - 1", text("", { length = -1 }), 1002, "a length of 2^63 or more" },
    { "a length of 2^63 - 1", text("", { length = math.maxinteger }), 1009, "the message is too large" },
    { "a short length in 16 bits", text(("x"):rep(125), { form = 16 }), 1002,
      "a length that isn't in its shortest form" },
    { "a length of 16 bits in 64", text("", { length = 65535, form = 64 }), 1002,
      "a length that isn't in its shortest form" },
    { "a message over the limit", text(("x"):rep(1001)), 1009, "the message is too large" },
    { "fragments over the limit", text(("x"):rep(600), { final = false }) .. frame(0, ("y"):rep(401)), 1009,
      "the message is too large" },
    { "a text with a wrong byte", text "a\xff", 1007, "the text isn't UTF-8" },
    { "a text with a surrogate", text "\xed\xa0\x80", 1007, "the text isn't UTF-8" },
    { "a text with a long form", text "\xc0\xaf", 1007, "the text isn't UTF-8" },
    { "a text above U+10FFFF", text "\xf4\x90\x80\x80", 1007, "the text isn't UTF-8" },
    { "a text that ends within a character", text "\xe2\x82", 1007, "the text isn't UTF-8" },
    { "a fragment with a wrong byte, before the message ends", text("\xe2", { final = false })
      .. frame(0, "\x28", { final = false }), 1007, "the text isn't UTF-8" },
    { "a text whose last fragment ends within a character", text("\xf0\x9f", { final = false })
      .. frame(0, "\x98"), 1007, "the text isn't UTF-8" },
    { "a frame whose beginning is no UTF-8, before it ends", text("\xff", { length = 900 }), 1007,
      "the text isn't UTF-8" },
    { "half a code", frame(wire.CLOSE, "\x03"), 1002, "a close with half a code" },
    { "a reason that isn't UTF-8", frame(wire.CLOSE, wire.code(1000, "\xc3")), 1007,
      "the reason of a close isn't UTF-8" },
  }
  for _, code in ipairs { 0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535 } do
    cases[#cases + 1] = { "a close with " .. code, frame(wire.CLOSE, wire.code(code)), 1002,
      "a close with a code that may not be sent" }
  end

  for _, case in ipairs(cases) do
    it(case[1] .. ", whole and in pieces", function()
      local server <close>, seen = serve { limit = 1000 }
      for pieces = 1, 2 do
        local client = wire.open(server:serverPort())
        seen.closed = nil
        for i = 1, pieces == 1 and 1 or #case[2] do
          client:send(pieces == 1 and case[2] .. text "unseen" or case[2]:sub(i, i))
          client.socket:flush()
          moonport.sleep(0)
          if client.socket:bytesAvailable() > 0 then break end -- refused already
        end
        assert.same({ case[3], case[4] }, { client:closed() })
        client:close()
        helper.eventually(function() return seen.closed end)
        assert.same({ case[3], case[4] }, seen.closed)
      end
      for _, message in ipairs(seen.messages) do assert.equal("x", message) end
    end)
  end

  it("nothing of what only looks wrong", function()
    local server <close>, seen = serve { limit = 1000 }
    local client = wire.open(server:serverPort())
    local ends = "\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80\0"
    for _, one in ipairs {
      text(("x"):rep(1000)), text(("x"):rep(999), { final = false }) .. frame(0, "y"), text(ends),
      frame(wire.BINARY, "\xff\xfe"), frame(wire.PONG, ("x"):rep(125)),
      text("\xf0\x9f", { final = false }) .. frame(0, "\x98\x80"),
    } do
      client:send(one)
    end
    client:send(frame(wire.CLOSE, wire.code(1012)))
    assert.same({ 1012, "" }, { client:closed() })
    assert.same({ ("x"):rep(1000), ("x"):rep(999) .. "y", ends, "\xff\xfe", "\u{1f600}" }, seen.messages)
    client:close()
  end)
end)

describe("A client of moonport.websocket refuses", function()
  -- A server that answers the upgrade with the fields, and with bytes behind. -> server, its URL
  local function answering(change, behind, status)
    local server = moonport.TcpServer()
    function server.connection:readyRead()
      local key = self:readAll():match "Sec%-WebSocket%-Key: ([^\r]*)"
      if not key then return end
      local fields = { Upgrade = "websocket", Connection = "Upgrade",
        ["Sec-WebSocket-Accept"] = require "moonport.websocket.frames".accept(key) }
      for name, value in pairs(change or {}) do fields[name] = value or nil end
      self:write("HTTP/1.1 " .. (status or "101 Switching Protocols") .. "\r\n")
      for name, value in pairs(fields) do self:write(name .. ": " .. value .. "\r\n") end
      self:write("\r\n" .. (behind or ""))
    end
    assert(server:listen("127.0.0.1", 0))
    return server, ("ws://127.0.0.1:%d/"):format(server:serverPort())
  end

  it("answers that aren't those to its request", function()
    for _, case in ipairs {
      { { Upgrade = false }, "the server upgraded to something else" },
      { { Upgrade = "h2c" }, "the server upgraded to something else" },
      { { Connection = "close" }, "the server upgraded to something else" },
      { { ["Sec-WebSocket-Accept"] = false }, "the server answered to another key" },
      { { ["Sec-WebSocket-Accept"] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" }, "the server answered to another key" },
      { { ["Sec-WebSocket-Extensions"] = "permessage-deflate" }, "the server uses an extension" },
      { { ["Sec-WebSocket-Protocol"] = "chat" }, "the server chose another protocol" },
      { { ["Content-Length"] = "0" }, "the server answered 200 OK", "200 OK" },
      { { ["Content-Length"] = "0" }, "the server answered 403 Forbidden", "403 Forbidden" },
    } do
      local server <close>, url = answering(case[1], nil, case[3])
      local ws, message, code, response = websocket.connect(url, { protocols = { "other" } })
      assert.same({ nil, "connect: " .. case[2], "ProtocolFailure" }, { ws, message, code })
      assert.equal(tonumber((case[3] or "101"):match "%d+"), response.status)
      helper.eventually(function() return server:connectionCount() == 0 end)
    end
  end)

  it("a server that doesn't answer in time, and one that isn't there", function()
    local server <close> = moonport.TcpServer()
    server.connection = { readyRead = function() end }
    assert(server:listen("127.0.0.1", 0))
    local url = ("ws://127.0.0.1:%d/"):format(server:serverPort())
    local ws, _, code = websocket.connect(url, { timeout = 30 })
    assert.same({ nil, "SocketTimeoutError" }, { ws, code })
    helper.eventually(function() return server:connectionCount() == 0 end)
    ws, _, code = websocket.connect "ws://127.0.0.1:1/"
    assert.same({ nil, "ConnectionRefusedError" }, { ws, code })
  end)

  for _, case in ipairs {
    { "frames with a mask", text "x", 1002 }, { "a ping with a mask", frame(wire.PING, ""), 1002 },
    { "wrong UTF-8", text("\xff", { mask = false }), 1007 },
    { "messages over the limit", text(("x"):rep(101), { mask = false }), 1009 },
    { "a close with a wrong code", frame(wire.CLOSE, wire.code(1005), { mask = false }), 1002 },
  } do
    it(case[1], function()
      local server <close>, url = answering(nil, case[2])
      local ws = assert(websocket.connect(url, { limit = 100 }))
      local message, why, code = ws:receive(5000)
      assert.same({ nil, "receive: closed with " .. case[3], "ProtocolFailure", case[3] },
        { message, why, code, ws:closeCode() })
      helper.eventually(function() return server:connectionCount() == 0 end)
    end)
  end

  it("nothing of a server's close behind its last message", function()
    local server <close>, url = answering(nil,
      text("last", { mask = false }) .. frame(wire.CLOSE, wire.code(1001, "bye"), { mask = false }))
    local ws = assert(websocket.connect(url, { closeTime = 20 }))
    assert.equal("last", (ws:receive(5000)))
    assert.same({ nil, "receive: closed with 1001", "RemoteHostClosedError" }, { ws:receive(5000) })
    assert.same({ 1001, "bye" }, { ws:closeCode(), ws:closeReason() })
    helper.eventually(function() return server:connectionCount() == 0 end) -- the server doesn't end it
  end)
end)
