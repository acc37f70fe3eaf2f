-- SPDX-License-Identifier: MIT
-- Cause: a main chunk that is loaded beside the version that serves was interrupted by a hook that could only
-- make it yield. Where it can't (a coroutine of its own, a comparison of table.sort, a message handler, the
-- __tostring of its error, a finaliser) an endless loop stopped the service until --reload-timeout, or for
-- ever; debug.sethook took the hook out. Fix: the chunk has a stack of its own, which a hook leaves and
-- enters anywhere; finalisers of a run that doesn't serve run in a coroutine, where hooks run, for at most
-- 100 ms.
-- #thorough: it computes for long

local reload = require "spec.host.reload"

local good = "function person:readyRead() self:write(moonport.generation() .. ' ' .. self:readAll()) end"
local late = ": the main chunk has not ended within 200.0 ms"

-- What loops in line 3.
local loops = {
  ["plain"] = "\nwhile true do end",
  ["without its hook"] = "debug.sethook()\nwhile true do end",
  ["without the hook of its coroutine"] = "coroutine.wrap(function() debug.sethook()\nwhile true do end end)()",
  ["without the hook of its coroutine, taken out from outside"] =
    "local co = coroutine.create(function()\nwhile true do end end) debug.sethook(co) coroutine.resume(co)",
  ["in a message handler"] = "xpcall(error, function()\nwhile true do end end)",
  ["in a message handler, again and again"] = "\nwhile true do xpcall(error, function() while true do end end) end",
  ["in the text of its error"] = "error(setmetatable({}, { __tostring = function()\nwhile true do end end }))",
  ["in the text of an error in a coroutine"] =
    "coroutine.wrap(function() error(setmetatable({}, { __tostring = function()\nwhile true do end end })) end)()",
  ["in a coroutine"] = "coroutine.wrap(function()\nwhile true do end end)()",
  ["in coroutines without number"] =
    "\nwhile true do coroutine.resume(coroutine.create(function() while true do end end)) end",
  ["in a generator"] =
    "\nfor _ in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end",
  ["in a pcall"] = "\nwhile true do pcall(function() while true do end end) end",
  ["in a function of gsub"] = "(('x'):gsub('x', function()\nwhile true do end end))",
  ["in a comparison of table.sort"] = "table.sort({ 2, 1 }, function()\nwhile true do end end)",
  ["in a comparison, again and again"] =
    "table.sort({ 2, 1 }, function() while true do pcall(function()\nwhile true do end end) end end)",
  ["in a metamethod"] = "local _ = #setmetatable({}, { __len = function()\nwhile true do end end })",
  ["in an __index of package.loaded"] =
    "setmetatable(package.loaded, { __index = function()\nwhile true do end end }) local _ = package.loaded.nothing",
  ["in a function that load reads from"] = "load(function()\nwhile true do end end)",
  ["over the characters of a text"] = "local text = ('ü'):rep(100)\nwhile true do for _ in utf8.codes(text) do end end",
  ["behind a wait"] = "moonport.sleep(1)\nwhile true do end",
  ["in a variable that is closed"] =
    "do local _ <close> = setmetatable({}, { __close = function()\nwhile true do end end }) end",
  ["in a variable that is closed by coroutine.close"] = "local co = coroutine.create(function() "
    .. "local _ <close> = setmetatable({}, { __close = function()\nwhile true do end end }) coroutine.yield() end) "
    .. "coroutine.resume(co) coroutine.close(co)",
}

describe("A version that is being loaded anew and", function()
  local service, client

  local function start(options, files)
    service = reload.start(good, { options = options, files = files })
    client = service:connect()
  end

  local function goesOn()
    assert.are.equal("1 still", reload.ask(client, "still"))
    local visitor = service:connect()
    assert.are.equal("1 hello", reload.ask(visitor, "hello"))
    visitor:close()
  end

  after_each(function()
    client:close()
    service:remove()
  end)

  for name, body in pairs(loops) do
    it("loops for ever " .. name .. " is late, with that line", function()
      start { "--reload-timeout", "200" }
      assert.are.equal("main.lua:3" .. late, (service:reloadFails(body)))
      goesOn()
    end)

    it("loops for ever " .. name .. " doesn't hold the service up, and gives way to newer code", function()
      start { "--reload-timeout", "600000" }
      service:replace("moonport.log.info 'staged' " .. body)
      service.program:signal "HUP"
      service.program:waitForLine "staged"
      for _ = 1, 3 do goesOn() end
      assert.is_falsy(service.program:stderr():find("failed", 1, true))
      service:replace(good)
      service.program:signal "HUP"
      assert.are.equal("main.lua:3: given up for newer code", (service:failed()))
      service:reloaded()
      assert.are.equal("3 then", reload.ask(client, "then"))
    end)
  end

  it("loops for ever in a module is late, with that line", function()
    start({ "--reload-timeout", "200" }, { ["part.lua"] = "return true" })
    service:write("part.lua", "debug.sethook()\ntable.sort({ 2, 1 }, function()\nwhile true do end end)")
    assert.are.equal("part.lua:3" .. late, (service:reloadFails "coroutine.wrap(require)('part')"))
    goesOn()
  end)

  it("closes a variable for ever as it is late comes to nothing", function()
    start { "--reload-timeout", "200" }
    for _, place in ipairs { "while true do end", "table.sort({ 2, 1 }, function() while true do end end)" } do
      assert.are.equal("main.lua:3" .. late, (service:reloadFails(
        "local _ <close> = setmetatable({}, { __close = function() while true do end end })\n" .. place)))
      goesOn()
    end
  end)

  it("is late has its variables closed all the same", function()
    start { "--reload-timeout", "200" }
    service:replace("local _ <close> = setmetatable({}, { __close = function() for _ = 1, 1e4 do end "
      .. "moonport.log.info 'closed' end })\nwhile true do end")
    service.program:signal "HUP"
    service.program:waitForLine "closed"
    assert.are.equal("main.lua:3" .. late, (service:failed()))
    goesOn()
  end)

  it("throws for ever what has an endless text, as it is given up, comes to nothing", function()
    start { "--reload-timeout", "200" }
    assert.are.equal("main.lua:3: the main chunk has not ended in time", (service:reloadFails(
      "local _ <close> = setmetatable({}, { __close = function() error(setmetatable({}, { __tostring = function() "
      .. "while true do end end })) end })\nmoonport.sleep(-1)")))
    goesOn()
  end)

  it("calls Lua's functions with what they don't take is told as ever", function()
    start()
    assert.are.equal("main.lua:2: bad argument #2 to 'setmetatable' (nil or table expected, got number)",
      (service:reloadFails "setmetatable({}, 1)"))
    assert.are.equal("main.lua:2: cannot change a protected metatable",
      (service:reloadFails "setmetatable(setmetatable({}, { __metatable = 1 }), {})"))
    assert.are.equal("main.lua:2: 2",
      (service:reloadFails "error(select(2, xpcall(error, function() return debug.getinfo(2, 'n') and 2 end)))"))
  end)

  it("sets a hook fails, with that line", function()
    start()
    local text = service:reloadFails "\npcall(debug.sethook, function() while true do end end, '', 1)"
    assert.are.equal("main.lua:3: debug.sethook: while the script is being reloaded", text)
    goesOn()
  end)

  it("has a finaliser that never ends fails, with that line", function()
    start()
    assert.are.equal("main.lua:3: a finaliser has not ended within 100 ms", (service:reloadFails(
      "setmetatable({}, { __gc = function()\nwhile true do end end }) for _ = 1, 2 do collectgarbage() end")))
    goesOn()
  end)

  it("leaves endless finalisers behind holds the service up for one of them", function()
    service = reload.start(good .. " function person:disconnected() collectgarbage() collectgarbage() end")
    client = service:connect()
    assert.are.equal("main.lua:3: first", (service:reloadFails("kept = {} "
      .. "for i = 1, 1000 do kept[i] = setmetatable({}, { __gc = function() while true do "
      .. "pcall(function() while true do end end) end end }) end\nerror 'first'")))
    goesOn()
    service.program:waitForLine
      "generation 2, which doesn't serve: .*main%.lua:2: a finaliser has not ended within 100 ms"
    goesOn()
    assert.are.equal(1, select(2, service.program:stderr():gsub("a finaliser has not", "")))
  end)

  it("leaves a finaliser behind that has kept os.exit ends nothing", function()
    service = reload.start(good .. " function person:disconnected() collectgarbage() collectgarbage() end")
    client = service:connect()
    for _, set in ipairs { "setmetatable", "debug.setmetatable" } do
      for _, call in ipairs { "exit(4)", "coroutine.wrap(exit)(4)" } do
        assert.are.equal("main.lua:3: first", (service:reloadFails(
          ("local exit, call = os.exit, coroutine.wrap kept = %s({}, { __gc = function() %s end })\n"
            .. "error 'first'"):format(
            set, (call:gsub("coroutine.wrap", "call"))))))
        goesOn()
        goesOn()
      end
    end
  end)

  it("has finalisers that end takes over, and they run as ever", function()
    start()
    service:reload(good:gsub("write%(", "write(count .. ' ' .. ")
      .. " count = 0 local meta = { __gc = function() count = count + 1 end } "
      .. "setmetatable({}, meta) collectgarbage() assert(count == 1) "
      .. "function person:disconnected() setmetatable({}, meta) collectgarbage() end")
    assert.are.equal("1 2 a", reload.ask(client, "a"))
    service:connect():close()
    local visitor = service:connect()
    assert.is_truthy(reload.ask(visitor, "b"):find "^[12] 2 b$")
    visitor:close()
  end)

  it("doesn't return from a function in C is told of, with its line, and ended", function()
    start { "--handler-timeout", "50", "--handler-kill", "400" }
    service:replace "\nlocal _ = ('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40) .. 'b')"
    service.program:signal "HUP"
    service.program:waitForLine("doesn't return from a C function or a finaliser: .*main%.lua:3", 20000)
    service.program:waitForLine("has not returned in time; the process ends: .*main%.lua:3", 20000)
    assert.are.equal(1, service.program:wait(20000))
  end)

  it("works where it can't yield, for longer than --handler-timeout, takes over", function()
    start { "--handler-timeout", "50" }
    service:reload("local t = os.clock() table.sort({ 2, 1 }, function(a, b) "
      .. "while os.clock() < t + 0.3 do end return a < b end) " .. good)
    assert.are.equal("2 a", reload.ask(client, "a"))
  end)
end)
