-- SPDX-License-Identifier: MIT
-- Who takes a WebSocket's messages. Handlers took those that came while the loop of a task let others run, since only a
-- task that waited for the peer was counted as a taker. A task that was cancelled in receive was counted for ever, so
-- handlers got nothing more. An error of looking a handler up, in an __index of the server's table, left the WebSocket
-- as if a handler ran: its peer got no close, and `closed` wasn't called.

local moonport = require "moonport"
local helper = require "spec.helper"
local http = require "moonport.http"
local websocket = require "moonport.websocket"
local wire = require "spec.websocket"

local function serve(handler)
  local server = http.server(function(request, socket) handler(websocket.accept(request, socket)) end)
  assert(server:listen("127.0.0.1", 0))
  return server
end

describe("A WebSocket's messages", function()
  it("are all the loop's while it runs, also those that come while it lets others run", function()
    local looped, handled = 0, 0
    local server <close> = serve(function(ws)
      moonport.spawn(function()
        for _ in ws:messages() do looped = looped + 1 end
      end)
    end)
    function server.websocket:message() handled = handled + 1 end -- luacheck: no self
    local client = wire.open(server:serverPort())
    for _ = 1, 20 do
      client:send(wire.text "x":rep(250))
      client.socket:flush()
      moonport.sleep(0)
    end
    helper.eventually(function() return looped + handled == 5000 end)
    assert.same({ 5000, 0 }, { looped, handled })
    client:close()
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)

  it("are the handlers' again when a task was cancelled that waited for them", function()
    local ws
    local server <close> = serve(function(accepted) ws = accepted end)
    local got = {}
    function server.websocket:message(text) got[#got + 1] = text end -- luacheck: no self
    local client = wire.open(server:serverPort())
    helper.eventually(function() return ws end)
    local task = moonport.spawn(function() return ws:receive(-1) end)
    moonport.sleep(0)
    task:cancel()
    client:send(wire.text "hello")
    helper.eventually(function() return got[1] end)
    assert.same({ "hello" }, got)
    client:close()
    ws = nil
  end)

  it("end with a close of 1011 when no handler can be looked up", function()
    local server <close> = serve(function() end)
    local closed
    server.websocket = setmetatable({ closed = function(_, code) closed = code end }, { __index = function(_, name)
      error("no " .. name)
    end })
    local client = wire.open(server:serverPort())
    client:send(wire.text "hello")
    assert.same({ 1011, "" }, { client:closed() })
    helper.eventually(function() return closed end)
    assert.equal(1011, closed)
    client:close()
  end)
end)
