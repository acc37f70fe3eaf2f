-- SPDX-License-Identifier: MIT
-- What the master of --workers decides, without processes: votes on a reload, pauses before a restart, who gets which
-- socket, sums of answers.
-- #nogc

local function module(name) return dofile("program/workers/" .. name .. ".lua") end

describe("pauses of a worker that has ended", function()
  local pauses = module "pauses"

  it("are none the first time, then 1, 2, 4 … 30 s", function()
    local history, all = {}, {}
    for i = 1, 9 do all[i] = pauses.after(history, 0, 10) // 1000 end
    assert.are.same({ 0, 1, 2, 4, 8, 16, 30, 30, 30 }, all)
  end)

  it("begin anew behind a minute of health", function()
    local history = {}
    for _ = 1, 5 do pauses.after(history, 0, 10) end
    assert.are.equal(16000, pauses.after(history, 0, 59999))
    assert.are.equal(0, pauses.after(history, 0, 60000))
    assert.are.equal(1000, pauses.after(history, 60000, 60010))
  end)
end)

describe("the pause of the last worker", function()
  local pauses = module "pauses"

  it("is none if it had served, but it isn't started more than five times a second", function()
    assert.are.equal(0, pauses.last(true, 0, 1000))
    assert.are.equal(150, pauses.last(true, 1000, 1050))
  end)

  it("is at most a second if it ends at once each time", function()
    assert.are.equal(1000, pauses.last(false, 0, 10))
  end)
end)

describe("words between the master and a worker", function()
  local words = module "words"

  it("keep any text", function()
    for _, text in ipairs { "", "%", "a b\nc\t%41", ("x"):rep(1000), "grüß\0dich\127" } do
      local list = words.split("giveup " .. words.from(text) .. "\n")
      assert.are.equal(2, #list)
      assert.are.equal(text, words.to(list[2]))
    end
  end)

  it("tell whether a descriptor comes with a line", function()
    local list, brings = words.split "+serving\n"
    assert.are.same({ "serving" }, list)
    assert.is_true(brings)
    assert.is_false(select(2, words.split "ready\n"))
  end)
end)

describe("the votes of a reload", function()
  local Succession = module "succession"
  local succession, said, serving, closed, timers, now, waits

  before_each(function()
    said, serving, closed, timers, now = {}, { 1, 2, 3 }, {}, {}, 0
    waits = {}
    local actions = { awaits = function(hasten) return waits[hasten] or false end,
      close = function(fd) closed[#closed + 1] = fd end, now = function() return now end }
    function actions.voters() return serving end
    function actions.after(_, fn)
      local timer = { fn = fn }
      timers[#timers + 1] = timer
      return function() timer.fn = nil end
    end
    function actions.changed(what) said[#said + 1] = what end
    for _, name in ipairs { "stage", "share", "commit", "giveUp", "kill", "afresh" } do
      actions[name] = function(...)
        local text = table.pack(name, ...)
        for i = 1, text.n do text[i] = type(text[i]) == "table" and table.concat(text[i], "+") or tostring(text[i]) end
        said[#said + 1] = table.concat(text, " ")
      end
    end
    succession = Succession.new(actions, 1000, true)
    succession:serves(1, 1, 50)
  end)

  -- What has been said since the last call.
  local function heard()
    local text = table.concat(said, ", ")
    said = {}
    return text
  end

  -- The timer that runs is over.
  local function late()
    local timer = table.remove(timers)
    while not timer.fn do timer = table.remove(timers) end
    timer.fn()
  end

  local function reload()
    succession:begin "new"
    succession:ready(1, 60)
    succession:ready(2)
    succession:ready(3)
    for i = 1, 3 do succession:committed(i) end
    heard()
  end

  it("have the first worker load the files, and the others its sources", function()
    assert.is_true(succession:begin "new")
    assert.are.equal("reloading, stage 1 2  false", heard())
    succession:ready(1, 60)
    assert.are.equal("stage 2 2 60 false, stage 3 2 60 false", heard())
    succession:ready(3)
    assert.are.equal("", heard())
    succession:ready(2)
    assert.are.equal("committing, commit 1, commit 2, commit 3", heard())
    assert.are.same({ 60 }, succession.sources)
    succession:committed(2)
    succession:committed(1)
    assert.are.equal("", heard())
    succession:committed(3)
    assert.are.equal("reloaded", heard())
    assert.are.same({}, closed)
  end)

  it("keep what a worker has loaded beyond the first's, and give it to the others", function()
    succession:begin "new"
    succession:ready(1, 60)
    heard()
    succession:ready(2, 61)
    assert.are.equal("share 2 2 61", heard())
    succession:loaded(3, 1, 51) -- of the code that serves
    assert.are.equal("share 3 1 51", heard())
    succession:ready(3)
    assert.are.same({ 60, 61 }, succession.sources)
    succession:loaded(1, 2, 62)
    assert.are.same({ 60, 61, 62 }, succession.sources)
    succession:loaded(1, 1, 63) -- too late
    assert.are.same({ 63 }, closed)
    assert.are.same({ 50, 51 }, succession.previous)
  end)

  it("fail if the sources of a worker don't arrive", function()
    succession:begin "new"
    succession:ready(1, 60)
    heard()
    succession:lost(2)
    assert.matches("^giveUp 1 there is no descriptor for the sources of worker 2, .-, failed$", heard())
    assert.are.same({ 60 }, closed)
  end)

  it("stop at the first worker if that fails: the others load nothing", function()
    succession:begin "new"
    heard()
    succession:failed(1, "a traceback")
    assert.are.equal("giveUp 2 a traceback, giveUp 3 a traceback, failed", heard())
    assert.are.equal(1, succession.number)
    assert.are.same({ 50 }, succession.sources)
  end)

  it("undo it everywhere if one of the others fails", function()
    succession:begin "new"
    succession:ready(1, 60)
    succession:ready(2)
    heard()
    succession:failed(3, "no")
    assert.are.equal("giveUp 1 no, giveUp 2 no, failed", heard())
    assert.are.same({ 60 }, closed)
    succession:ready(2) -- too late
    assert.are.equal("", heard())
  end)

  it("undo it if one ends while it loads, or doesn't answer", function()
    succession:begin "new"
    heard()
    serving = { 2, 3 }
    succession:died(1, "was ended by SIGSEGV")
    assert.are.equal("giveUp 2 worker 1 was ended by SIGSEGV while it loaded the new code, giveUp 3 worker 1 was "
      .. "ended by SIGSEGV while it loaded the new code, failed", heard())
    succession:begin "new"
    heard()
    late()
    assert.matches("^giveUp 2 not all workers .- in time, giveUp 3 .- in time, failed$", heard())
  end)

  it("can't be taken back: who doesn't change is killed, who ends begins anew", function()
    succession:begin "new"
    for i = 1, 3 do succession:ready(i, i == 1 and 60 or nil) end
    heard()
    succession:committed(1)
    succession:died(2, "was ended by SIGKILL")
    assert.are.equal("", heard())
    late()
    assert.are.equal("kill 3 it did not change to the new code in time", heard())
    succession:committed(3)
    assert.are.equal("reloaded", heard())
    assert.are.same({ 60 }, succession.sources)
  end)

  it("fold wishes during a reload into one", function()
    succession:begin "new"
    succession:begin "new"
    succession:begin "new"
    heard()
    succession:failed(1, "no")
    assert.are.equal("giveUp 2 no, giveUp 3 no, failed, reloading, stage 1 3  false", heard())
    succession:failed(1, "no")
    assert.are.equal("giveUp 2 no, giveUp 3 no, failed", heard())
  end)

  it("go back to the sources before, once and again", function()
    assert.is_false(succession:begin "back")
    reload()
    assert.is_true(succession:begin "back")
    assert.are.equal("reloading, stage 1 3 50 true", heard())
    for i = 1, 3 do succession:ready(i) end
    for i = 1, 3 do succession:committed(i) end
    assert.are.same({ 50 }, succession.sources)
    heard()
    succession:begin "back"
    assert.are.equal("reloading, stage 1 4 60 true", heard())
    assert.are.same({}, closed)
  end)

  it("undo new code that a worker dies of within the probation, and not later", function()
    reload()
    now = 9999
    succession:died(2, "was ended by SIGSEGV")
    assert.are.equal("undone, reloading, stage 1 3 50 true", heard())
    for i = 1, 3 do succession:ready(i) end
    for i = 1, 3 do succession:committed(i) end
    heard()
    succession:died(2, "was ended by SIGSEGV")
    assert.are.equal("", heard()) -- the old code isn't on trial
    reload()
    now = 30000
    succession:died(2, "was ended by SIGSEGV")
    assert.are.equal("", heard())
  end)

  it("wait for a worker that is about to serve, so that code which doesn't load changes nothing", function()
    serving, waits = {}, { [true] = true, [false] = true }
    assert.is_true(succession:begin "new")
    succession:look() -- another one has ended
    assert.are.equal("", heard())
    serving = { 2 }
    succession:look()
    assert.are.equal("reloading, stage 2 2  false", heard())
    assert.are.same({ 50 }, succession.sources)
  end)

  it("are none if nobody can serve: all begin with the files", function()
    serving, waits = {}, { [true] = true }
    succession:begin "new"
    assert.are.equal("", heard())
    succession:look() -- the one that was started has ended
    assert.are.equal("reloading, afresh, reloaded", heard())
    assert.are.same({}, succession.sources)
    assert.are.equal(2, succession.number)
  end)

  it("don't count a worker that has begun with the code before", function()
    reload()
    assert.is_false(succession:serves(2, 1, 70))
    assert.are.same({ 70 }, closed)
    assert.is_true(succession:serves(2, 2))
  end)
end)

describe("the log's line of a reload", function()
  local Report = module "report"
  local report, lines

  before_each(function()
    lines = {}
    local function add(...) lines[#lines + 1] = string.format(...) end
    report = Report.new({ info = add, error = add }, "/srv/chat.lua", 2)
    report:begin()
  end)

  local function add(connections, older, holder)
    report:add { kept = "1", added = "0", closed = "0", connections = connections, older = older, holder = holder }
  end

  it("adds up the connections of all workers", function()
    add("2", "0", "")
    add("3", "1", "chat.lua:7")
    report:succeeded(4, 12.3)
    assert.are.same({ "reloaded chat.lua: generation 4, 12 ms, 2 workers; 1 listener kept, 0 added, 0 closed; "
      .. "5 connections, 1 with handlers of older generations (chat.lua:7)" }, lines)
  end)

  it("says how many there were, if one is down", function()
    add("1", "0", "")
    report:succeeded(4, 12.3)
    assert.matches("12 ms, 1 of 2 workers; .* 1 connection$", lines[1])
  end)

  it("says what only the master knows of a failure", function()
    report:failed(3, "worker 2 was ended by SIGSEGV")
    assert.are.same({ "reload of chat.lua failed, generation 3 goes on: worker 2 was ended by SIGSEGV" }, lines)
  end)
end)

describe("ports of the workers", function()
  local Ports = module "ports"
  local ports, host, open, taken

  before_each(function()
    local last = 10
    open, taken = {}, {}
    local function new(what)
      last = last + 1
      open[last] = what
      return last
    end
    host = { shutdown = function() end, cookie = function(fd) return "c" .. fd end,
      listens = function() return true end, fault = function() return 99 end }
    function host.close(fd)
      assert(open[fd], "closed twice")
      open[fd] = nil
    end
    function host.reserve(_, port)
      if taken[port] then return nil, 98 end
      if port == 0 then port = 5000 + last end
      return new "reserved", port
    end
    function host.share(_, port) return new(port) end
    ports = Ports.new(host)
  end)

  local function count()
    local n = 0
    for _ in pairs(open) do n = n + 1 end
    return n
  end

  it("are reserved once, with a socket for each worker", function()
    local one, two = ports:listen(1, "any", 80, false), ports:listen(2, "any", 80, false)
    assert.are_not.equal(one, two)
    assert.are.equal(3, count())
    assert.are.same({ nil, 99 }, { ports:listen(1, "any", 80, false) })
    ports:closed(1, "c" .. one)
    ports:closed(2, "c" .. two)
    assert.are.equal(0, count())
  end)

  it("of somebody else are an error", function()
    taken[80] = true
    assert.are.same({ nil, 98 }, { ports:listen(1, "any", 80, false) })
    assert.are.equal(0, count())
  end)

  it("that the system has chosen are the same for all, however many there are", function()
    local numbers = {}
    for worker = 1, 2 do
      for i = 1, 2 do
        local number = open[ports:listen(worker, "any", 0, false)]
        assert.are.equal(numbers[i] or number, number)
        numbers[i] = number
      end
    end
    assert.are_not.equal(numbers[1], numbers[2])
  end)

  it("stay while a worker is down, and it gets the same socket again", function()
    local one = ports:listen(1, "any", 80, false)
    ports:begun(1)
    assert.are.equal(one, ports:listen(1, "any", 80, false))
  end)

  it("are closed if the worker doesn't ask for them again", function()
    ports:listen(1, "any", 80, false)
    ports:listen(1, "any", 81, false)
    ports:begun(1)
    ports:listen(1, "any", 81, false)
    ports:served(1)
    assert.are.equal(2, count())
    ports:left(1)
    assert.are.equal(0, count())
  end)

  it("are lent where the other worker listens, too", function()
    local one = ports:listen(1, "any", 80, false)
    ports:listen(1, "any", 81, false) -- alone
    local other = ports:listen(2, "any", 80, false)
    assert.are.same({ { fd = one, cookie = "c" .. one, to = "c" .. other } }, ports:lendable(1, 2))
  end)
end)

describe("loans of sockets", function()
  local Loans = module "loans"
  local list, loans, said

  before_each(function()
    list, said = {}, {}
    for i = 1, 3 do list[i] = { index = i, stage = "serving" } end
    local ports = { lendable = function(_, worker, other)
      return { { fd = 10 * worker, cookie = "c" .. worker, to = "c" .. other } }
    end }
    loans = Loans.new(list, ports, function(worker, line, fd)
      said[#said + 1] = ("%d: %s %s"):format(worker.index, line, fd or "-")
    end)
  end)

  local function heard()
    local text = table.concat(said, ", ")
    said = {}
    return text
  end

  it("go to the next that serves, and end when the worker serves again", function()
    list[3].stage = "down"
    loans:lend(list[3])
    assert.are.equal("1: lend c1 30", heard())
    loans:takeBack(list[3])
    assert.are.equal("1: unlend c3 -", heard())
    loans:takeBack(list[3])
    assert.are.equal("", heard())
  end)

  it("go on to another if the borrower goes, too", function()
    list[1].stage = "down"
    loans:lend(list[1])
    assert.are.equal("2: lend c2 10", heard())
    list[2].stage = "down"
    loans:lendAnew(list[2])
    loans:lend(list[2])
    assert.are.equal("2: unlend c1 -, 3: lend c3 10, 3: lend c3 20", heard())
    list[3].stage = "down"
    loans:lendAnew(list[3])
    loans:lend(list[3])
    heard()
    list[1].stage = "serving"
    loans:lendRest()
    assert.are.equal("1: lend c1 20, 1: lend c1 30", heard())
    list[1].stage = "down"
    loans:lendAnew(list[1])
    for _, worker in ipairs(list) do assert.is_nil((worker.loans or {})[1]) end
  end)
end)

describe("sums of the workers' answers", function()
  local sums = module "sums"

  it("are JSON that any text survives", function()
    local cjson = require "cjson"
    local value = { text = 'a "b"\n\1\\', list = nil, numbers = { 1, 2.5 }, flag = true }
    assert.are.same(value, cjson.decode(sums.json(value)))
  end)

  it("count the same error of several workers once", function()
    local function one(message, n) return { message = message, count = n, first = 10 - n, last = 10 + n,
      generation = n } end
    local list = sums.errors { [1] = { one("a", 1) }, [3] = { one("a", 2), one("b", 1) } }
    table.sort(list, function(a, b) return a.message < b.message end)
    assert.are.same({ { message = "a", count = 3, first = 8, last = 12, generation = 2 }, one("b", 1) }, list)
  end)
end)
