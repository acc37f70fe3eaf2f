-- SPDX-License-Identifier: MIT
-- A field that a WebSocket doesn't have, read by a finaliser behind the WebSocket's own, crashed. Cause: the field was
-- looked up at the server of a stream that the WebSocket had let go of.

local helper = require "spec.helper"
local http = require "moonport.http"
local websocket = require "moonport.websocket"

describe("A collected WebSocket", function()
  it("has its fields, and no others", function()
    local server <close> = http.server(websocket.accept)
    assert(server:listen("127.0.0.1", 0))
    local seen
    local older = setmetatable({}, { __gc = function(self)
      seen = { tostring(self.ws), self.ws.own or false, self.ws.other or false, (pcall(self.ws.state, self.ws)) }
    end })
    older.ws = assert(websocket.connect("ws://127.0.0.1:" .. server:serverPort()))
    older.ws.own = "own"
    older.ws:abort()
    helper.eventually(function() return server:connectionCount() == 0 end)
    helper.settle(5) -- nothing but `older` keeps the WebSocket
    older = nil -- luacheck: ignore
    helper.eventually(function()
      collectgarbage()
      return seen
    end)
    assert.same({ "WebSocket(collected)", "own", false, false }, seen)
  end)
end)
