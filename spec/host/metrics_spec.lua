-- SPDX-License-Identifier: MIT
-- --metrics: what it serves, to whom, and that nobody who asks can hurt the service. promtool and Prometheus check it.

local helper = require "spec.helper"
local metrics = require "spec.host.metrics"
local workers = require "spec.host.workers"

local moonport = os.getenv "MOONPORT" or "build/asan/moonport"

-- Answers each line, and counts it by its first word.
local counts = [[
  local moonport = require "moonport"
  local metrics = require "moonport.metrics"
  local lines = metrics.counter("lines_total", "Lines.", { "word" })
  local open = metrics.gauge("talkers", "Who talks.")
  local sizes = metrics.histogram("line_bytes", "Sizes.", {}, { 2, 10 })
  local timer = moonport.Timer()
  function timer:timeout() self:stop() end
  timer:start(0)
  server = moonport.TcpServer()
  function server.connection:readyRead()
    while self:canReadLine() do
      local line = self:readLine()
      if line == "fail\n" then error "it fails" end
      lines:inc(1, { word = line:match "%S*" })
      sizes:observe(#line)
      open:set(server:connectionCount())
      self:write(line)
    end
  end
  assert(server:listen "127.0.0.1")
  moonport.log.info("listening on %d", server:serverPort())
]]

-- -> program, port of the metrics, port of the service
local function start(source, ...)
  local program = helper.program { source = source, options = { "--control", "off", "--metrics", "0", ... } }
  local port = metrics.port(program)
  return program, port, source:find "listening on" and tonumber(program:waitForLine "listening on (%d+)$")
end

local function say(port, text)
  local person = helper.connect(port)
  person:send(text .. "\n")
  assert.equal(text .. "\n", person:receiveLine())
  return person
end

-- The process that serves the metrics of a program.
local function processOf(program)
  local _, out = helper.run { "pgrep", "-P", tostring(program.pid), "-f", "as-metrics" }
  return tonumber(out)
end

describe("--metrics", function()
  it("serves what the script counts, and what the program knows", function()
    local program, port, service = start(counts)
    local person = say(service, "hello")
    say(service, "hello")
    local samples = metrics.scrape(port)
    assert.equal(2, samples['lines_total{word="hello"}'])
    assert.equal(0, samples['line_bytes_bucket{le="2"}'])
    assert.equal(2, samples['line_bytes_bucket{le="10"}'])
    assert.equal(12, samples["line_bytes_sum"])
    assert.equal(2, samples["talkers"])
    assert.equal(2, samples["moonport_connections"])
    assert.equal(2, samples["moonport_connections_accepted_total"])
    assert.equal(12, samples["moonport_received_bytes_total"])
    assert.equal(2, samples[('moonport_handler_calls_total{of="connections",signal="readyRead",server="127.0.0.1:%d"}')
      :format(service)])
    assert.is_true(samples['moonport_handler_calls_total{of="Timer",signal="timeout",server=""}'] >= 1)
    assert.equal(1, samples["moonport_generation"])
    assert.is_true(samples["moonport_resident_memory_bytes"] > 1e6 and samples["moonport_uptime_seconds"] > 0)
    person:close()
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)

  it("is read by promtool without a complaint", function()
    local _, port, service = start(counts)
    say(service, 'quo"te')
    say(service, "back\\slash")
    say(service, "\xff")
    local _, text = metrics.scrape(port)
    local status, out, err = helper.run({ "promtool", "check", "metrics" }, text)
    assert.same({ 0, "" }, { status, out .. err })
  end)

  it("is scraped by a Prometheus", function()
    local _, port, service = start(counts)
    say(service, "hello")
    local folder, own = helper.folder(), helper.unusedPort()
    helper.rewrite(folder .. "/prometheus.yml", ([[
global: { scrape_interval: 1s }
scrape_configs:
  - { job_name: moonport, static_configs: [ { targets: [ "127.0.0.1:%d" ] } ] }
]]):format(port))
    local prometheus = helper.spawn { "prometheus", "--config.file", folder .. "/prometheus.yml", "--storage.tsdb.path",
      folder .. "/data", "--web.listen-address", "127.0.0.1:" .. own }
    helper.eventually(function()
      local fine, _, body = pcall(metrics.get, own, '/api/v1/query?query=lines_total%7Bword=%22hello%22%7D')
      return fine and body:find('"1"]', 1, true)
    end, "a sample in Prometheus", 20000)
    prometheus:signal "TERM"
    prometheus:wait(10000)
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  it("listens on loopback alone, changes nothing, and answers no page of others", function()
    local program, port = start(counts)
    local _, out = helper.run { "ss", "-Hltnp", "sport", "=", ":" .. port }
    assert.matches("%s127%.0%.0%.1:" .. port .. "%s", out)
    assert.equal(405, (metrics.get(port, "/metrics", "POST")))
    assert.equal(404, (metrics.get(port, "/nothing")))
    assert.equal(403, (metrics.get(port, "/metrics", "GET", "example.com:" .. port)))
    assert.equal(200, (metrics.get(port, "/metrics", "GET", "localhost:" .. port)))
    assert.equal(200, (metrics.get(port, "/metrics", "HEAD")))
    assert.is_true(program:running())
  end)

  it("listens where it is told to, or the program doesn't start", function()
    local listener = helper.listen()
    local script = helper.file "print 'ran'"
    local status, out, err = helper.run { moonport, "--metrics", listener:port(), script }
    assert.same({ 1, "" }, { status, out })
    assert.matches("^moonport: %-%-metrics 127%.0%.0%.1:%d+: [^\n]+\n$", err)
    listener:close()
    for _, wrong in ipairs { "x", "127.0.0.1", "127.0.0.1:", "host:1", "::1:80", "65536", "1.5", "[::1]80" } do
      assert.same({ 2, wrong }, { (helper.run { moonport, "--metrics", wrong, script }), wrong })
    end
    local program = helper.program { source = counts, options = { "--metrics", "[::1]:0", "--control", "off" } }
    program:waitForLine "metrics at http://%[::1%]:%d+/$"
  end)

  it("counts for nothing: not as a connection, and not as something to wait for", function()
    local _, port, service = start(counts .. [[
      function server.connection:readyRead()
        self:readAll()
        local stats = moonport.stats()
        self:write(("%d %d %d\n"):format(stats.accepted, stats.connections, stats.connected))
      end
    ]])
    for _ = 1, 3 do assert.truthy(metrics.scrape(port)) end
    local person = helper.connect(service)
    person:send "x\n"
    assert.equal("1 1 0\n", person:receiveLine())
    local program = helper.program { source = "require('moonport').sleep(50)", options = { "--metrics", "0" } }
    assert.equal(0, program:wait())
  end)

  it("outlives reloads: metrics go on, and another kind fails the reload", function()
    local service = workers.start(counts, { plain = true, count = 0, options = { "--metrics", "0" } })
    local port = metrics.port(service.program)
    service.port = tonumber(service.program:waitForLine "listening on (%d+)")
    say(service.port, "hello")
    service:write("main.lua", (counts:gsub('serverPort%(%)', "%0 + 0"):gsub('listen "127.0.0.1"',
      'listen("127.0.0.1", ' .. service.port .. ")")))
    service:reload()
    service:reloaded()
    say(service.port, "hello")
    assert.equal(2, metrics.scrape(port)['lines_total{word="hello"}'])
    service:write("main.lua", [[require("moonport.metrics").counter("talkers_total", "x")
      require("moonport.metrics").histogram("talkers", "x")]])
    service:reload()
    assert.matches("talkers is a gauge already", service:failed())
    local samples = helper.eventually(function()
      local found = metrics.scrape(port)
      return found.moonport_reload_failures_total == 1 and found
    end)
    assert.same({ 1, 2 }, { samples.moonport_reloads_total, samples['lines_total{word="hello"}'] })
    service:remove()
  end)

  it("has a page of one file, whose data show an error and a reload, and whose profile has stacks", function()
    local cjson = require "cjson"
    local service = workers.start(counts, { plain = true, count = 0, options = { "--metrics", "0" } })
    local port = metrics.port(service.program)
    service.port = tonumber(service.program:waitForLine "listening on (%d+)")
    local status, page, head = metrics.get(port, "/")
    assert.equal(200, status)
    assert.matches("Content%-Security%-Policy: default%-src 'none';", head)
    assert.is_nil(page:gsub("http://www%.w3%.org/2000/svg", ""):find "https?://")
    assert.is_nil(page:find "innerHTML")
    local person = helper.connect(service.port)
    person:send "fail\n"
    person:waitForEnd()
    service:reload()
    service:reloaded()
    local data = helper.eventually(function()
      local found = cjson.decode((select(2, metrics.get(port, "/data"))))
      return found.status.reload.count == 1 and found
    end)
    assert.same({ 2, 1, 1 }, { data.status.generation, data.status.errors, #data.errors })
    assert.matches("it fails", data.errors[1].message)
    assert.equal("connections", data.rows[#data.rows].of)
    local stacks = cjson.decode((select(2, metrics.get(port, "/profile?seconds=0.2"))))
    assert.is_true(#stacks > 0 and stacks[1].count > 0)
    for _, wrong in ipairs { "0", "61", "nan" } do
      assert.equal(400, (metrics.get(port, "/profile?seconds=" .. wrong)))
    end
    service:remove()
  end)

  it("loses nothing to those who ask and never read", function()
    local _, port, service = start(counts .. [[
      local many = metrics.counter("many_total", "x", { "id" })
      for i = 1, 1000 do many:inc(1, { id = ("x"):rep(100) .. i }) end
    ]])
    local deaf = {}
    for i = 1, 20 do
      deaf[i] = helper.connect(port)
      deaf[i]:send(("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):rep(20))
    end
    say(service, "hello")
    assert.equal(1, metrics.scrape(port)['many_total{id="' .. ("x"):rep(100) .. '7"}'])
    for _, client in ipairs(deaf) do client:close() end
  end)

  it("is started again when its process ends, at the same port", function()
    local program, port = start(counts)
    assert.truthy(metrics.scrape(port))
    helper.posix.kill(assert(processOf(program)), helper.posix.SIGKILL)
    program:waitForLine "the process of %-%-metrics was ended by SIGKILL"
    assert.truthy(metrics.scrape(port))
  end)

  it("says that the service doesn't answer while a handler keeps it, and does afterwards", function()
    local program, port, service = start([[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        self:readAll()
        io.read()
        self:write "done\n"
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())
    ]])
    local person = helper.connect(service)
    person:send "x"
    assert.equal(503, (metrics.get(port, "/metrics")))
    program:write "\n"
    assert.equal("done\n", person:receiveLine())
    assert.truthy(metrics.scrape(port))
  end)
end)

describe("--metrics with workers", function()
  local service

  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  local body = [[
    local lines = require("moonport.metrics").counter("lines_total", "Lines.")
    local open = require("moonport.metrics").gauge("talkers", "Who talks.")
    function answer(line) lines:inc() open:set(1) return line end
  ]]

  local function start_workers()
    service = workers.start(body, { options = { "--metrics", "0" } })
    service:settled()
    return metrics.port(service.program)
  end

  it("adds them up", function()
    local port = start_workers()
    for number = 1, 2 do
      local client = service:of(number)
      for _ = 1, 3 do service.ask(client, "x") end
    end
    local samples = metrics.scrape(port)
    assert.same({ 6, 2, 2 }, { samples.lines_total, samples.talkers, samples.moonport_workers })
    assert.equal(service:status().connections.accepted, samples.moonport_connections_accepted_total)
  end)

  it("keeps what a worker has counted that was killed, of counters alone", function()
    local port = start_workers()
    local first, second = service:of(1), service:of(2)
    local _, _, _, pid = service:who(second)
    service.ask(first, "x")
    service.ask(second, "x")
    service.ask(second, "x")
    assert.equal(3, metrics.scrape(port).lines_total)
    service.kill(pid)
    helper.eventually(function()
      local samples = metrics.scrape(port)
      assert.is_true(samples.lines_total >= 3)
      return samples.moonport_workers == 2 and samples['moonport_worker_deaths_total{worker="2"}'] == 1
    end, "a new worker")
    local samples = metrics.scrape(port)
    assert.same({ 3, 1 }, { samples.lines_total, samples.talkers })
    service.ask(service:of(2), "x")
    helper.eventually(function() return metrics.scrape(port).lines_total == 4 end)
  end)

  it("tells of the others while one is stuck, which keeps its counts and is silent", function()
    local port = start_workers()
    local first, second = service:of(1), service:of(2)
    local _, _, _, pid = service:who(second)
    service.ask(first, "x")
    service.ask(second, "x")
    assert.equal(2, metrics.scrape(port).lines_total)
    service.kill(pid, "STOP")
    helper.eventually(function() -- an answer is good for half a second
      local samples = assert(metrics.scrape(port))
      assert.equal(2, samples.lines_total)
      return samples.talkers == 1 and samples.moonport_workers == 1
    end)
    local row = service:status().workers[2]
    assert.same({ pid, "silent" }, { row.pid, row.state })
    service.kill(pid, "CONT")
    helper.eventually(function() return metrics.scrape(port).moonport_workers == 2 end)
    assert.equal("serving", service:status().workers[2].state)
  end)

  it("bounds what it keeps of those that have ended, and counts the rest", function()
    require "moonport"
    local exposition = dofile "program/metrics/exposition.lua"
    local kept = exposition.set()
    for process = 1, 25 do
      local set = exposition.set()
      for i = 1, 1000 do
        set:add("names_total", "counter", "Names.", 1, { "name", process .. "-" .. i })
        set:add("all_total", "counter", "All.", 1)
        set:add("now", "gauge", "Now.", 1)
      end
      kept:keep(set)
    end
    local text = kept:text()
    assert.equal(10000, select(2, text:gsub("\nnames_total", "")))
    assert.matches('\nmoonport_metrics_dropped_total{metric="names_total"} 15000\n', text)
    assert.matches("\nall_total 25000\n", text)
    assert.is_nil(text:find "\nnow ")
  end)

  for name, count in pairs { ["a program"] = 0, ["workers"] = 2 } do
    it("leaves " .. name .. " room for ctl, however many ask for profiles", function()
      service = workers.start(body, { options = { "--metrics", "0" }, count = count })
      local port, many = metrics.port(service.program), {}
      for i = 1, 40 do
        many[i] = helper.connect(port)
        many[i]:send(("GET /profile?seconds=%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):format(20 + i % 2 * i))
      end
      assert.truthy(metrics.scrape(port))
      assert.truthy(service:status().uptime)
      local _, sockets = helper.run { "sh", "-c", ("ls -l /proc/%d/fd | grep -c socket:"):format(service.program.pid) }
      assert.is_true(tonumber(sockets) < 30, sockets)
      for _, client in ipairs(many) do client:close() end
    end)
  end
end)
