-- SPDX-License-Identifier: MIT
-- The modules in Lua that ship with moonport: where they are found, and whose they are across reloads.

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local lfs = require "lfs"

local moonport = os.getenv "MOONPORT" or "build/asan/moonport"
moonport = moonport:sub(1, 1) == "/" and moonport or lfs.currentdir() .. "/" .. moonport

local source = [[
local socket = require "moonport.compat.socket"
assert(socket == require "moonport.compat.socket")
print(xpcall(socket.sleep, debug.traceback, {}))
]]

describe("A module that ships with moonport", function()
  it("is found from any folder, before a file of that name beside the script, and errors name its file", function()
    local service = reload.start("", { files = { ["other.lua"] = source } })
    assert(lfs.mkdir(service.folder .. "/moonport"))
    assert(lfs.mkdir(service.folder .. "/moonport/compat"))
    service:write("moonport/compat/socket.lua", "error 'the wrong one'")
    local command = ("cd '%s' && exec '%s' other.lua"):format(service.folder, moonport)
    local status, out, err = helper.run { "sh", "-c", command }
    service:remove()
    assert.are.same({ 0, "" }, { status, err })
    assert.matches("\n\tmoonport/compat/socket%.lua:%d+: in function", out)
  end)

  it("is found by a plain lua5.4 once moonport.so is loaded, and before", function()
    for _, first in ipairs { "", "require 'moonport' " } do
      local environment = { LD_PRELOAD = os.getenv "LD_PRELOAD" or false }
      local lua = helper.spawn({ "lua5.4", helper.file(first .. source) }, environment)
      assert.are.same({ 0, "" }, { lua:wait(), lua:stderr() })
      assert.matches("\n\tmoonport/compat/socket%.lua:%d+: in function", lua:stdout())
    end
  end)

  it("belongs to a run: a reload loads it again", function()
    local body = [[
      local socket = require "moonport.compat.socket"
      socket.runs = (socket.runs or 0) + 1
      function person:readyRead() self:readAll() self:write(socket.runs .. "\n") end
    ]]
    local service = reload.start(body)
    local client = service:connect()
    assert.are.equal("1", reload.ask(client, "?"))
    service:reload()
    assert.are.equal("1", reload.ask(client, "?"))
    service:remove()
  end)

  it("is shared among installed modules, and survives a reload with them", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(lfs.mkdir(folder))
    local file <close> = assert(io.open(folder .. "/installed.lua", "w"))
    file:write "local s = require 'moonport.compat.socket' s.runs = 0 return s"
    file:close()
    local service = reload.start([[
      local socket = require "installed"
      socket.runs = socket.runs + 1
      function person:readyRead() self:readAll() self:write(socket.runs .. "\n") end
    ]], { environment = { LUA_PATH_5_4 = folder .. "/?.lua" } })
    local client = service:connect()
    assert.are.equal("1", reload.ask(client, "?"))
    service:reload()
    assert.are.equal("2", reload.ask(client, "?"))
    service:remove()
    os.execute(("rm -rf '%s'"):format(folder))
  end)
end)
