-- SPDX-License-Identifier: MIT
-- The script didn't see what an installed module put into _G (lfs, Penlight), and the module didn't see what
-- the script put there (unpack = table.unpack for old libraries). And a module kept the globals of the first
-- run after a reload. Now an installed module sees the globals of the run that calls it, and what it sets
-- exists in every run.

local helper = require "spec.helper"
local reload = require "spec.host.reload"

describe("A global", function()
  local folder, environment

  -- Installed modules, in a folder beside the script's.
  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder .. " " .. folder .. "/script"))
    environment = { LUA_PATH = folder .. "/?.lua;;" }
  end)

  after_each(function() os.execute("rm -rf " .. folder) end)

  local function install(name, text) helper.rewrite(folder .. "/" .. name .. ".lua", text) end

  -- Runs a script to its end. -> its output
  local function printed(text)
    local path = folder .. "/script/main.lua"
    helper.rewrite(path, text)
    local program = helper.program { script = path, environment = environment }
    assert.are.equal(0, program:wait(), program:stderr())
    return program:stdout()
  end

  it("that a C module sets is seen by the script", function()
    assert.are.equal("string\ttrue\n", printed 'local own = require "lfs" print(type(lfs.currentdir()), lfs == own)')
  end)

  it("that a module sets in any way is seen by the script, in its order", function()
    install("setter", [[
      plain = 1
      _G.field = 2
      rawset(_G, "raw", 3)
      _ENV.environment = 4
      local key, value = next(_G)
      assert(key ~= nil and rawget(_G, key) == value)
      local seen = {}
      for name in pairs(_G) do seen[name] = true end
      for name in next, _G do assert(seen[name]) end
      assert(seen.plain and seen.raw and seen.print and seen.script)
      load "loaded = 5" ()
      assert(rawget(_G, "script") == "set" and script == "set" and _G.script == "set" and rawget(_G, "none") == nil)
      function global() return script end
      return { get = function(name) return _G[name] end, set = function(name, to) _G[name] = to end }
    ]])
    assert.are.equal("1\t2\t3\t4\t5\tset\tchanged\nby module\tby script\tnil\n", printed [[
      script = "set"
      local setter = require "setter"
      local before = global()
      script = "changed"
      print(plain, field, raw, environment, loaded, before, global())
      setter.set("one", "by module")
      two = "by script"
      local two = setter.get "two"
      setter.set("plain", nil)
      print(one, two, plain)
    ]])
  end)

  it("of Lua's that the script replaces is replaced for modules, and vice versa", function()
    install("user", "print 'from the module' tostring = function() return 'replaced' end")
    assert.are.equal("script: from the module\nreplaced\n", printed [[
      local old = print
      function print(...) old("script: " .. ...) end
      require "user"
      old(tostring(1))
    ]])
  end)

  it("that old libraries expect can be defined for them", function()
    install("old", "local first, second = unpack { ngx.null, 2 } return { first, second, loadstring 'return 3' () }")
    assert.are.equal("null\t2\t3\n", printed [[
      unpack, loadstring, ngx = table.unpack, load, { null = "null" }
      print(table.unpack((require "old")))
    ]])
  end)

  it("may be made on demand by a module's metatable of _G", function()
    install("lazy", [[
      local metatable = { __index = function(_, name)
        if name == "onDemand" then
          rawset(_G, name, "made")
          return _G[name]
        end
      end }
      assert(getmetatable(_G) == nil)
      assert(setmetatable(_G, metatable) == _G and getmetatable(_G) == metatable)
    ]])
    assert.are.equal("nil\tnil\nmade\tmade\tnil\n", printed [[
      print(onDemand, rawget(_G, "onDemand"))
      require "lazy"
      print(onDemand, rawget(_G, "onDemand"), other)
    ]])
  end)

  it("that the script forbids is also forbidden for modules", function()
    install("careless", "oops = 1")
    assert.are.equal("false\tno global oops\n", printed [[
      setmetatable(_G, { __newindex = function(_, name) error("no global " .. name, 0) end })
      print(pcall(require, "careless"))
    ]])
  end)

  it("in a traceback of a module has the same name as in Lua", function()
    install("failing", "return function() error 'here' end")
    local program = helper.program { source = 'require "failing"()', environment = environment }
    assert.are.equal(1, program:wait())
    assert.is_truthy(program:stderr():find("\t[C]: in function 'error'\n", 1, true), program:stderr())
  end)

  describe("across a reload", function()
    local service, client

    local function start(body)
      service = reload.start(body, { environment = environment })
      client = service:connect()
    end

    after_each(function() service:remove() end)

    it("belongs to the module in every run, and to the script in its own run", function()
      install("counter", [[
        count = 0
        local all = _G
        return function() all.count = count + 1 return count, mine, all.mine, rawget(all, "mine") end
      ]])
      local body = [[
        local counter = require "counter"
        mine = "run " .. moonport.generation()
        function person:readyRead()
          self:readAll()
          local n, a, b, c = counter()
          self:write(("%s %s %s %s %s\n"):format(n, count, a, b, c))
        end
      ]]
      start(body)
      assert.are.equal("1 1 run 1 run 1 run 1", reload.ask(client, "x"))
      assert.are.equal("2 2 run 1 run 1 run 1", reload.ask(client, "x"))
      service:reload(body)
      assert.are.equal("3 3 run 2 run 2 run 2", reload.ask(client, "x"))
      assert.are.equal("4 4 run 2 run 2 run 2", reload.ask(client, "x"))
      service:reloadFails(body .. "counter() mine = 'failed' error 'late'")
      assert.are.equal("5 5 run 2 run 2 run 2", reload.ask(client, "x"))
    end)

    it("is that of the run whose code calls: a handler that has waited, or a staged run", function()
      install("reader", "return function() return mine end")
      local body = [[
        local reader = require "reader"
        mine = "run " .. moonport.generation()
        function person:readyRead()
          local line = self:readLine()
          if line == "wait\n" then
            self:waitForReadyRead(-1)
            self:readLine()
          end
          self:write(reader() .. "\n")
        end
        moonport.log.info("loading sees %s", reader())
      ]]
      start(body)
      client:send "wait\n"
      local other = service:connect()
      assert.are.equal("run 1", reload.ask(other, "x"))
      service:reload(body .. "moonport.sleep(20) assert(reader() == 'run 2')")
      assert.are.equal("run 2", reload.ask(other, "x"))
      assert.are.equal("run 1", reload.ask(client, "go on"))
      assert.are.equal("run 2", reload.ask(client, "x"))
      assert.is_truthy(service.program:stderr():find("loading sees run 2", 1, true))
    end)

    it("exists when only an earlier run has loaded the module that set it", function()
      start "require 'lfs' function person:readyRead() self:readAll() self:write(type(lfs) .. '\\n') end"
      assert.are.equal("table", reload.ask(client, "x"))
      service:reload("require 'lfs' " ..
        "function person:readyRead() self:readAll() self:write('2 ' .. type(lfs) .. '\\n') end")
      assert.are.equal("2 table", reload.ask(client, "x"))
    end)

    it("holds no run in memory", function()
      install("holder", "local globals = _G return function() return globals.marker end")
      local body = [[
        local holder = require "holder"
        runs = moonport.persist("runs", setmetatable({}, { __mode = "k" }))
        runs[_G] = true
        marker = moonport.generation()
        function person:readyRead()
          self:readAll()
          collectgarbage() collectgarbage()
          local count = 0
          for _ in pairs(runs) do count = count + 1 end
          self:write(holder() .. " " .. count .. "\n")
        end
      ]]
      start(body)
      for _ = 1, 5 do service:reload(body) end
      helper.eventually(function() return reload.ask(client, "x") == "6 1" end)
    end)
  end)
end)
