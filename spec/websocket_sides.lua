-- SPDX-License-Identifier: MIT
-- Both sides of moonport.websocket for one spec: each opens an echo, with options of accept or connect, and returns its
-- peer by hand (spec/websocket.lua), which also has
--   peer.ws         the WebSocket
--   peer.messages   what its handler got
--   peer:told()     code and reason that its `closed` got
--   peer:leave()    closes with 1000, as it should be
--   peer:finish()   ends all, also when that was done

local assert = require "luassert"
local helper = require "spec.helper"
local http = require "moonport.http"
local websocket = require "moonport.websocket"
local wire = require "spec.websocket"

local function watch(messages, closed)
  local function message(ws, text, kind)
    messages[#messages + 1] = text
    ws:send(text, kind)
  end
  return message, function(_, code, reason) closed[1], closed[2] = code, reason end
end

local function complete(peer, ws, messages, closed, server)
  peer.ws, peer.messages = ws, messages
  function peer.told()
    helper.eventually(function() return closed[1] end)
    return closed
  end
  function peer:leave()
    self:send(self:frame(wire.CLOSE, wire.code(1000)))
    assert.same({ 1000, "" }, { self:closed() })
    assert.same({ 1000, "" }, self:told())
  end
  function peer:finish()
    self:close()
    self:told()
    if server then server:close() end
    self.ws = nil
  end
  return peer
end

local sides = {}

function sides.server(options, fields)
  local messages, closed, ws = {}, {}, nil
  local server = http.server(function(request, socket) ws = websocket.accept(request, socket, options) end)
  server.websocket.message, server.websocket.closed = watch(messages, closed)
  assert(server:listen("127.0.0.1", 0))
  local peer = wire.open(server:serverPort(), fields)
  return complete(peer, ws, messages, closed, server)
end

function sides.client(options)
  local messages, closed = {}, {}
  local peer, ws = wire.serve(function(url)
    local ws = assert(websocket.connect(url, options))
    ws.message, ws.closed = watch(messages, closed)
    return ws
  end)
  return complete(peer, ws, messages, closed)
end

return sides
