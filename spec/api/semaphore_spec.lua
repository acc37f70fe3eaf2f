-- Semaphore: so many tasks at once, in the order in which they asked; permits come back whatever ends a task.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

local spawn = moonport.spawn
local many = os.getenv "MOONPORT_SPEC_GC" and 200 or 3000

-- Tasks that each acquire, note their number, and hold the permit until `go` is true. -> tasks, notes, gate
local function crowd(semaphore, count)
  local tasks, order, gate = {}, {}, { open = false }
  for i = 1, count do
    tasks[i] = spawn(function()
      local token <close> = semaphore:acquire()
      order[#order + 1] = i
      while not gate.open do moonport.sleep(1) end
      return token
    end)
  end
  return tasks, order, gate
end

describe("A Semaphore", function()
  it("lets so many in at once, and the others in the order in which they asked", function()
    local semaphore = moonport.Semaphore(2)
    local tasks, order, gate = crowd(semaphore, 6)
    helper.eventually(function() return #order == 2 end)
    helper.settle(5)
    assert.same({ 1, 2 }, order)
    assert.equal(0, semaphore:available())
    gate.open = true
    for _, task in ipairs(tasks) do task:join() end
    assert.same({ 1, 2, 3, 4, 5, 6 }, order)
    assert.equal(2, semaphore:available())
  end)

  it("gives a permit at once if one is free, without a wait", function()
    local semaphore = moonport.Semaphore(1)
    local token = assert(semaphore:acquire(0))
    local none, message, code = semaphore:acquire(0)
    assert.is_nil(none)
    assert.matches("^acquire: ", message)
    assert.equal("SocketTimeoutError", code)
    assert.equal("SocketTimeoutError", select(3, semaphore:acquire(-5)))
    token:release()
    token:release()
    assert.equal(1, semaphore:available())
    assert(semaphore:acquire(0)):release()
  end)

  it("fails with SocketTimeoutError when the time is up, and gives that permit to nobody", function()
    local semaphore = moonport.Semaphore(1)
    local token = semaphore:acquire()
    assert.equal("SocketTimeoutError", select(3, semaphore:acquire(5)))
    token:release()
    assert.equal(1, semaphore:available())
    local bounded = spawn(moonport.deadline, 5, function()
      local _ <close> = semaphore:acquire()
      return select(3, semaphore:acquire())
    end)
    assert.equal("SocketTimeoutError", bounded:join())
    assert.equal(1, semaphore:available())
  end)

  it("takes nothing for a task that is cancelled while it waits, also in the moment when it is woken", function()
    local semaphore = moonport.Semaphore(1)
    local token = semaphore:acquire()
    local first, second
    first = spawn(function() return semaphore:acquire() end)
    second = spawn(function()
      local held <close> = semaphore:acquire()
      return tostring(held)
    end)
    helper.settle(2)
    spawn(function()
      token:release() -- wakes the first, which ends before it goes on
      first:cancel()
    end):join()
    assert.equal("SemaphoreToken(held)", second:join(1000))
    assert.equal(1, semaphore:available())
  end)

  it("gets its permit back from a task that is cancelled, fails or loses its token", function()
    local semaphore = moonport.Semaphore(1)
    local task = spawn(function()
      local _ <close> = semaphore:acquire()
      moonport.sleep(-1)
    end)
    helper.settle(2)
    assert.equal(0, semaphore:available())
    task:cancel()
    assert.equal(1, semaphore:available())
    assert.is_false((pcall(function()
      local _ <close> = semaphore:acquire()
      error "failed"
    end)))
    assert.equal(1, semaphore:available())
    assert(semaphore:acquire())
    helper.eventually(function()
      collectgarbage()
      return semaphore:available() == 1
    end)
  end)

  it("isn't overtaken: who asks when a permit is free again for another one waits behind it", function()
    local semaphore = moonport.Semaphore(1)
    local order = {}
    local token = semaphore:acquire()
    local waiting = spawn(function()
      local _ <close> = semaphore:acquire()
      order[#order + 1] = "waited"
    end)
    helper.settle(2)
    local overtaking = spawn(function()
      token:release()
      assert.is_nil(semaphore:acquire(0))
      local _ <close> = semaphore:acquire()
      order[#order + 1] = "asked later"
    end)
    waiting:join()
    overtaking:join()
    assert.same({ "waited", "asked later" }, order)
  end)

  it("serves many tasks, each in its turn", function()
    local semaphore, inside, most, served = moonport.Semaphore(3), 0, 0, 0
    local tasks = {}
    for i = 1, many do
      tasks[i] = spawn(function()
        local _ <close> = semaphore:acquire()
        inside = inside + 1
        most = math.max(most, inside)
        if i % (many // 5) == 0 then moonport.sleep(0) end
        inside = inside - 1
        served = served + 1
      end)
    end
    for _, task in ipairs(tasks) do task:join() end
    assert.same({ many, 3, 3 }, { served, most, semaphore:available() })
  end)

  it("is collected when nothing refers to it, and shows what it has", function()
    local before = moonport.stats().objects
    local semaphore = moonport.Semaphore(2)
    local token = semaphore:acquire()
    assert.equal("Semaphore(1 of 2 available)", tostring(semaphore))
    assert.equal("SemaphoreToken(held)", tostring(token))
    token:release()
    assert.equal("SemaphoreToken(released)", tostring(token))
    semaphore, token = nil, nil -- luacheck: ignore
    helper.eventually(function()
      collectgarbage()
      return moonport.stats().objects == before
    end)
  end)

  it("has at least one permit, and takes no other arguments", function()
    for _, n in ipairs { 0, -1 } do
      assert.error_matches(function() moonport.Semaphore(n) end, "at least one permit")
    end
    assert.error_matches(function() moonport.Semaphore() end, "number expected")
    assert.error_matches(function() moonport.Semaphore(1):acquire "soon" end, "number expected")
    assert.error_matches(function() moonport.Semaphore(1).acquire(moonport.Timer()) end, "Semaphore expected")
  end)
end)
