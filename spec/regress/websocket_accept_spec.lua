-- SPDX-License-Identifier: MIT
-- Handlers that use websocket.accept wrongly, or fail behind it.
-- A second accept for a request sent a second 101 into the frames, and so did one behind a response. Bad numbers among
-- the options raised when the 101 was sent already, or in connect when the connection was open, which then stayed. A
-- handler that failed behind accept took the 101 back, instead of closing with 1011. Header fields of the options in
-- other letters than the module's own came twice. An empty list of protocols was offered as an empty field.

local moonport = require "moonport"
local helper = require "spec.helper"
local http = require "moonport.http"
local websocket = require "moonport.websocket"
local wire = require "spec.websocket"

local function serve(handler)
  local server = http.server(handler)
  assert(server:listen("127.0.0.1", 0))
  return server, server:serverPort()
end

describe("websocket.accept", function()
  it("raises for a request that was answered, and leaves the connection alone", function()
    local first, second, late
    local server <close>, port = serve(function(request, socket)
      if request.path == "/late" then
        late = request
        return 200, nil, "late"
      end
      first = websocket.accept(request, socket)
      second = { pcall(websocket.accept, request, socket) }
      first:send "whole"
    end)
    local client = wire.open(port)
    assert.same({ wire.TEXT, "whole", true }, { client:take() })
    assert.is_false(second[1])
    assert.matches("the request was answered already$", second[2])
    client:close()
    client = wire.connect(port)
    client:send(wire.request(nil, "GET /late HTTP/1.1"))
    assert.equal(200, (client:head()))
    assert.equal("late", client.socket:receive(4, 5000))
    assert.is_false((pcall(websocket.accept, late, late.socket)))
    client:send(wire.request())
    assert.equal(101, (client:head()))
    client:close()
    server:close()
  end)

  it("raises for bad options before anything is sent, as connect does before it connects", function()
    local result
    local server <close>, port = serve(function(request, socket)
      result = { pcall(websocket.accept, request, socket, result) }
      return 200, nil, "refused"
    end)
    local nan = 0 / 0
    for _, case in ipairs {
      { "limit", 1.5 }, { "limit", math.huge }, { "limit", nan }, { "limit", -1 }, { "queue", 1.5 },
      { "queue", 2.0 ^ 63 }, { "pingTime", nan }, { "closeTime", 0 }, { "closeTime", nan }, { "closeTime", "5" },
    } do
      local name, options = case[1], { [case[1]] = case[2] }
      result = options
      local client = wire.connect(port)
      client:send(wire.request())
      assert.equal(200, (client:head()))
      assert.same({ false, "websocket.accept: bad option " .. name }, { result[1], result[2]:match "websocket%..*" })
      client:close()
      helper.eventually(function() return server:connectionCount() == 0 end)
      local ok, problem = pcall(websocket.connect, "ws://127.0.0.1:" .. port, options)
      assert.same({ false, "websocket.connect: bad option " .. name }, { ok, problem:match "websocket%..*" })
      assert.equal(0, server:connectionCount())
    end
    assert.is_false((pcall(websocket.connect, "ws://127.0.0.1:" .. port, { timeout = nan })))
  end)

  it("is followed by a close with 1011, or 1008, if the handler fails", function()
    local closed
    local server <close>, port = serve(function(request, socket)
      local ws = websocket.accept(request, socket)
      for message in ws:messages() do
        if message == "fault" then moonport.fail "on purpose" end
        error "on purpose"
      end
    end)
    function server.websocket:closed(code) closed = code end -- luacheck: no self
    for message, code in pairs { fault = 1008, error = 1011 } do
      for _, apart in ipairs { true, false } do
        closed = nil
        local client = wire.open(port, nil, not apart and wire.text(message) or nil)
        if apart then client:send(wire.text(message)) end
        assert.equal(code, (client:closed()))
        helper.eventually(function() return closed == code end)
        client:close()
      end
    end
  end)
end)

describe("The handshake of moonport.websocket", function()
  it("has each header field once, whatever the letters of those in the options", function()
    local hosts, offers
    local server <close>, port = serve(function(request, socket)
      hosts, offers = { request:header "Host" }, { request:header "Sec-WebSocket-Protocol" }
      websocket.accept(request, socket, { headers = { upgrade = "WebSocket" } })
    end)
    local ws, response = assert(websocket.connect("ws://127.0.0.1:" .. port,
      { headers = { host = "example.org" }, protocols = {} }))
    assert.same({ { "example.org" }, {} }, { hosts, offers })
    assert.same({ "WebSocket" }, { response:header "Upgrade" })
    ws:abort()
    server:close()
  end)
end)
