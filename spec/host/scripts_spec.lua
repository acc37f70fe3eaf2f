-- SPDX-License-Identifier: MIT
-- The services of scripts/, tested with moonport.test as one tests one's own; see docs/guide/testing.md. Real clients
-- and the rougher cases are in each service's own spec.

require "spec.helper"
local test = require "moonport.test"

local function start(script, ...)
  return test.start { script = script, arguments = { ... }, environment = { LD_PRELOAD = false } }
end

describe("scripts/echo.lua", function()
  it("sends back what comes, to each its own, and ends when its client has ended", function()
    local service <close> = start("scripts/echo.lua", 0)
    local one <close> = service:connect()
    local two <close> = service:connect()
    one:send "from one\n"
    two:send(("x"):rep(200000) .. "\n")
    one:expectLine "from one"
    assert.equal(200000, #two:receive "line")
    one:expectNothing()
    one:send("the last"):closeWriteChannel()
    assert.equal("the last", one:receive "all")
    assert.equal(0, service:stop())
    assert.is_nil(service:log():find " error ")
  end)
end)

describe("scripts/chat.lua", function()
  it("lets people hear each other, and keeps them over a reload", function()
    local service <close> = start("scripts/chat.lua", 0)
    local ann <close> = service:connect()
    local bob <close> = service:connect()
    ann:send("/nick ann\n"):expectMatch "is now ann\n"
    bob:send("/nick bob\n"):expectMatch "is now bob\n"
    ann:expectMatch "is now bob\n"
    bob:send "hello\n"
    ann:expectLine "bob: hello"
    service:signal "HUP"
    service:expectLog " reloaded "
    ann:send "still here\n"
    bob:expectMatch "ann: still here\n"
    assert.equal(0, service:stop())
    assert.is_nil(service:log():find " error ")
  end)
end)
