-- SPDX-License-Identifier: MIT
-- A reload of several workers: all of them get the new code, or none does.

local helper = require "spec.helper"
local workers = require "spec.host.workers"

describe("A reload of workers", function()
  local service

  local function start(body, ...)
    service = workers.start(body or "", { options = { "--reload-timeout", "2000", ... } })
    return service
  end

  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  it("has the same number everywhere, and connections stay", function()
    start()
    local client, _, pid = service:of(2)
    service:reload()
    assert.are.equal(2, service:reloaded())
    assert.are.same({ 2, 2, 2, pid }, { service:who(client) })
    service:reload()
    assert.are.equal(3, service:reloaded())
    assert.are.same({ 3, 3 }, service:generations())
  end)

  it("can be asked for by any worker", function()
    start [[function answer() return tostring(moonport.reload()) .. "\n" end]]
    assert.are.equal("true", service.ask(service:of(2), "x"))
    service:reloaded()
  end)

  it("comes with --watch once for all, and again with the next change", function()
    start(nil, "--watch")
    service:replace "-- changed"
    assert.are.equal(2, service:reloaded())
    service:replace "-- changed again"
    assert.are.equal(3, service:reloaded())
  end)

  local broken = {
    ["in its syntax"] = { "function function", "expected near" },
    ["by an error in the first"] = { "if worker == 1 then error 'no' end", "main.lua:2: no" },
    ["by an error in the second"] = { "if worker == 2 then error 'no' end", "main.lua:2: no" },
    ["by os.exit in the second"] = { "if worker == 2 then os.exit(0) end", "os.exit: while the script is being" },
    ["by quit in the second"] = { "if worker == 2 then moonport.quit() end", "quit: while the script is being" },
    ["by its time in the second"] = { "if worker == 2 then while true do end end", "within 2000" },
    ["by a port in use in the second"] = { "if worker == 2 then assert(moonport.TcpServer():listen('127.0.0.1', "
      .. "%d)) end", "already in use" },
  }

  for name, case in pairs(broken) do
    it("that fails " .. name .. " changes nothing", function()
      start [[
        local tell = moonport.log
        moonport.onReload(function(ok, report) tell.info("told %s %s", ok, (report.error or ""):match "[^\n]*") end)]]
      local client = service:of(1)
      service:reload(case[1]:format(helper.listen("127.0.0.1"):port()))
      assert.matches(case[2], (service:failed()), 1, true)
      for _ = 1, 2 do service.program:waitForLine "told false .+" end
      assert.are.same({ 1, 1 }, service:generations())
      assert.are.equal(1, (select(3, service:who(client))))
      assert.are.equal(1, select(2, service.program:stderr():gsub("reload of main%.lua failed", "")))
      service:reload "-- good again"
      service:reloaded()
      local one, two = table.unpack(service:generations())
      assert.are.equal(one, two)
      assert.is_true(one > 1)
    end)
  end

  it("that a worker doesn't survive changes nothing", function()
    start()
    service:reload "if worker == 2 then os.execute('kill -9 ' .. pid) end"
    service.program:waitForLine "worker 2 was ended by SIGKILL"
    service:settled()
    assert.are.same({ 1, 1 }, service:generations())
    assert.matches("while it loaded the new code", service:status().reload.lastError)
  end)

  it("is read once: all workers run the sources of the first, also those that begin again", function()
    service = workers.start("answer = require 'part'", { files = { ["part.lua"] = "return function() end" } })
    service:write("part.lua", "return function() return '2\\n' end")
    service:reload()
    service:reloaded()
    service:write("part.lua", "return function() return '3\\n' end")
    service:replace "this is broken"
    local _, _, pid = service:of(2)
    service.kill(pid)
    helper.eventually(function() return select(3, service:of(2)) ~= pid end)
    local client, generation = service:of(2)
    assert.are.equal(2, generation)
    assert.are.equal("2", service.ask(client, "x"))
  end)

  it("isn't needed by a worker that begins again when the script's folder is gone", function()
    start "answer = function() return 'still\\n' end"
    service:settled()
    local _, _, pid = service:of(2)
    os.rename(service.folder, service.folder .. "-gone")
    service.kill(pid)
    helper.eventually(function() return select(3, service:of(2)) ~= pid end)
    assert.are.equal("still", service.ask(service:of(2), "x"))
    os.rename(service.folder .. "-gone", service.folder)
  end)

  it("waits for a master that is suspended; the workers serve meanwhile", function()
    start()
    service.program:signal "STOP"
    service:reload()
    for number = 1, 2 do assert.are.equal(1, (select(2, service:of(number)))) end
    service.program:signal "CONT"
    assert.are.equal(2, service:reloaded())
  end)

  it("reads what only one worker loads, and keeps it", function()
    service = workers.start("if worker == 2 then answer = require 'part' end",
      { files = { ["part.lua"] = "return function() return '1\\n' end" } })
    service:settled()
    service:write("part.lua", "broken")
    local _, _, pid = service:of(2)
    service.kill(pid)
    helper.eventually(function() return select(3, service:of(2)) ~= pid end)
    assert.are.equal("1", service.ask(service:of(2), "x"))
  end)

  it("goes back to the sources before", function()
    start [[function answer() return "old\n" end]]
    local control = service:control()
    assert.are.equal("there is no code before this one", control:ask("rollback")[1].error)
    service:reload [[function answer() return "new\n" end]]
    service:reloaded()
    assert.are.equal("new", service.ask(service:of(2), "x"))
    service:replace "broken"
    assert.are.equal(3, control:get("rollback")[1].generation)
    for number = 1, 2 do assert.are.equal("old", service.ask(service:of(number), "x")) end
  end)

  it("is undone if more calls fail than before, in all workers", function()
    start([[function answer() return "old\n" end]], "--rollback-errors", "10")
    service:reload [[function answer() if worker == 2 then error "no" end return "new\n" end]]
    service:reloaded()
    helper.eventually(function()
      local client = service:of(2)
      local ok, line = pcall(service.ask, client, "x")
      return ok and line == "old"
    end)
    assert.matches("going back to the previous code", service.program:stderr())
    for number = 1, 2 do assert.are.equal("old", service.ask(service:of(number), "x")) end
  end)

  it("is undone if a worker dies of it within the probation", function()
    start([[function answer() return "old\n" end]], "--rollback-errors", "10")
    service:reload [[function answer() os.exit(9) end]]
    service:reloaded()
    local client = service:of(2)
    client:send "x\n"
    service.program:waitForLine "worker 2 ended with status 9 within the probation of new code"
    helper.eventually(function()
      local ok, text = pcall(function() return service.ask(service:of(1), "x") end)
      return ok and text == "old"
    end)
    service:settled()
    assert.are.equal("old", service.ask(service:of(2), "x"))
  end)

  it("is undone although the other workers die of it meanwhile", function()
    -- The old code takes a while to load, in which the second worker dies of the new code, too.
    start([[function answer() return "old\n" end
      if moonport.generation() > 1 then local ends = moonport.now() + 500 while moonport.now() < ends do end end]],
      "--rollback-errors", "10")
    service:reload [[function answer() os.exit(9) end]]
    service:reloaded()
    local clients = { service:of(1), (service:of(2)) }
    clients[1]:send "x\n"
    service.program:waitForLine "worker 1 ended with status 9 within the probation of new code"
    clients[2]:send "x\n"
    service:reloaded()
    service:settled()
    for number = 1, 2 do assert.are.equal("old", service.ask(service:of(number), "x")) end
  end)

  it("goes on where a worker is down, which begins with the new code", function()
    start [[if worker == 2 and io.open((arg[0]:gsub("main.lua", "die"))) then os.exit(7) end]]
    service:write("die", "")
    local _, _, pid = service:of(2)
    service.kill(pid)
    service.program:waitForLine "worker 2 is started again in 1 s"
    service:reload ""
    service.program:waitForLine "reloaded main%.lua: generation 2"
    service:settled()
    assert.are.same({ 2, 2 }, service:generations())
  end)

  it("folds requests that come meanwhile into one", function()
    start()
    for _ = 1, 20 do service.program:signal "HUP" end
    service:reloaded()
    service:settled()
    local status
    helper.eventually(function() -- the last one may still be going on
      status = service:status()
      for _, worker in ipairs(status.workers) do
        if worker.generation ~= status.generation then return false end
      end
      return true
    end, "one generation in all workers")
    assert.is_true(status.reload.count <= 20)
    assert.are.equal(0, status.reload.failures)
  end)
end)
