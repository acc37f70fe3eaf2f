-- SPDX-License-Identifier: MIT
-- busted in the program, as docs/guide/testing.md says: tests may wait, the exit status is right, nothing is
-- left over.

local helper = require "spec.helper"
local lfs = require "lfs"

local moonport = os.getenv "MOONPORT" or "build/asan/moonport"
moonport = moonport:sub(1, 1) == "/" and moonport or lfs.currentdir() .. "/" .. moonport

describe("busted --lua=moonport", function()
  local folder

  local function write(name, text)
    local file <close> = assert(io.open(folder .. "/" .. name, "w"))
    assert(file:write(text))
  end

  -- Runs busted in the folder, with the folder's .busted. -> exit status, output
  local function busted(options, kill)
    local command = ("cd '%s' && exec lua5.4 /usr/bin/busted --output=plainTerminal %s"):format(folder, options or "")
    local run = helper.spawn({ "sh", "-c", command }, { MOONPORT = moonport })
    if kill then return run end
    run:closeInput()
    return run:wait(20000), run:stdout() .. run:stderr()
  end

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(lfs.mkdir(folder))
    assert(lfs.mkdir(folder .. "/spec"))
    write(".busted", ("return { default = { lua = %q, helper = 'moonport.test' } }"):format(moonport))
    write("echo.lua", assert(io.open "scripts/echo.lua"):read "a")
  end)

  after_each(function()
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  it("runs tests that wait, in tasks and through pcall, and ends with 0 although servers still listen", function()
    write("spec/one_spec.lua", [[
      local moonport = require "moonport"
      describe("a test", function()
        local server
        before_each(function() moonport.sleep(1) end)
        after_each(function() moonport.sleep(1) end)
        it("waits", function()
          local steps = {}
          local task = moonport.spawn(function() moonport.sleep(2) steps[#steps + 1] = "task" end)
          assert.is_true(pcall(moonport.sleep, 1))
          steps[#steps + 1] = "test"
          task:join()
          assert.same({ "test", "task" }, steps)
        end)
        it("leaves a server behind", function()
          server = moonport.TcpServer()
          assert(server:listen("127.0.0.1"))
        end)
      end)
    ]])
    write("spec/two_spec.lua", [[
      local moonport = require "moonport" -- again, in another file
      local test = require "moonport.test"
      it("starts a service", function()
        test.start("echo.lua", 0):connect():send "x\n":expectLine "x"
      end)
    ]])
    local status, out = busted()
    assert.matches("3 successes / 0 failures / 0 errors", out)
    assert.equal(0, status)
  end)

  it("ends with 1 when a test fails, says where, and leaves none of its services running", function()
    write("spec/one_spec.lua", [[
      local test = require "moonport.test"
      local first
      it("fails", function()
        first = test.start("echo.lua", 0)
        first:connect():send "x\n":expectLine "y"
      end)
      it("is the next", function() assert.is_false(first:isRunning()) end)
      it("breaks", function() error "broken" end)
    ]])
    local status, out = busted()
    assert.matches("1 success / 1 failure / 1 error", out)
    assert.matches('one_spec.lua:5: expected the line "y": came "x"\necho.lua is running; the end of its log:', out)
    assert.equal(1, status)
  end)

  it("keeps what before_each and setup have started, for after_each and teardown", function()
    write("spec/one_spec.lua", [[
      local test = require "moonport.test"
      describe("a service of all tests", function()
        local service, client
        setup(function() service = test.start("echo.lua", 0) end)
        before_each(function() client = service:connect() end)
        after_each(function() client:send "after\n":expectLine "after" client:close() end)
        teardown(function() assert.equal(0, service:stop()) end)
        it("is there for the first", function() client:send "x\n":expectLine "x" end)
        it("is there for the second", function() client:send "y\n":expectLine "y" end)
      end)
    ]])
    local status, out = busted()
    assert.matches("2 successes / 0 failures / 0 errors", out)
    assert.equal(0, status)
  end)

  it("is also started by the script that LuaRocks makes", function()
    write("rock", [[exec lua5.4 -e 'package.path = package.path' -e 'local loaded = pcall(require, "luarocks.loader")']]
      .. " /usr/bin/busted \"$@\"\n")
    write("spec/one_spec.lua", [[ it("waits", function() require "moonport".sleep(1) end) ]])
    local command = ("cd '%s' && exec sh rock --output=plainTerminal"):format(folder)
    local run = helper.spawn({ "sh", "-c", command }, { MOONPORT = moonport })
    assert.equal(0, run:wait(20000))
    assert.matches("1 success / 0 failures / 0 errors", run:stdout())
  end)

  it("runs in a plain lua5.4 as well, which loads moonport again for each file", function()
    os.remove(folder .. "/.busted")
    for _, name in ipairs { "one", "two" } do
      write("spec/" .. name .. "_spec.lua", [[
        local test = require "moonport.test"
        local moonport = require "moonport"
        it("starts a service", function()
          moonport.sleep(1)
          local service = test.start { script = "echo.lua", arguments = { 0 }, environment = { LD_PRELOAD = false } }
          service:connect():send "x\n":expectLine "x"
        end)
      ]])
    end
    local command = ("cd '%s' && exec lua5.4 /usr/bin/busted --output=plainTerminal"):format(folder)
    local environment = { MOONPORT = moonport, LD_PRELOAD = os.getenv "LD_PRELOAD" or false }
    local run = helper.spawn({ "sh", "-c", command }, environment)
    local status = run:wait(20000)
    assert.equal(0, status, run:stdout())
    assert.matches("2 successes / 0 failures / 0 errors", run:stdout())
  end)

  it("ends its services when it is killed", function()
    write("spec/one_spec.lua", [[
      local test = require "moonport.test"
      it("hangs", function()
        local service = test.start("echo.lua", 0)
        io.stdout:write("service ", service.pid, " runner ", io.open("/proc/self/stat"):read("n"), "\n")
        io.stdout:flush()
        service:connect():receive("all", 60000)
      end)
    ]])
    local run = busted(nil, true)
    local service, runner = run:waitForLine "service (%d+) runner (%d+)$"
    helper.posix.kill(tonumber(runner), helper.posix.SIGKILL)
    helper.eventually(function()
      local file <close> = io.open(("/proc/%s/stat"):format(service))
      return not file or file:read("a"):find "%) Z "
    end, "the service ended")
    assert.is_true(run:wait() ~= 0)
  end)
end)
