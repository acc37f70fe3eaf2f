-- SPDX-License-Identifier: MIT
-- Workers that are killed, hang or lack something at a chosen moment, and a master that is suspended, starved or not
-- alone: the service goes on, and a reload is everywhere or nowhere.

local helper = require "spec.helper"
local workers = require "spec.host.workers"
local posix = helper.posix

-- Lua: waits until the service's folder has this file.
local function await(name)
  return ([[while not io.open((arg[0]:gsub("main.lua", "%s"))) do moonport.sleep(5) end ]]):format(name)
end

-- Lua: worker 3 loads until there is a file "go"; worker 2 says that it has loaded.
local waits = "if worker == 3 then " .. await "go"
  .. "elseif worker == 2 then moonport.log.info 'loaded' end"

describe("Workers", function()
  local service

  local function start(body, options)
    options = options or {}
    options.options = options.options or { "--reload-timeout", "5000" }
    service = workers.start(body or "", options)
    service:settled()
    return service
  end

  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  -- The worker's process, and a client of it.
  local function victim(number)
    local client, _, pid = service:of(number)
    return pid, client
  end

  -- Worker 2 votes in the turn in which its script ends; two later turns answer its client.
  local function secondHasVoted(client)
    service.program:waitForLine "%[2%] loaded"
    for _ = 1, 2 do service:who(client) end
  end

  describe("killed", function()
    it("in their first start end the program, with the signal's status", function()
      service = workers.start([[
        require"moonport".log.info("begins %d", io.open("/proc/self/stat"):read("n"))
        while true do end]], { plain = true })
      service.kill(tonumber((service.program:waitForLine "%[1%] begins (%d+)")))
      assert.are.equal(128 + posix.SIGKILL, (service.program:wait()))
      assert.matches("worker 1 was ended by SIGKILL", service.program:stderr())
    end)

    it("while they start again, leave their clients to the others", function()
      start([[if worker == 2 and io.open((arg[0]:gsub("main.lua", "slow"))) then
        moonport.log.info("begins %d", pid) while true do end end]], { count = 2 })
      service:write("slow", "")
      service.kill((victim(2)))
      local begun = service.program:waitForLine "%[2%] begins (%d+)"
      os.remove(service.folder .. "/slow")
      service.kill(tonumber(begun))
      for _ = 1, 20 do assert.are.equal(2, select(2, service:who())) end
      service:settled()
      assert.is_not_nil((victim(2)))
    end)

    it("after their vote, while another still loads, undo the reload", function()
      start()
      local pid = victim(1)
      service:reload("if worker == 2 then moonport.log.info 'loads' " .. await "go" .. "end")
      service.program:waitForLine "%[2%] loads"
      service.kill(pid)
      service.program:waitForLine
        "reload of main.lua failed, generation 1 goes on: worker 1 was ended by SIGKILL while it loaded"
      service:settled()
      assert.are.same({ 1, 1 }, service:generations())
    end)

    it("between the decision and their change, begin anew with the new code", function()
      start("function answer(line) if line == 'busy\\n' then moonport.log.info 'busy' while true do end end end",
        { count = 3 })
      local pid, client = victim(2)
      service:reload("moonport.onReload(function() moonport.log.info 'changed' end)\n" .. waits)
      secondHasVoted(client)
      client:send "busy\n"
      service.program:waitForLine "%[2%] busy"
      service:write("go", "")
      service.program:waitForLine "%[3%] changed"
      service.kill(pid)
      assert.are.equal(2, service:reloaded())
      service:settled()
      assert.are.same({ 2, 2, 2 }, service:generations())
    end)

    it("while they have another's clients, leave these to a third", function()
      start([[if worker == 2 and io.open((arg[0]:gsub("main.lua", "die"))) then os.exit(7) end]], { count = 3 })
      local third, client = victim(3)
      service:write("die", "")
      service.kill((victim(2)))
      service.program:waitForLine "worker 2 is started again in 1 s"
      service.kill(third, "STOP") -- what comes now for it, it never reads
      service.kill(third)
      client:waitForEnd()
      for _ = 1, 30 do assert.are_not.equal(2, (service:who())) end
      os.remove(service.folder .. "/die")
      service:settled()
      assert.are.equal(2, (service:who((service:of(2)))))
    end)

    it("while all stop, are not started again", function()
      start([[moonport.onQuit(function() moonport.log.info "quits" moonport.sleep(60000) end)
        function answer() moonport.sleep(300) return "late\n" end]], { options = { "--grace", "500" } })
      local pid = victim(1)
      service.program:signal "TERM"
      for _ = 1, 2 do service.program:waitForLine "quits" end
      service.kill(pid)
      assert.are.equal(0, (service.program:wait()))
      assert.is_nil(service.program:stderr():find("listening", service.program:stderr():find "stopping", true))
    end)
  end)

  it("that close a port at which another accepts for them disturb nobody", function()
    start("if worker == 2 and io.open((arg[0]:gsub('main.lua', 'close'))) then assert(server:listen('127.0.0.1', 0)) "
      .. "server:close() moonport.log.info 'closed' " .. await "go" .. "end")
    service:write("close", "")
    service.kill((victim(2)))
    service.program:waitForLine "%[2%] closed"
    for _ = 1, 10 do assert.equal(1, (service:who())) end
    service:write("go", "")
    service:settled()
    assert.equal(2, (service:who((service:of(2)))))
    assert.is_nil(service.program:stderr():find("accept:", 1, true))
  end)

  it("that are told to stop while they load end without an error", function()
    service = workers.start([[
      local moonport = require "moonport"
      if moonport.worker() == 2 then
        moonport.log.info "loads"
        os.execute("while [ ! -e " .. arg[0]:gsub("main.lua", "go") .. " ]; do sleep 0.01; done")
      end
      assert(moonport.TcpServer():listen("127.0.0.1", 0))]], { plain = true })
    service.program:waitForLine "%[2%] loads"
    service.program:signal "TERM"
    service.program:waitForLine "stopping"
    service:write("go", "")
    assert.equal(0, service.program:wait())
    assert.is_nil(service.program:stderr():find("moonport:", 1, true), service.program:stderr())
  end)

  -- Between the end of its channel and that of its process, a worker's descriptor is -1: seen now and then.
  it("that die meanwhile keep nobody from an answer at the control socket", function()
    start ""
    for _ = 1, 2 do
      for number = 1, 2 do service.kill((victim(number))) end
      service:settled()
    end
    assert.is_nil(service.program:stderr():find("control:", 1, true))
  end)

  it("that are all down keep the code that served, whatever the files say by then", function()
    start "function answer() return 'old\\n' end"
    service:replace "this is broken"
    for _ = 1, 2 do
      for number = 1, 2 do service.kill((victim(number))) end
      service.program:signal "HUP"
    end
    service:failed()
    service:settled()
    for number = 1, 2 do assert.are.equal("old", service.ask(service:of(number), "x")) end
  end)

  it("that all die of their code begin with the new one that a reload brings", function()
    start [[if io.open((arg[0]:gsub("main.lua", "die"))) then os.exit(7) end]]
    service:write("die", "")
    for number = 1, 2 do service.kill((victim(number))) end
    service.program:waitForLine "is started again in 1 s"
    service:reload "function answer() return 'new\\n' end"
    service.program:waitForLine "no worker serves: all begin with the new code"
    service:settled()
    for number = 1, 2 do assert.are.equal("new", service.ask(service:of(number), "x")) end
  end)

  describe("that hang", function()
    it("in C delay a reload no longer than its time, and nothing changes", function()
      start([[function answer() moonport.log.info "hangs" return ("a"):rep(40):find(("a*"):rep(40) .. "b") end]],
        { options = { "--reload-timeout", "300" } })
      local pid, client = victim(2)
      local other = service:of(1)
      client:send "x\n"
      service.program:waitForLine "hangs"
      service:reload()
      service.program:waitForLine "generation 1 goes on: not all workers have loaded the new code in time"
      assert.are.equal(1, (select(3, service:who(other))))
      service.kill(pid)
      service:settled()
      assert.are.same({ 1, 1 }, service:generations())
    end)

    it("behind the decision are killed, and begin with the new code", function()
      start("function answer(line) if line == 'busy\\n' then moonport.log.info 'busy' while true do end end end",
        { count = 3, options = { "--reload-timeout", "1000" } })
      local client = service:of(2)
      service:reload(waits)
      secondHasVoted(client)
      client:send "busy\n"
      service.program:waitForLine "%[2%] busy"
      service:write("go", "")
      service.program:waitForLine "worker 2 is killed: it did not change to the new code in time"
      service:settled()
      assert.are.same({ 2, 2, 2 }, service:generations())
    end)
  end)

  it("that listen nowhere leave all clients to the others, and are reloaded with them", function()
    service = workers.start([[
      local moonport = require "moonport"
      local server, worker = moonport.TcpServer(), moonport.worker()
      function server.connection:readyRead() self:write(self:readAll() == "who\n" and worker .. " 2 1 0\n") end
      if worker == 1 then
        assert(server:listen("127.0.0.1", 0))
        moonport.log.info("listening on %d", server:serverPort())
      else
        moonport.spawn(function() moonport.sleep(-1) end)
      end]], { plain = true })
    service.port = service.program:waitForLine "listening on (%d+)"
    for _ = 1, 10 do assert.are.equal(1, (service:who())) end
    service.program:signal "HUP"
    assert.are.equal(2, service:reloaded())
  end)

  it("without descriptors leave what runs alone; a client waits for them", function()
    start [[
      local kept = {}
      function answer(line)
        if line == "free\n" then kept = {} collectgarbage() return "free\n" end
        if line ~= "full\n" then return end
        repeat kept[#kept + 1] = io.open "/dev/null" until not io.open "/dev/null"
        return "full\n"
      end]]
    local _, client = victim(2)
    local other = service:of(1)
    assert.are.equal("full", service.ask(client, "full"))
    assert.are.equal("x", service.ask(other, "x"))
    assert.are.equal("serving", service:status().workers[1].state)
    assert.are.equal("free", service.ask(client, "free"))
    assert.are.equal("x", service.ask((service:of(2)), "x"))
    service:settled()
  end)

  describe("and a master", function()
    it("that is suspended while one votes and another dies: the reload is everywhere or nowhere", function()
      start(nil, { options = { "--reload-timeout", "300" } })
      local pid = victim(1)
      local client = service:of(2)
      service:reload("if worker == 2 then moonport.log.info 'loads' " .. await "go" .. "end")
      service.program:waitForLine "%[2%] loads"
      service.program:signal "STOP"
      service:write("go", "")
      service.kill(pid)
      assert.are.equal("x", service.ask(client, "x"))
      service.program:signal "CONT"
      service.program:waitForLine "worker 1 was ended by SIGKILL"
      service.program:waitForLine "reload.- main.lua"
      service:settled()
      local one, two = table.unpack(service:generations())
      assert.are.equal(one, two)
    end)

    it("that is suspended can't give a port: the worker says so after five seconds, and goes on #slow", function()
      start [[function answer() return select(2, moonport.TcpServer():listen "127.0.0.1") .. "\n" end]]
      local client = service:of(2)
      service.program:signal "STOP"
      client:send "x\n"
      assert.matches("timed out", client:receiveLine(8000))
      service.program:signal "CONT"
      service:reload()
      service:reloaded()
    end)

    it("without descriptors start again when there are some", function()
      start()
      local pid = victim(2)
      local limit = { "prlimit", "--pid", service.program.pid, "--nofile=8:" }
      assert.are.equal(0, (helper.run(limit)))
      service.kill(pid)
      service.program:waitForLine "worker 2 can't be started: "
      for _ = 1, 10 do assert.are.equal(1, (service:who())) end
      limit[4] = "--nofile=1024:"
      assert.are.equal(0, (helper.run(limit)))
      service:settled()
      assert.are.equal(2, (service:who((service:of(2)))))
    end)

    it("whose port has connections that linger: another is refused, and the next one isn't", function()
      start "function answer() return nil, moonport.log.info 'x' end"
      local client = service:of(1)
      client:send "who\n"
      client:receiveLine()
      service.program:signal "TERM" -- the service ends the connection first: that lingers at its port
      service.program:wait()
      local source = ([[
        local moonport = require "moonport"
        print(moonport.TcpServer():listen("127.0.0.1", %d))
        moonport.log.info "begun" moonport.sleep(-1)]]):format(service.port)
      local options = { "--workers", "2", "--control", "off" }
      local next = helper.program { options = options, source = source }
      for _ = 1, 2 do next:waitForLine "^true$" end
      local other = helper.program { options = options, source = source }
      other:waitForLine "already in use"
    end)

    it("whose whole group gets a signal: a reload is one, and the end is in order", function()
      for _, name in ipairs { "INT", "TERM" } do
        start([[moonport.onQuit(function() moonport.log.info "quits" end)]], { group = true })
        local function tell(signal)
          assert.are.equal(0, (helper.run { "sh", "-c", ("kill -s %s -- -%d"):format(signal, service.program.pid) }))
        end
        tell "HUP"
        service:reloaded()
        tell(name)
        assert.are.equal(0, (service.program:wait()))
        assert.are.equal(2, select(2, service.program:stderr():gsub("quits", "")))
        service:remove()
      end
    end)
  end)
end)
