-- SPDX-License-Identifier: MIT
-- A WebSocket whose messages nobody takes, of a service that only sends, wasn't pinged once something was unread, and
-- was kept for ever when its peer had vanished. Cause: what was unread counted as if it had just come.
-- With a `queue` below the high-water mark, pings were read on and on, and their pongs dropped, when the peer didn't
-- read.

local moonport = require "moonport"
local helper = require "spec.helper"
local http = require "moonport.http"
local websocket = require "moonport.websocket"
local wire = require "spec.websocket"

local function serve(options)
  local seen = {}
  local server = http.server(function(request, socket) seen.ws = websocket.accept(request, socket, options) end)
  function server.websocket:closed(code) seen.code = code end -- luacheck: no self
  assert(server:listen("127.0.0.1", 0))
  return server, seen
end

describe("A WebSocket whose messages nobody takes", function()
  it("is pinged, kept while its peer answers, and given up when that is silent", function()
    local server <close>, seen = serve { pingTime = 30 }
    local client = wire.open(server:serverPort(), nil, wire.text "unread")
    for _ = 1, 3 do
      assert.same({ wire.PING, "", true }, { client:take() })
      assert.is_nil(seen.code)
      client:send(wire.frame(wire.PONG, ""))
    end
    assert.same({ wire.PING, "", true }, { client:take() })
    helper.eventually(function() return seen.code end)
    assert.equal(1006, seen.code)
    client:close()
    seen.ws = nil
  end)
end)

describe("A WebSocket with a small queue", function()
  it("stops reading from a peer that doesn't read its pongs, and then sends each", function()
    local server <close>, seen = serve { queue = 200000, pingTime = 0 }
    local client = wire.open(server:serverPort())
    helper.eventually(function() return seen.ws end)
    client.socket:setHighWaterMark(0) -- it reads whatever it has to send
    client.socket:pauseReading()
    local pings, count = wire.frame(wire.PING, ("x"):rep(125)):rep(100), 0
    repeat
      client:send(pings)
      count = count + 100
      moonport.sleep(0)
    until client.socket:bytesToWrite() > 1 << 20 or count > 500000
    assert.is_true(client.socket:bytesToWrite() > 1 << 20, "all pings were read")
    assert.is_true(seen.ws:bytesToWrite() < 200000)
    client:send(wire.frame(wire.CLOSE, ""))
    client.socket:resumeReading()
    local pongs = assert(client.socket:receive("all", 20000))
    assert.equal(count * 127 + 2, #pongs)
    client:close()
    seen.ws = nil
  end)
end)
