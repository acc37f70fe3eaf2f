-- SPDX-License-Identifier: MIT
-- Cause: a reload compiled a script, or a module that it requires, in one piece, and the service stopped
-- meanwhile, for seconds if it had many megabytes. Fix: long code is compiled in slices of a millisecond, one
-- in a turn of the loop, and the main chunk waits for it.
-- #thorough: it computes for long

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local ask = reload.ask

local ASKED = 30 -- times, each in at least one turn: 15 MiB take hundreds of slices on any machine

local LONG = 60000 -- milliseconds that one may take under a sanitizer

local statement = "y({ 1, 2, a = x, b = not x }, 'z' .. x)\n"
local count = (15 << 20) // #statement
local huge = "local function never()\n" .. statement:rep(count) .. "end\n"

local function answer(text)
  return ("function person:readyRead() self:readAll() self:write(%s) end\n"):format(text)
end

local generation = answer "moonport.generation() .. '\\n'"

describe("A reload of a huge script", function()
  local service, client

  local function start(body, options)
    service = reload.start(body or generation, options)
    client = service:connect()
    assert.are.equal("1", ask(client, "?"))
  end

  --- Asks again and again while the script compiles: the former code answers each time.
  local function isServed()
    for _ = 1, ASKED do assert.are.equal("1", ask(client, "?")) end
  end

  local function begin(body)
    service:replace(body)
    service.program:signal "HUP"
    isServed()
  end

  after_each(function() service:remove() end)

  it("lets the service answer meanwhile, and takes over", function()
    start()
    begin(huge .. generation)
    service:reloaded(LONG)
    assert.are.equal("2", ask(client, "?"))
  end)

  it("lets it answer while a module compiles, for a main chunk that goes on afterwards", function()
    start(nil, { files = { ["part.lua"] = "return 'small'" } })
    service:write("part.lua", huge .. "local name, path = ... return name .. ' ' .. path:match '[^/]*$'")
    begin("local ok, part = pcall(require, 'part')\nassert(ok and part == require 'part')\n" .. answer "part .. '\\n'")
    service:reloaded(LONG)
    assert.are.equal("part part.lua", ask(client, "?"))
  end)

  it("lets it answer while a module compiles another one after a wait", function()
    start(nil, { files = {
      ["outer.lua"] = "require('moonport').sleep(1) return require 'part' + 1",
      ["part.lua"] = huge .. "return 2" } })
    begin("local outer = require 'outer'\n" .. answer "outer .. '\\n'")
    service:reloaded(LONG)
    assert.are.equal("3", ask(client, "?"))
  end)

  it("is served while it compiles an installed module, which is loaded once", function()
    local installed = helper.folder()
    helper.rewrite(installed .. "/shared.lua", huge .. "local name, path = ... times = (times or 0) + 1\n" ..
      "return name .. ' ' .. path:match '[^/]*$'")
    start()
    local set = ("package.path = %q\n"):format(installed .. "/?.lua;" .. installed .. "/?/init.lua")
    begin(set .. "local shared = require 'shared'\n" .. answer "shared .. ' ' .. times .. '\\n'")
    service:reloaded(LONG)
    assert.are.equal("shared shared.lua 1", ask(client, "?"))
    service:reload(set .. "local shared = require 'shared'\n" .. answer "shared .. '/' .. times .. '\\n'")
    assert.are.equal("shared shared.lua/1", ask(client, "?"))
    os.execute(("rm -rf '%s'"):format(installed))
  end)

  it("tells a syntax error of an installed module to the main chunk, and loads it mended", function()
    local installed = helper.folder()
    helper.rewrite(installed .. "/shared.lua", huge .. "x = = 1")
    start()
    local set = ("package.path = %q\n"):format(installed .. "/?.lua")
    begin(set .. "local _, message = pcall(require, 'shared') error((message:gsub('[^%s\\']*/', '')), 0)")
    assert.are.equal(("main.lua:3: error loading module 'shared' from file 'shared.lua':"
      .. "\\n\\tshared.lua:%d: unexpected symbol near '='"):format(count + 3), (service:failed(LONG)))
    helper.rewrite(installed .. "/shared.lua", "return 'mended'")
    service:reload(set .. answer "require 'shared' .. '\\n'")
    assert.are.equal("mended", ask(client, "?"))
    os.execute(("rm -rf '%s'"):format(installed))
  end)

  it("compiles a module at once if the main chunk can't wait", function()
    start(nil, { files = { ["part.lua"] = huge .. "return 2" } })
    service:reload("local part = coroutine.wrap(require)('part')\n" .. answer "part .. '\\n'")
    assert.are.equal("2", ask(client, "?"))
  end)

  it("reports a syntax error at its end as Lua does", function()
    start()
    begin(huge .. "x = = 1 ")
    assert.are.equal(("main.lua:%d: unexpected symbol near '='"):format(count + 4), (service:failed(LONG)))
    isServed()
  end)

  it("reports a syntax error at the end of a module to the main chunk", function()
    start(nil, { files = { ["part.lua"] = huge .. "x = = 1" } })
    begin "local _, message = pcall(require, 'part') error((message:gsub('[^%s\\']*/', '')), 0)"
    local expected = "main.lua:2: error loading module 'part' from file 'part.lua':"
      .. "\\n\\tpart.lua:%d: unexpected symbol near '='"
    assert.are.equal(expected:format(count + 3), (service:failed(LONG)))
    isServed()
  end)

  it("refuses bytecode as usual", function()
    local large = assert(load("local function never()\n" .. statement:rep(count // 4) .. "end"))
    start(nil, { files = { ["part.lua"] = string.dump(large) } })
    assert.is_truthy(service:reloadFails("require 'part'"):find("is bytecode, and only text is run", 1, true))
  end)

  it("is given up for newer code", function()
    start()
    begin(huge .. generation)
    service:replace(answer "'newer\\n'")
    service.program:signal "HUP"
    assert.are.equal("given up for newer code", (service:failed(LONG)))
    service:reloaded(LONG)
    assert.are.equal("newer", ask(client, "?"))
  end)

  it("gives up a module for newer code, with the line that required it", function()
    start(nil, { files = { ["part.lua"] = huge } })
    begin "\nrequire 'part'"
    service:replace(answer "'newer\\n'")
    service.program:signal "HUP"
    assert.are.equal("main.lua:3: given up for newer code", (service:failed(LONG)))
    service:reloaded(LONG)
    assert.are.equal("newer", ask(client, "?"))
  end)

  it("is given up after the reload's time-out", function()
    start(nil, { options = { "--reload-timeout", "150" } })
    begin(huge)
    assert.are.equal("the main chunk has not ended in time", (service:failed(LONG)))
    isServed()
  end)

  it("doesn't delay a program that is stopped", function()
    start()
    begin(huge .. "error 'never'")
    client:close()
    service.program:signal "TERM"
    assert.are.equal(0, service.program:wait())
    assert.is_nil(service.program:stderr():find("never", 1, true))
  end)

  for _, close in ipairs { "false", "true" } do
    it("doesn't delay os.exit(7, " .. close .. ")", function()
      start("function person:readyRead() if self:readAll() == 'exit\\n' then os.exit(7, " .. close .. ") end " ..
        "self:write(moonport.generation() .. '\\n') end")
      begin(huge)
      client:send "exit\n"
      assert.are.equal(7, service.program:wait())
      assert.is_nil(service.program:stderr():find("Sanitizer", 1, true))
    end)
  end
end)
