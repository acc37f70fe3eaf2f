-- SPDX-License-Identifier: MIT
-- A system that lacks something: room on its disk, a reader of the log, memory, watches of files.

local helper = require "spec.helper"

local binary = os.getenv "MOONPORT" or "build/asan/moonport"

local echo = [[
  local moonport = require "moonport"
  local server = moonport.TcpServer()
  function server.connection:readyRead() self:write(self:readAll()) end
  assert(server:listen "127.0.0.1")
  moonport.log.info("listening on %d", server:serverPort())
]]

local function answers(port, text)
  local client = helper.connect(port)
  client:send(text)
  assert.equal(text, client:receive(#text))
  client:close()
end

-- Starts the program in a mount namespace, behind shell commands that prepare it.
local function behind(commands, ...)
  return helper.spawn { "unshare", "--user", "--map-root-user", "--mount", "sh", "-c", commands .. ' exec "$@"', "sh",
    binary, "--control", "off", ... }
end

local unshares = helper.run { "unshare", "--user", "--map-root-user", "--mount", "true" } == 0

describe("Where the disk is full", function()
  it("the store says so to who saves, keeps what it had saved, and serves on", function()
    if not unshares then return pending "no user namespaces" end
    local folder = helper.folder()
    local script = helper.file([[
      local moonport = require "moonport"
      local redis = require "moonport.redis"
      local server, store = moonport.TcpServer(), redis.connect()
      function server.connection:readyRead()
        while self:canReadLine() do
          local words = {}
          for word in self:readLine():gmatch "%S+" do words[#words + 1] = word end
          local answer, why = store:command(table.unpack(words))
          self:write(tostring(answer or why) .. "\n")
        end
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())
    ]], "script.lua")
    local program = behind(("mount -t tmpfs -o size=64k none '%s';"):format(folder), "--store-file", folder .. "/keys",
      script)
    local client = helper.connect(program:waitForLine "listening on (%d+)")
    local function ask(line)
      client:send(line .. "\n")
      return (client:receiveLine():gsub("\n$", ""))
    end
    assert.equal("OK", ask "SET a first")
    assert.equal("OK", ask "SAVE")
    assert.equal("OK", ask("SET b " .. ("x"):rep(100000)))
    assert.matches("No space left on device", ask "SAVE")
    assert.equal("first", ask "GET a")
    assert.equal("1", ask "DEL b")
    assert.equal("OK", ask "SAVE")
    program:signal "TERM"
    assert.equal(0, program:wait())
    helper.run { "rmdir", folder }
  end)

  it("or read-only, a program starts and reloads", function()
    if not unshares then return pending "no user namespaces" end
    local folder = helper.folder()
    helper.rewrite(folder .. "/main.lua", echo)
    local program = behind(("mount --bind '%s' '%s' && mount -o remount,bind,ro '%s' '%s';"):format(folder, folder,
      folder, folder), "--watch", folder .. "/main.lua")
    local port = program:waitForLine "listening on (%d+)"
    program:signal "HUP"
    program:waitForLine "reloaded main%.lua"
    answers(port, "x")
    program:signal "TERM"
    assert.equal(0, program:wait())
    helper.run { "rm", "-r", folder }
  end)
end)

describe("A log that nobody reads", function()
  for name, redirection in pairs {
    ["a full pipe"] = '2> "$pipe"', ["a full disk"] = "2> /dev/full", nothing = "2>&-",
  } do
    it("because it is " .. name .. ", holds up no answer and no reload", function()
      local pipe, ready = os.tmpname(), os.tmpname()
      os.remove(pipe)
      assert(helper.run { "mkfifo", pipe } == 0)
      local script = helper.file(([[
        local moonport = require "moonport"
        local server = moonport.TcpServer()
        function server.connection:readyRead()
          for i = 1, 300 do moonport.log.info("%%d %%s", i, ("x"):rep(500)) end
          self:write(moonport.generation() .. self:readAll())
        end
        assert(server:listen "127.0.0.1")
        local file <close> = assert(io.open(%q, "w"))
        file:write(server:serverPort(), "\n")
      ]]):format(ready), "script.lua")
      -- The pipe has a reader, which reads nothing.
      local program = helper.spawn { "sh", "-c", ('pipe=$0; exec 9<> "$pipe"; exec "$@" %s'):format(redirection), pipe,
        binary, "--control", "off", script }
      local port = helper.eventually(function()
        local file <close> = assert(io.open(ready))
        return tonumber((file:read "l"))
      end, "a port")
      local client = helper.connect(port)
      local function generation()
        client:send "x"
        return client:receive(2)
      end
      for _ = 1, 20 do assert.equal("1x", generation()) end
      program:signal "HUP"
      helper.eventually(function() return generation() == "2x" end, "the new code")
      program:signal "TERM"
      assert.equal(0, program:wait())
      os.remove(pipe)
      os.remove(ready)
    end)
  end
end)

describe("Where the system can't report changes of files", function()
  for name, file in pairs { instances = "max_inotify_instances", watches = "max_inotify_watches" } do
    it("for want of " .. name .. ", a line says so, and --watch reloads nevertheless", function()
      if not unshares then return pending "no user namespaces" end
      local folder = helper.folder()
      helper.rewrite(folder .. "/main.lua", echo)
      local program = behind("echo 0 > /proc/sys/user/" .. file .. ";", "--watch", folder .. "/main.lua")
      program:waitForLine "warning %-%-watch: the system can't report all changes"
      helper.eventually(function() return program:stderr():find "listening on" end)
      helper.rewrite(folder .. "/main.lua", echo .. "-- another\n")
      program:waitForLine "reloaded main%.lua"
      program:signal "TERM"
      assert.equal(0, program:wait())
      helper.run { "rm", "-r", folder }
    end)
  end
end)

-- Address sanitizer takes terabytes of addresses, so --max-memory stands for the system's limit there.
describe("A service that needs more memory than there is", function()
  it("fails in the handler that wants it, once told, and serves on", function()
    local script = helper.file([[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        local line = self:readAll()
        if line == "much" then
          local list = {}
          while true do list[#list + 1] = ("x"):rep(1 << 16) .. #list end
        end
        self:write(line)
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())
    ]], "script.lua")
    local sanitized = binary:find "asan"
    local program = helper.spawn { "sh", "-c", sanitized and 'exec "$@"' or 'ulimit -v 60000; exec "$@"', "sh", binary,
      "--control", "off", "--max-memory", sanitized and "30M" or "1G", script }
    local port = program:waitForLine "listening on (%d+)"
    for _ = 1, 2 do
      local greedy = helper.connect(port)
      greedy:send "much"
      greedy:waitForEnd()
      greedy:close()
      answers(port, "x")
    end
    program:waitForLine "error readyRead handler .* not enough memory"
    program:signal "HUP"
    program:waitForLine " reload" -- or a line why there is too little for it
    answers(port, "y")
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)
end)
