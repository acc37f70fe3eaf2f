-- moonport --log-format json: each event is one object in one line, whatever it says, and whoever says it: the script,
-- the host, an error of a handler, a count of repeated errors or of lost lines, the watchdog, a failed start.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local json = require "cjson"
local log = require "spec.log"
local pages = require "spec.pages"
local reload = require "spec.host.reload"

local script = [[
  local moonport = require "moonport"
  local server = moonport.TcpServer()
  function server.connection:readyRead()
    local text = self:readAll()
    if text == "x" then error "on purpose" end
    if text == "for ever" then (("a"):rep(40)):find(("a?"):rep(40) .. ("a"):rep(40) .. "b") end
    moonport.log.info("came: %s", text)
    moonport.log.warning("came", { peer = text })
    error("came: " .. text)
  end
  assert(server:listen("127.0.0.1", 0))
  moonport.log.info("listening on %d", server:serverPort())
]]

local function start(options)
  local program = log.program { options = options, source = script }
  local _, port = log.wait(program, "^listening on (%d+)$")
  return program, tonumber(port)
end

local function stop(program)
  program:signal "TERM"
  assert.equal(0, program:wait())
  local text = program:stderr()
  log.isStrict(text)
  return log.events(text), text
end

local bad = "\u{fffd}"

-- bytes of a peer -> the text of the event, once parsed
local cases = {
  ["a newline"] = { 'x"}\n{"time":"forged","level":"error"', 'x"}\n{"time":"forged","level":"error"' },
  ["control characters"] = { "a\r\t\b\f\1\27[2Jb\127\\", "a\r\t\b\f\1\27[2Jb\127\\" },
  ["control characters in UTF-8"] = { "a\u{85}\u{9b}2J\u{2028}\u{2029}b", "a\u{85}\u{9b}2J\u{2028}\u{2029}b" },
  ["what is no UTF-8"] = { "a\xff\xc3(\xe2\x82\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80",
    "a" .. bad .. bad .. "(" .. bad:rep(11) },
  ["text"] = { "grüße €10 😀", "grüße €10 😀" },
}

describe("--log-format json", function()
  for name, case in pairs(cases) do
    it("keeps a peer's bytes in their string: " .. name, function()
      local program, port = start()
      local client = helper.connect(port)
      client:send(case[1])
      client:waitForEnd()
      local events, text = stop(program)
      assert.equal(5, #events, text)
      assert.equal("came: " .. case[2], events[2].message)
      assert.equal(case[2], events[3].peer)
      assert.truthy(events[4].message:find("script.lua:9: came: " .. case[2], 1, true), text)
      assert.truthy(events[4].traceback:find("^stack traceback:\n\t%[C%]: in function 'error'\n\t"))
      assert.is_nil(text:find "[\0-\9\11-\31\127]")
      assert.is_nil(text:find("\u{2028}", 1, true))
    end)
  end

  it("keeps a megabyte of a peer in one line that is cut within its string", function()
    for _, piece in ipairs { "\255", "x", "\n", "€" } do
      local program = log.program { source = ([[
        local moonport = require "moonport"
        local long = (%q):rep(1 << 20)
        moonport.log.info(long)
        moonport.log.info("short", { long = long, [long] = 1, last = 2 })
        moonport.spawn(error, long)
        moonport.spawn(function() error(long) end)
      ]]):format(piece) }
      assert.equal(0, program:wait())
      local text = program:stderr()
      log.isStrict(text)
      local events = log.events(text)
      assert.equal(4, #events)
      for line in text:gmatch "[^\n]+" do assert.is_true(#line < 8192) end
      assert.truthy(events[2].message:find "short$")
      assert.equal(2, events[2].last)
      assert.is_true(#events[2].long > 100)
      assert.truthy(events[4].traceback)
    end
  end)

  it("has time, level, pid and message, in this order, with the time of the event", function()
    local before = os.time()
    local program = log.program { source = [[
      local log = require "moonport".log
      log.debug "a" log.info "b" log.warning "c" log.error "d"
    ]], options = { "--log-level", "debug" } }
    assert.equal(0, program:wait())
    local levels = {}
    for _, event in ipairs(log.events(program:stderr())) do
      levels[#levels + 1] = event.level .. " " .. event.message
      assert.equal(program.pid, event.pid)
      local at = { event.time:match "^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)%.%d+Z$" }
      local time = os.time { year = at[1], month = at[2], day = at[3], hour = at[4], min = at[5], sec = at[6],
        isdst = false }
      time = time - os.time(os.date("!*t", 86400)) + 86400 -- os.time takes it as local
      assert.is_true(time >= before and time <= os.time())
    end
    assert.same({ "debug a", "info b", "warning c", "error d" }, levels)
  end)

  it("names peer, server and generation of a connection that a handler has taken", function()
    local service = reload.start([[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server:newConnection()
        for line in self:nextPendingConnection():lines() do error(line) end
      end
      assert(server:listen("127.0.0.1", 0))
      print("listening on " .. server:serverPort()) io.stdout:flush()
    ]], { plain = true, options = { "--log-format", "json" } })
    local client = service:connect()
    client:send "on purpose\n"
    log.wait(service.program, ("newConnection handler of TcpServer%%(127%%.0%%.0%%.1:%d%%) with 127%%.0%%.0%%.1:%d, "
      .. "generation 1: .*main%%.lua:4: on purpose$"):format(service.port, client:port()))
    service:remove()
  end)

  it("logs errors that repeat once in full, and then as a count", function()
    local program, port = start()
    for _ = 1, 100 do
      local client = helper.connect(port)
      client:send "x"
      client:waitForEnd()
      client:close()
    end
    local events = stop(program)
    local total = 0
    for _, event in ipairs(events) do
      if event.message:find "handler of .*on purpose$" then
        total = total + 1
        assert.truthy(event.traceback)
      end
      total = total + (event.message:match "^(%d+) more times within a second: .*script.lua:%d+: on purpose$" or 0)
    end
    assert.equal(100, total)
    assert.is_true(#events < 20)
  end)

  it("has reloads, failed ones, and a failed start, with their tracebacks", function()
    local service = reload.start([[print("listening on 1") io.stdout:flush()
      local moonport = require "moonport" moonport.spawn(moonport.sleep, -1)]],
      { plain = true, options = { "--log-format", "json" } })
    service:write("main.lua", 'local t = nil; t["\\n\xff"] = 1')
    service.program:signal "HUP"
    local event = log.wait(service.program,
      "^reload of main.lua failed, generation 1 goes on: .*main.lua:1: attempt to index")
    assert.truthy(event.traceback:find "^stack traceback:\n")
    service:remove()

    local program = log.program { source = 'error("a\\nstack traceback:\\nb\xff")' }
    assert.equal(1, program:wait())
    local events = log.events(program:stderr())
    assert.equal(1, #events)
    assert.truthy(events[1].message:find("script.lua:1: a\nstack traceback:\nb" .. bad .. "$"), events[1].message)
    assert.truthy(events[1].traceback:find "^stack traceback:\n\t%[C%]: in function 'error'\n")
    assert.equal("error", events[1].level)
    program = log.program { source = "x = = 1", options = { "--log-level", "none" } }
    assert.equal(1, program:wait())
    assert.truthy(log.find(program:stderr(), "script.lua:1: unexpected symbol near '='$"))
  end)

  it("has what the watchdog says", function()
    local program, port = start { "--handler-timeout", "20", "--handler-kill", "500" }
    helper.connect(port):send "for ever"
    assert.equal(1, program:wait(20000))
    local text = program:stderr()
    assert.truthy(log.find(text, "^a handler doesn't return from a C function or a finaliser: .*script.lua:6$"))
    assert.equal("error", log.find(text, "^a handler has not returned in time; the process ends: .*:6$").level)
  end)

  it("makes what the manual shows, which cjson and python3 -m json.tool take", function()
    local found = 0
    for line in pages.read "docs/reference/program.md":gmatch "\n({[^\n]+})\n" do
      local status, out, err = helper.run({ "python3", "-m", "json.tool" }, line)
      assert.same({ 0, "" }, { status, err })
      assert.same(json.decode(line), json.decode(out))
      assert.same({ { "info", "said", 42 } }, { { json.decode(line).level, json.decode(line).message,
        json.decode(line).bytes } })
      local program = log.program { source = [[
        require("moonport").log.info("said", { peer = "192.0.2.7", bytes = 42 })
      ]] }
      assert.equal(0, program:wait())
      local function same(text) return (text:gsub('"time":"[^"]*"', ""):gsub('"pid":%d+', "")) end
      assert.equal(same(line) .. "\n", same(program:stderr()))
      found = found + 1
    end
    assert.equal(1, found)
  end)
end)

describe("A log in JSON that isn't read", function()
  it("delays nothing, loses no part of a line, and says how many were lost", function()
    local program = helper.spawn { "sh", "-c",
      '{ "$0" --log-format json "$1" 2>&1 >&3 | { read -r go <&4; cat >&2; } } 3>&1 4<&0', os.getenv "MOONPORT" or "build/asan/moonport", helper.file([[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        local lines = tonumber(self:readLine())
        if lines == 0 then moonport.quit() end
        for i = 1, lines do moonport.log.info("line", { number = i, text = ("\xff"):rep(100) }) end
        self:write "done\n"
      end
      assert(server:listen("127.0.0.1", 0))
      print(server:serverPort())
      io.stdout:flush()
    ]], "script.lua") }
    local client = helper.connect(program:waitForLine "^(%d+)$")
    client:send "1000\n"
    assert.equal("done\n", client:receiveLine())
    program:write("go\n", true)
    helper.eventually(function()
      local count = 0
      for _, event in ipairs(log.events(program:stderr():match "^.*\n" or "")) do
        count = count + (event.number and 1 or event.message:match "^(%d+) log lines were lost: nobody read stderr$")
      end
      return count == 1000
    end, "all lines are written or counted")
    client:send "0\n"
    assert.equal(0, program:wait())
    log.isStrict(program:stderr())
  end)
end)
