-- SPDX-License-Identifier: MIT
-- Which text a worker runs: what the service has read once, all workers run, also those that are started again.

local helper = require "spec.helper"
local workers = require "spec.host.workers"

describe("The sources of workers", function()
  local service

  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  -- A service that loads part.lua in a handler, and says what that returns.
  local function start(...)
    service = workers.start([[function answer() return require "part" .. "\n" end]],
      { files = { ["part.lua"] = "return 'old'" }, options = { ... } })
    service:settled()
    return service
  end

  local function answer(number) return service.ask(service:of(number), "x") end

  local function restart(number)
    local _, _, pid = service:of(number)
    service.kill(pid)
    helper.eventually(function() return select(3, service:of(number)) ~= pid end)
  end

  it("have a module that a handler loads, for the others and for one that begins again", function()
    start()
    assert.are.equal("old", answer(2))
    service:write("part.lua", "return 'new'")
    assert.are.equal("old", answer(1))
    restart(2)
    assert.are.equal("old", answer(2))
    restart(1)
    assert.are.equal("old", answer(1))
    service:reload()
    service:reloaded()
    for number = 1, 2 do assert.are.equal("new", answer(number)) end
  end)

  it("have them after a rollback", function()
    start()
    assert.are.equal("old", answer(2))
    service:write("part.lua", "return 'new'")
    service:reload()
    service:reloaded()
    assert.are.equal("new", answer(1))
    service:control():get "rollback"
    for number = 1, 2 do assert.are.equal("old", answer(number)) end
  end)

  it("are watched, also what only another than the first loads, and when", function()
    service = workers.start([[
      if worker == 2 then require "early" end
      function answer() return require "part" .. "\n" end]], { options = { "--watch" },
      files = { ["part.lua"] = "return 'old'", ["early.lua"] = "" } })
    service:settled()
    service:write("early.lua", "-- changed")
    service:reloaded()
    assert.are.equal("old", answer(2))
    service:write("part.lua", "return 'new'")
    service:reloaded()
    for number = 1, 2 do assert.are.equal("new", answer(number)) end
  end)

  it("come to a worker that has used up its descriptors", function()
    local first = [[
      local moonport = require "moonport"
      local server, worker = moonport.TcpServer(), moonport.worker()
      function server.connection:readyRead()
        if self:readAll() == "who\n" then return self:write(worker .. " 2 1 0\n") end
        local kept = moonport.persist("kept", {})
        repeat kept[#kept + 1] = io.open "/dev/null" until not io.open "/dev/null"
        self:write "full\n"
      end
      assert(server:listen("127.0.0.1", 0))
      moonport.log.info("listening on %d", server:serverPort())]]
    service = workers.start(first, { plain = true })
    for _ = 1, 2 do service.port = service.program:waitForLine "listening on (%d+)" end
    local client = service:of(2)
    assert.are.equal("full", service.ask(client, "full"))
    service:write("part.lua", "return 'new'")
    service:write("main.lua", (first:gsub('self:write "full\\n"', 'self:write(require "part" .. "\\n")')
      :gsub("repeat [^\n]*\n", "")))
    service.program:signal "HUP"
    assert.are.equal(2, service:reloaded())
    assert.are.equal("new", service.ask(client, "x"))
  end)
end)
