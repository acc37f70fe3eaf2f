-- SPDX-License-Identifier: MIT
-- What the master of --workers decides of a reload, without processes: the votes, the sources, the log's line.
-- #nogc

local function module(name) return dofile("program/workers/" .. name .. ".lua") end

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

  it("are awaited of who has to change, and of nobody else", function()
    assert.is_falsy(succession:awaits(1))
    succession:begin "new"
    assert.is_falsy(succession:awaits(1))
    for i = 1, 3 do succession:ready(i) end
    assert.is_true(succession:awaits(1))
    succession:committed(1)
    assert.is_falsy(succession:awaits(1))
    assert.is_falsy(succession:awaits(4))
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

  it("go back without those that the code which they leave ends, or keeps from answering", function()
    reload()
    succession:begin "back"
    heard()
    serving = { 2, 3 }
    succession:died(1, "ended with status 9")
    assert.are.equal("stage 2 3 50 true, stage 3 3 50 true", heard())
    succession:ready(3)
    succession:died(2, "ended with status 9")
    assert.are.equal("committing, commit 3", heard())
    succession:committed(3)
    assert.are.equal("reloaded", heard())
    assert.are.same({ 50 }, succession.sources)

    serving = { 1, 2, 3 }
    succession:begin "back"
    heard()
    late() -- the first, then the others
    assert.are.equal("kill 1 it did not load the code before in time, stage 2 4 60 true, stage 3 4 60 true", heard())
    succession:ready(2)
    heard()
    late()
    assert.are.equal("kill 3 it did not load the code before in time, committing, commit 2", heard())
  end)

  it("go back also if that ends all of them", function()
    reload()
    serving = { 2 }
    succession:begin "back"
    heard()
    serving = {}
    succession:died(2, "ended with status 9")
    assert.are.equal("committing, reloaded", heard())
    assert.are.same({ 50 }, succession.sources)
    assert.is_false(succession:serves(2, 2)) -- it has begun with the code that was left
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

  it("count a worker that begins to serve while the others load", function()
    serving = { 1, 2 }
    succession:begin "new"
    succession:ready(1, 60)
    heard()
    serving = { 1, 2, 3 }
    assert.is_true(succession:serves(3, 1))
    assert.are.equal("stage 3 2 60 false", heard())
    succession:ready(2)
    assert.are.equal("", heard())
    succession:ready(3)
    assert.are.equal("committing, commit 1, commit 2, commit 3", heard())
    assert.is_false(succession:serves(3, 1)) -- too late: it changes by itself
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
