-- SPDX-License-Identifier: MIT
-- The store that moonport.redis has where nothing names another one: a process of the program's own. What it answers is
-- in the specs of moonport.store; what a client does without it in those of moonport.redis.

local helper = require "spec.helper"
local lfs = require "lfs"
local moonport = require "moonport"
local workers = require "spec.host.workers"

local environment = { MOONPORT_STORE = false }

-- A service that answers a line with what the expression in it is; `store` is the program's own.
local body = [[
local store = assert(require "moonport.redis".connect())
local function text(...)
  local list = table.pack(...)
  for i = 1, list.n do list[i] = tostring(list[i]) end
  return table.concat(list, " ")
end
function answer(line) return text(load("local store, moonport = ... return " .. line)(store, moonport)) .. "\n" end
function store:reconnected() moonport.log.info("reconnected: %s", store:get "n") end
]]

describe("The program's own store", function()
  local service, folder, file

  before_each(function()
    folder = helper.folder()
    file = folder .. "/saved"
  end)
  after_each(function()
    if service then service:remove() end
    service = nil
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  -- `count`: of workers, 0 for none
  local function start(count, options)
    options = options or {}
    options.count, options.environment = count, environment
    service = workers.start(options.body or body, options)
    return service
  end

  local function with(...) return { options = { ... } } end

  local function ask(text)
    local client = service:connect()
    local line = service.ask(client, text)
    client:close()
    return line
  end

  local function store() return service:status().store end

  local function socket() return service.path .. ".store" end

  local function gone(pid) helper.eventually(function() return not service.runs(pid) end, "the end of the store") end

  local function stop(status)
    service.program:signal "TERM"
    assert.equal(status or 0, service.program:wait(4 * helper.timeout))
    assert.is_nil(lfs.symlinkattributes(socket()))
  end

  it("is started by the first connect() that names no other one", function()
    start(0, { body = [[
      local redis = require "moonport.redis"
      local named = assert(redis.connect "redis://127.0.0.1:1")
      local stores = {}
      function answer()
        stores[#stores + 1] = assert(redis.connect())
        return stores[#stores]:incr "n" .. "\n"
      end]] })
    assert.is_nil(store())
    assert.is_nil(lfs.symlinkattributes(socket()))
    assert.equal("1", ask "")
    local pid = store().pid
    assert.equal("2", ask "")
    assert.equal(pid, store().pid)
    stop()
    assert.is_false(service.runs(pid))
  end)

  it("is not started where a URL names one, nor without a program", function()
    local program = helper.program { options = { "--store", "redis://127.0.0.1:1" },
      source = 'print(require "moonport.redis".connect())' }
    assert.equal(0, program:wait())
    assert.equal("store(redis://127.0.0.1:1)\n", program:stdout())
    local named = os.getenv "MOONPORT_STORE"
    if not named and not rawget(_G, "arg")[-1]:find "moonport" then
      assert.same({ nil, "connect: no store: a plain Lua has none of its own", "OperationError" },
        { require "moonport.redis".connect() })
    end
  end)

  it("is this user's alone, and says which process its log lines are of", function()
    start(0, with("--store-file", file))
    assert.equal("rw-------", lfs.symlinkattributes(socket()).permissions)
    assert.equal("OK", ask 'store:set("n", 1)')
    stop()
    start(0, with("--store-file", file))
    service.program:waitForLine "info %[store%] store: 1 keys from"
    stop()
    start(0, with("--store-file", file, "--log-format", "json"))
    service.program:waitForLine '"level":"info",.*"worker":"store","message":"store: 1 keys from'
  end)

  it("keeps no program running, and leaves a script's processes alone", function()
    local program = helper.program { environment = environment, source = [[
      local moonport = require "moonport"
      local store = assert(require "moonport.redis".connect())
      print(store:set("n", 7), store:get "n")
      local process = moonport.Process()
      function process:finished(code) print("finished", code) end
      process:start("sh", { "-c", "exit 3" })
      process:waitForFinished(-1)
      print(process:exitCode())
    ]] }
    assert.equal(0, program:wait(4 * helper.timeout))
    assert.equal("OK\t7\nfinished\t3\n3\n", program:stdout())
    assert.equal("", program:stderr())
  end)

  it("is one for all workers, also for one that begins later", function()
    start(4)
    local pid, seen = store().pid, {}
    for number = 1, 4 do
      local client = service:of(number)
      seen[tonumber(service.ask(client, 'store:incr "n"'))] = true
      client:close()
    end
    assert.same({ true, true, true, true }, seen)
    local client, _, worker = service:of(2)
    client:close()
    service.kill(worker)
    service:settled()
    client = service:of(2)
    assert.equal("5", service.ask(client, 'store:incr "n"'))
    client:close()
    assert.equal(pid, store().pid)
    stop()
    assert.is_false(service.runs(pid))
  end)

  for _, count in ipairs { 0, 2 } do
    local kind = count == 0 and "one process" or "workers"

    it("stays over reloads, good and failed ones, of " .. kind, function()
      start(count)
      local pid = store().pid
      assert.equal("1", ask 'store:incr "n"')
      service:reload(body .. "local more = assert(require 'moonport.redis'.connect())")
      service:reloaded()
      assert.equal("2", ask 'store:incr "n"')
      service:reload(body .. "assert(require 'moonport.redis'.connect()) error 'not this'")
      assert.matches("not this", service:failed())
      assert.equal("3", ask 'store:incr "n"')
      assert.equal(pid, store().pid)
    end)

    it("is started by a reload that connects first, once, and stays when that fails, with " .. kind, function()
      start(count, { body = "" })
      assert.is_nil(store())
      service:reload(body .. "error 'not this'")
      service:failed()
      local pid = store().pid
      service:reload(body)
      service:reloaded()
      assert.equal("1", ask 'store:incr "n"')
      assert.equal(pid, store().pid)
    end)

    it("comes back from its last snapshot when it is killed under load, with " .. kind, function()
      start(count, with("--store-file", file))
      local pid, client = store().pid, service:connect()
      for _ = 1, 10 do service.ask(client, 'store:incr "n"') end
      assert.equal("OK", service.ask(client, 'store:command "SAVE"'))
      local clients = {}
      for i = 1, 20 do
        clients[i] = service:connect()
        for _ = 1, 50 do clients[i]:send 'store:incr "n"\n' end
      end
      service.ask(client, 'store:incr "n"')
      service.kill(pid)
      for _, one in ipairs(clients) do
        for _ = 1, 50 do assert.matches("^%d+$", (one:receiveLine():gsub("^nil .*", "0"):gsub("\n", ""))) end
        one:close()
      end
      service.program:waitForLine "error the store was ended by SIGKILL"
      local kept = tonumber((service.program:waitForLine "reconnected: (%d+)"))
      assert.is_true(kept >= 10)
      local now = tonumber(service.ask(client, 'store:incr "n"'))
      assert.is_true(now > kept and now <= 10 + 20 * 50 + 2, now)
      assert.not_equal(pid, store().pid)
      client:close()
      stop()
    end)

    it("saves once more and ends when its owner is killed, of " .. kind, function()
      start(count, with("--store-file", file))
      local pid = store().pid
      assert.equal("OK", ask 'store:set("n", 41)')
      service.kill(service.program.pid)
      gone(pid)
      assert.is_nil(lfs.symlinkattributes(socket()))
      start(count, with("--store-file", file))
      assert.equal("42", ask 'store:incr "n"')
    end)

    it("outlives Ctrl-C, which reaches the whole group, and serves until the last handler, of " .. kind, function()
      start(count, { group = true, options = { "--store-file", file },
        body = body .. 'moonport.onQuit(function() moonport.sleep(50) store:incr "quit" end)' })
      local pid = store().pid
      assert.equal(0, (helper.run { "kill", "-INT", "--", "-" .. service.program.pid }))
      assert.equal(0, service.program:wait(4 * helper.timeout))
      assert.is_false(service.runs(pid))
      assert.is_nil(service.program:stderr():find " error ", service.program:stderr())
      start(0, with("--store-file", file))
      assert.equal(tostring(math.max(count, 1)), ask 'store:get "quit"')
    end)

    it("gives status 1 when its last snapshot fails, with " .. kind, function()
      local place = folder .. "/gone"
      assert(lfs.mkdir(place))
      start(count, with("--store-file", place .. "/saved"))
      assert.equal("OK", ask 'store:set("n", 1)')
      assert(lfs.rmdir(place))
      stop(1)
      assert.matches("error %[store%] the last changes are lost: .*No such file", service.program:stderr())
    end)
  end

  it("begins anew without a file, and is started again after pauses", function()
    start(0)
    local pid = store().pid
    assert.equal("OK", ask 'store:set("n", 1)')
    service.kill(pid)
    service.program:waitForLine "reconnected: nil"
    service.kill(store().pid)
    service.program:waitForLine "the store is started again in 1 s"
    assert.equal("1", ask 'store:incr "n"') -- waits until then
  end)

  it("ignores signals that aren't its owner's", function()
    start(0)
    local pid = store().pid
    for _, name in ipairs { "HUP", "INT", "TERM" } do service.kill(pid, name) end
    assert.equal("1", ask 'store:incr "n"')
    assert.equal(pid, store().pid)
    assert.is_nil(service.program:stderr():find "store%]", service.program:stderr())
  end)

  it("refuses what is over its bound, as Redis does", function()
    start(0, with("--store-max-memory", "1M"))
    assert.equal("OK", ask 'store:set("small", "x")')
    assert.equal("OK", ask 'store:set("big", ("x"):rep(2 << 20))')
    assert.matches("^nil set: OOM command not allowed when used memory > 'maxmemory'%.? OOM$",
      ask 'store:set("more", "x")')
    assert.equal("x", ask 'store:get "small"')
  end)

  it("has its socket among the temporary files where there is no control folder", function()
    for _, place in ipairs { "off", folder .. "/none/control" } do
      local program = helper.program { options = { "--control", place },
        environment = { MOONPORT_STORE = false, TMPDIR = folder }, source = [[
          local store = assert(require "moonport.redis".connect())
          print(tostring(store):match "unix:(.*)%)", store:ping())
          require "moonport".onQuit(function() end)
          local timer = require "moonport".Timer()
          timer:start(100000)
        ]] }
      local path = program:waitForLine "^(.*)\tPONG"
      assert.equal(folder, path:match "^(.*)/")
      assert.equal("rw-------", lfs.symlinkattributes(path).permissions)
      program:signal "TERM"
      assert.equal(0, program:wait())
      assert.is_nil(lfs.symlinkattributes(path))
    end
  end)

  it("is what anybody of this user may look into", function()
    start(0)
    ask 'store:set("n", 1)'
    local client = moonport.LocalSocket()
    assert(client:connectToServer(socket()))
    assert(client:waitForConnected(helper.timeout))
    client:write "GET n\r\n"
    assert.equal("$1", client:receive("line", helper.timeout))
    client:abort()
  end)

  it("shows in the status", function()
    start(2)
    local own = store()
    assert.is_true(own.resident > 1 << 20)
    local _, text = helper.run { os.getenv "MOONPORT" or "build/asan/moonport", "ctl", service.path, "status" }
    assert.matches(("store%%s+process %d, %%S+ resident"):format(own.pid), text)
  end)

  it("needs a size and a path", function()
    for option, value in pairs { ["--store-max-memory"] = "1K", ["--store-file"] = false } do
      local program = helper.program { options = { option, value or nil } }
      assert.equal(2, program:wait())
      assert.matches("^moonport: " .. option:gsub("%-", "%%-") .. ": needs a ", program:stderr())
    end
  end)
end)
