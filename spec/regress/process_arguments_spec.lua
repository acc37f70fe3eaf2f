-- SPDX-License-Identifier: MIT
-- Cause: moonport.test.process asked the __len and the __tostring of what it was given, and wrote behind its
-- arrays when these lied or changed the tables; the strings that it had taken from them could be collected
-- meanwhile.
-- Fix: raw lengths, texts that are made first, and strings that are held as long as they are used.

local moonport = require "moonport"
local process = require "moonport.test.process"

local function finish(pid, ...)
  assert.is_number(pid)
  for i = 1, 3 do
    local socket = moonport.TcpSocket()
    socket:setSocketDescriptor((select(i, ...)))
    if i == 2 then
      local text = socket:receive "all"
      repeat moonport.sleep(1) until process.reap(pid)
      return text
    end
    socket:abort()
  end
end

describe("moonport.test.process.spawn", function()
  it("counts by itself", function()
    for _, length in ipairs { 1000, -5, math.maxinteger, 0 } do
      local arguments = setmetatable({ "/bin/echo", "x" }, { __len = function() return length end })
      assert.equal("x\n", finish(process.spawn(arguments, {})))
    end
    assert.is_false(pcall(process.spawn, setmetatable({}, { __len = function() return 1 end,
      __index = function() return "x" end }), {}))
  end)

  it("takes values whose __tostring changes the tables and collects", function()
    local environment, arguments = {}, { "/bin/sh", "-c", "echo $ONE" .. ("x"):rep(5) .. " ${#TWO}" }
    environment.TWO = setmetatable({}, { __tostring = function()
      for i = 1, #arguments do arguments[i] = ("y"):rep(i) end
      for _ = 1, 4 do collectgarbage() end
      return ("z"):rep(100)
    end })
    environment.ONExxxxx = "one"
    assert.equal("one 100\n", finish(process.spawn(arguments, environment)))
  end)

  it("survives an environment that grows meanwhile", function()
    local environment = { A = setmetatable({}, { __tostring = function() return "a" end }) }
    for i = 1, 50 do
      environment["B" .. i] = setmetatable({}, { __tostring = function()
        for k = 1, 100 do environment["C" .. i .. "_" .. k] = "c" end
        return "b"
      end })
    end
    local ok, pid, input, output, errors = pcall(process.spawn, { "/bin/echo", "x" }, environment)
    if ok then assert.equal("x\n", finish(pid, input, output, errors)) end -- else Lua's traversal has noticed
  end)
end)
