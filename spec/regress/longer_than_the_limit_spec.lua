-- SPDX-License-Identifier: MIT
-- Cause: the file of the script or of a module was read to its end in one go, whatever it was. A file of 2
-- GB, even a sparse one, stopped the service for seconds, and with an endless pipe it never started. Fix: the
-- limit is 16 MiB, of the file's size and of what is read; it is read in pieces.

local helper = require "spec.helper"
local reload = require "spec.host.reload"

local MOST = 16 << 20 -- bytes

local body = "function person:readyRead() self:write(moonport.generation() .. ' ' .. self:readAll()) end\n"

describe("What is longer than 16 MiB", function()
  local service, client

  before_each(function()
    service = reload.start(body, { files = { ["part.lua"] = "return true" } })
    client = service:connect()
  end)

  after_each(function() service:remove() end)

  --- Puts a file that is nothing but a hole into the place of another.
  local function put(name, size)
    local path = service.folder .. "/" .. name
    assert(os.execute(("truncate -s %s '%s.new' && mv '%s.new' '%s'"):format(size, path, path, path)))
  end

  for _, size in ipairs { "2G", tostring(MOST + 1) } do
    it("is no script: " .. size, function()
      put("main.lua", size)
      assert.are.equal("cannot open main.lua: is longer than 16 MiB", (service:reloadFails()))
      assert.are.equal("1 still", reload.ask(client, "still"))
      service:reload(body)
      assert.are.equal("3 then", reload.ask(client, "then"))
    end)
  end

  it("is no module", function()
    put("part.lua", "2G")
    assert.are.equal("main.lua:2: error loading module 'part' from file 'part.lua':\\n\\t" ..
      "cannot open part.lua: is longer than 16 MiB", (service:reloadFails("require 'part'")))
    assert.are.equal("1 still", reload.ask(client, "still"))
  end)

  it("is no installed module", function()
    assert(os.execute(("mkdir '%s/installed'"):format(service.folder)))
    put("installed/shared.lua", "2G")
    local path = ("package.path = %q "):format(service.folder .. "/installed/?.lua")
    local ask = "local _, message = pcall(require, 'shared') error(message:match 'cannot.*', 0)"
    assert.are.equal("main.lua:2: cannot open installed/shared.lua: is longer than 16 MiB",
      (service:reloadFails(path .. ask)))
  end)

  for _, name in ipairs { "dofile", "loadfile" } do
    it("is nothing for " .. name, function()
      put("data.lua", "2G")
      local call = ("assert(%s(%q))"):format(name, service.folder .. "/data.lua")
      assert.matches("cannot open data.lua: is longer than 16 MiB$", (service:reloadFails(call)))
      assert.are.equal("1 still", reload.ask(client, "still"))
    end)
  end

  it("is not so by its last byte", function()
    local text = "require 'part' local moonport = require 'moonport' moonport.log.info 'here' --"
    service:write("main.lua", text .. ("x"):rep(MOST - #text))
    service:reload()
  end)
end)

describe("A pipe without an end", function()
  it("is no script", function()
    local program = helper.spawn { "bash", "-c", '"$0" <(yes -- "-- on and on")',
      os.getenv "MOONPORT" or "build/asan/moonport" }
    assert.are.equal(1, program:wait())
    assert.matches("^moonport: cannot open /dev/fd/%d+: is longer than 16 MiB\n$", program:stderr())
  end)
end)

describe("--watch", function()
  it("loads the script when a module that was too long has been cut", function()
    local service = reload.start(body, { files = { ["part.lua"] = "--" .. ("x"):rep(MOST) },
      options = { "--watch" } })
    service:replace("require 'part'\n" .. body)
    assert.matches("is longer than 16 MiB$", (service:failed()))
    service:write("part.lua", "return true")
    service:reloaded()
    service:remove()
  end)
end)
