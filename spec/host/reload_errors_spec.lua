-- SPDX-License-Identifier: MIT
-- A reload that fails at any stage: the old generation goes on unchanged, and a line says where and why it
-- failed.

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local ask = reload.ask

local good = [[
  local part = require "part"
  local count = moonport.persist("count", { n = 0 })
  local timer = moonport.Timer()
  function timer:timeout() count.n = count.n + 1 end
  timer:start(1)
  function person:readyRead()
    while self:canReadLine() do
      local line = self:readLine()
      if line == "objects\n" then
        collectgarbage() collectgarbage()
        line = moonport.stats().objects .. "\n"
      elseif line == "failures\n" then
        line = moonport.stats().reload.failures .. " " .. moonport.stats().handlerErrors .. "\n"
      end
      self:write(part .. moonport.generation() .. " " .. line)
    end
  end
]]

describe("A reload fails #gc", function()
  local service, client, objects

  before_each(function()
    service = reload.start(good, { files = { ["part.lua"] = "return 'part '" },
      options = { "--reload-timeout", "300" } })
    client = service:connect()
    objects = ask(client, "objects")
  end)

  after_each(function() service:remove() end)

  -- The connection, new ones and the listener work as before; nothing of the failed run is left; the next
  -- reload works.
  local function goesOn()
    assert.are.equal("part 1 still", ask(client, "still"))
    local other = service:connect()
    assert.are.equal("part 1 new", ask(other, "new"))
    other:close()
    assert.are.equal("part 1 1 0", ask(client, "failures"))
    helper.eventually(function() return ask(client, "objects") == objects end, "nothing left of the failed run")
    service:write("part.lua", "return 'part '")
    assert.is_truthy(service:reload(good):find("1 listener kept, 0 added, 0 closed", 1, true))
    assert.is_truthy(ask(client, "now"):find "^part %d+ now$")
  end

  -- The text must begin with the expected one, which names the file and the line.
  local function fails(body, expected)
    local text, generation = service:reloadFails(body)
    assert.are.equal(1, generation)
    assert.are.equal(expected, text:sub(1, #expected))
    goesOn()
  end

  it("for the script's syntax", function()
    fails("local = 1", "main.lua:2: <name> expected near '='")
  end)

  it("for a module's syntax", function()
    service:write("part.lua", "return 1\nreturn 2")
    local text = service:reloadFails(good)
    assert.are.equal("main.lua:2: error loading module 'part' from file 'part.lua':"
      .. "\\n\\tpart.lua:2: <eof> expected near 'return'", text)
    goesOn()
  end)

  it("for an error in a module's main chunk", function()
    service:write("part.lua", "\nerror 'in the module'")
    assert.are.equal("part.lua:2: in the module", (service:reloadFails(good)))
    goesOn()
  end)

  it("for an error before the first listen", function()
    fails("local nothing\nnothing.field = 1", "main.lua:3: attempt to index a nil value (local 'nothing')")
  end)

  it("for an error between two listens", function()
    fails([[
      assert(server:listen("127.0.0.1", 0))
      local other = moonport.TcpServer()
      assert(other:listen("127.0.0.1", 0))
      error "between"
    ]], "main.lua:5: between")
  end)

  it("for an error after the last listen, with timers, tasks, connections and handlers made before it", function()
    fails([[
      assert(server:listen("127.0.0.1", 0))
      moonport.singleShot(0, function() moonport.log.error "a timer of the failed run" end)
      moonport.spawn(function() moonport.log.error "a task of the failed run" end)
      local socket = moonport.TcpSocket()
      socket:connectToHost("127.0.0.1", server:serverPort())
      function person:readyRead() moonport.log.error "a handler of the failed run" end
      moonport.sleep(5)
      error "after"
    ]], "main.lua:9: after")
    assert.is_nil(service.program:stderr():find("of the failed run", 1, true))
  end)

  it("for an error value that isn't a string, and for one whose text fails", function()
    fails("error({})", "(error object is a table value)")
    local text = service:reloadFails "error(setmetatable({}, { __tostring = function() error 'twice' end }))"
    assert.are.equal("main.lua:2: twice: in __tostring of an error", text)
  end)

  it("for an address in use", function()
    local port = helper.listen():port()
    fails(('assert(moonport.TcpServer():listen("127.0.0.1", %d))'):format(port),
      ("main.lua:2: listen 127.0.0.1:%d: The bound address is already in use"):format(port))
  end)

  it("for a missing module", function()
    assert(os.remove(service.folder .. "/part.lua"))
    local text = service:reloadFails()
    assert.is_truthy(text:find("^main.lua:2: module 'part' not found:"), text)
    goesOn()
  end)

  it("for a missing script", function()
    assert(os.remove(service.folder .. "/main.lua"))
    service.program:signal "HUP"
    assert.are.equal("cannot open main.lua: No such file or directory", (service:failed()))
    goesOn()
  end)

  it("for a main chunk that waits too long", function()
    fails("moonport.sleep(1e9)", "main.lua:2: the main chunk has not ended in time")
  end)

  it("for a main chunk that never ends, while the service goes on", function()
    service:replace "while true do end"
    service.program:signal "HUP"
    for _ = 1, 10 do assert.are.equal("part 1 meanwhile", ask(client, "meanwhile")) end
    local text = service:failed()
    assert.is_truthy(text:find("^main.lua:2: the main chunk has not ended within 300"), text)
    goesOn()
  end)

  it("for a main chunk that never ends inside a pcall, or inside its own coroutine", function()
    service:replace "while true do pcall(function() while true do end end) end"
    service.program:signal "HUP"
    service:failed()
    assert.are.equal("part 1 a", ask(client, "a"))
    for _, body in ipairs {
      "coroutine.wrap(function() while true do end end)()",
      "coroutine.wrap(function() while true do pcall(function() while true do end end) end end)()",
    } do
      service:replace(body)
      service.program:signal "HUP"
      service:failed()
      assert.are.equal("part 1 b", ask(client, "b"))
    end
  end)

  it("for a string that is too large", function()
    fails("local t = ('x'):rep(1 << 62)", "main.lua:2: resulting string too large")
  end)

  it("for moonport.quit, which only serving code may call", function()
    fails("moonport.quit()", "main.lua:2: quit: while the script is being reloaded")
  end)

  it("and persist loses what the failed run put into it", function()
    assert.is_truthy(service:reloadFails [[
      moonport.persist("mine", { 1 })
      error "after persist"
    ]]:find "after persist")
    service:reload [[
      local mine = moonport.persist("mine", "fresh")
      function person:readyRead() self:readAll() self:write(tostring(mine) .. "\n") end
    ]]
    assert.are.equal("fresh", ask(client, "?"))
  end)

  it("but not for a main chunk that waits a while: it takes over when it ends", function()
    service:replace(good .. "moonport.sleep(50)")
    service.program:signal "HUP"
    assert.are.equal("part 1 meanwhile", ask(client, "meanwhile"))
    service:reloaded()
    assert.are.equal("part 2 then", ask(client, "then"))
  end)

  it("for newer code that arrives while the main chunk waits", function()
    service:replace "moonport.log.info 'it waits' moonport.sleep(1e9)"
    service.program:signal "HUP"
    service.program:waitForLine "it waits"
    service:replace(good)
    service.program:signal "HUP"
    assert.are.equal("main.lua:2: given up for newer code", (service:failed()))
    service:reloaded()
    assert.is_truthy(ask(client, "then"):find "^part %d then$")
  end)

  it("without a trace when the program ends while the new main chunk waits", function()
    service:replace "moonport.log.info 'it waits' moonport.sleep(1e9)"
    service.program:signal "HUP"
    service.program:waitForLine "it waits"
    client:close()
    service.program:signal "TERM"
    assert.are.equal(0, service.program:wait())
  end)
end)
