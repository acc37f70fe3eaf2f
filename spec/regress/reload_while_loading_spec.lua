-- SPDX-License-Identifier: MIT
-- Cause: a reload assumed that nothing else happens while a generation loads. If the first main chunk still
-- waited, no reload could start. A listener that old code closed was taken over, closed. A program that was
-- stopping began to accept again. And a main chunk that caught the time-out was reported as "unknown", or
-- never ended. Fix: each is checked before the commit, and the log names the line of a late main chunk.

local reload = require "spec.host.reload"
local ask = reload.ask

local function answer(text)
  return ("function person:readyRead() self:readAll() self:write(%q) end\n"):format(text .. "\n")
end

-- Listens, and logs that, before the main chunk goes on.
local head = [[
  assert(server:listen("127.0.0.1", 0)) moonport.log.info("listening on %d", server:serverPort())
]]

describe("A reload", function()
  local service

  after_each(function() service:remove() end)

  it("replaces a first run whose main chunk still waits, and ends that chunk", function()
    service = reload.start(answer "old" .. head .. "while true do moonport.sleep(1) end")
    local client = service:connect()
    assert.are.equal("old", ask(client, "?"))
    service:reload(answer "new")
    assert.are.equal("new", ask(client, "?"))
    service:reload "function person:readyRead() self:readAll() self:write(moonport.stats().tasks .. '\\n') end"
    assert.are.equal("0", ask(client, "?"))
  end)

  it("that fails leaves the first main chunk running, and an error of that still ends the program", function()
    service = reload.start(answer "old" .. head .. "moonport.sleep(300) error 'late'")
    service:reloadFails "error 'first'"
    assert.are.equal(1, service.program:wait())
    assert.is_truthy(service.program:stderr():find("late", 1, true))
  end)

  -- What a wait had resumed was interrupted at the end of a slice, and nothing resumed it.
  it("also resumes in slices after a wait", function()
    service = reload.start(answer "old")
    service:reload(answer "new" .. "moonport.sleep(1) local n = 0 for i = 1, 1e7 do n = n + i end")
    assert.are.equal("new", ask(service:connect(), "?"))
  end)

  it("fails when old code closes a listener that the new code would take over", function()
    service = reload.start [[
      function person:readyRead() if self:readAll() == "close\n" then server:close() end self:write "old\n" end
    ]]
    local client = service:connect()
    service:replace("assert(server:listen('127.0.0.1', 0)) moonport.log.info 'staged' moonport.sleep(200)\n")
    service.program:signal "HUP"
    service.program:waitForLine "staged"
    assert.are.equal("old", ask(client, "close"))
    assert.are.equal("a listener that it asked for was closed meanwhile", (service:failed()))
    assert.are.equal("old", ask(client, "?"))
  end)

  it("fails if the program is told to stop meanwhile", function()
    service = reload.start "function person:readyRead() self:write(('x'):rep(16000000)) end"
    local client = service:connect()
    client:send "?" -- the answer can't be sent while the client doesn't read, so the program waits for it
    service:replace "moonport.log.info 'staged' moonport.sleep(200)"
    service.program:signal "HUP"
    service.program:waitForLine "staged"
    service.program:signal "TERM"
    assert.are.equal("the program is stopping", (service:failed()))
    client:close()
  end)

  local function failsLate(text, message)
    service = reload.start(answer "old", { options = { "--reload-timeout", "150" } })
    local client = service:connect()
    assert.are.equal(message, (service:reloadFails(text)))
    assert.are.equal("old", ask(client, "?"))
  end

  it("names the line at which a main chunk waits too long", function()
    failsLate("\nmoonport.sleep(-1)", "main.lua:3: the main chunk has not ended in time")
  end)

  it("names the line of a main chunk that catches the time-out", function()
    failsLate("while true do pcall(function() while true do end end) end",
      "main.lua:2: the main chunk has not ended within 150.0 ms")
  end)

  it("names the line in a coroutine whose end the main chunk survives", function()
    failsLate("pcall(coroutine.wrap(function() while true do end end))",
      "main.lua:2: the main chunk has not ended within 150.0 ms")
  end)

  it("ends a main chunk that catches the time-out where it can't be suspended", function()
    failsLate("table.sort({ 2, 1 }, function() while true do pcall(function() while true do end end) end end)",
      "main.lua:2: the main chunk has not ended within 150.0 ms")
  end)
end)
