-- SPDX-License-Identifier: MIT
-- What sees and bounds workers: moonport ctl, systemd, --max-memory, --handler-kill.

local helper = require "spec.helper"
local workers = require "spec.host.workers"

local program = os.getenv "MOONPORT" or "build/asan/moonport"

describe("Workers", function()
  local service

  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  local function ctl(...)
    return helper.run { program, "ctl", service.path, ... }
  end

  describe("and ctl:", function()
    it("status adds them up, with a row for each", function()
      service = workers.start ""
      service:settled()
      local client = service:of(2)
      service.ask(client, "x")
      local status = service:status()
      assert.are.equal(2, #status.workers)
      assert.are.equal("serving", status.workers[1].state)
      local open = status.workers[1].connections + status.workers[2].connections
      assert.are.equal(open, status.connections.open)
      assert.is_true(open >= 1)
      assert.are.equal(service.program.pid, status.pid)
      local code, out = ctl "status"
      assert.are.equal(0, code)
      assert.matches("\n2\t%d+\tserving\t[^\t]+\t1\t1\t0\t[%d.]+m?s\t[%d.]+M\t0\n", out)
    end)

    it("errors has those of all", function()
      service = workers.start [[function answer() error "oh no" end]]
      for number = 1, 2 do
        local client = service:of(number)
        client:send "x\n"
        client:waitForEnd()
      end
      local errors = service:control():get "errors"
      assert.are.equal(1, #errors)
      assert.are.equal(2, errors[1].count)
    end)

    it("--worker asks one; without it, what is of one is refused", function()
      service = workers.start ""
      local client = service:of(2)
      local code, out = ctl("--worker", "2", "connections")
      assert.are.equal(0, code)
      assert.matches("127.0.0.1:" .. client:port(), out, 1, true)
      code, out = ctl("--worker", "2", "--json", "status")
      assert.are.equal(0, code)
      assert.matches('"pid":' .. select(3, service:of(2)), out, 1, true)
      local _, _, err = ctl "connections"
      assert.matches("there are 2 workers: --worker N says which one", err, 1, true)
      _, _, err = ctl("--worker", "3", "status")
      assert.matches("there are 2 workers", err)
      assert.are.equal(2, (ctl("--worker", "x", "status")))
    end)

    it("a program without workers says so", function()
      local control = require "spec.host.control"
      local _, _, path = control.start(control.echo)
      local _, _, err = helper.run { program, "ctl", path, "--worker", "1", "status" }
      assert.matches("it has no workers", err)
      control.close()
    end)

    it("log, drain and stop are for all", function()
      service = workers.start ""
      assert.are.equal(0, (ctl("log", "debug")))
      assert.are.equal("debug", service:status().logLevel)
      local client = service:of(1)
      assert.are.equal(0, (ctl "drain"))
      helper.eventually(function()
        local open, one = pcall(helper.connect, service.port)
        if open then one:close() end
        return not open
      end)
      assert.are.equal("x", service.ask(client, "x"))
      client:close()
      assert.are.equal(0, service.program:wait())
    end)

    it("stop ends them with status 0", function()
      service = workers.start ""
      assert.are.equal(0, (ctl "stop"))
      assert.are.equal(0, service.program:wait())
      assert.is_nil(io.open(service.path))
    end)

    it("reload says how it went", function()
      service = workers.start ""
      local code, out = ctl "reload"
      assert.are.equal(0, code)
      assert.matches("^generation 2, in ", out)
      service:replace "if worker == 2 then error 'no' end"
      local _, err
      code, _, err = ctl "reload"
      assert.are.equal(1, code)
      assert.matches("main.lua:2: no", err)
    end)
  end)

  it("tell systemd when all serve, of reloads, and of the end", function()
    local script = helper.file([[
      local server = require "moonport".TcpServer()
      assert(server:listen "127.0.0.1")]], "s.lua")
    local notified = helper.spawn { "python3", "spec/host/notified.py", "--", program, "--workers", "2", "--control",
      "off", script }
    notified:waitForLine "^notified READY=1$"
    notified:signal "HUP"
    notified:waitForLine "^notified RELOADING=1 MONOTONIC_USEC=%d+$"
    notified:waitForLine "^notified READY=1$"
    notified:signal "TERM"
    notified:waitForLine "^notified STOPPING=1$"
    assert.are.equal(0, notified:wait())
  end)

  it("are replaced if they don't answer, before systemd would #slow", function()
    local script = helper.file([[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead() while true do end end
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())]], "s.lua")
    local notified = helper.spawn { "python3", "spec/host/notified.py", "1000", "--", program, "--workers", "2",
      "--control", "off", script }
    local port = notified:waitForLine "listening on (%d+)"
    notified:waitForLine "^notified WATCHDOG=1$"
    helper.connect(port):send "x"
    notified:waitForLine "worker %d is killed: it does not answer"
    notified:waitForLine "^notified WATCHDOG=1$"
    notified:signal "TERM"
    notified:wait(10000)
  end)

  it("that use up --max-memory fail their handlers, and then are replaced", function()
    service = workers.start([[
      local kept = {}
      function answer(line)
        if line == "keep\n" then for i = 1, 1000 do kept[#kept + 1] = ("x"):rep(1000) .. #kept end return "ok\n" end
        return #("x"):rep(100 << 20) .. "\n"
      end]], { options = { "--max-memory", "16M" } })
    local witness, _, pid = service:of(2)
    for _ = 1, 10 do
      local client = service:of(2)
      client:send "big\n"
      client:waitForEnd()
    end
    assert.matches("not enough memory", service.program:stderr())
    service.program:waitForLine "worker 2 has too little memory: another process takes its place"
    helper.eventually(function()
      local client, _, now = service:of(2)
      client:close()
      return now ~= pid
    end)
    assert.are.equal("ok", service.ask(witness, "keep")) -- it still serves who it has
    witness:close()
    helper.eventually(function() return not service.runs(pid) end)
  end)

  it("say in the log which they are, as JSON too", function()
    service = workers.start("", { options = { "--log-format", "json" }, plain = false, count = 1 })
    assert.matches('"pid":%d+,"worker":1,"message":"listening on', service.program:stderr())
  end)

  it("that --handler-kill ends are started again", function()
    service = workers.start("function answer() while true do end end", { options = { "--handler-kill", "100" } })
    local client, _, pid = service:of(2)
    client:send "x\n"
    client:waitForEnd()
    helper.eventually(function() return select(3, service:of(2)) ~= pid end)
  end)

  it("bound memory behind a collection, also of what C builds", function()
    local one = helper.program { options = { "--max-memory", "4M" }, source = [[
      collectgarbage "stop"
      for i = 1, 8 do local garbage = ("x"):rep(3 << 18) end
      for i = 1, 12 do local garbage = table.concat({ ("x"):rep(1 << 18), ("y"):rep(1 << 18) }, "+") end
      for i = 1, 8 do local garbage = ("x"):rep(3 << 18):upper() end
      print(pcall(string.rep, "x", 3 << 20))]] }
    assert.are.equal(0, one:wait())
    assert.are.equal("false\tnot enough memory\n", one:stdout())
  end)

  it("bound memory without workers, too", function()
    local one = helper.program { options = { "--max-memory", "16M" }, source = [[
      print(pcall(string.rep, "x", 100 << 20))
      local all = {}
      print(pcall(function() for i = 1, 1e9 do all[i] = { i } end end))
      all = nil
      collectgarbage()
      print(#("x"):rep(4 << 20))]] }
    assert.are.equal(0, one:wait())
    assert.are.equal("false\tnot enough memory\nfalse\tnot enough memory\n4194304\n", one:stdout())
  end)
end)
