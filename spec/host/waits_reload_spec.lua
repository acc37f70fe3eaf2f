-- SPDX-License-Identifier: MIT
-- Semaphores, conditions, channels and deadlines over a reload: tasks of the run before end and leave everything in
-- order, handlers of connections go on.

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local ask = reload.ask

describe("At a reload #gc", function()
  local service

  local function start(...)
    service = reload.start(...)
    return service
  end

  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  it("a semaphore that persists gets the permits of the cancelled tasks back; those of connections stay", function()
    local body = [[
      local semaphore = moonport.persist("semaphore", moonport.Semaphore(3))
      function person:readyRead()
        if self:readAll() == "hold\n" then self.token = semaphore:acquire(0) end
        self:write(semaphore:available() .. "\n")
      end
    ]]
    start(body .. [[
      moonport.spawn(function()
        local _ <close> = semaphore:acquire()
        moonport.sleep(-1)
      end)
    ]])
    local client = service:connect()
    assert.equal("1", ask(client, "hold"))
    service:reload(body)
    assert.equal("2", ask(client, "look"))
    client:close()
  end)

  it("a semaphore's next permit goes past the waiting tasks of the run before, to a connection's handler", function()
    start [[
      local semaphore = moonport.persist("semaphore", moonport.Semaphore(1))
      persistedToken = moonport.persist("token", semaphore:acquire())
      for _ = 1, 3 do moonport.spawn(function() semaphore:acquire() error "an old task goes on" end) end
      function person:readyRead()
        self:readAll()
        self:write "waits\n"
        local token <close> = semaphore:acquire()
        self:write "has it\n"
      end
    ]]
    local client = service:connect()
    assert.equal("waits", ask(client, "acquire"))
    service:reload [[
      moonport.singleShot(0, function() moonport.persist("token"):release() end)
      function person:readyRead() self:write("new " .. self:readAll()) end
    ]]
    assert.equal("has it\n", client:receiveLine())
    assert.is_nil(service.program:stderr():find "old task goes on")
    client:close()
  end)

  it("a channel that persists keeps its values, and its waiting handlers; old tasks take none of them", function()
    start [[
      local channel = moonport.persist("channel", moonport.Channel(10))
      moonport.spawn(function() for _ in channel:values() do error "an old task goes on" end end)
      function person:readyRead()
        self:readAll()
        self:write "waits\n"
        self:write(channel:receive() .. "\n")
      end
    ]]
    local client = service:connect()
    assert.equal("waits", ask(client, "receive"))
    service:reload [[
      local channel = moonport.persist "channel"
      moonport.singleShot(0, function()
        channel:send "first"
        channel:send "second"
      end)
      function person:readyRead()
        self:readAll()
        self:write(channel:receive() .. "\n")
      end
    ]]
    assert.equal("first\n", client:receiveLine())
    assert.equal("second", ask(service:connect(), "receive"))
    assert.is_nil(service.program:stderr():find "old task goes on")
  end)

  it("a condition that persists keeps its waiting handlers; old tasks take no notification", function()
    start [[
      local condition = moonport.persist("condition", moonport.Condition())
      for _ = 1, 3 do moonport.spawn(function() condition:wait() error "an old task goes on" end) end
      function person:readyRead()
        self:readAll()
        self:write "waits\n"
        self:write(tostring(condition:wait()) .. "\n")
      end
    ]]
    local first, second = service:connect(), service:connect()
    assert.equal("waits", ask(first, "wait"))
    assert.equal("waits", ask(second, "wait"))
    service:reload [[
      local condition = moonport.persist "condition"
      function person:readyRead()
        if self:readAll() == "one\n" then condition:notify() else condition:notifyAll() end
        self:write(tostring(condition) .. "\n")
      end
    ]]
    local client = service:connect()
    assert.equal("Condition(awaited)", ask(client, "one"))
    assert.equal("true\n", first:receiveLine())
    assert.is_false(second:fill())
    ask(client, "all")
    assert.equal("true\n", second:receiveLine())
    assert.is_nil(service.program:stderr():find "old task goes on")
    for _, one in ipairs { first, second, client } do one:close() end
  end)

  it("a condition of one run ends with it: its tasks are cancelled, and their variables close", function()
    start [[
      local condition = moonport.Condition()
      moonport.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() moonport.log.info "closed" end })
        condition:wait()
        moonport.log.error "an old task goes on"
      end)
    ]]
    service:reload ""
    helper.eventually(function() return service.program:stderr():find "closed" end)
    assert.is_nil(service.program:stderr():find "old task goes on")
  end)

  it("the clocks go on: hrtime and epoch of the new code are no less than those of the old", function()
    local body = [[
      function person:readyRead()
        self:readAll()
        self:write(("%d %d %d\n"):format(moonport.now(), moonport.hrtime(), moonport.epoch()))
      end
    ]]
    start(body)
    local client = service:connect()
    local now, fine, epoch = ask(client, "?"):match "^(%d+) (%d+) (%d+)$"
    service:reload(body)
    local later, finer, after = ask(client, "?"):match "^(%d+) (%d+) (%d+)$"
    assert.is_true(math.tointeger(later) >= math.tointeger(now))
    assert.is_true(math.tointeger(finer) > math.tointeger(fine))
    assert.is_true(math.abs(math.tointeger(after) - math.tointeger(epoch)) < 60000)
    client:close()
  end)

  it("a script that fails while it loads gives back what its main chunk holds", function()
    start [[
      local semaphore = moonport.persist("semaphore", moonport.Semaphore(1))
      function person:readyRead()
        self:readAll()
        self:write(semaphore:available() .. "\n")
      end
    ]]
    local client = service:connect()
    service:reloadFails [[
      local token <close> = moonport.persist "semaphore":acquire()
      moonport.sleep(1)
      error "no"
    ]]
    assert.equal("1", ask(client, "look"))
    client:close()
  end)

  it("a deadline of a connection's handler goes on", function()
    start [[
      function person:readyRead()
        self:readAll()
        self:write "waits\n"
        local _, _, code = moonport.deadline(300, function() return moonport.sleep(60000) end)
        self:write(code .. "\n")
      end
    ]]
    local client = service:connect()
    assert.equal("waits", ask(client, "wait"))
    service:reload [[ function person:readyRead() self:write("new " .. self:readAll()) end ]]
    assert.equal("SocketTimeoutError\n", client:receiveLine())
    client:close()
  end)

  it("a connection that pauses reading stays paused, and the new code resumes it", function()
    start [[
      function person:readyRead()
        self:write(self:readAll())
        self:pauseReading()
      end
    ]]
    local client = service:connect()
    assert.equal("one", ask(client, "one"))
    client:send "two\n"
    service:reload [[
      function server:connectionResumed(socket)
        socket:write(tostring(socket:isReadingPaused()) .. "\n")
        moonport.singleShot(20, function() socket:resumeReading() end)
      end
      function person:readyRead() self:write("new " .. self:readAll()) end
    ]]
    assert.equal("true\n", client:receiveLine())
    assert.equal("new two\n", client:receiveLine())
    client:close()
  end)
end)
