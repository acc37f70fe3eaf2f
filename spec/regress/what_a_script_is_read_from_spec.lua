-- SPDX-License-Identifier: MIT
-- A pipe in the place of the script or a module stopped the service at the next reload, since opening it
-- waited for a writer. And without free descriptors, a reload couldn't open the script. Now a reload reads
-- only files, and the program keeps a descriptor for that.

local helper = require "spec.helper"
local reload = require "spec.host.reload"

local good = [[
  require "part"
  function person:readyRead() self:write(moonport.generation() .. " " .. self:readAll()) end
]]

describe("A reload", function()
  local service, client

  before_each(function()
    service = reload.start(good, { files = { ["part.lua"] = "return true" } })
    client = service:connect()
  end)

  after_each(function() service:remove() end)

  local function put(name, kind)
    local path = service.folder .. "/" .. name
    os.remove(path)
    assert(os.execute(({ pipe = "mkfifo '%s'", folder = "mkdir '%s'", device = "mknod '%s' c 1 5",
      socket = [[env -u LD_PRELOAD python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('%s')"]],
    })[kind]:format(path)))
  end

  for _, kind in ipairs { "pipe", "device", "socket" } do
    it("of a script that is a " .. kind .. " instead of a file fails, and the service goes on", function()
      put("main.lua", kind)
      assert.are.equal("cannot open main.lua: is no file", (service:reloadFails()))
      assert.are.equal("1 still", reload.ask(client, "still"))
    end)
  end

  it("of a module that is a pipe instead of a file fails, and the service goes on", function()
    put("part.lua", "pipe")
    assert.are.equal("main.lua:2: error loading module 'part' from file 'part.lua':\\n\\t" ..
      "cannot open part.lua: is no file",
      (service:reloadFails()))
    assert.are.equal("1 still", reload.ask(client, "still"))
  end)

  it("of a script that is a folder fails", function()
    put("main.lua", "folder")
    assert.are.equal("cannot open main.lua: is a folder", (service:reloadFails()))
  end)
end)

describe("The first script", function()
  it("may be read from a pipe", function()
    local program = helper.spawn { "bash", "-c", '"$0" <(echo "print(1, ...)") x',
      os.getenv "MOONPORT" or "build/asan/moonport" }
    assert.are.equal(0, program:wait(), program:stderr())
    assert.are.equal("1\tx\n", program:stdout())
  end)
end)

describe("Without free descriptors", function()
  it("a reload reads the script, its modules and installed ones that are new to it", function()
    local service = reload.start([[
      local part = require "part"
      local sockets = {}
      function server:newConnection() sockets[#sockets + 1] = self:nextPendingConnection() end
      function person:readyRead() self:write(part .. moonport.generation() .. " " .. self:readAll()) end
      moonport.log.info("limit %s", io.open("/proc/self/limits"):read("a"):match "Max open files%s+(%d+)")
      open = moonport.persist("open", {})
      function fill()
        repeat open[#open + 1] = io.open("/dev/null") until not io.open("/dev/null")
      end
      function person:readyRead()
        local line = self:readAll()
        if line == "fill\n" then fill() end
        self:write(part .. moonport.generation() .. " " .. line)
      end
    ]], { files = { ["part.lua"] = "return 'part '" } })
    local client = service:connect()
    assert.are.equal("part 1 x", reload.ask(client, "x"))
    assert(os.execute("prlimit --nofile=40 --pid " .. service.program.pid))
    assert.are.equal("part 1 fill", reload.ask(client, "fill"))
    service:write("part.lua", "return 'new '")
    service:reload [[
      local part = require "part"
      local lpeg = require "lpeg"
      function person:readyRead() self:write(part .. type(lpeg.P) .. moonport.generation() .. " " .. self:readAll()) end
    ]]
    assert.are.equal("new function2 y", reload.ask(client, "y"))
    service:remove()
  end)
end)
