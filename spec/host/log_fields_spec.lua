-- Fields of log lines: moonport.log.info("said", { peer = …, bytes = … }), in both formats.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local log = require "spec.log"

-- Runs lines of a script that has `log`. -> what it has logged
local function run(source, format, environment)
  local path = helper.file('local log = require "moonport".log ' .. source, "script.lua")
  local program = helper.program { script = path, options = { "--log-format", format }, environment = environment }
  assert.equal(0, program:wait(), program:stderr())
  return (program:stderr():gsub(path:gsub("%p", "%%%0"), "script.lua"))
end

-- -> the lines without their times
local function text(source, environment)
  local lines = {}
  for line in run(source, "text", environment):gmatch "[^\n]+" do lines[#lines + 1] = line:gsub("^%S+ %S+ ", "") end
  return lines
end

-- -> of each line what follows its pid
local function json(source, environment)
  local lines = {}
  local all = run(source, "json", environment)
  log.events(all)
  log.isStrict(all)
  for line in all:gmatch "[^\n]+" do lines[#lines + 1] = line:match '"pid":%d+,"message":(.*)}$' end
  return lines
end

describe("Fields of a log line", function()
  it("follow the message, sorted by name, as text and as JSON", function()
    local source = [[
      log.info("said", { peer = "::1", bytes = 5, ok = true, text = "a b", ["not"] = false, empty = "" })
      log.warning("%d of %s", 1, "two", { x = 1 })
      log.error("100%", { x = 1 })
      log.error("%d%% of %5.1f", 1, 2, { x = 1 })
      log.info("none", {})
      log.info("said", { x = 1 }, "more")
    ]]
    assert.same({
      [[info said bytes=5 empty="" not=false ok=true peer=::1 text="a b"]],
      "warning 1 of two x=1",
      "error 100% x=1",
      "error 1% of   2.0 x=1",
      "info none",
      "info said x=1",
    }, text(source))
    assert.same({
      [["said","bytes":5,"empty":"","not":false,"ok":true,"peer":"::1","text":"a b"]],
      [["1 of two","x":1]],
      [["100%","x":1]],
      [["1% of   2.0","x":1]],
      [["none"]],
      [["said","x":1]],
    }, json(source))
  end)

  it("are only a table behind what the format takes", function()
    local source = [[
      local t = setmetatable({}, { __tostring = function() return "T" end })
      log.info(t)
      log.info("%s", t)
      log.info("%s", t, { x = 1 })
      log.info(t, { x = 1 })
      log.info(nil, { x = 1 })
      log.info("%-5s|%%|% d|%+.3f", t, 1, 2, { x = 1 })
      log.info("%d", { x = 1 })
      log.info("%d", "no", { x = 1 })
      log.info("%d %s", 1, { x = 1 })
      log.info("said", 1, { x = 1 })
      log.debug("unseen", { x = error })
    ]]
    local lines = text(source)
    assert.same({ "info T", "info T", "info T x=1", "info T x=1", "info nil x=1", "info T    |%| 1|+2.000 x=1" },
      table.move(lines, 1, 6, 1, {}))
    assert.truthy(lines[7]:find "^info script.lua:8: bad argument #2 to .*: %%d table: 0x%x+$")
    assert.equal("info script.lua:9: bad argument #2 to 'string.format' (number expected, got string): %d no x=1",
      lines[8])
    assert.truthy(lines[9]:find "^info 1 table: 0x%x+$")
    assert.equal("info said", lines[10])
    assert.equal(10, #lines)
  end)

  it("have values of each type", function()
    local source = [[
      log.info("n", { a = 1 << 62, b = -0.5, c = 1e100, d = 0/0, e = 1/0, f = -1/0, g = 2.0, h = -0.0, i = math.mininteger })
      log.info("o", { a = setmetatable({}, { __tostring = function() return "an object" end }), b = print and 1 })
      log.info("s", { a = "5", b = "true", c = "a=b", d = 'say "x"', e = "\n\27", f = "ü\xff\u{2028}", g = "\\", h = "'" })
    ]]
    assert.same({
      "info n a=4611686018427387904 b=-0.5 c=1e+100 d=nan e=inf f=-inf g=2.0 h=-0.0 i=-9223372036854775808",
      'info o a="an object" b=1',
      [[info s a=5 b=true c="a=b" d="say \"x\"" e="\n\x1b" f="ü\xff\xe2\x80\xa8" g="\\" h=']],
    }, text(source))
    assert.same({
      '"n","a":4611686018427387904,"b":-0.5,"c":1e+100,"d":"nan","e":"inf","f":"-inf","g":2.0,"h":-0.0,'
        .. '"i":-9223372036854775808',
      '"o","a":"an object","b":1',
      [["s","a":"5","b":"true","c":"a=b","d":"say \"x\"","e":"\n\u001b","f":"ü\ufffd\u2028","g":"\\","h":"'"]],
    }, json(source))
    for _, line in ipairs(json 'log.info("t", { a = {}, b = print, c = coroutine.create(print), d = io.stdout })') do
      assert.truthy(line:find '^"t","a":"table: 0x%x+","b":"function: [^"]+","c":"thread: 0x%x+","d":"file %(0x%x+%)"$')
    end
  end)

  it("have a decimal point in JSON whatever the locale", function()
    local folder = helper.folder()
    helper.rewrite(folder .. "/comma", 'LC_NUMERIC\ndecimal_point ","\nthousands_sep ""\ngrouping -1\nEND LC_NUMERIC\n')
    local make = { "localedef", "-c", "-f", "ANSI_X3.4-1968", "-i", folder .. "/comma", folder .. "/xx_XX" }
    local _, _, err = helper.run(make)
    if err:find "charmaps" then return pending "no character maps here, of which a locale could be made" end
    local lines = json([[
      assert(os.setlocale("xx_XX", "numeric") and tostring(0.5) == "0,5")
      log.info("n", { a = 0.5, b = 1e300, c = 2.0 })
    ]], { LOCPATH = folder })
    helper.run { "rm", "-rf", folder }
    assert.same({ '"n","a":0.5,"b":1e+300,"c":2.0' }, lines)
  end)

  it("keep out what the log has itself, and names that are none, and the line says so", function()
    local source = [[
      for _, name in ipairs { "time", "level", "pid", "worker", "message" } do log.info("said", { [name] = 1, x = 2 }) end
      log.info("said", { 1, 2, x = 2 })
      log.info("said", { ["a\xff"] = 1, x = 2 })
      log.info("said", { [("n"):rep(64)] = 1 })
      log.info("said", { [("€"):rep(22)] = 1, x = 2 })
      log.info("said", { time = 1, pid = 1, [1] = 1, ["\xff"] = 1 })
      log.info("said", { Time = 1, traceback = "mine" })
    ]]
    local function taken(name)
      return ("info script.lua:1: the field '%s' is left out: the log has its own: said x=2"):format(name)
    end
    local lines = text(source)
    assert.same({
      taken "time", taken "level", taken "pid", taken "worker", taken "message",
      "info script.lua:2: a field is left out: its name is a number: said x=2",
      "info script.lua:3: the field 'a\\xff' is left out: its name is no UTF-8: said x=2",
      "info said " .. ("n"):rep(64) .. "=1",
      "info script.lua:5: the field '" .. ("€"):rep(21) .. "…' is left out: its name has more than 64 bytes: said x=2",
      "info script.lua:6: the field 'pid' is left out: the log has its own: said",
      "info said Time=1 traceback=mine",
    }, lines)
    assert.equal([["script.lua:1: the field 'time' is left out: the log has its own: said","x":2]], json(source)[1])
  end)

  it("may be more than there is room for: the first of them are there, and the line says how many aren't", function()
    local source = [[
      local many = {}
      for i = 1, 10000 do many[("n%05d"):format(i)] = i end
      log.info("said", many)
      local wide = {}
      for i = 1, 64 do wide[("n%02d"):format(i)] = ("\xff"):rep(1000) end
      log.info("said", wide)
    ]]
    local expected = {}
    for i = 1, 64 do expected[i] = ("n%05d=%d"):format(i, i) end
    assert.equal("info script.lua:3: 9936 fields are left out: there are more than 64: said "
      .. table.concat(expected, " "), text(source)[1])
    local events = log.events(run(source, "json"))
    assert.equal(64, events[1].n00064)
    assert.is_nil(events[1].n00065)
    assert.equal(("\u{fffd}"):rep(1024 // 6), events[2].n01)
  end)

  it("never raise, whatever their values do", function()
    local source = [[
      local function object(fn) return setmetatable({}, { __tostring = fn }) end
      local loop = {} loop.loop = loop
      log.info("1", { a = object(function() error "no" end), b = 1 })
      log.info("2", { a = object(function() return 1 end), b = object(function() error {} end) })
      log.info("3", { a = object(function() coroutine.yield() end), b = object(function() return ("x\0\n"):rep(2) end) })
      log.info("4", { a = object(function() log.info("inner", { x = 1 }) return "outer" end) })
      local fields fields = { a = object(function() fields.b = nil fields.c = 5 collectgarbage() return "A" end), b = { }, d = 1 }
      log.info("5", fields)
      log.info("6", setmetatable({ a = 1 }, { __index = error, __pairs = error, __len = error, __tostring = error }))
      log.info(object(error), { a = 1 })
      log.info("%d", "x", { time = 1, a = object(error) })
    ]]
    local lines = text(source)
    local last = table.remove(lines)
    assert.same({
      'info 1 a="(error in __tostring)" b=1',
      'info 2 a=1 b="(error in __tostring)"',
      'info 3 a="(error in __tostring)" b="x\\x00\\nx\\x00\\n"',
      "info inner x=1",
      "info 4 a=outer",
      "info 5 a=A b=nil d=1",
      "info 6 a=1",
      "info log: a value can't be made into text a=1",
    }, lines)
    assert.truthy(last:find("^info script.lua:11: the field 'time' is left out: .*number expected, got string"), last)
    assert.truthy(last:find(' a="(error in __tostring)"', 1, true), last)
    assert.truthy(json("local loop = {} loop.loop = loop log.info('7', loop)")[1]:find '^"7","loop":"table: 0x%x+"$')
  end)

  it("may be logged in a finaliser, and while the program ends", function()
    local source = [[
      setmetatable({}, { __gc = function(o) log.info("collected", { x = "\xff", o = o }) end })
      collectgarbage()
      kept = setmetatable({}, { __gc = function() log.warning("at the end", { x = 1 }) end })
    ]]
    local lines = json(source)
    assert.truthy(lines[1]:find '^"collected","o":"table: 0x%x+","x":"\\ufffd"$')
    assert.is_true(#lines == 1 or lines[2] == '"at the end","x":1')
  end)
end)
