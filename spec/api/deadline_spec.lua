-- moonport.deadline bounds every wait of a function, however deep.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"

local deadline, spawn = moonport.deadline, moonport.spawn

-- Each wait as a function that would wait for a minute or for ever, on objects on which nothing happens.
local waits = {
  sleep = function() return moonport.sleep(60000) end,
  ["sleep for ever"] = function() return moonport.sleep(-1) end,
  ["receive, a number"] = function(socket) return socket:receive(4, 60000) end,
  ["receive, a line"] = function(socket) return socket:receive("line", -1) end,
  ["receive, all"] = function(socket) return socket:receive("all", math.huge) end,
  waitForReadyRead = function(socket) return socket:waitForReadyRead(60000) end,
  waitForDisconnected = function(socket) return socket:waitForDisconnected(-1) end,
  waitForConnected = function()
    local hole <close> = network.blackHole()
    local connecting = sockets.socket()
    assert(connecting:connectToHost("127.0.0.1", hole:port()))
    return connecting:waitForConnected(60000)
  end,
  waitForNewConnection = function() return sockets.server():waitForNewConnection(60000) end,
  join = function()
    local task <close> = spawn(moonport.sleep, math.huge)
    return task:join()
  end,
}

describe("moonport.deadline", function()
  after_each(sockets.close)

  for name, wait in pairs(waits) do
    it("ends with SocketTimeoutError: " .. name, function()
      local socket = sockets.withPlain()
      local results
      local task = spawn(function() results = table.pack(deadline(10, wait, socket)) end)
      task:join()
      assert.is_nil(results[1])
      assert.equal("SocketTimeoutError", results[3])
    end)
  end

  it("ends the iteration over lines", function()
    local socket = sockets.withPlain()
    local task = spawn(function()
      return deadline(10, function()
        local count = 0
        for _ in socket:lines() do count = count + 1 end
        return count
      end)
    end)
    assert.equal(0, task:join())
  end)

  it("returns what the function returns, with its arguments, and doesn't bound what comes after it", function()
    local task = spawn(function()
      local results = table.pack(deadline(50, function(...)
        moonport.sleep(1)
        return select("#", ...), ...
      end, 1, nil, 3, nil))
      return results, deadline(0, function() end), moonport.sleep(1)
    end)
    local results, nothing, slept = task:join()
    assert.same({ 4, 1, nil, 3, nil, n = 5 }, results)
    assert.is_nil(nothing)
    assert.is_true(slept)
  end)

  it("bounds each wait from then on, once it has passed", function()
    local task = spawn(function()
      return deadline(5, function()
        local first = moonport.sleep(60000)
        local second, _, code = moonport.sleep(60000)
        return first, second, code
      end)
    end)
    assert.same({ n = 3, nil, nil, "SocketTimeoutError" }, table.pack(task:join()))
  end)

  it("leaves shorter waits as they are", function()
    local task = spawn(function()
      return deadline(60000, function()
        return moonport.sleep(1), select(3, sockets.withPlain():receive(1, 1))
      end)
    end)
    local slept, code = task:join()
    assert.is_true(slept)
    assert.equal("SocketTimeoutError", code)
  end)

  it("nests: the nearest counts, and the outer one comes back", function()
    local task = spawn(function()
      return deadline(60000, function()
        local inner = moonport.deadline(5, moonport.sleep, 30000)
        local outer = moonport.sleep(1)
        return inner, outer
      end), deadline(5, function() return select(3, deadline(60000, moonport.sleep, 30000)) end)
    end)
    local inner, code = task:join()
    assert.is_nil(inner)
    assert.equal("SocketTimeoutError", code)
    task = spawn(function()
      return deadline(60000, function()
        return deadline(5, moonport.sleep, 30000) == nil and moonport.sleep(1)
      end)
    end)
    assert.is_true(task:join())
  end)

  it("has no end for -1 and math.huge, and has passed for other negative times", function()
    for _, msec in ipairs { -1, math.huge } do
      local task = spawn(deadline, msec, moonport.sleep, 2)
      assert.is_true(task:join())
    end
    for _, msec in ipairs { 0, -2, -0.5, -math.huge } do
      local task = spawn(deadline, msec, moonport.sleep, 60000)
      assert.equal("SocketTimeoutError", select(3, task:join()))
    end
  end)

  it("isn't inherited by tasks that the function spawns, nor shared with others", function()
    local spawned
    local task = spawn(deadline, 5, function()
      spawned = spawn(moonport.sleep, 30)
      return moonport.sleep(60000)
    end)
    local other = spawn(moonport.sleep, 30)
    assert.is_nil((task:join()))
    assert.is_true(spawned:isActive())
    assert.is_true(spawned:join())
    assert.is_true(other:join())
  end)

  it("is over when the function raises, and lets its error and traceback through", function()
    local task = spawn(function()
      local ok, message = pcall(deadline, 5, function()
        moonport.sleep(60000)
        error("too late", 0)
      end)
      return ok, message, moonport.sleep(20)
    end)
    assert.same({ false, "too late", true }, { task:join() })

    local text
    moonport.onError(function(report) text = report end)
    local function thrower() error "deep" end
    spawn(deadline, 1000, function() thrower() end)
    helper.eventually(function() return text end)
    moonport.onError(nil)
    assert.matches("deadline_spec.lua:%d+: deep", text)
    assert.matches("deadline_spec.lua:%d+: in upvalue 'thrower'", text)
  end)

  it("ends with a task that is cancelled, so that its coroutine's next task has none", function()
    for _ = 1, 3 do
      local closed = false
      local task = spawn(deadline, 60000, function()
        local _ <close> = setmetatable({}, { __close = function() closed = true end })
        moonport.sleep(-1)
      end)
      helper.settle(2)
      task:cancel()
      assert.is_true(closed)
      assert.is_true(spawn(moonport.sleep, 1):join())
    end
  end)

  it("holds in pcall, in metamethods and iterators, and across waits that are satisfied", function()
    local task = spawn(function()
      return deadline(20, function()
        local slow = setmetatable({}, { __index = function() return (moonport.sleep(1)) end })
        local seen = slow.x
        local _, inner = pcall(moonport.sleep, 60000)
        return seen, inner
      end)
    end)
    local seen, inner = task:join()
    assert.is_true(seen)
    assert.is_nil(inner)
  end)

  it("bounds the main program's waits", function()
    local ok, _, code = deadline(5, moonport.sleep, 60000)
    assert.is_nil(ok)
    assert.equal("SocketTimeoutError", code)
    assert.is_true(moonport.sleep(10))
  end)

  it("is refused in a coroutine of the script's own, where nothing waits", function()
    local ok, message = coroutine.resume(coroutine.create(deadline), 10, print)
    assert.is_false(ok)
    assert.matches("deadline: cannot wait here: in a coroutine of the script's own", message)
  end)

  it("needs a time and a function", function()
    assert.error_matches(function() deadline() end, "number expected")
    assert.error_matches(function() deadline(10) end, "function expected")
    assert.error_matches(function() deadline("soon", print) end, "number expected")
  end)
end)
