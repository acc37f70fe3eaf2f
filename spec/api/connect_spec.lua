-- SPDX-License-Identifier: MIT
-- moonport.connect and disconnect, and Qt's rules for handlers that are connected or disconnected during
-- delivery.

local moonport = require "moonport"
local helper = require "spec.helper"

-- Lets the timer fire exactly once.
local function fire(timer)
  local over = false
  timer:setSingleShot(true)
  timer:start(0)
  helper.eventually(function()
    over = not timer:isActive()
    return over
  end)
end

local function recorder()
  local seen = {}
  return seen, function(name)
    return function() seen[#seen + 1] = name end
  end
end

describe("moonport.connect", function()
  it("adds handlers, which are called in order after the field's handler, whichever was set first", function()
    local timer = moonport.Timer()
    local seen, record = recorder()
    moonport.connect(timer, "timeout", record "a")
    moonport.connect(timer, "timeout", record "b")
    timer.timeout = record "field"
    moonport.connect(timer, "timeout", record "c")
    fire(timer)
    assert.same({ "field", "a", "b", "c" }, seen)
  end)

  it("calls a function once for each of its connections, with all arguments", function()
    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    helper.connect(server:serverPort())
    local socket <close> = helper.eventually(function() return server:nextPendingConnection() end)
    local seen = {}
    local function handler(...) seen[#seen + 1] = table.pack(...) end
    moonport.connect(socket, "bytesWritten", handler)
    moonport.connect(socket, "bytesWritten", handler)
    socket:write "abc"
    helper.eventually(function() return #seen == 2 end)
    for _, arguments in ipairs(seen) do
      assert.same({ socket, 3, n = 2 }, arguments)
    end
    socket:abort()
  end)

  it("raises for all but an object, a signal, a function and known options", function()
    local timer = moonport.Timer()
    assert.error(function() moonport.connect(timer, "timeout") end)
    assert.error(function() moonport.connect(timer, "timeout", {}) end)
    assert.error(function() moonport.connect(timer, "timeout", print, true) end)
    assert.error(function() moonport.connect(timer, 1, print) end)
  end)

  it("doesn't keep its object alive", function()
    local seen = setmetatable({}, { __mode = "k" })
    do
      local timer = moonport.Timer()
      seen[timer] = true
      moonport.connect(timer, "timeout", function() return timer end)
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(seen))
  end)
end)

describe("moonport.disconnect", function()
  it("returns true once, then false, and stops the calls", function()
    local timer = moonport.Timer()
    local seen, record = recorder()
    local a = moonport.connect(timer, "timeout", record "a")
    moonport.connect(timer, "timeout", record "b")
    assert.is_true(moonport.disconnect(a))
    assert.is_false(moonport.disconnect(a))
    fire(timer)
    assert.same({ "b" }, seen)
  end)

  it("of one of two connections of the same function leaves the other connected", function()
    local timer = moonport.Timer()
    local count = 0
    local function handler() count = count + 1 end
    local first = moonport.connect(timer, "timeout", handler)
    moonport.connect(timer, "timeout", handler)
    moonport.disconnect(first)
    fire(timer)
    assert.equal(1, count)
  end)
end)

describe("A singleShot connection", function()
  it("runs once and is disconnected before it runs", function()
    local timer = moonport.Timer()
    local count, inside = 0, nil
    local connection
    connection = moonport.connect(timer, "timeout", function()
      count = count + 1
      inside = moonport.disconnect(connection)
    end, { singleShot = true })
    fire(timer)
    fire(timer)
    assert.equal(1, count)
    assert.is_false(inside)
    assert.is_false(moonport.disconnect(connection))
  end)

  it("can be disconnected before it runs; with {singleShot = false} or {} it runs each time", function()
    local timer = moonport.Timer()
    local seen, record = recorder()
    local once = moonport.connect(timer, "timeout", record "once", { singleShot = true })
    moonport.connect(timer, "timeout", record "a", { singleShot = false })
    moonport.connect(timer, "timeout", record "b", {})
    assert.is_true(moonport.disconnect(once))
    fire(timer)
    fire(timer)
    assert.same({ "a", "b", "a", "b" }, seen)
  end)

  it("runs once even if its handler waits while the signal is emitted again", function()
    local timer <close> = moonport.Timer()
    local started, others, over = 0, 0, false
    moonport.connect(timer, "timeout", function()
      started = started + 1
      helper.eventually(function() return others >= 3 end)
      over = true
    end, { singleShot = true })
    moonport.connect(timer, "timeout", function() others = others + 1 end)
    timer:start(1)
    helper.eventually(function() return over end)
    assert.equal(1, started)
  end)
end)

describe("While a signal is delivered", function()
  it("a handler that is connected meanwhile is not called, whichever handler connected it", function()
    local timer = moonport.Timer()
    local seen, record = recorder()
    function timer:timeout()
      seen[#seen + 1] = "field"
      self.timeout = nil
      moonport.connect(self, "timeout", record "by field")
    end
    moonport.connect(timer, "timeout", function()
      seen[#seen + 1] = "connected"
      moonport.connect(timer, "timeout", record "by connected")
    end, { singleShot = true })
    fire(timer)
    assert.same({ "field", "connected" }, seen)
    fire(timer)
    assert.same({ "field", "connected", "by field", "by connected" }, seen)
  end)

  it("the object's first connection, made by the field's handler, is not called", function()
    local timer = moonport.Timer()
    local seen, record = recorder()
    function timer:timeout()
      seen[#seen + 1] = "field"
      moonport.connect(self, "timeout", record "late", { singleShot = true })
    end
    fire(timer)
    assert.same({ "field" }, seen)
    fire(timer)
    assert.same({ "field", "field", "late" }, seen)
  end)

  it("a handler that is disconnected before its turn is not called", function()
    local timer = moonport.Timer()
    local seen, record = recorder()
    local second, third
    function timer:timeout()
      seen[#seen + 1] = "field"
      moonport.disconnect(third)
    end
    moonport.connect(timer, "timeout", function()
      seen[#seen + 1] = "first"
      moonport.disconnect(second)
    end)
    second = moonport.connect(timer, "timeout", record "second")
    third = moonport.connect(timer, "timeout", record "third")
    moonport.connect(timer, "timeout", record "fourth")
    fire(timer)
    assert.same({ "field", "first", "fourth" }, seen)
  end)

  it("a handler may disconnect itself", function()
    local timer = moonport.Timer()
    local seen, record = recorder()
    local own
    own = moonport.connect(timer, "timeout", function()
      seen[#seen + 1] = "own"
      assert(moonport.disconnect(own))
    end)
    moonport.connect(timer, "timeout", record "next")
    fire(timer)
    fire(timer)
    assert.same({ "own", "next", "next" }, seen)
  end)

  it("a handler that waits or fails doesn't delay the next ones", function()
    local timer = moonport.Timer()
    local seen, record = recorder()
    local go, over = false, false
    moonport.connect(timer, "timeout", function()
      helper.eventually(function() return go end)
      over = true
    end)
    moonport.connect(timer, "timeout", function() error("on purpose", 0) end)
    moonport.connect(timer, "timeout", record "next")
    fire(timer)
    assert.same({ "next" }, seen)
    go = true
    helper.eventually(function() return over end)
  end)
end)
