-- SPDX-License-Identifier: MIT
-- --workers: several processes run one script; their ports, deaths and ends.

local helper = require "spec.helper"
local workers = require "spec.host.workers"
local posix = helper.posix

local hangs = [[function answer() moonport.log.info "hangs" while true do end end]]

describe("Workers", function()
  local service

  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  it("share a port, and each knows which it is", function()
    service = workers.start("", { count = 3 })
    for number = 1, 3 do
      local client = service:of(number)
      local worker, count = service:who(client)
      assert.are.same({ number, 3 }, { worker, count })
    end
    assert.matches("%[2%] listening on", service.program:stderr())
  end)

  it("are one without the option", function()
    local program = helper.program { source = 'print(require"moonport".worker())' }
    assert.are.equal(0, program:wait())
    assert.are.equal("1\t1\n", program:stdout())
  end)

  it("take another port that is in use for an error, and the program ends with it", function()
    local port = helper.listen("127.0.0.1"):port()
    service = workers.start('local moonport = require "moonport" assert(moonport.TcpServer():listen("127.0.0.1", '
      .. port .. "))", { plain = true })
    assert.are.equal(1, service.program:wait())
    assert.matches("already in use", service.program:stderr())
  end)

  it("keep a second master from their port", function()
    service = workers.start ""
    local other = helper.program { options = { "--workers", "2", "--control", "off" }, source = ([[
      local moonport = require "moonport"
      print(moonport.TcpServer():listen("127.0.0.1", %d))
      os.exit(3)]]):format(service.port) }
    assert.are.equal(3, other:wait())
    assert.matches("already in use", other:stdout())
    for _ = 1, 20 do assert.are.equal(2, select(2, service:who())) end
  end)

  it("may listen alone", function()
    service = workers.start([[
      local moonport = require "moonport"
      local all, admin = moonport.TcpServer(), moonport.TcpServer()
      function admin.connection:readyRead() self:write(moonport.worker() .. " alone\n") end
      assert(all:listen("127.0.0.1", 0))
      if moonport.worker() == 2 then
        assert(admin:listen("127.0.0.1", 0))
        moonport.log.info("admin at %d", admin:serverPort())
      end]], { plain = true })
    local port = service.program:waitForLine "%[2%] admin at (%d+)"
    for _ = 1, 10 do
      local client = helper.connect(port)
      assert.matches("^2 ", service.ask(client, "x"))
      client:close()
    end
  end)

  it("share sockets of Unix-domain names", function()
    service = workers.start [[
      local place = moonport.LocalServer()
      function place.connection:readyRead() self:write(who() .. "\n") end
      assert(place:listen(arg[0]:gsub("main.lua", "place"), nil))]]
    local seen, clients = {}, {}
    helper.eventually(function()
      local socket = require "moonport".LocalSocket()
      clients[#clients + 1] = socket
      socket:connectToServer(service.folder .. "/place")
      assert(socket:waitForConnected(helper.timeout))
      socket:write "x"
      local line = assert(socket:receive("line", helper.timeout))
      seen[line:match "^%d"] = true
      return seen["1"] and seen["2"] or #clients > 50
    end)
    for _, socket in ipairs(clients) do socket:abort() end
    service.program:signal "TERM"
    assert.are.equal(0, service.program:wait())
    assert.is_nil(io.open(service.folder .. "/place"))
  end)

  it("don't share a UDP port: the first has it, the second's bind fails", function()
    service = workers.start [[
      local socket = moonport.UdpSocket()
      function socket:datagramReceived(data, address, port) self:writeDatagram(data, address, port) end
      if worker == 1 then
        assert(socket:bind("127.0.0.1", 0))
        local file <close> = io.open(arg[0]:gsub("main.lua", "port"), "w")
        file:write(socket:localPort())
      else
        local file <close> = io.open((arg[0]:gsub("main.lua", "port")))
        local port = file:read "n"
        moonport.log.info("second at %d: %s", port, select(3, socket:bind("127.0.0.1", port)))
      end]]
    local port = tonumber((service.program:stderr():match "second at (%d+): AddressInUseError"))
    local client = require "moonport".UdpSocket()
    client:writeDatagram("hello", "127.0.0.1", port)
    assert.are.equal("hello", (helper.eventually(function() return client:receiveDatagram() end)))
    client:close()
  end)

  it("share a listener from systemd, which each finds as its own", function()
    local script = helper.file([[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      local pid = io.open("/proc/self/stat"):read("n")
      function server.connection:readyRead() self:write(moonport.worker() .. "\n") end
      assert(tonumber(os.getenv "LISTEN_PID") == pid)
      assert(server:setSocketDescriptor(3))]], "s.lua")
    local program = helper.spawn { "python3", "spec/host/activate.py", os.getenv "MOONPORT" or "build/asan/moonport",
      "--workers", "2", "--control", "off", script }
    local port = program:waitForLine "activated on (%d+)"
    local seen = {}
    helper.eventually(function()
      local client = helper.connect(port)
      client:send "x"
      seen[client:receiveLine()] = true
      client:close()
      return seen["1\n"] and seen["2\n"]
    end)
    program:signal "TERM"
    assert.are.equal(0, program:wait())
  end)

  describe("that end", function()
    it("are started again; the clients of others notice nothing", function()
      service = workers.start ""
      local client, _, pid = service:of(2)
      local _, _, victim = service:of(1)
      service.kill(victim)
      service.program:waitForLine "error worker 1 was ended by SIGKILL"
      local _, _, new = service:of(1)
      assert.are_not.equal(victim, new)
      assert.are.equal(pid, select(4, service:who(client)))
    end)

    it("at once each time lend their port meanwhile: nobody hangs", function()
      service = workers.start([[
        if worker == 2 and io.open((arg[0]:gsub("main.lua", "die"))) then os.exit(7) end]])
      service:write("die", "")
      local _, _, victim = service:of(2)
      service.kill(victim)
      service.program:waitForLine "worker 2 is started again in 1 s"
      for _ = 1, 30 do assert.are.equal(1, (service:who())) end
      os.remove(service.folder .. "/die")
      service:of(2)
    end)

    it("with os.exit are started again, with any status", function()
      service = workers.start [[function answer() os.exit(0) end]]
      local client, _, pid = service:of(1)
      client:send "x\n"
      client:waitForEnd()
      service.program:waitForLine "worker 1 ended with status 0"
      assert.are_not.equal(pid, select(3, service:of(1)))
    end)

    it("because nothing is left are done", function()
      service = workers.start([[local worker = require"moonport".worker() print("ran", worker)]], { plain = true })
      assert.are.equal(0, service.program:wait())
      local lines = {}
      for line in service.program:stdout():gmatch "ran\t%d" do lines[#lines + 1] = line end
      table.sort(lines)
      assert.are.same({ "ran\t1", "ran\t2" }, lines)
      assert.are.equal("", service.program:stderr())
    end)

    it("at first with an error end the program with it", function()
      service = workers.start("error 'no'", { plain = true })
      assert.are.equal(1, service.program:wait())
      assert.matches("main.lua:1: no", service.program:stderr())
      service:remove()
      service = workers.start([[if require"moonport".worker() == 2 then error "no" end
        require"moonport".sleep(-1)]], { plain = true })
      assert.are.equal(1, service.program:wait())
      assert.matches("%[2%] .-main.lua:1: no", service.program:stderr())
    end)
  end)

  describe("and the end of all", function()
    it("comes with quit in one of them, with its status", function()
      service = workers.start [[function answer() moonport.quit(5) end]]
      local client = service:of(2)
      client:send "x\n"
      assert.are.equal(5, service.program:wait())
    end)

    it("comes with SIGTERM, and each sends what is queued", function()
      service = workers.start [[
        moonport.onQuit(function() moonport.log.info "quits" end)
        function answer() return ("x"):rep(2000000) .. "\n" end]]
      local one, two = service:of(1), service:of(2)
      one:send "x\n"
      two:send "x\n"
      one:receive(1)
      two:receive(1)
      service.program:signal "TERM"
      assert.are.equal(2000000, #one:receiveAll())
      assert.are.equal(2000000, #two:receiveAll())
      assert.are.equal(0, service.program:wait())
      assert.are.equal(2, select(2, service.program:stderr():gsub("quits", "")))
    end)

    it("is not for a worker to learn of from outside", function()
      service = workers.start ""
      local client, _, pid = service:of(1)
      for _, name in ipairs { "TERM", "INT", "HUP" } do service.kill(pid, name) end
      helper.settle(50)
      assert.are.equal(pid, select(4, service:who(client)))
    end)

    it("comes with the master's, however that ends: no process and no port is left", function()
      service = workers.start("", { options = { "--grace", "100" } })
      local client, _, one = service:of(1)
      local _, _, two = service:of(2)
      service.program:signal "KILL"
      service.program:wait()
      client:waitForEnd()
      helper.eventually(function() return not service.runs(one) and not service.runs(two) end, "both ended")
      assert.matches("%[1%] the master is gone: stopping", service.program:stderr())
      assert.is_false((pcall(helper.connect, service.port)))
    end)

    it("comes to one that doesn't turn its loop, too #slow", function()
      service = workers.start(hangs, { options = { "--grace", "100" } })
      local client, _, pid = service:of(1)
      client:send "x\n"
      service.program:waitForLine "hangs"
      service.program:signal "KILL"
      service.program:wait()
      helper.eventually(function() return not service.runs(pid) end, "the hanging worker ended", 8000)
    end)

    it("comes behind --grace to one that doesn't turn its loop #slow", function()
      service = workers.start(hangs, { options = { "--grace", "100" } })
      local client = service:of(1)
      client:send "x\n"
      service.program:waitForLine "hangs"
      service.program:signal "TERM"
      assert.are.equal(0, service.program:wait(8000))
      assert.matches("worker 1 did not stop in time", service.program:stderr())
    end)

    it("comes at once with a second signal", function()
      service = workers.start([[moonport.onQuit(function() moonport.sleep(60000) end)]],
        { options = { "--grace", "60000" } })
      local _, _, pid = service:of(1)
      service.program:signal "TERM"
      service.program:waitForLine "stopping"
      helper.settle(50)
      service.program:signal "TERM"
      assert.are.equal(128 + posix.SIGTERM, (service.program:wait()))
      helper.eventually(function() return not service.runs(pid) end, "the worker ended")
    end)
  end)

  it("get the script from standard input", function()
    local program = helper.program { options = { "--workers", "2", "--control", "off" }, script = "-" }
    program:write([[
      local moonport = require "moonport"
      local worker = moonport.worker()
      print("runs", worker)
      if worker == 2 then error "here" end
      moonport.sleep(60000)]], true)
    program:waitForLine "runs\t1"
    program:waitForLine "runs\t2"
    program:waitForLine "%[2%] stdin:4: here"
    assert.are.equal(1, program:wait())
  end)

  it("refuse wrong numbers", function()
    for _, wrong in ipairs { "0", "-1", "x", "1.5", "257", "" } do
      local status, _, err = helper.run { os.getenv "MOONPORT" or "build/asan/moonport", "--workers", wrong, "x.lua" }
      assert.are.equal(2, status)
      assert.matches("needs a number of processes", err)
    end
  end)
end)
