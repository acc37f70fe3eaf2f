-- The time-out of a connect: 30 s for all addresses of a name together (D15). Nothing polls meanwhile.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

describe("A connect that gets no answer", function()
  after_each(sockets.close)

  it("by address or by name: Unconnected, SocketTimeoutError once after 30 s, the device stays open #slow", function()
    local hole <close> = network.blackHole()
    local six <close> = network.hasIPv6() and network.blackHole("::1", hole:port()) or nil
    local literal, named = sockets.socket(), sockets.socket()
    local literalLog, namedLog = trace.record(literal), trace.record(named)
    local from = helper.posix.now()
    literal:connectToHost("127.0.0.1", hole:port())
    named:connectToHost("localhost", hole:port())
    local code = select(3, named:waitForConnected(60000))
    assert.equal("SocketTimeoutError", code)
    assert.is_true(helper.posix.now() - from >= 29000)
    local expected = {
      "stateChanged(HostLookup)", "stateChanged(Connecting)", "hostFound", "stateChanged(Unconnected)",
      "errorOccurred(SocketTimeout)",
    }
    trace.expect(namedLog, expected)
    trace.expect(literalLog, expected)
    assert.equal("Connection timed out", named:errorString())
    assert.is_true(named:isOpen())
    assert.is_truthy(six or not network.hasIPv6())
  end)
end)
