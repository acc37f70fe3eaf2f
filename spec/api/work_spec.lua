-- SPDX-License-Identifier: MIT
-- moonport.work: functions that run in threads, on copies.

local helper = require "spec.helper"
local moonport = require "moonport"

local work = moonport.work

-- Runs until it is ended; `file` appears when it runs.
local function loop(file)
  io.open(file, "w"):close()
  while true do end
end

local function exists(path)
  local file = io.open(path)
  return file and file:close()
end

-- A task that runs it, after it has begun to run.
local function looping(fn)
  local file = os.tmpname()
  os.remove(file)
  local task = moonport.spawn(work, fn or loop, file)
  helper.eventually(function() return exists(file) end)
  os.remove(file)
  return task
end

describe("moonport.work", function()
  it("runs a function in a thread, and returns what it returns", function()
    assert.same({ 3, "ab", n = 2 }, table.pack(work(function(a, b) return a + b, "a" .. "b" end, 1, 2)))
    assert.same({ n = 0 }, table.pack(work(function() end)))
    assert.same({ nil, false, nil, n = 3 }, table.pack(work(function(...) return ... end, nil, false, nil)))
  end)

  it("copies strings, numbers, booleans and tables of them, unchanged", function()
    local function back(...) return ... end
    for _, value in ipairs { 0, -1, math.mininteger, 0.5, -0.0, math.huge, "", "a\0b", ("x"):rep(100000), true, false,
      {}, { 1, 2, 3 }, { a = { b = { c = "d" } }, [1.5] = true, [false] = 2, [-7] = {} } } do
      assert.same(value, (work(back, value)))
      assert.equal(math.type(value), math.type((work(back, value))))
    end
    local nan = work(back, 0 / 0)
    assert.is_true(nan ~= nan)
    local meta = setmetatable({ 1 }, { __index = { x = 2 } })
    assert.is_nil(work(back, meta).x)
  end)

  it("lets the loop run meanwhile, and runs several at once", function()
    local turns = 0
    local timer = moonport.Timer()
    function timer:timeout() turns = turns + 1 end
    timer:start(1)
    local tasks = {}
    for i = 1, 8 do
      tasks[i] = moonport.spawn(work, function(n)
        local sum = 0
        for k = 1, 300000 do sum = sum + k % n end
        return sum
      end, i + 1)
    end
    for i = 1, 8 do assert.equal("integer", math.type(tasks[i]:join(60000))) end
    timer:stop()
    assert.is_true(turns > 0)
  end)

  it("takes the function's _ENV for the globals of the thread, which has Lua's libraries", function()
    local a, b, c = work(function() return type(string.rep), type(io.open), type(require) end)
    assert.same({ "function", "function", "function" }, { a, b, c })
    spec_global = 1 -- luacheck: ignore
    assert.equal("nil", (work(function() return type(spec_global) end))) -- luacheck: ignore
    spec_global = nil -- luacheck: ignore
  end)

  it("requires modules by itself, but not moonport", function()
    assert.equal("[1]", (work(function() return require "cjson".encode { 1 } end)))
    for _, name in ipairs { "moonport", "moonport.test" } do
      assert.error_matches(function() work(function(module) require(module) end, name) end,
        ("module '%s' is not in moonport.work"):format(name))
    end
  end)

  it("raises for upvalues, and names them", function()
    local count, socket = 1, {}
    assert.error_matches(function() work(function() return count, socket, print end) end,
      "bad argument #1 to '[^']*' %(it uses local variables from outside, which its thread hasn't: count, socket%)")
    assert.error_matches(function() work(print) end, "a function in Lua expected, got one in C")
    assert.error_matches(function() work "x" end, "function expected, got string")
  end)

  it("raises for arguments and results that can't be copied, and says where they are", function()
    local function back(...) return ... end
    assert.error_matches(function() work(back, 1, print) end, "work: argument 2: a function can't be copied")
    assert.error_matches(function() work(back, { a = { 1, io.stdout } }) end,
      "work: argument 1%.a%[2%]: a userdata can't be copied")
    assert.error_matches(function() work(back, { [{}] = 1 }) end, "a table as a key can't be copied")
    local ring = {}
    ring.ring = ring
    assert.error_matches(function() work(back, ring) end, "tables that contain themselves")
    assert.error_matches(function() work(function() return 1, { x = print } end) end,
      "result 2%.x: a function can't be copied")
    assert.error_matches(function() work(function() return coroutine.running() end) end,
      "result 1: a thread can't be copied")
  end)

  it("raises the function's error with its traceback", function()
    local function inner() error "something is wrong" end
    local _ = inner
    local ok, message = pcall(work, function(x)
      local function deeper() error("something is wrong: " .. x) end
      deeper()
    end, "here")
    assert.is_false(ok)
    assert.matches("^spec/api/work_spec.lua:%d+: something is wrong: here\nstack traceback:\n.*work_spec.lua", message)
    assert.matches("^kind is missing", select(2, pcall(work, function()
      error(setmetatable({}, { __tostring = function() return "kind is missing" end }))
    end)))
    assert.matches("^%(error object is a table value%)", select(2, pcall(work, function() error {} end)))
    assert.matches("attempt to index a nil value", select(2, pcall(work, function() local x = nil; return x.y end)))
    assert.equal(1, (work(function() return 1 end))) -- the thread goes on
  end)

  it("raises for a function that needs too much memory, and goes on", function()
    for _ = 1, 2 do
      assert.error_matches(function()
        work(function()
          local parts = {}
          for i = 1, math.huge do parts[i] = ("x"):rep(1 << 20) .. i .. #parts end
        end)
      end, "not enough memory %(%-%-work%-memory%)")
      assert.equal(1, (work(function() return 1 end)))
    end
  end)

  it("raises for arguments and results that are large only as a copy", function()
    local text, many = ("x"):rep(1 << 24), {}
    for i = 1, 32 do many[i] = text end
    assert.error_matches(function() work(function() end, many) end, "^not enough memory %(%-%-work%-memory%)$")
    assert.error_matches(function()
      work(function()
        local parts, part = {}, ("x"):rep(1 << 20)
        for i = 1, 1024 do parts[i] = part end
        return parts
      end)
    end, "^not enough memory %(%-%-work%-memory%)$")
    assert.equal(1 << 24, #work(function() return ("x"):rep(1 << 24) end))
  end)

  it("ends a function that loops when its task is cancelled, even if it catches errors", function()
    for _, fn in ipairs { loop,
      function(file)
        io.open(file, "w"):close()
        while true do pcall(function() while true do end end) end
      end,
      function(file)
        io.open(file, "w"):close()
        local resume = coroutine.wrap(function() while true do end end)
        while true do pcall(resume) end
      end,
      function(file)
        io.open(file, "w"):close()
        while true do coroutine.resume(coroutine.create(function() while true do end end)) end
      end } do
      for _ = 1, 4 do assert.is_true(looping(fn):cancel()) end -- as many as there are threads
      assert.equal(2, (work(function() return 2 end)))
    end
  end)

  it("ends a function that is cancelled while its error is turned into a text", function()
    for _ = 1, 9 do -- more than there are threads, and than take the place of stuck ones
      assert.is_true(looping(function(file)
        error(setmetatable({}, { __tostring = function()
          io.open(file, "w"):close()
          while true do end
        end }))
      end):cancel())
    end
    assert.equal(2, (work(function() return 2 end)))
  end)

  it("ends a function by a deadline", function()
    local file = os.tmpname()
    assert.same({ n = 3, nil, "work: Network operation timed out", "SocketTimeoutError" },
      table.pack(moonport.deadline(50, work, loop, file)))
    assert.equal(2, (work(function() return 2 end)))
    os.remove(file)
  end)

  it("does not run a function that was cancelled while it waited for a thread", function()
    local tasks, file = {}, os.tmpname()
    os.remove(file)
    for i = 1, 4 do tasks[i] = looping() end
    local waiting = moonport.spawn(work, loop, file)
    moonport.sleep(0)
    waiting:cancel()
    for i = 1, 4 do tasks[i]:cancel() end
    assert.equal(2, (work(function() return 2 end)))
    assert.is_nil(exists(file))
  end)

  it("waits in a queue of 1,024, and refuses more", function()
    local tasks, waiting = {}, {}
    for i = 1, 4 do tasks[i] = looping() end
    for i = 1, 1024 do waiting[i] = moonport.spawn(work, function(n) return n end, i) end
    moonport.sleep(0)
    local result, message, code = work(function() end)
    assert.same({ nil, "work: too many functions wait for a thread: Out of resources", "SocketResourceError" },
      { result, message, code })
    for i = 1, 4 do tasks[i]:cancel() end
    for i = 1, 1024 do assert.equal(i, (waiting[i]:join(60000))) end
  end)

  it("starts another thread for one that is stuck in C", function()
    local tasks = {}
    for i = 1, 4 do
      tasks[i] = looping(function(file)
        io.open(file, "w"):close()
        os.execute "sleep 0.4" -- the hook can't end it
      end)
    end
    for i = 1, 4 do tasks[i]:cancel() end
    assert.equal(2, (work(function() return 2 end)))
  end)

  it("starts programs that can be signalled", function()
    assert.matches("^SigBlk:%s*0+%d*\n", (work(function()
      local pipe = io.popen "grep SigBlk /proc/self/status"
      local text = pipe:read "a"
      pipe:close()
      return text
    end)))
  end)

  it("keeps the functions of a thread from the process", function()
    for _, fn in ipairs { function() os.exit(3) end, function() debug.sethook() end,
      function() debug.getregistry() end,
      function() os.setlocale "C" end } do
      assert.error_matches(function() work(fn) end, "not in moonport.work")
    end
  end)

  it("can't wait in a coroutine of the script's own", function()
    local ok, message = coroutine.resume(coroutine.create(function() work(function() end) end))
    -- In a plain Lua the main program drives the loop, and a coroutine of its own too.
    assert.is_true(ok or message:find "cannot wait here" ~= nil)
  end)

  it("has wrap and close of coroutines as Lua has them", function()
    assert.same({ 1, 2, "x", true, "boom", "suspended" }, { work(function()
      local next = coroutine.wrap(function(a) local b = coroutine.yield(a) coroutine.yield(b) return "x" end)
      local one, two, three = next(1), next(2), next()
      local ok, message = pcall(coroutine.wrap(function() error("boom", 0) end))
      local co = coroutine.create(function() coroutine.yield() end)
      coroutine.resume(co)
      local status = coroutine.status(co)
      return one, two, three, coroutine.close(co) and not ok, message:match "boom$", status
    end) })
  end)

  it("runs functions in a thread in which another one has removed package", function()
    for _ = 1, 8 do work(function() _G.package = nil end) end -- perhaps in each thread
    for i = 1, 8 do assert.equal(i, (work(load("return " .. i)))) end
  end)
end)
