-- SPDX-License-Identifier: MIT
-- --watch: what editors do to files, and which of it causes a reload.

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local ask = reload.ask

local body = [[
  local part = require "part"
  function person:readyRead() self:readAll() self:write(part .. moonport.generation() .. "\n") end
]]

describe("--watch", function()
  local service, client

  before_each(function()
    service = reload.start(body, { files = { ["part.lua"] = "return 'one '" }, options = { "--watch" } })
    client = service:connect()
    assert.are.equal("one 1", ask(client, "?"))
  end)

  after_each(function() service:remove() end)

  local function count()
    return select(2, service.program:stderr():gsub("reload[^\n]*main%.lua", ""))
  end

  it("reloads when the script is written by renaming", function()
    service:replace(body .. "-- changed")
    service:reloaded()
    assert.are.equal("one 2", ask(client, "?"))
  end)

  it("reloads when a module is written in place, and only once for several writes in a row", function()
    for i = 1, 5 do helper.rewrite(service.folder .. "/part.lua", "return 'in place " .. i .. " '") end
    service:reloaded()
    assert.are.equal("in place 5 2", ask(client, "?"))
    helper.settle(150)
    assert.are.equal(1, count())
  end)

  it("doesn't report an error for a file that is missing only for a moment", function()
    assert(os.rename(service.folder .. "/part.lua", service.folder .. "/part.lua~"))
    helper.settle(100)
    assert.are.equal(0, count())
    service:write("part.lua", "return 'back '")
    service:reloaded()
    assert.are.equal("back 2", ask(client, "?"))
  end)

  it("goes on watching after a module and the code that required it are removed for good", function()
    service:replace "function person:readyRead() self:readAll() self:write('without\\n') end"
    assert(os.remove(service.folder .. "/part.lua"))
    service:reloaded()
    assert.are.equal("without", ask(client, "?"))
    service:replace "function person:readyRead() self:readAll() self:write('later\\n') end"
    service:reloaded()
    assert.are.equal("later", ask(client, "?"))
  end)

  it("reloads when a new module changes between its loading and the end of the main chunk", function()
    service:write("late.lua", "return 'old '")
    service:replace [[
      local late = require "late"
      if late == "old " then
        local file <close> = assert(io.open(package.searchpath("late", package.path), "w"))
        file:write "return 'new '"
      end
      function person:readyRead() self:readAll() self:write(late .. moonport.generation() .. "\n") end
    ]]
    service:reloaded()
    service:reloaded()
    assert.are.equal("new 3", ask(client, "?"))
  end)

  it("reloads when a module changes that a handler has loaded", function()
    service:write("late.lua", "return 'late '")
    service:replace(body:gsub("part %.%.", "require 'late' .."))
    service:reloaded()
    assert.are.equal("late 2", ask(client, "?"))
    service:write("late.lua", "return 'later '")
    service:reloaded()
    assert.are.equal("later 3", ask(client, "?"))
  end)

  it("doesn't reload for other files of the folder, or when nothing has changed", function()
    service:write("other.lua", "return 1")
    service:write("notes.txt", "text")
    helper.settle(150)
    assert.are.equal(0, count())
  end)

  it("reports a broken script once, and loads the mended one, also if the error is in a new module", function()
    service:write("more.lua", "return =")
    service:replace(body .. "\nrequire 'more'")
    service:failed()
    assert.are.equal("one 1", ask(client, "?"))
    service:write("more.lua", "return 1")
    service:reloaded()
    assert.is_truthy(ask(client, "?"):find "^one [23]$")
    helper.settle(100)
    assert.are.equal(2, count())
  end)
end)
