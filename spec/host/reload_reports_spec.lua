-- SPDX-License-Identifier: MIT
-- How reloads are reported: the log line, onReload, stats, generation and stale, --check, and probation.

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local ask = reload.ask

local evaluate = [[
  function person:readyRead()
    while self:canReadLine() do self:write(tostring(load("return " .. self:readLine())()) .. "\n") end
  end
  report = moonport.persist("report", {})
  moonport.onReload(function(ok, it) report.ok, report.it = ok, it end)
]]

-- The same as load, but with the globals of the run.
local body = "moonport_ = moonport\n" .. evaluate

describe("A reload is reported", function()
  local service

  local function start(...)
    service = reload.start(...)
    return service
  end

  after_each(function() service:remove() end)

  it("by a log line: generation, time, listeners, connections, and what older generations still hold", function()
    start [[
      function server:newConnection()
        local socket = self:nextPendingConnection()
        function socket:readyRead() self:write(self:readAll()) end
      end
    ]]
    local client = service:connect()
    ask(client, "1")
    local line = service:reload ""
    assert.is_truthy(line:find("^generation 2, %d+ ms; 1 listener kept, 0 added, 0 closed; 1 connection, "
      .. "1 with handlers of older generations %(.*main%.lua:4%)$"), line)
    client:close()
    helper.eventually(function() return service:reload(""):find "; 0 connections$" end)
  end)

  it("by onReload: of the new code after a success, of the old code after a failure", function()
    start(body)
    local client = service:connect()
    service:reload(body)
    helper.eventually(function() return ask(client, "report.ok") == "true" end)
    assert.are.equal("2 1 0 0 1", ask(client,
      "('%d %d %d %d %d'):format(report.it.generation, report.it.kept, "
      .. "report.it.added, report.it.closed, report.it.connections)"))
    assert.are.equal("true", ask(client, "report.it.duration >= 0 and report.it.error == nil"))
    service:reloadFails "error 'broken'"
    helper.eventually(function() return ask(client, "report.ok") == "false" end)
    assert.is_truthy(ask(client, "report.it.error:match '^[^\\n]*'"):find("main.lua:2: broken", 1, true))
    assert.are.equal("2", ask(client, "report.it.generation"))
  end)

  it("by stats: generation, counts, last error, time, and each older generation with the line that holds it", function()
    start("moonport_ = moonport\n" .. [[
      function server:newConnection()
        local socket = self:nextPendingConnection()
        function socket:readyRead() self:readAll() self:write "own\n" moonport.sleep(1e9) end
      end
    ]])
    local waiting = service:connect()
    assert.are.equal("own", ask(waiting, "1"))
    service:reload(body)
    service:reloadFails "error 'broken'"
    local client = service:connect()
    assert.are.equal("2 1 1 0", ask(client, "(function() local r = moonport_.stats().reload "
      .. "return ('%d %d %d %d'):format(r.generation, r.count, r.failures, r.resumeErrors) end)()"))
    assert.are.equal("true",
      ask(client, "moonport_.stats().reload.lastError:find('main.lua:2: broken', 1, true) ~= nil"))
    assert.are.equal("true", ask(client, "math.abs(moonport_.stats().reload.time - os.time()) < 60"))
    assert.are.equal("1 1 1 1", ask(client, "(function() local o = moonport_.stats().reload.older "
      .. "return ('%d %d %d %d'):format(#o, o[1].generation, o[1].connections, o[1].handlers) end)()"))
    assert.is_truthy(ask(client, "moonport_.stats().reload.older[1].source"):find "main%.lua:5$")
    waiting:close()
  end)

  it("by --check, which runs nothing: the same errors", function()
    start "function person:readyRead() self:readAll() self:write(moonport.generation() .. '\\n') end"
    local program = os.getenv "MOONPORT" or "build/asan/moonport"
    local script = helper.file "print 'ran'\nlocal = 1"
    local status, out, err = helper.run { program, "--check", script }
    assert.are.same({ 1, "" }, { status, out })
    assert.is_truthy(err:find(":2: <name> expected near '='", 1, true), err)
    helper.rewrite(script, "print 'ran'")
    status, out = helper.run { program, "--check", script }
    assert.are.same({ 0, script .. ": ok\n" }, { status, out })
    assert.are.equal("1", ask(service:connect(), "?"))
  end)

  it("by onReload if it fails after moonport.reload(), which takes effect between two events", function()
    start(body)
    local client = service:connect()
    service:replace(body)
    assert.are.equal("true1", ask(client, "tostring(moonport_.reload()) .. moonport_.generation()"))
    service:reloaded()
    assert.are.equal("2", ask(client, "moonport_.generation()"))
    service:replace "local = 1"
    ask(client, "moonport_.reload()")
    service:failed()
    helper.eventually(function() return ask(client, "report.ok") == "false" end)
  end)

  it("by probation: new code that fails too often is rolled back to the former code, with the first error", function()
    local good = "function person:readyRead() self:write('good ' .. moonport.generation() .. ' ' .. self:readAll()) end"
    start(good, { options = { "--rollback-errors", "20" } })
    assert.are.equal("good 1 1", ask(service:connect(), "1"))
    service:reload "function person:readyRead() self:readAll() error 'all calls fail' end"
    for _ = 1, 12 do service:connect():send "x\n" end -- the last ones may meet the good code again
    local text = service.program:waitForLine "generation 2: (.*)"
    assert.is_truthy(text:find("going back to the previous code. The first error: .*main%.lua:2: all calls fail"), text)
    service:reloaded()
    assert.are.equal("good 3 2", ask(service:connect(), "2"))
  end)

  it("by probation: failures count also on connections that have a handler of the old code", function()
    local own = "function server:newConnection() self:nextPendingConnection().disconnected = function() end end "
    start(own .. "function person:readyRead() self:write(moonport.generation() .. ' ' .. self:readAll()) end",
      { options = { "--rollback-errors", "20" } })
    local clients = {}
    for i = 1, 12 do
      clients[i] = service:connect()
      assert.are.equal("1 x", ask(clients[i], "x"))
    end
    service:reload(own .. "function person:readyRead() self:readAll() error 'all calls fail' end")
    for _, client in ipairs(clients) do
      client:send "x\n"
      client:waitForEnd()
    end
    service.program:waitForLine "generation 2: .* going back to the previous code"
    service:reloaded()
    assert.are.equal("3 y", ask(service:connect(), "y"))
  end)

  it("by probation: code that fails no more often than allowed stays", function()
    local some = [[
      local n = 0
      function person:readyRead()
        n = n + 1
        if n % 10 == 0 then error "now and then" end
        self:write(moonport.generation() .. " " .. self:readAll())
      end
    ]]
    start(some, { options = { "--rollback-errors", "50" } })
    service:reload(some)
    for i = 1, 30 do
      local client = service:connect()
      client:send "x\n"
      if i % 10 == 0 then client:waitForEnd() else assert.are.equal("2 x\n", client:receiveLine()) end
    end
    helper.settle(120)
    assert.are.equal("2 y", ask(service:connect(), "y"))
  end)
end)
