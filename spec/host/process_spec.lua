-- SPDX-License-Identifier: MIT
-- Processes of a service: over a reload, at its end, and in a host that ignores its children.

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local children = require "spec.process"

local isAlive, stateOf = children.isAlive, children.stateOf

local function isGone(pid)
  helper.eventually(function() return not isAlive(pid) end, "the end of process " .. pid)
end

-- A program that starts a shell which heeds or ignores SIGTERM, and then does what `more` says.
local function start(shell, more, options)
  options = options or {}
  options.source = ([[
    local moonport = require "moonport"
    local process = moonport.Process()
    function process:finished(...) moonport.log.info("finished %%s", table.concat({ ... }, " ")) end
    assert(process:start("sh", { "-c", %q }))
    local line = process:receive "line"
    moonport.log.info("process %%d %%s", process:processId(), line)
    %s
  ]]):format(shell, more or "")
  local program = helper.program(options)
  local pid, line = program:waitForLine "process (%d+) (.*)"
  return program, tonumber(pid), line
end

describe("A service that stops", function()
  it("asks its processes to end, and waits for that", function()
    local program, pid = start "trap 'sleep 0.05; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
    program:signal "TERM"
    program:waitForLine "finished 3 NormalExit"
    assert.equal(0, program:wait())
    assert.is_false(isAlive(pid))
  end)

  it("closes their input behind what is queued", function()
    local program = start([[trap '' TERM; echo ready; cat >&2; exit 4]], [[
      process:setProcessChannelMode "SeparateChannels"
      function process:readyReadStandardError()
        moonport.log.info("got %s", (self:readAllStandardError():gsub("\n", "")))
      end
      process:write "queued\n"
      moonport.quit()
    ]])
    program:waitForLine "got queued"
    program:waitForLine "finished 4 NormalExit"
    assert.equal(0, program:wait())
  end)

  it("kills what hasn't ended within the grace time, with its children", function()
    local program, pid, child = start("trap '' TERM; sleep 1000 & echo $!; while :; do sleep 0.01; done", "",
      { options = { "--grace", 50 } })
    program:signal "TERM"
    program:waitForLine "1 processes did not end within 50 ms"
    assert.equal(0, program:wait())
    isGone(pid)
    isGone(tonumber(child))
  end)

  it("starts no process any more, so that one that is started anew at its end doesn't hold it up", function()
    local program = helper.program { options = { "--grace", 3600000 }, source = [[
      local moonport = require "moonport"
      for i = 1, 3 do
        local process = moonport.Process()
        local function start()
          local ok, message = process:start("sh", { "-c", "trap 'sleep 0.0" .. i .. "; exit' TERM; echo ready; read x <&1" })
          if not ok then moonport.log.info("%s", message) end
        end
        process.finished = start
        start()
        assert(process:receive "line" == "ready")
      end
      moonport.log.info "ready"
    ]] }
    program:waitForLine "ready"
    program:signal "TERM"
    program:waitForLine "start sh: the service is stopping: Operation canceled"
    assert.equal(0, program:wait())
  end)

  it("has a process go on that is stopped, so that it learns of it", function()
    local program, pid = start("echo ready; kill -STOP $$", "", { options = { "--grace", 3600000 } })
    helper.eventually(function() return stateOf(pid) == "T" end)
    program:signal "TERM"
    program:waitForLine "finished 15 CrashExit SIGTERM"
    assert.equal(0, program:wait())
  end)

  it("has them killed when it is killed itself", function()
    local program, pid = start "echo ready; cat"
    program:signal "KILL"
    program:wait()
    isGone(pid)
  end)

  it("ends with os.exit, and so do they", function()
    local program, pid = start("echo ready; cat", "os.exit(5)")
    assert.equal(5, program:wait())
    isGone(pid)
  end)

  it("ends by itself when its last process has", function()
    local program = start("echo ready; read x", "process:closeWriteChannel()")
    program:waitForLine "finished 1 NormalExit"
    assert.equal(0, program:wait())
  end)
end)

describe("A host that ignores its children", function()
  it("learns of their ends all the same", function()
    local path = helper.file [[
      local moonport = require "moonport"
      local process = moonport.Process()
      process:start("sh", { "-c", "exit 6" })
      process:waitForFinished()
      print(process:exitCode(), process:exitStatus(), io.popen("exit 7"):close())
    ]]
    local status, out = helper.run { "sh", "-c", "trap '' CHLD; exec \"$0\" \"$@\"", os.getenv "MOONPORT", path }
    assert.equal(0, status)
    assert.equal("6\tNormalExit\tnil\texit\t7\n", out)
  end)
end)

describe("Reloading with processes", function()
  local service
  after_each(function() service:remove() end)

  local function script(more)
    return ([[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %%d", server:serverPort())
      %s
    ]]):format(more)
  end

  local cat = [[
    local process = moonport.Process()
    assert(process:start "cat")
    moonport.log.info("cat %d", process:processId())
  ]]

  local function replace(more)
    service:write("main.lua", script(more))
    service.program:signal "HUP"
  end

  it("the processes of the last run are killed if nothing refers to them", function()
    service = reload.start(script(cat), { plain = true })
    local pid = service.program:waitForLine "cat (%d+)"
    replace ""
    service:reloaded()
    isGone(pid)
  end)

  it("they stay if something that lives on does", function()
    service = reload.start(script(cat .. [[
      moonport.persist("kept", {}).process = process
    ]]), { plain = true })
    local pid = service.program:waitForLine "cat (%d+)"
    replace [[
      local process = moonport.persist("kept").process
      process:write "still here\n"
      function process:readyRead() moonport.log.info("read %s", self:readLine()) end
    ]]
    service:reloaded()
    service.program:waitForLine "read still here"
    assert.is_true(isAlive(pid))
    replace [[ moonport.persist("kept").process = nil ]]
    service:reloaded()
    isGone(pid)
  end)

  it("one of a connection goes on, with the handlers that it has, and its waits", function()
    service = reload.start(script [[
      function server.connection:readyRead()
        local process <close> = moonport.Process()
        process:start "cat"
        for line in self:lines() do
          process:write(line .. "\n")
          self:write(moonport.generation() .. " " .. process:receive "line" .. "\n")
        end
      end
    ]], { plain = true })
    local client = helper.connect(service.port)
    client:send "one\n"
    assert.equal("1 one\n", client:receiveLine())
    replace ""
    service:reloaded()
    client:send "two\n"
    assert.equal("1 two\n", client:receiveLine())
    client:close()
  end)

  it("those of a run that is undone are killed", function()
    service = reload.start(script "", { plain = true })
    replace(cat .. "moonport.sleep(20) error 'broken'")
    local pid = service.program:waitForLine "cat (%d+)"
    service:failed()
    isGone(pid)
  end)
end)
