-- Channel: values go from task to task in order, and a full one holds its senders back.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

local spawn = moonport.spawn
local many = os.getenv "MOONPORT_SPEC_GC" and 300 or 20000

describe("A Channel", function()
  for _, capacity in ipairs { 0, 1, 7, math.huge } do
    it(("of capacity %s passes all values on in order, and ends its iteration"):format(capacity), function()
      local channel = moonport.Channel(capacity)
      local received = {}
      local reader = spawn(function()
        for value in channel:values() do received[#received + 1] = value end
      end)
      local writer = spawn(function()
        for i = 1, 100 do assert(channel:send(i)) end
        channel:close()
      end)
      writer:join()
      reader:join()
      assert.equal(100, #received)
      for i = 1, 100 do assert.equal(i, received[i]) end
    end)
  end

  it("holds as many values as its capacity, and then its senders wait in order", function()
    local channel = moonport.Channel(2)
    local order, tasks = {}, {}
    for i = 1, 5 do
      tasks[i] = spawn(function()
        channel:send(i)
        order[#order + 1] = i
      end)
    end
    helper.settle(5)
    assert.same({ 1, 2 }, order)
    assert.equal(2, channel:count())
    for i = 1, 5 do assert.equal(i, channel:receive()) end
    for _, task in ipairs(tasks) do task:join() end
    assert.same({ 1, 2, 3, 4, 5 }, order)
  end)

  it("without capacity takes a value only when somebody receives", function()
    local channel = moonport.Channel()
    assert.equal("SocketTimeoutError", select(3, channel:send("nobody", 0)))
    assert.equal("SocketTimeoutError", select(3, channel:send("nobody", 5)))
    local sender = spawn(function() return channel:send "value" end)
    helper.settle(5)
    assert.is_true(sender:isActive())
    assert.equal("value", channel:receive())
    assert.is_true(sender:join())
    local receiver = spawn(function() return channel:receive() end)
    helper.settle(2)
    assert.is_true(channel:send("second", 0))
    assert.equal("second", receiver:join())
  end)

  it("gives each value to one receiver, the one that has waited longest", function()
    local channel = moonport.Channel(10)
    local got, tasks = {}, {}
    for i = 1, 3 do
      tasks[i] = spawn(function() got[i] = channel:receive() end)
    end
    helper.settle(2)
    for _, value in ipairs { "a", "b", "c" } do channel:send(value) end
    for _, task in ipairs(tasks) do task:join() end
    assert.same({ "a", "b", "c" }, got)
  end)

  it("loses no value when a receiver is cancelled or its time is up", function()
    for _, capacity in ipairs { 0, 1 } do
      local channel = moonport.Channel(capacity)
      local first = spawn(function() return channel:receive() end)
      helper.settle(2)
      spawn(function()
        assert(channel:send "value")
        first:cancel()
      end):join()
      assert.equal("value", channel:receive(1000))
      assert.equal("SocketTimeoutError", select(3, channel:receive(2)))
      assert.equal("SocketTimeoutError", select(3, channel:receive(0)))
      channel:close()
    end
  end)

  it("gives all that it holds to receive without a wait, also while senders wait for room", function()
    local channel = moonport.Channel(3)
    local writer = spawn(function()
      for i = 1, 8 do channel:send(i) end
      channel:close()
    end)
    local batches = {}
    spawn(function()
      for value in channel:values() do
        local batch = { value }
        while true do
          local more = channel:receive(0)
          if not more then break end
          batch[#batch + 1] = more
        end
        batches[#batches + 1] = #batch
        moonport.sleep(1)
      end
    end):join()
    writer:join()
    assert.equal(3, batches[1])
    assert.is_true(#batches < 5)
  end)

  it("without a wait takes nothing from those who wait already", function()
    local channel = moonport.Channel(3)
    local receiver = spawn(function() return channel:receive() end)
    helper.settle(2)
    spawn(function()
      channel:send "theirs"
      assert.equal("SocketTimeoutError", select(3, channel:receive(0)))
    end):join()
    assert.equal("theirs", receiver:join())
  end)

  it("keeps no value of a sender that is cancelled or whose time is up", function()
    local channel = moonport.Channel(1)
    channel:send "kept"
    local sender = spawn(function() return channel:send "dropped" end)
    helper.settle(2)
    sender:cancel()
    assert.equal("SocketTimeoutError", select(3, channel:send("dropped", 2)))
    assert.equal("kept", channel:receive())
    assert.equal(0, channel:count())
  end)

  it("when closed gives what it holds, and then says so to receivers and senders", function()
    local channel = moonport.Channel(1)
    channel:send "last"
    local sender = spawn(function() return channel:send "too late" end)
    helper.settle(2)
    channel:close()
    channel:close()
    assert.is_true(channel:isClosed())
    assert.same({ n = 3, nil, "send: the channel is closed", "OperationError" }, table.pack(sender:join()))
    assert.equal("OperationError", select(3, channel:send("too late")))
    assert.equal("last", channel:receive())
    assert.same({ n = 3, nil, "receive: the channel is closed", "OperationError" }, table.pack(channel:receive()))
    for _ in channel:values() do error "a value" end

    local waiting = moonport.Channel()
    local receiver = spawn(function() return select(3, waiting:receive()) end)
    helper.settle(2)
    waiting:close()
    assert.equal("OperationError", receiver:join())
  end)

  it("is closed by the end of a <close> variable", function()
    local reader
    do
      local channel <close> = moonport.Channel()
      reader = spawn(function()
        local n = 0
        for _ in channel:values() do n = n + 1 end
        return n
      end)
      channel:send(1)
    end
    assert.equal(1, reader:join())
  end)

  it("passes false and tables, and refuses nil", function()
    local channel, value = moonport.Channel(3), {}
    channel:send(false)
    channel:send(value)
    assert.equal(false, channel:receive())
    assert.equal(value, channel:receive())
    assert.error_matches(function() channel:send(nil) end, "nil can't be sent")
    assert.error_matches(function() channel:send() end, "nil can't be sent")
  end)

  it("works in a handler of a connection, and its iteration ends with a deadline", function()
    local channel = moonport.Channel()
    local timer <close> = moonport.Timer()
    function timer:timeout()
      self:stop()
      channel:send "from a handler"
    end
    timer:start(1)
    local task = spawn(moonport.deadline, 30, function()
      local list = {}
      for item in channel:values() do list[#list + 1] = item end
      return list
    end)
    assert.same({ "from a handler" }, task:join())
  end)

  it("moves many values between tasks that wake each other", function()
    local channel, sum = moonport.Channel(64), 0
    local reader = spawn(function()
      for value in channel:values() do sum = sum + value end
    end)
    spawn(function()
      for i = 1, many do channel:send(i) end
      channel:close()
    end)
    reader:join()
    assert.equal(many * (many + 1) // 2, sum)
  end)

  it("has a capacity that isn't negative, and shows what it holds", function()
    assert.error_matches(function() moonport.Channel(-1) end, "isn't negative")
    assert.error_matches(function() moonport.Channel(1.5) end, "integer")
    assert.error_matches(function() moonport.Channel "many" end, "number expected")
    local channel = moonport.Channel(2)
    channel:send(1)
    assert.equal("Channel(1)", tostring(channel))
    channel:close()
    assert.equal("Channel(1, closed)", tostring(channel))
  end)
end)
