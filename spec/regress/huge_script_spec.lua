-- SPDX-License-Identifier: MIT
-- Cause: at a reload a script, or a module that it requires, was compiled in one piece, and the service stood still
-- for as long: seconds for one of many megabytes. Fix: what is long is compiled in slices of a millisecond, a slice a
-- turn of the loop, and the main chunk waits for it.

local reload = require "spec.host.reload"
local ask = reload.ask

local ASKED = 30 -- times, each in at least one turn: 20 MiB take hundreds of slices on any machine

local LONG = 60000 -- milliseconds that one may take under a sanitizer

local statement = "y({ 1, 2, a = x, b = not x }, 'z' .. x)\n"
local count = (20 << 20) // #statement
local huge = "local function never()\n" .. statement:rep(count) .. "end\n"

local function answer(text)
  return ("function person:readyRead() self:readAll() self:write(%s) end\n"):format(text)
end

local generation = answer "moonport.generation() .. '\\n'"

describe("a reload of a huge script", function()
  local service, client

  local function start(body, options)
    service = reload.start(body or generation, options)
    client = service:connect()
    assert.are.equal("1", ask(client, "?"))
  end

  --- Asks again and again while it is being compiled: the code before answers each time.
  local function isServed()
    for _ = 1, ASKED do assert.are.equal("1", ask(client, "?")) end
  end

  local function begin(body)
    service:replace(body)
    service.program:signal "HUP"
    isServed()
  end

  after_each(function() service:remove() end)

  it("is served meanwhile, and takes over", function()
    start()
    begin(huge .. generation)
    service:reloaded(LONG)
    assert.are.equal("2", ask(client, "?"))
  end)

  it("is served while it compiles a module, for a main chunk that goes on behind it", function()
    start(nil, { files = { ["part.lua"] = "return 'small'" } })
    service:write("part.lua", huge .. "local name, path = ... return name .. ' ' .. path:match '[^/]*$'")
    begin("local ok, part = pcall(require, 'part')\nassert(ok and part == require 'part')\n" .. answer "part .. '\\n'")
    service:reloaded(LONG)
    assert.are.equal("part part.lua", ask(client, "?"))
  end)

  it("is served while a module compiles another behind a wait", function()
    start(nil, { files = {
      ["outer.lua"] = "require('moonport').sleep(1) return require 'part' + 1",
      ["part.lua"] = huge .. "return 2" } })
    begin("local outer = require 'outer'\n" .. answer "outer .. '\\n'")
    service:reloaded(LONG)
    assert.are.equal("3", ask(client, "?"))
  end)

  it("compiles a module in place where the main chunk can't wait", function()
    start(nil, { files = { ["part.lua"] = huge .. "return 2" } })
    service:reload("local part = coroutine.wrap(require)('part')\n" .. answer "part .. '\\n'")
    assert.are.equal("2", ask(client, "?"))
  end)

  it("tells a syntax error at its end as Lua does", function()
    start()
    begin(huge .. "x = = 1 ")
    assert.are.equal(("main.lua:%d: unexpected symbol near '='"):format(count + 4), (service:failed(LONG)))
    isServed()
  end)

  it("tells a syntax error at the end of a module to the main chunk", function()
    start(nil, { files = { ["part.lua"] = huge .. "x = = 1" } })
    begin "local _, message = pcall(require, 'part') error((message:gsub('[^%s\\']*/', '')), 0)"
    local expected = "main.lua:2: error loading module 'part' from file 'part.lua':"
      .. "\\n\\tpart.lua:%d: unexpected symbol near '='"
    assert.are.equal(expected:format(count + 3), (service:failed(LONG)))
    isServed()
  end)

  it("refuses bytecode as ever", function()
    start(nil, { files = { ["part.lua"] = string.dump(assert(load(huge))) } })
    assert.is_truthy(service:reloadFails("require 'part'"):find("is bytecode, and only text is run", 1, true))
  end)

  it("gives way to newer code", function()
    start()
    begin(huge .. generation)
    service:replace(answer "'newer\\n'")
    service.program:signal "HUP"
    assert.are.equal("given up for newer code", (service:failed(LONG)))
    service:reloaded(LONG)
    assert.are.equal("newer", ask(client, "?"))
  end)

  it("gives a module up for newer code, with the line that asked for it", function()
    start(nil, { files = { ["part.lua"] = huge } })
    begin "\nrequire 'part'"
    service:replace(answer "'newer\\n'")
    service.program:signal "HUP"
    assert.are.equal("main.lua:3: given up for newer code", (service:failed(LONG)))
    service:reloaded(LONG)
    assert.are.equal("newer", ask(client, "?"))
  end)

  it("is given up when its time is over", function()
    start(nil, { options = { "--reload-timeout", "150" } })
    begin(huge)
    assert.are.equal("the main chunk has not ended in time", (service:failed(LONG)))
    isServed()
  end)

  it("doesn't hold up a program that is told to stop", function()
    start()
    begin(huge .. "error 'never'")
    client:close()
    service.program:signal "TERM"
    assert.are.equal(0, service.program:wait())
    assert.is_nil(service.program:stderr():find("never", 1, true))
  end)

  for _, close in ipairs { "false", "true" } do
    it("doesn't hold up os.exit(7, " .. close .. ")", function()
      start("function person:readyRead() if self:readAll() == 'exit\\n' then os.exit(7, " .. close .. ") end " ..
        "self:write(moonport.generation() .. '\\n') end")
      begin(huge)
      client:send "exit\n"
      assert.are.equal(7, service.program:wait())
      assert.is_nil(service.program:stderr():find("Sanitizer", 1, true))
    end)
  end
end)
