-- SPDX-License-Identifier: MIT
-- --watch: folders and links that are replaced, and files that aren't complete yet.

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local lfs = require "lfs"
local ask = reload.ask

local body = [[
  local part = require "lib.part"
  function person:readyRead() self:readAll() self:write(part .. moonport.generation() .. "\n") end
]]

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

describe("--watch", function()
  local service, client

  local function start(text, files)
    service = reload.start(text, { files = files, options = { "--watch" } })
    client = service:connect()
  end

  after_each(function() service:remove() end)

  local function count()
    return select(2, service.program:stderr():gsub("reload[^\n]*main%.lua", ""))
  end

  local function makeFolder(name, text)
    assert(lfs.mkdir(service.folder .. "/" .. name))
    write(service.folder .. "/" .. name .. "/part.lua", ("return %q"):format(text))
  end

  -- The module is missing at first: its folder is made later.
  local function startWithFolder()
    start "function person:readyRead() self:readAll() self:write(moonport.generation() .. '\\n') end"
    makeFolder("lib", "one ")
    service:replace(body)
    service:reloaded()
    assert.are.equal("one 2", ask(client, "?"))
  end

  it("goes on watching a folder that was removed and made again", function()
    startWithFolder()
    assert(os.rename(service.folder .. "/lib", service.folder .. "/old"))
    makeFolder("lib", "two ")
    service:reloaded()
    write(service.folder .. "/lib/part.lua", "return 'three '")
    service:reloaded()
    assert.are.equal("three 4", ask(client, "?"))
  end)

  it("notices that a link on the way to a module points elsewhere, and what is written there", function()
    startWithFolder()
    makeFolder("second", "two ")
    assert(os.rename(service.folder .. "/lib", service.folder .. "/first"))
    assert(lfs.link("first", service.folder .. "/lib", true)) -- the same file by another path: no change
    assert(lfs.link("second", service.folder .. "/new", true))
    assert(os.rename(service.folder .. "/new", service.folder .. "/lib"))
    service:reloaded()
    assert.are.equal("two 3", ask(client, "?"))
    write(service.folder .. "/second/part.lua", "return 'three '")
    service:reloaded()
    assert.are.equal("three 4", ask(client, "?"))
  end)

  it("loads the script again when a missing module appears", function()
    start "function person:readyRead() self:readAll() self:write('first\\n') end"
    service:replace(body)
    assert.is_truthy(service:failed():find("module 'lib.part' not found", 1, true))
    makeFolder("lib", "there ")
    service:reloaded()
    assert.are.equal("there 3", ask(client, "?"))
  end)

  it("waits until a file is complete: one that was emptied first, or is written in two parts", function()
    start "function person:readyRead() self:readAll() self:write('old\\n') end"
    local text = assert(io.open(service.folder .. "/main.lua")):read "a"
    local file = assert(io.open(service.folder .. "/main.lua", "w"))
    helper.settle(100)
    file:write((text:gsub("'old", "'new"):sub(1, 60)))
    file:flush()
    helper.settle(100)
    assert.are.equal(0, count())
    file:write((text:gsub("'old", "'new"):sub(61)))
    file:close()
    service:reloaded()
    assert.are.equal("new", ask(client, "?"))
    assert.are.equal(1, count())
  end)

  it("reloads although other files of the folder change all the time", function()
    start "function person:readyRead() self:readAll() self:write('old\\n') end"
    service:replace "function person:readyRead() self:readAll() self:write('new\\n') end"
    local log <close> = assert(io.open(service.folder .. "/log", "w"))
    for i = 1, 100 do
      log:write "line\n"
      log:flush()
      if count() > 0 then break end
      if i == 100 then error "no reload while a log was written" end
      helper.settle(10)
    end
    assert.are.equal("new", ask(client, "?"))
  end)

  it("watches a script whose main chunk waits", function()
    start("function person:readyRead() self:readAll() self:write('old\\n') end\n"
      .. "moonport.singleShot(0, function() moonport.log.info('listening on %d', server:serverPort()) end)\n"
      .. "assert(server:listen('127.0.0.1', 0)) moonport.sleep(-1)")
    service:replace "function person:readyRead() self:readAll() self:write('new\\n') end"
    service:reloaded()
    assert.are.equal("new", ask(client, "?"))
  end)
end)
