-- SPDX-License-Identifier: MIT
-- moonport.websocket, both sides: handshakes, handlers and loops, kinds, fragments, closes, what is in reach.

local moonport = require "moonport"
local helper = require "spec.helper"
local http = require "moonport.http"
local websocket = require "moonport.websocket"
local wire = require "spec.websocket"

-- A server whose path /chat is for handlers, /loop for `loop`. -> server
local function serve(options, loop)
  local router = http.router()
  router:get("/chat", function(request, socket) websocket.accept(request, socket, options) end)
  router:get("/loop", function(request, socket)
    local ws = websocket.accept(request, socket, options)
    if ws then loop(ws, request) end
  end)
  local server = http.server(router)
  assert(server:listen("127.0.0.1", 0))
  return server
end

local function echo(server)
  function server.websocket:message(text, kind) self:send(text, kind) end
end

local function address(server, path) return ("ws://127.0.0.1:%d%s"):format(server:serverPort(), path or "/chat") end

-- Connects with the module. -> WebSocket, response
local function connect(server, path, options) return assert(websocket.connect(address(server, path), options)) end

local sizes = { 0, 1, 125, 126, 500, 501, 8191, 8192, 65535, 65536, 300000 }

describe("moonport.websocket", function()
  it("shakes hands as RFC 6455 has it, and echoes each kind and size by handlers", function()
    local server <close> = serve()
    echo(server)
    local client = wire.open(server:serverPort())
    assert.same({ 101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "websocket", "Upgrade" },
      { client.status, client.fields["sec-websocket-accept"], client.fields.upgrade, client.fields.connection })
    assert.is_nil(client.fields["sec-websocket-extensions"])
    for _, size in ipairs(sizes) do
      local text = ("é"):rep(size // 2) .. ("x"):rep(size % 2)
      for _, opcode in ipairs { wire.TEXT, wire.BINARY } do
        client:send(wire.frame(opcode, text))
        assert.same({ opcode, #text, true }, { (function(o, t, f) return o, t == text and #t, f end)(client:take()) })
      end
    end
    client:close()
  end)

  it("exchanges each kind and size with itself, both sides with a loop", function()
    local server <close> = serve(nil, function(ws)
      for message, kind in ws:messages() do ws:send(message, kind) end
    end)
    local ws = connect(server, "/loop")
    for _, size in ipairs(sizes) do
      local bytes = helper.bytes(size)
      for _, kind in ipairs { "text", "binary" } do
        assert.is_true(ws:send(kind == "text" and ("x"):rep(size) or bytes, kind))
        local got, gotKind = ws:receive(5000)
        assert.same({ size, kind, true }, { #got, gotKind, kind == "text" or got == bytes })
      end
    end
    assert.has_error(function() ws:send "\xff" end,
      "bad argument #1 to 'send' (not UTF-8, as a text must be; send it as \"binary\")")
    assert.is_true(ws:send("\xff", "binary"))
    assert.equal("\xff", (ws:receive(5000)))
    ws:close(4000, "done")
    assert.same({ nil, "receive: closed with 4000", "RemoteHostClosedError" }, { ws:receive(5000) })
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)

  it("calls handlers one after another, also for a client, and `closed` in the end", function()
    local server <close> = serve()
    local seen, closed = {}, {}
    function server.websocket:message(text)
      if text == "wait" then moonport.sleep(5) end
      seen[#seen + 1] = text
      self:send("got " .. text)
    end
    function server.websocket:closed(code, reason) closed[#closed + 1] = { self.name, code, reason } end
    local ws, answers = connect(server), {}
    function ws:message(text, kind)
      answers[#answers + 1] = text .. " " .. kind
      if #answers == 3 then self:close(3001, "that's all") end
    end
    function ws:closed(code, reason) closed[#closed + 1] = { "client", code, reason } end
    for _, text in ipairs { "wait", "a", "b" } do ws:send(text) end
    helper.eventually(function() return #closed == 2 end)
    assert.same({ "wait", "a", "b" }, seen)
    assert.same({ "got wait text", "got a text", "got b text" }, answers)
    table.sort(closed, function(one) return one[1] ~= "client" end)
    assert.same({ { nil, 3001, "that's all" }, { "client", 3001, "" } }, closed)
    assert.same({ 3001, "", "UnconnectedState" }, { ws:closeCode(), ws:closeReason(), ws:state() })
    assert.same({ nil, "send: The remote host closed the connection", "RemoteHostClosedError" }, { ws:send "late" })
  end)

  it("finds fields in the WebSocket, then in the server's table, whatever that is now", function()
    local server <close> = serve()
    function server.websocket:greet() return "hello " .. self.name end
    server.websocket.name = "all"
    local mine
    function server.websocket:message(text)
      mine = self
      self:send(self:greet() .. " " .. text)
      self.name = "one"
    end
    local ws = connect(server)
    ws:send "1"
    assert.equal("hello all 1", ws:receive(5000))
    ws:send "2"
    assert.equal("hello one 2", ws:receive(5000))
    server.websocket = setmetatable({}, { __index = { message = function(self) self:send "by the class" end } })
    ws:send "3"
    assert.equal("by the class", ws:receive(5000))
    function mine:message() self:send "its own" end
    ws:send "4"
    assert.equal("its own", ws:receive(5000))
    mine.message = nil
    ws:send "5"
    assert.equal("by the class", ws:receive(5000))
    assert.has_error(function() mine.send = print end, "'send' is a method and can't be replaced")
    assert.has_error(function() mine.message = 1 end, "message: a handler must be a function, not a number")
    assert.is_nil(mine.nothing)
    assert.matches("^WebSocket over TcpSocket%(127%.0%.0%.1:%d+, ConnectedState%)$", tostring(mine))
    mine, ws = nil, ws:abort() -- luacheck: no unused
  end)

  it("keeps messages for a handler that is set later, and takes no more than the read buffer has room for", function()
    local server <close> = serve(nil, function(ws) for i = 1, 3 do ws:send("early " .. i) end end)
    local ws, got = connect(server, "/loop"), {}
    helper.eventually(function() return ws:socket():bytesAvailable() >= 24 end)
    function ws.message(_, text) got[#got + 1] = text end
    helper.eventually(function() return #got == 3 end)
    assert.same({ "early 1", "early 2", "early 3" }, got)
    ws:close()
    helper.eventually(function() return ws:state() == "UnconnectedState" end)
  end)

  it("takes frames behind the request in the same packet, by handlers and by a loop", function()
    local server <close> = serve(nil, function(ws) for text in ws:messages() do ws:send(text) end end)
    echo(server)
    for _, path in ipairs { "chat", "loop" } do
      local client = wire.connect(server:serverPort())
      client:send(wire.request(nil, "GET /" .. path .. " HTTP/1.1") .. wire.text "at once" .. wire.text "and more")
      assert.equal(101, (client:head()))
      assert.same({ wire.TEXT, "at once", true }, { client:take() })
      assert.same({ wire.TEXT, "and more", true }, { client:take() })
      client:close()
    end
  end)

  it("puts fragments together, with control frames between them #valgrind", function()
    local server <close> = serve()
    echo(server)
    local client = wire.open(server:serverPort())
    client:send(wire.text("a", { final = false }) .. wire.frame(wire.PING, "1") .. wire.frame(0, "", { final = false })
      .. wire.frame(wire.PONG, "unasked") .. wire.frame(0, "b\xc3", { final = false }) .. wire.frame(wire.PING, "")
      .. wire.frame(0, "\xa9"))
    assert.same({ wire.PONG, "1", true }, { client:take() })
    assert.same({ wire.PONG, "", true }, { client:take() })
    assert.same({ wire.TEXT, "ab\xc3\xa9", true }, { client:take() })
    client:send(wire.frame(wire.BINARY, "", { final = false }) .. wire.frame(0, ""))
    assert.same({ wire.BINARY, "", true }, { client:take() })
    client:close()
  end)

  it("takes frames byte by byte", function()
    local server <close> = serve()
    echo(server)
    local client = wire.open(server:serverPort())
    local bytes = wire.text(("é"):rep(100), { final = false }) .. wire.frame(wire.PING, "p") .. wire.frame(0, "end")
    for i = 1, #bytes do
      client:send(bytes:sub(i, i))
      client.socket:flush()
      if i % 16 == 0 then moonport.sleep(0) end
    end
    assert.same({ wire.PONG, "p", true }, { client:take() })
    assert.same({ wire.TEXT, ("é"):rep(100) .. "end", true }, { client:take() })
    client:close()
  end)

  it("answers pings with the same data, and sends its own", function()
    local server <close> = serve(nil, function(ws)
      assert.is_true(ws:ping "are you there?")
      assert.has_error(function() ws:ping(("x"):rep(126)) end, "bad argument #1 to 'ping' (longer than 125 bytes)")
      ws:messages()()
    end)
    local client = wire.open(server:serverPort())
    client:send(wire.frame(wire.PING, ("x"):rep(125)))
    assert.same({ wire.PONG, ("x"):rep(125), true }, { client:take() })
    client:close()
    client = wire.connect(server:serverPort())
    client:send(wire.request(nil, "GET /loop HTTP/1.1"))
    client:head()
    assert.same({ wire.PING, "are you there?", true }, { client:take() })
    client:close()
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)

  it("ends a handler's error with 1011, and moonport.fail with 1008", function()
    local server <close> = serve()
    local closed = {}
    function server.websocket:message(text)
      if text == "fail" then moonport.fail "your fault" end
      error "mine"
    end
    function server.websocket:closed(code) closed[#closed + 1] = code end -- luacheck: no self
    for text, code in pairs { error = 1011, fail = 1008 } do
      local client = wire.open(server:serverPort())
      client:send(wire.text(text))
      local opcode, payload = client:take()
      assert.same({ wire.CLOSE, wire.code(code) }, { opcode, payload })
      helper.eventually(function() return closed[#closed] == code end)
      client:close()
    end
  end)

  it("closes: without a code, with one and a reason, crossing the peer's, and by abort #valgrind", function()
    local server <close> = serve()
    local ws, closed
    function server.websocket:message(text)
      ws = self
      if text == "close" then self:close(1001, "going") end
      if text == "abort" then self:abort() end
    end
    function server.websocket:closed(...) closed = { ... } end -- luacheck: no self
    local function ask(text)
      ws, closed = nil, nil
      local client = wire.open(server:serverPort())
      client:send(text)
      return client
    end
    local function ends(client, ...)
      assert.same({ ... }, { client:closed() })
      client:close()
      helper.eventually(function() return closed end)
      return closed
    end
    assert.same({ 1005, "" }, ends(ask(wire.frame(wire.CLOSE, "")), nil))
    assert.same({ 1000, "bye é" }, ends(ask(wire.frame(wire.CLOSE, wire.code(1000, "bye é"))), 1000, ""))
    assert.same({ 4999, ("r"):rep(123) }, ends(ask(wire.frame(wire.CLOSE, wire.code(4999, ("r"):rep(123)))), 4999, ""))
    -- ours goes first, and what comes before the answer is for nobody
    local client = ask(wire.text "close")
    assert.same({ wire.CLOSE, wire.code(1001, "going"), true }, { client:take() })
    assert.equal("ClosingState", ws:state())
    assert.same({ nil, "send: the write channel is closed", "OperationError" }, { ws:send "more" })
    client:send(wire.text "abort" .. wire.frame(wire.PING, "") .. wire.frame(wire.CLOSE, wire.code(1001)))
    assert.equal("", client.socket:receive("all", 5000))
    helper.eventually(function() return closed end)
    assert.same({ 1001, "" }, closed)
    client:close()
    -- both at once
    client = ask(wire.text "close" .. wire.frame(wire.CLOSE, wire.code(3000, "mine")))
    assert.same({ 3000, "mine" }, ends(client, 1001, "going"))
    -- no close at all
    client = ask(wire.text "abort")
    assert.is_nil(client.socket:receive(1, 5000))
    helper.eventually(function() return closed end)
    assert.same({ 1006, "" }, closed)
    client = ask(wire.text "hello")
    helper.eventually(function() return ws end)
    client:close()
    helper.eventually(function() return closed end)
    assert.same({ 1006, "" }, closed)
    ws = nil
  end)

  it("ends the connection of a peer that doesn't answer its close in time", function()
    local server <close> = serve { closeTime = 30 }
    local closed
    function server.websocket:message() self:close() end
    function server.websocket:closed(...) closed = { ... } end -- luacheck: no self
    local client = wire.open(server:serverPort())
    client:send(wire.text "x")
    assert.same({ 1000, "" }, { client:closed() })
    assert.same({ 1006, "" }, closed)
    client:close()
  end)

  it("refuses codes and reasons that no close may have", function()
    local server <close> = serve()
    local ws = connect(server)
    for _, code in ipairs { 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 70000, -1 } do
      assert.has_error(function() ws:close(code) end, "bad argument #1 to 'close' (no code that a close may have)")
    end
    assert.has_error(function() ws:close(1000, ("x"):rep(124)) end,
      "bad argument #2 to 'close' (longer than 123 bytes)")
    assert.has_error(function() ws:close(1000, "\xc3") end, "bad argument #2 to 'close' (not UTF-8)")
    assert.equal("ConnectedState", ws:state())
    ws:close(1014, ("x"):rep(123))
    ws:close() -- it has said so
    helper.eventually(function() return ws:state() == "UnconnectedState" end)
    assert.equal(1014, ws:closeCode())
  end)

  it("closes a variable's WebSocket when that ends", function()
    local server <close> = serve()
    local closed
    function server.websocket:closed(code) closed = code end -- luacheck: no self
    do local _ <close> = connect(server) end
    helper.eventually(function() return closed end)
    assert.equal(1000, closed)
  end)

  it("waits in receive as long as it is told, and ends when the connection does", function()
    local server <close> = serve(nil, function(ws)
      if ws:receive(10000) == "abort" then ws:abort() end
      moonport.sleep(20)
      ws:send "late"
    end)
    local ws = connect(server, "/loop")
    assert.same({ nil, "receive: Network operation timed out", "SocketTimeoutError" }, { ws:receive(0) })
    assert.same({ nil, "receive: Network operation timed out", "SocketTimeoutError" }, { ws:receive(5) })
    ws:send "go"
    assert.same({ "late", "text" }, { ws:receive(-1) })
    ws:abort()
    assert.is_nil(ws:receive())
    ws = connect(server, "/loop")
    ws:send "abort"
    local message, why, code = ws:receive()
    assert.same({ nil, "RemoteHostClosedError" }, { message, code })
    assert.equal("receive: The remote host closed the connection", why)
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)

  it("has the cookies and headers of the upgrade in reach on both sides, and agrees on a protocol", function()
    local got
    local router = http.router()
    router:get("/rooms/:name", function(request, socket)
      local ws = websocket.accept(request, socket,
        { protocols = { "chat.v1", "chat.v2" }, headers = { ["Set-Cookie"] = "b=2" } })
      got = { request.cookies.a, request.headers["x-mine"], request.params.name, ws.subprotocol, request:parameter "q" }
    end)
    local server <close> = http.server(router)
    assert(server:listen("127.0.0.1", 0))
    local ws, response = connect(server, "/rooms/lobby?q=1",
      { headers = { Cookie = "a=1", ["X-Mine"] = "here" }, protocols = { "other", "chat.v2" } })
    assert.same({ "1", "here", "lobby", "chat.v2", "1" }, got)
    assert.same({ "b=2", "chat.v2", 101 }, { response:header "Set-Cookie", ws.subprotocol, response.status })
    ws:abort()
    ws = connect(server, "/rooms/x?q=2")
    assert.same({ nil, "2" }, { ws.subprotocol, got[5] })
    ws:abort()
  end)

  it("counts no upgraded connection as a request that server:finish waits for", function()
    local server <close> = serve(nil, function(ws) ws:receive(-1) end)
    local ws = connect(server, "/loop")
    server:finish()
    ws:abort()
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)

  it("raises for options that it doesn't know, and for wrong ones", function()
    for _, case in ipairs {
      { { compress = true }, "unknown option compress" }, { { limit = "1" }, "bad option limit" },
      { { pingTime = -1 }, "bad option pingTime" }, { { origins = "*" }, "unknown option origins" },
    } do
      assert.has_error(function() websocket.connect("ws://127.0.0.1:1/", case[1]) end,
        "websocket.connect: " .. case[2])
    end
    assert.has_error(function() websocket.connect() end, "websocket.connect: a URL expected")
    assert.same({ nil, "connect: no URL of ws, wss or unix", "ProtocolUnknownError" },
      { websocket.connect "ftp://a/" })
  end)
end)
