-- SPDX-License-Identifier: MIT
-- stats, persist, version, log, quit, run, and HostAddress.

local moonport = require "moonport"
local helper = require "spec.helper"

local name <close> = assert(io.open "/proc/self/comm")
local hosted = name:read "l" == "moonport"

describe("The module", function()
  it("has version, stats and persist", function()
    local sources <close> = assert(io.open "CMakeLists.txt")
    assert.equal(sources:read "a":match "\nproject%(moonport VERSION (%S+)", moonport.version)
    for _, field in ipairs { "connections", "bytesRead", "bytesSent", "handlerErrors", "iterations", "generation",
      "memory", "objects" } do
      assert.equal("integer", math.type(moonport.stats()[field]), field)
    end
    local rooms = {}
    assert.equal(rooms, moonport.persist("module_spec rooms", rooms))
    assert.equal(rooms, moonport.persist("module_spec rooms", {}))
    assert.is_nil(moonport.persist "module_spec nothing")
  end)

  it("logs a formatted line with time and level, whatever the bytes", function()
    local program = helper.program { source = [[
local log = require "moonport".log
log.info("%d %s", 5, "x")
log.warning("100 %")
log.error(nil)
log.debug("unseen")
log.error("steer\27[2J")
]] }
    assert.equal(0, program:wait())
    local text = program:stderr()
    assert.matches("^%d+%-%d+%-%d+ %d+:%d+:%d+%.%d+ info 5 x\n", text)
    assert.matches(" warning 100 %%\n", text)
    assert.matches(" error nil\n", text)
    assert.matches([[ error steer\x1b%[2J]], text)
    assert.is_nil(text:find "unseen")
  end)

  local promise = hosted and "refuses run, since the host runs the loop"
    or "runs the loop until nothing is left, or quit"
  it(promise, function()
    if hosted then
      assert.error_matches(moonport.run, "the host runs the loop")
      return
    end
    local fired = 0
    moonport.singleShot(1, function() fired = fired + 1 end)
    assert.equal(0, moonport.run())
    assert.equal(1, fired)
    local timer <close> = moonport.Timer()
    function timer.timeout()
      assert(not pcall(moonport.run))
      moonport.quit(3)
    end
    timer:start(1)
    assert.equal(3, moonport.run())
    timer:stop()
    assert.equal(0, moonport.run())
  end)
end)

describe("A HostAddress", function()
  it("says what kind of address it is", function()
    local address = moonport.HostAddress
    local four, six, any = address "127.0.0.1", address "fe80::1%1", address "any"
    assert.equal("IPv4Protocol", four:protocol())
    assert.equal("IPv6Protocol", six:protocol())
    assert.equal("AnyIPProtocol", any:protocol())
    assert.equal("127.0.0.1", four:toString())
    assert.is_true(four:isLoopback())
    assert.is_true(six:isLinkLocal())
    assert.not_equal("", six:scopeId())
    assert.equal("", four:scopeId())
    assert.is_true(address():isNull())
    assert.is_true(address("224.0.0.1"):isMulticast())
    assert.is_true(address("255.255.255.255"):isBroadcast())
    assert.is_true(address("10.1.2.3"):isPrivateUse())
    assert.is_true(address("8.8.8.8"):isGlobal())
    assert.is_true(address("10.1.2.3"):isInSubnet "10.0.0.0/8")
    assert.is_false(address("11.1.2.3"):isInSubnet "10.0.0.0/8")
    assert.error(function() four:isInSubnet "ten" end)
  end)

  it("is compared strictly by ==, tolerantly by isEqual", function()
    local address = moonport.HostAddress
    assert.is_true(address "127.0.0.1" == address "127.0.0.1")
    assert.is_false(address "127.0.0.1" == address "::ffff:127.0.0.1")
    assert.is_true(address("127.0.0.1"):isEqual "::ffff:127.0.0.1")
    assert.is_false(address("127.0.0.1"):isEqual "127.0.0.2")
  end)
end)
