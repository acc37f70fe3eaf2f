-- SPDX-License-Identifier: MIT
-- What a script finds in its package table, and what it puts there.

local reload = require "spec.host.reload"
local ask = reload.ask

describe("A script's package table", function()
  local service

  after_each(function() service:remove() end)

  it("has its own preload: modules of a script that was bundled into one file are new in each run", function()
    local body = [[
      package.preload.part = function(name, from) return "%s " .. name .. from .. " " end
      local part = require "part"
      assert(package.loaded.part == part)
      function person:readyRead() self:readAll() self:write(part .. moonport.generation() .. "\n") end
    ]]
    service = reload.start(body:format "one")
    local client = service:connect()
    assert.are.equal("one part:preload: 1", ask(client, "?"))
    service:reload(body:format "two")
    assert.are.equal("two part:preload: 2", ask(client, "?"))
  end)

  it("shows in `loaded` what require returns, also for Lua's and installed modules", function()
    service = reload.start [[
      if moonport.generation() == 1 then assert(package.loaded.cjson == nil) end
      assert( require "cjson" == package.loaded.cjson)
      assert(package.loaded.string == string and package.loaded._G == _G and package.loaded.package == package)
      assert(require "_G" == _G and require "package" == package and require "string" == string)
      assert(package.loaded.moonport == moonport)
    ]]
    assert.is_truthy(service:reload())
  end)
end)
