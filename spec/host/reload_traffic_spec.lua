-- SPDX-License-Identifier: MIT
-- Reloads under traffic: nothing is lost, doubled, reset or refused, and generations don't go backwards.
-- reload_stress.py runs this for longer.

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local ask = reload.ask

local body = [[
  local generation = moonport.generation()
  local function serve(socket)
    function socket:readyRead()
      while self:canReadLine() do self:write(generation .. " " .. self:readLine()) end
    end
  end
  function person:readyRead()
    if not self.kind then
      self.kind = self:readLine()
      self:write(generation .. " " .. self.kind)
      if self.kind == "closures\n" then return serve(self) end
    end
    if self.kind ~= "waits\n" then
      while self:canReadLine() do self:write(generation .. " " .. self:readLine()) end
      return
    end
    repeat
      local line, _, code, partial = self:receive("line", 10)
      self.partial = (self.partial or "") .. (line or partial or "")
      if line then self:write(generation .. " " .. self.partial .. "\n") self.partial = nil end
    until moonport.stale() or (code and code ~= "SocketTimeoutError")
  end
  function server:connectionResumed(socket)
    if socket.kind == "closures\n" then serve(socket) end
  end
  moonport.spawn(function() moonport.sleep(1e9) end)
]]

describe("Reloading under traffic #gc", function()
  local service

  after_each(function() service:remove() end)

  it("20 connections see each byte once and in order through 60 reloads, one in three of them broken", function()
    service = reload.start(body)
    local port = helper.listen():port()
    local breaks = { "local = 1", "error 'broken'", "require 'vanished'", "moonport.sleep(1e9)",
      ('assert(moonport.TcpServer():listen("127.0.0.1", %d))'):format(port) }
    local clients = {}
    for i = 1, 20 do
      local kind = ({ "prototype", "closures", "waits" })[i % 3 + 1]
      clients[i] = { socket = service:connect(), seen = 1 }
      assert.are.equal("1 " .. kind, ask(clients[i].socket, kind))
    end
    for round = 1, 60 do
      local broken = round % 3 == 0 and breaks[round // 3 % #breaks + 1]
      service:replace(broken and body .. broken or body)
      service.program:signal "HUP"
      for i, client in ipairs(clients) do
        client.line = ("%d of %d: %s\n"):format(round, i, ("x"):rep(round * i % 700))
        client.socket:send(client.line:sub(1, i))
      end
      local visitor = service:connect()
      assert.is_truthy(ask(visitor, "visitor"):find "^%d+ visitor$")
      visitor:close()
      for i, client in ipairs(clients) do client.socket:send(client.line:sub(i + 1)) end
      for _, client in ipairs(clients) do
        local generation, line = client.socket:receiveLine():match "^(%d+) (.*)$"
        assert.are.equal(client.line, line)
        assert.is_true(tonumber(generation) >= client.seen)
        client.seen = tonumber(generation)
      end
    end
    service:reload(body)
    assert.are.equal("", clients[1].socket.unread)
  end)

  it("a handler that waits in old code and one of the new code share a connection's bytes without loss", function()
    service = reload.start [[
      function person:readyRead()
        local line = self:receive("line", 5000)
        self:write("old " .. line .. "\n")
      end
    ]]
    local client = service:connect()
    client:send "be"
    helper.settle(20)
    service:reload "function person:readyRead() self:write('new ' .. self:readAll()) end"
    client:send "gun\nsec" -- what the old handler leaves is there for the new one at the next readyRead
    assert.are.equal("old begun\n", client:receiveLine())
    client:send "ond\n"
    assert.are.equal("new second\n", client:receiveLine())
    assert.are.equal("new third", ask(client, "third"))
  end)

  it("clients of the chat stay in their rooms, with their names, while its commands change", function()
    local file <close> = assert(io.open "scripts/chat.lua")
    local text = file:read "a"
    service = reload.start(text, { plain = true, args = { "0" } })
    local ann, bob = service:connect(), service:connect()
    local function hears(who, pattern)
      repeat local line = who:receiveLine() until line:find(pattern)
    end
    ann:send "/nick Ann\n/join kitchen\n"
    hears(ann, "Ann joined kitchen")
    bob:send "/nick Bob\n/join kitchen\n"
    hears(ann, "Bob joined kitchen")
    service:write("main.lua", (text:gsub("function commands%.quit", "function commands.shout(self, what)\n"
      .. "  tell(self.room, self.name .. ' shouts ' .. what:upper())\nend\n\n%0")))
    service.program:signal "HUP"
    service:reloaded()
    bob:send "/shout hello\n"
    hears(ann, "^Bob shouts HELLO\n")
    ann:send "/who\n"
    hears(ann, "^%* Ann, Bob\n")
    service:write("main.lua", "local = 1")
    service.program:signal "HUP"
    service:failed()
    ann:send "still here\n"
    hears(bob, "^Ann: still here\n")
  end)
end)
