-- SPDX-License-Identifier: MIT
-- Cause: a reload took it for granted that nothing else happens between a load's begin and its end. The first main
-- chunk, if it still waited, kept every reload from beginning; a listener that old code closed was taken over,
-- closed; a program that was stopping began to accept again; and a main chunk that caught the time-out was
-- "unknown" or never ended. Fix: each is looked at before the commit, and late main chunks are told with their
-- line.

local reload = require "spec.host.reload"
local ask = reload.ask

local function answer(text)
  return ("function person:readyRead() self:readAll() self:write(%q) end\n"):format(text .. "\n")
end

-- Listens, and says so, before the main chunk goes on.
local head = [[
  assert(server:listen("127.0.0.1", 0)) moonport.log.info("listening on %d", server:serverPort())
]]

describe("a reload", function()
  local service

  after_each(function() service:remove() end)

  it("replaces a first run whose main chunk still waits, and ends that", function()
    service = reload.start(answer "old" .. head .. "while true do moonport.sleep(1) end")
    local client = service:connect()
    assert.are.equal("old", ask(client, "?"))
    service:reload(answer "new")
    assert.are.equal("new", ask(client, "?"))
    service:reload "function person:readyRead() self:readAll() self:write(moonport.stats().tasks .. '\\n') end"
    assert.are.equal("0", ask(client, "?"))
  end)

  it("that fails leaves the first main chunk alone; an error in that ends the program as ever", function()
    service = reload.start(answer "old" .. head .. "moonport.sleep(300) error 'late'")
    service:reloadFails "error 'first'"
    assert.are.equal(1, service.program:wait())
    assert.is_truthy(service.program:stderr():find("late", 1, true))
  end)

  -- What a wait had resumed was interrupted like a slice, and nothing went on with it.
  it("goes on in slices behind a wait, too", function()
    service = reload.start(answer "old")
    service:reload(answer "new" .. "moonport.sleep(1) local n = 0 for i = 1, 1e7 do n = n + i end")
    assert.are.equal("new", ask(service:connect(), "?"))
  end)

  it("fails when old code closes a listener that the new would take over", function()
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

  it("that is under way when the program is told to stop comes to nothing", function()
    service = reload.start "function person:readyRead() self:write(('x'):rep(16000000)) end"
    local client = service:connect()
    client:send "?" -- its answer can't be sent as long as nobody reads: the program waits for that
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

  it("tells the line at which a main chunk waits too long", function()
    failsLate("\nmoonport.sleep(-1)", "main.lua:3: the main chunk has not ended in time")
  end)

  it("tells the line of a main chunk that catches the time-out", function()
    failsLate("while true do pcall(function() while true do end end) end",
      "main.lua:2: the main chunk has not ended in time")
  end)

  it("says that it took too long where the main chunk caught the time-out and ended", function()
    failsLate("pcall(coroutine.wrap(function() while true do end end))", "the main chunk has not ended in time")
  end)

  it("ends a main chunk that catches the time-out where it can't be suspended", function()
    failsLate("table.sort({ 2, 1 }, function() while true do pcall(function() while true do end end) end end)",
      "main.lua:2: the main chunk has not ended within 150.0 ms")
  end)
end)
