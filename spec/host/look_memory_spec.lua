-- SPDX-License-Identifier: MIT
-- `memory` of the control socket: which tables of a running service are large.

local control = require "spec.host.control"
local helper = require "spec.helper"
local workers = require "spec.host.workers"

local moonport = os.getenv "MOONPORT" or "build/asan/moonport"

local function ctl(path, ...) return helper.run { moonport, "ctl", path, ... } end

describe("memory", function()
  after_each(control.close)

  local function rows(client)
    local found = {}
    for _, one in ipairs(client:get "memory") do
      found[one.path or one.generation and "older" or one.cut and "cut" or 1] = one
    end
    return found
  end

  it("finds large tables: globals, persist, fields of connections, variables, waiting tasks, modules", function()
    local service = workers.start([[
      local moonport = require "moonport"
      local other = require "other"
      large = { inner = {} }
      for i = 1, 3000 do large.inner[i] = { i } end
      local variable = {}
      for i = 1, 3000 do variable["key" .. i] = true end
      for i = 1, 3000 do moonport.persist("kept", {})[i] = i end
      for i = 1, 3000 do other.list[i] = i end
      moonport.spawn(function()
        local waiting = {}
        for i = 1, 3000 do waiting[i] = i end
        moonport.sleep(-1)
        return waiting
      end)
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        self:readAll()
        self.many = {}
        for i = 1, 3000 do self.many[i] = i end
        self:write(variable.x and "y" or "x")
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())
    ]], { plain = true, count = 0, files = { ["other.lua"] = "return { list = {} }" } })
    service.port = tonumber(service.program:waitForLine "listening on (%d+)")
    local person = helper.connect(service.port)
    person:send "x"
    person:receive(1)
    local found = rows(service:control())
    assert.same({ 3000, 3000 }, { found["_G.large.inner[*]"].tables, found["_G.large.inner[*]"].entries })
    local main = "(" .. service.folder .. "/main.lua)"
    for _, path in ipairs { "_G.large.inner", "persist.kept", "module other.list", "local variable " .. main,
      "local waiting " .. main, "fields of TcpSockets.many" } do
      assert.truthy(found[path], path)
      assert.equal(3000, found[path].entries, path)
      assert.is_true(found[path].bytes >= 3000 * 16)
    end
    assert.equal(1, found[1].connections)
    service:remove()
  end)

  it("stands tables that change while it looks, are deep, circular, or have metamethods", function()
    local _, client = control.start [[
      local moonport = require "moonport"
      list = {}
      for i = 1, 20000 do list = { next = list } end
      list.circle = list
      trap = setmetatable({}, { __index = error, __pairs = error, __len = error, __gc = error, __mode = "k" })
      changing = {}
      local timer, n = moonport.Timer(), 0
      function timer:timeout()
        for i = 1, 200 do n = n + 1 changing["k" .. n] = {} end
        for k in pairs(changing) do if math.random() < 0.5 then changing[k] = nil end end
        collectgarbage "step"
      end
      timer:start(0)
    ]]
    for _ = 1, 3 do assert.truthy(rows(client)[1].lua) end
  end)

  it("says what older generations still hold", function()
    local service = workers.start([[
      function answer() moonport.sleep(-1) end
    ]], { count = 0 })
    local person = service:connect()
    person:send "x\n"
    helper.eventually(function() return #service:control():get "waits" == 1 end)
    service:reload "local other = 1"
    service:reloaded()
    assert.same({ 1, 1 }, { rows(service:control()).older.generation, rows(service:control()).older.handlers })
    local status, out = ctl(service.path, "memory")
    assert.equal(0, status)
    assert.matches("generation 1: %d+ connections?, 1 handlers", out)
    service:remove()
  end)
end)
