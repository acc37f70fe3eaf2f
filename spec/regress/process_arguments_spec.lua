-- SPDX-License-Identifier: MIT
-- Cause: what started programs for moonport.test used the __len and the __tostring of its arguments. It wrote beyond
-- its arrays when these lied or changed the tables. The strings that it had taken from the tables could be collected
-- meanwhile. Fix: raw lengths, only strings and numbers, and copies that are held as long as they are used.

local moonport = require "moonport"

local function output(process)
  local text = process:receive("all", 5000)
  assert.is_true(process:waitForFinished(5000))
  return text
end

describe("A Process", function()
  it("counts its arguments by raw length", function()
    local process <close> = moonport.Process()
    for _, length in ipairs { 1000, -5, math.maxinteger, 0 } do
      local arguments = setmetatable({ "x" }, { __len = function() return length end })
      assert(process:start("/bin/echo", arguments))
      assert.equal("x\n", output(process))
    end
    assert(process:start("/bin/echo", setmetatable({}, { __len = function() return 1 end,
      __index = function() return "x" end })))
    assert.equal("\n", output(process))
  end)

  it("takes only what no code of the script can change meanwhile", function()
    local process <close> = moonport.Process()
    local text = setmetatable({}, { __tostring = function() return "x" end })
    assert.is_false(pcall(process.start, process, "/bin/echo", { text }))
    assert.is_false(pcall(process.setProcessEnvironment, process, { TWO = text }))
    assert.equal("NotRunning", process:state())
  end)

  it("keeps what it is given, whatever becomes of the tables, and of the strings in them", function()
    local process <close> = moonport.Process()
    local arguments = { "-c", "echo $ONE" .. ("x"):rep(5) .. " ${#TWO}" }
    local environment = { ["ONE" .. ("x"):rep(5)] = "o" .. "ne", TWO = ("z"):rep(100) }
    process:setProgram "/bin/sh"
    process:setArguments(arguments)
    process:setProcessEnvironment(environment)
    for i = 1, #arguments do arguments[i] = ("y"):rep(i) end
    for name in pairs(environment) do environment[name] = nil end
    for _ = 1, 4 do collectgarbage() end
    assert(process:start())
    assert.equal("one 100\n", output(process))
  end)
end)
