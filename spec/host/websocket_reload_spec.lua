-- SPDX-License-Identifier: MIT
-- WebSockets over reloads: handlers change at once, loops end for handlers or go on, nothing is lost.

require "spec.helper"
local moonport = require "moonport"
local reload = require "spec.host.reload"
local wire = require "spec.websocket"

local body = [[
local moonport = require "moonport"
local http, websocket = require "moonport.http", require "moonport.websocket"
local version = %d
local server = http.server(function(request, socket)
  local ws = websocket.accept(request, socket)
  if request.path ~= "/loop" then return end
  for message in ws:messages() do
    if message == "wait" then ws:send "waiting" moonport.sleep(500) end
    ws:send(("loop %%d %%s"):format(version, message))
  end
  moonport.log.info("the loop of %%d ended, %%s", version, ws:state())
end)
%s
assert(server:listen("127.0.0.1", 0))
moonport.log.info("listening on %%d", server:serverPort())
]]

local handlers = [[
function server.websocket:message(text)
  self.count = (self.count or 0) + 1
  if moonport.stale() then text = text .. " (stale)" end
  if text == "wait" then self:send "waiting" moonport.sleep(500) end
  self:send(("handler %d %s %d"):format(version, text, self.count))
end
function server.websocket.closed(_, code) moonport.log.info("%d saw %d", version, code) end
]]

describe("A WebSocket over reloads #gc", function()
  local service

  local function start(number, more)
    service = reload.start(body:format(number, more or ""), { plain = true })
  end

  local function replace(number, more)
    service:write("main.lua", body:format(number, more or ""))
    service.program:signal "HUP"
    service:reloaded()
  end

  local function open(path)
    local client = wire.connect(service.port)
    client:send(wire.request(nil, "GET " .. path .. " HTTP/1.1"))
    assert.equal(101, (client:head()))
    return client
  end

  local function ask(client, text)
    client:send(wire.text(text))
    return (select(2, client:take()))
  end

  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  it("has its next message handled by the new code, and keeps its fields", function()
    start(1, handlers)
    local client = open "/chat"
    assert.equal("handler 1 a 1", ask(client, "a"))
    for number = 2, 4 do
      replace(number, handlers)
      assert.equal(("handler %d b %d"):format(number, number), ask(client, "b"))
    end
    client:send(wire.frame(wire.CLOSE, wire.code(1001)))
    assert.equal(1001, (client:closed()))
    service.program:waitForLine "4 saw 1001$"
    client:close()
  end)

  it("puts a message together whose fragments come before and after", function()
    start(1, handlers)
    local client = open "/chat"
    client:send(wire.text("one \xc3", { final = false }) .. wire.frame(wire.PING, ""))
    assert.equal(wire.PONG, (client:take()))
    replace(2, handlers)
    assert.equal(wire.PONG, (function() client:send(wire.frame(wire.PING, "")) return (client:take()) end)())
    client:send(wire.frame(0, "\xa9"))
    assert.equal("handler 2 one é 1", select(2, client:take()))
    client:close()
  end)

  it("ends its loop for the new handlers, at once if it waits, else at the next message; and loses nothing", function()
    start(1)
    local waiting, working = open "/loop", open "/loop"
    assert.equal("loop 1 a", ask(waiting, "a"))
    working:send(wire.text "wait" .. wire.text "b" .. wire.text "c")
    assert.equal("waiting", select(2, working:take()))
    replace(2, handlers)
    service.program:waitForLine "the loop of 1 ended, ConnectedState$"
    assert.equal("loop 1 wait", select(2, working:take()))
    assert.equal("handler 2 b 1", select(2, working:take()))
    assert.equal("handler 2 c 2", select(2, working:take()))
    assert.equal("handler 2 d 1", ask(waiting, "d"))
    replace(3, handlers)
    assert.equal("handler 3 e 2", ask(waiting, "e"))
    waiting:close()
    working:close()
  end)

  it("goes on with its loop if the new code has no handler of messages", function()
    start(1)
    local client = open "/loop"
    assert.equal("loop 1 a", ask(client, "a"))
    replace(2, "function server.websocket:closed() end")
    assert.equal("loop 1 b", ask(client, "b"))
    local later = open "/loop"
    assert.equal("loop 2 c", ask(later, "c"))
    client:close()
    later:close()
  end)

  it("finishes the handler that waits with the code it has", function()
    start(1, handlers)
    local client = open "/chat"
    client:send(wire.text "wait" .. wire.text "next")
    assert.equal("waiting", select(2, client:take()))
    replace(2, handlers)
    assert.equal("handler 1 wait 1", select(2, client:take()))
    assert.equal("handler 2 next 2", select(2, client:take()))
    client:close()
  end)

  it("loses and doubles no message while reloads succeed and fail", function()
    start(1, handlers)
    local client, count = open "/chat", os.getenv "MOONPORT_GC" and 200 or 2000
    local sender = moonport.spawn(function()
      for i = 1, count do
        client:send(wire.text(tostring(i)))
        if i % (count // 100) == 0 then moonport.sleep(5) end
      end
    end)
    local last, reloads = 0, 0
    local receiver = moonport.spawn(function()
      while last < count do
        local version, number, seen = select(2, client:take()):match "^handler (%d+) (%d+) (%d+)$"
        assert(version, "a stale handler")
        assert(tonumber(number) == last + 1 and number == seen, "message " .. number .. " behind " .. last)
        last = last + 1
      end
    end)
    repeat
      reloads = reloads + 1
      if reloads % 3 == 0 then
        service:write("main.lua", body:format(0, "error 'bad'"))
        service.program:signal "HUP"
        service:failed()
      else
        replace(reloads, handlers)
      end
    until reloads > 2 and not receiver:isActive() and not sender:isActive()
    assert.equal(count, last)
    client:close()
  end)
end)
