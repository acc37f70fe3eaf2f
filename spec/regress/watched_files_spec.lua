-- SPDX-License-Identifier: MIT
-- If --watch could watch no folder, since all of the user's watches were taken, it noticed nothing and said
-- nothing. Also, files that the script no longer used still caused reloads, and folders of old releases
-- stayed watched. Now it polls the files that it can't watch, and forgets what no generation uses.

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local lfs = require "lfs"

local function rewrite(path, text)
  helper.rewrite(path .. ".new", text)
  assert(os.rename(path .. ".new", path))
end

local loud = [[
  local moonport = require "moonport"
  moonport.log.info("part %s", require "part")
  moonport.spawn(function() moonport.sleep(-1) end)
]]

describe("--watch", function()
  local folder

  before_each(function() folder = helper.folder() end)

  after_each(function() os.execute(("rm -rf '%s'"):format(folder)) end)

  -- A user's limits, in a user namespace.
  for name, limit in pairs { watches = 0, ["some watches"] = 1, instances = 0 } do
    it("notices changes without " .. name, function()
      local file = "/proc/sys/user/max_inotify_" .. name:match "%a+$"
      if not os.execute(("unshare -Ur sh -c 'echo %d > %s' 2>/dev/null"):format(limit, file)) then
        return pending "no user namespaces here"
      end
      helper.rewrite(folder .. "/main.lua", loud)
      helper.rewrite(folder .. "/part.lua", "return 'one'")
      local program = helper.spawn { "unshare", "-Ur", "sh", "-c", ('echo %d > %s; exec "$0" "$@"'):format(limit, file),
        os.getenv "MOONPORT" or "build/asan/moonport", "--watch", folder .. "/main.lua" }
      program:waitForLine "part one"
      helper.eventually(function()
        return program:stderr():find("warning %-%-watch: the system can't report all changes %(.-%): " ..
          "files are looked at")
      end)
      rewrite(folder .. "/part.lua", "return 'two'")
      program:waitForLine "part two"
      rewrite(folder .. "/part.lua", "return 'three'")
      program:waitForLine "part three"
      local _, warnings = program:stderr():gsub("can't report", "")
      assert.are.equal(1, warnings)
    end)
  end

  it("forgets a module that is no longer used", function()
    local body = "function person:readyRead() self:readAll() self:write(moonport.generation() .. '\\n') end"
    local service = reload.start("require 'part'" .. body, { files = { ["part.lua"] = "return 1" },
      options = { "--watch" } })
    local client = service:connect()
    service:replace(body)
    service:reloaded()
    service:write("part.lua", "return 2")
    helper.settle(150)
    assert.are.equal("2", reload.ask(client, "x"))
    service:replace("require 'part'" .. body)
    service:reloaded()
    service:write("part.lua", "return 3")
    service:reloaded()
    assert.are.equal("4", reload.ask(client, "x"))
    service:remove()
  end)

  it("forgets a module that only a failed generation used, when there is a newer one", function()
    local body = "function person:readyRead() self:readAll() self:write(moonport.generation() .. '\\n') end"
    local service = reload.start(body, { files = { ["part.lua"] = "error 'broken'" }, options = { "--watch" } })
    service:replace("require 'part'" .. body)
    service:failed()
    service:write("part.lua", "return 1") -- mended there
    service:reloaded()
    service:replace(body)
    service:reloaded()
    service:write("part.lua", "return 2")
    helper.settle(150)
    assert.are.equal("4", reload.ask(service:connect(), "x"))
    service:remove()
  end)

  it("watches no folder of a release that has been replaced", function()
    for i = 1, 5 do
      assert(lfs.mkdir(folder .. "/" .. i))
      helper.rewrite(folder .. "/" .. i .. "/main.lua", loud)
      helper.rewrite(folder .. "/" .. i .. "/part.lua", "return " .. i)
    end
    local function release(i)
      assert(os.execute(("ln -sfn %d '%s/next' && mv -T '%s/next' '%s/current'"):format(i, folder, folder, folder)))
    end
    release(1)
    local program = helper.program { options = { "--watch" }, script = folder .. "/current/main.lua" }

    local function watches()
      local count = 0
      for entry in lfs.dir(("/proc/%d/fdinfo"):format(program.pid)) do
        local file = io.open(("/proc/%d/fdinfo/%s"):format(program.pid, entry))
        local _, n = (file and file:read "a" or ""):gsub("inotify wd:", "")
        if file then file:close() end
        count = count + n
      end
      return count
    end

    program:waitForLine "part 1"
    helper.eventually(function() return watches() > 0 end)
    local before = watches()
    for i = 2, 5 do
      release(i)
      program:waitForLine("part " .. i)
      program:waitForLine "reloaded"
    end
    helper.eventually(function() return watches() == before end, "as many watches as in the beginning")
    rewrite(folder .. "/5/part.lua", "return 'changed'")
    program:waitForLine "part changed"
  end)
end)
