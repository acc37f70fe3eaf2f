-- SPDX-License-Identifier: MIT
-- What bounds a peer of moonport.websocket: floods, peers that never read or have vanished, slow handlers.

local moonport = require "moonport"
local helper = require "spec.helper"
local http = require "moonport.http"
local websocket = require "moonport.websocket"
local wire = require "spec.websocket"

local frame, text = wire.frame, wire.text

local function serve(options)
  local seen = { messages = 0 }
  local server = http.server(function(request, socket) seen.ws = websocket.accept(request, socket, options) end)
  function server.websocket:message() -- luacheck: no self
    seen.messages = seen.messages + 1
  end
  function server.websocket:closed(...) seen.closed = { ... } end -- luacheck: no self
  assert(server:listen("127.0.0.1", 0))
  return server, seen
end

describe("A WebSocket", function()
  it("takes a flood of empty frames: messages, fragments and pongs, and answers each ping", function()
    local server <close>, seen = serve()
    local client = wire.open(server:serverPort())
    client:send(text(""):rep(5000))
    helper.eventually(function() return seen.messages == 5000 end)
    client:send(text("", { final = false }) .. frame(0, "", { final = false }):rep(20000) .. frame(0, "")
      .. frame(wire.PONG, ""):rep(20000))
    helper.eventually(function() return seen.messages == 5001 end)
    client:send(frame(wire.PING, ""):rep(20000) .. frame(wire.CLOSE, ""))
    local pongs = assert(client.socket:receive("all", 5000))
    assert.equal(("\x8a\0"):rep(20000) .. "\x88\0", pongs)
    client:close()
    seen.ws = nil
  end)

  it("lets others run while one floods it with messages, for handlers or a loop", function()
    for _, path in ipairs { "/handlers", "/loop" } do
      local order, other = {}, nil
      local function note(message)
        order[#order + 1] = message
        if #order == 1 then
          other:send(text "other")
          other.socket:flush()
        end
      end
      local server <close> = http.server(function(request, socket)
        local ws = websocket.accept(request, socket)
        if request.path ~= "/loop" then return end
        for message in ws:messages() do note(message) end
      end)
      function server.websocket.message(_, message) note(message) end
      if path == "/loop" then server.websocket.message = nil end
      assert(server:listen("127.0.0.1", 0))
      local flood = wire.connect(server:serverPort())
      other = wire.connect(server:serverPort())
      for _, client in ipairs { flood, other } do
        client:send(wire.request(nil, "GET " .. path .. " HTTP/1.1"))
        assert.equal(101, (client:head()))
      end
      flood:send(text("f"):rep(9000))
      helper.eventually(function() return #order == 9001 end)
      local at
      for i, message in ipairs(order) do if message == "other" then at = i end end
      assert.is_true(at < 9000, path .. ": the other's message was number " .. at)
      flood:close()
      other:close()
      helper.eventually(function() return server:connectionCount() == 0 end)
    end
  end)

  it("queues a bounded number of pongs for a peer that never reads, and stops reading from it", function()
    local server <close>, seen = serve()
    server:setHighWaterMark(1000)
    local client = wire.open(server:serverPort())
    client.socket:pauseReading()
    local pings, most = frame(wire.PING, ("x"):rep(125)):rep(100), 0
    helper.eventually(function()
      if client.socket:bytesToWrite() < 1 << 20 then client:send(pings) end
      most = math.max(most, seen.ws and seen.ws:bytesToWrite() or 0)
      return client.socket:bytesToWrite() >= 1 << 20 and most > 1000
    end, "the server to stop reading", 20000)
    helper.settle(20)
    assert.is_true(seen.ws:bytesToWrite() <= 1000 + 65536 + 16384, seen.ws:bytesToWrite() .. " bytes wait")
    client:close()
    helper.eventually(function() return seen.closed end)
    seen.ws = nil
  end)

  it("refuses to send when its queue is full, whole messages only", function()
    local server <close>, seen = serve { queue = 100000 }
    local client = wire.open(server:serverPort())
    client.socket:pauseReading()
    helper.eventually(function() return seen.ws end)
    local sent, ok, message, code = 0
    repeat
      ok, message, code = seen.ws:send(("%05d"):format(sent):rep(2000))
      if ok then sent = sent + 1 end
      moonport.sleep(0)
    until not ok
    assert.same({ nil, "send: The write buffer is full", "WriteBufferFullError" }, { ok, message, code })
    assert.is_true(seen.ws:bytesToWrite() <= 100000)
    client.socket:resumeReading()
    for i = 0, sent - 1 do
      local opcode, payload = client:take()
      assert.same({ wire.TEXT, ("%05d"):format(i), 10000 }, { opcode, payload:sub(-5), #payload })
    end
    assert.is_true(seen.ws:send "again")
    assert.same({ wire.TEXT, "again", true }, { client:take() })
    client:close()
    seen.ws = nil
  end)

  it("sends one message that is larger than its queue", function()
    local server <close>, seen = serve { queue = 1000 }
    local client = wire.open(server:serverPort())
    helper.eventually(function() return seen.ws end)
    for _, size in ipairs { 5000, 500000 } do
      assert.is_true(seen.ws:send(("x"):rep(size)))
      assert.equal(size, #select(2, client:take()))
    end
    client:close()
    seen.ws = nil
    local ws = assert(websocket.connect(("ws://127.0.0.1:%d/"):format(server:serverPort()), { queue = 1000 }))
    assert.is_true(ws:send(("x"):rep(500000)))
    helper.eventually(function() return seen.messages == 1 end)
    ws:abort()
    seen.ws = nil
  end)

  it("aborts instead of closing if the peer doesn't take even that", function()
    local server <close>, seen = serve { queue = 100 }
    local client = wire.open(server:serverPort())
    client.socket:pauseReading()
    helper.eventually(function() return seen.ws end)
    repeat
      local ok = seen.ws:send(("x"):rep(100000))
      moonport.sleep(0)
    until not ok
    seen.ws:close(1000)
    helper.eventually(function() return seen.closed end)
    assert.same({ 1006, "" }, seen.closed)
    client:close()
    seen.ws = nil
  end)

  it("pings a silent peer, and gives up one that doesn't answer", function()
    local server <close>, seen = serve { pingTime = 30 }
    local client = wire.open(server:serverPort())
    assert.same({ wire.PING, "", true }, { client:take() })
    client:send(frame(wire.PONG, ""))
    assert.same({ wire.PING, "", true }, { client:take() })
    assert.is_nil(seen.closed)
    local rest, _, code = client.socket:receive(1, 5000) -- it answers no more
    assert.same({ nil, "RemoteHostClosedError" }, { rest, code })
    helper.eventually(function() return seen.closed end)
    assert.same({ 1006, "" }, seen.closed)
    client:close()
    seen.ws = nil
  end)

  it("is answered by the module on the other side, in a loop, with handlers, or by nobody", function()
    local server <close>, seen = serve { pingTime = 20 }
    local url = ("ws://127.0.0.1:%d/"):format(server:serverPort())
    local ws = assert(websocket.connect(url, { pingTime = 20 }))
    moonport.sleep(120)
    assert.same({ "ConnectedState", nil }, { ws:state(), seen.closed })
    ws:abort()
    seen.ws = nil
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)

  it("gives nobody up whose messages wait for a handler", function()
    local server <close>, seen = serve { pingTime = 15 }
    local finished
    function server.websocket:message()
      moonport.sleep(100)
      finished = self:state()
    end
    local client = wire.open(server:serverPort())
    client:send(text "a" .. text "b")
    helper.eventually(function() return finished end)
    assert.equal("ConnectedState", finished)
    client:close()
    helper.eventually(function() return seen.closed end)
    seen.ws = nil
  end)

  it("bounds what it keeps of a message in pieces, and drops it with the connection", function()
    local server <close>, seen = serve { limit = 10000 }
    local client = wire.open(server:serverPort())
    client:send(text(("x"):rep(9999), { final = false }) .. text("", { length = 1 << 40 }):sub(1, 10))
    assert.same({ 1002, "a message within another one" }, { client:closed() })
    client:close()
    helper.eventually(function() return seen.closed end)
    assert.same({ 0, { 1002, "a message within another one" } }, { seen.messages, seen.closed })
    seen.ws = nil
  end)

  it("calls handlers for what came before the end, and then `closed`", function()
    local server <close> = serve()
    local seen = {}
    function server.websocket:message(message) -- luacheck: no self
      moonport.sleep(5)
      seen[#seen + 1] = message
    end
    function server.websocket:closed(code) seen[#seen + 1] = code end -- luacheck: no self
    local client = wire.open(server:serverPort())
    client:send(text "1" .. text "2" .. text "3" .. frame(wire.CLOSE, wire.code(1001)))
    client.socket:disconnectFromHost()
    helper.eventually(function() return #seen == 4 end)
    assert.same({ "1", "2", "3", 1001 }, seen)
    client = wire.open(server:serverPort())
    client:send(text "4" .. text "5")
    client.socket:disconnectFromHost()
    helper.eventually(function() return #seen == 7 end)
    assert.same({ "4", "5", 1006 }, { table.unpack(seen, 5) })
  end)
end)
