-- SPDX-License-Identifier: MIT
-- A handler that failed for each of five thousand connections wrote twenty thousand lines in less than two
-- seconds. Now an error is logged in full the first time, and then as a count once a second. And only a
-- limited number of different errors is logged in full within a second.

local helper = require "spec.helper"

local script = [[
  local moonport = require "moonport"
  local server = moonport.TcpServer()
  local calls = 0
  moonport.onError(function() calls = calls + 1 end)
  function server.connection:readyRead()
    local text = self:readAll()
    if text == "errors" then
      self:write(("%d %d\n"):format(moonport.stats().handlerErrors, calls))
    elseif text ~= "x" then
      error("with " .. text)
    else
      error "on purpose"
    end
  end
  assert(server:listen("127.0.0.1", 0))
  moonport.log.info("listening on %d", server:serverPort())
]]

describe("Errors that repeat", function()
  local program, port

  local function fail(text)
    local client = helper.connect(port)
    client:send(text)
    client:waitForEnd()
    client:close()
  end

  local function count(pattern)
    local _, times = program:stderr():gsub(pattern, "")
    return times
  end

  local function sum(pattern)
    local total = 0
    for n in program:stderr():gmatch(pattern) do total = total + n end
    return total
  end

  before_each(function()
    program = helper.program { source = script }
    port = program:waitForLine "listening on (%d+)"
  end)

  it("are logged once in full, and then as a count", function()
    for _ = 1, 200 do fail "x" end
    local client = helper.connect(port)
    client:send "errors"
    assert.are.equal("200 200\n", client:receiveLine()) -- each is counted, and reported to the script
    helper.eventually(function()
      return count " error readyRead handler of [^\n]*on purpose\n\tstack"
        + sum " error (%d+) more times within a second: [^\n]*script.lua:%d+: on purpose\n" == 200
    end, "all 200 are reported")
    assert.is_true(count "\n[^\t]" < 20)
  end)

  it("are logged at the end, even if no second has passed", function()
    for _ = 1, 3 do fail "x" end
    program:signal "TERM"
    assert.are.equal(0, program:wait())
    assert.are.equal(3, count " handler of [^\n]*on purpose\n" + sum " error (%d+) more times within a second:")
  end)

  it("are logged separately, up to a limit", function()
    for i = 1, 100 do fail("number " .. i) end
    program:signal "TERM"
    assert.are.equal(0, program:wait())
    local whole, others = count " handler of [^\n]*with number", sum " error (%d+) other errors within a second\n"
    assert.are.equal(100, whole + others)
    assert.is_true(whole >= 16 and others > 0, program:stderr())
  end)
end)
