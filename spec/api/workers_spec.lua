-- SPDX-License-Identifier: MIT
-- What the master of --workers decides, without processes: pauses before a restart, who gets which socket, sums of
-- answers.
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

describe("a line of a worker", function()
  package.loaded["moonport.program.words"] = module "words"
  local words, lines = package.loaded["moonport.program.words"], module "lines"
  package.loaded["moonport.program.words"] = nil

  local function fits(line, fd) return lines.fit(words.split(line), fd) end

  it("has a meaning as workers write it", function()
    for _, line in ipairs { "listen 1 0.0.0.0 0 0", "listen 18446744073709551615 any 65535 1",
      "listen 2 fe80::1%lo 80 0",
      "local 3 unix:/run/x 1 - -1 0", "local 3 unix:@a%20b 0 0660 4294967294 2147483647", "store 4",
      "closed 18446744073709551615", "serving 0", "loaded 7", "ready 1", "failed %", "failed why%20not",
      "committed 1 2 3 9007199254740 5 %",
      "quit 0", "quit 255", "reload", "rollback", "hungup", "pong", "full", "done" } do
      assert.is_true(fits(line), line)
    end
    for _, line in ipairs { "serving 1", "ready 1", "loaded 7" } do assert.is_true(fits("+" .. line, 5), line) end
  end)

  it("has none with other words, fewer, more, or numbers that are none", function()
    for _, line in ipairs { "", "what", "Listen 1 any 0 0", "listen", "listen 1 any 0", "listen 1 any 0 0 0",
      "listen x any 0 0", "listen 1 nobody 0 0", "listen 1 any 65536 0", "listen 1 any -1 0", "listen 1 any 1e3 0",
      "listen 1 any 0 2", "local 3 /run/x 1 - -1 0", "local 3 unix: 1 - -1 0", "local 3 unix:/x 1 7777 -1 0",
      "local 3 unix:/x 1 - -2 0", "local 3 unix:/x 1 - 4294967295 0", "local 3 unix:/x 1 - -1 -1", "store", "closed x",
      "serving 2", "serving", "loaded", "loaded 99999999999999999999", "ready", "failed", "committed 1 2 3 4 5",
      "committed 1 2 3 4 x %", "quit", "quit 256", "quit -1", "done 1" } do
      assert.is_falsy(fits(line), line)
    end
  end)

  it("brings a descriptor only if it's one that does", function()
    for _, line in ipairs { "listen 1 any 0 0", "done", "pong", "quit 0", "failed %" } do
      assert.is_false(fits("+" .. line, 5), line)
    end
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
