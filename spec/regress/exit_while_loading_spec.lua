-- SPDX-License-Identifier: MIT
-- os.exit in the main chunk of a staged generation ended the service, which should go on. moonport.quit
-- raised, and a pcall could ignore that. Now both make the reload fail, with their line, and end nothing.

local reload = require "spec.host.reload"

local good = "function person:readyRead() self:write(moonport.generation() .. ' ' .. self:readAll()) end"

describe("A staged generation that", function()
  local service, client

  before_each(function()
    service = reload.start(good, { files = { ["part.lua"] = "return true" } })
    client = service:connect()
  end)

  after_each(function() service:remove() end)

  local cases = {
    ["calls os.exit"] = { "\nos.exit(0)", "main.lua:3: os.exit" },
    ["calls os.exit and closes the state"] = { "os.exit(true, true)", "main.lua:2: os.exit" },
    ["calls moonport.quit"] = { "moonport.quit(3)", "main.lua:2: quit" },
    ["catches os.exit's error"] = { "\npcall(os.exit, 1)", "main.lua:3: os.exit" },
    ["catches quit's error"] = { "pcall(function()\n  moonport.quit() end)", "main.lua:3: quit" },
    ["goes on for ever behind it"] = { "pcall(function() os.exit() end) while true do end", "main.lua:2: os.exit" },
    ["fails otherwise behind it"] = { "pcall(function() os.exit() end) error 'else'", "main.lua:2: os.exit" },
    ["calls it in a coroutine"] = { "coroutine.wrap(function() os.exit() end)()", "main.lua:2: os.exit" },
    ["calls it in a metamethod"] = { "local _ = setmetatable({}, { __add = function() os.exit() end }) + 1",
      "main.lua:2: os.exit" },
    ["calls it behind a wait"] = { "moonport.sleep(1) os.exit()", "main.lua:2: os.exit" },
  }

  for name, case in pairs(cases) do
    it(name .. " fails, and the service goes on", function()
      local text = service:reloadFails(case[1])
      assert.are.equal(case[2] .. ": while the script is being reloaded", text)
      assert.are.equal("1 still", reload.ask(client, "still"))
      assert.is_truthy(service:reload(good):find("^generation %d+, %d+ ms; 1 listener kept, 0 added, 0 closed"))
      assert.are.equal(("%d now"):format(3), reload.ask(service:connect(), "now"))
    end)
  end

  it("calls os.exit in a module of its folder fails", function()
    service:write("part.lua", "\nos.exit()")
    assert.are.equal("part.lua:2: os.exit: while the script is being reloaded",
      (service:reloadFails('require "part"')))
    assert.are.equal("1 still", reload.ask(client, "still"))
  end)

  -- Only the running main chunk was checked, not what ends with it or what it leaves to the collector.
  local function late(what)
    return ("setmetatable({}, { %s = function() %s end })"):format(what:match "^(%S+) (.*)")
  end
  local ends = {
    ["a variable that is closed as the chunk is late"] = { "local _ <close> = " .. late "__close os.exit(4)"
      .. "\nmoonport.sleep(1e9)", "main.lua:3: the main chunk has not ended in time" },
    ["a variable that is closed behind an error"] = { "local _ <close> = " .. late "__close os.exit(4)"
      .. "\nerror 'first'", "main.lua:3: first" },
    ["the error's text"] = { "error(" .. late "__tostring os.exit(4)" .. ")",
      "main.lua:2: os.exit: by a generation that doesn't serve: in __tostring of an error" },
    ["a finaliser"] = { late "__gc os.exit(4)" .. "\nerror 'first'", "main.lua:3: first" },
    ["a finaliser that quits"] = { late "__gc moonport.quit(4)" .. "\nerror 'first'", "main.lua:3: first" },
  }

  for name, case in pairs(ends) do
    it("runs os.exit or quit afterwards doesn't end the program: " .. name, function()
      service:remove()
      service = reload.start(good .. " function person:disconnected() collectgarbage() collectgarbage() end",
        { options = { "--reload-timeout", "200" } })
      client = service:connect()
      assert.are.equal(case[2], (service:reloadFails(case[1])))
      local visitor = service:connect()
      assert.are.equal("1 hello", reload.ask(visitor, "hello"))
      visitor:close()
      assert.are.equal("1 still", reload.ask(client, "still"))
      assert.are.equal("1 yet", reload.ask(client, "yet"))
      service:reload "function person:readyRead() self:readAll() os.exit(7) end"
      client:send "x"
      assert.are.equal(7, service.program:wait())
    end)
  end

  it("closes a variable for ever after an error fails", function()
    service:remove()
    service = reload.start(good, { options = { "--reload-timeout", "200" } })
    client = service:connect()
    assert.are.equal("main.lua:2: first", (service:reloadFails(
      "local _ <close> = setmetatable({}, { __close = function() while true do end end }) error 'first'")))
    assert.are.equal("1 still", reload.ask(client, "still"))
  end)

  it("puts os.exit into handlers and tasks serves, until one calls it", function()
    service:reload "function person:readyRead() self:readAll() os.exit(7) end"
    client:send "x"
    assert.are.equal(7, service.program:wait())
  end)
end)

describe("SIGUSR1 and SIGUSR2", function()
  -- Nothing handled them, so they ended the program.
  it("are logged, and ignored", function()
    local service = reload.start(good)
    for _, name in ipairs { "USR1", "USR2" } do
      service.program:signal(name)
      service.program:waitForLine(" info SIG" .. name .. " is ignored: nothing handles it$")
    end
    local client = service:connect()
    assert.are.equal("1 still", reload.ask(client, "still"))
    client:close()
    service.program:signal "TERM"
    assert.are.equal(0, service.program:wait())
    service:remove()
  end)
end)
