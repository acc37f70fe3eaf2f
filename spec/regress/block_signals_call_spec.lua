-- What a call caused between blockSignals(true) and blockSignals(false) was signalled afterwards. Cause: the
-- loop looked whether signals are blocked only at delivery, after the call. Fix: a signal that is emitted
-- while signals are blocked is marked.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

describe("blockSignals around a call", function()
  after_each(sockets.close)

  it("drops what the call causes, and nothing later", function()
    local server, socket = sockets.server(), sockets.withPlain()
    local log = trace.record(socket)
    socket:blockSignals(true)
    socket:abort()
    socket:blockSignals(false)
    helper.settle(5)
    assert.same({}, log)
    socket:connectToHost("127.0.0.1", server:serverPort())
    trace.expect(log, {
      "stateChanged(HostLookup)", "stateChanged(Connecting)", "hostFound", "stateChanged(Connected)", "connected",
    })
  end)

  it("hides nothing from a wait", function()
    local server, socket = sockets.server(), sockets.socket()
    socket:blockSignals(true)
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert.is_true(socket:waitForConnected(helper.timeout))
    socket:blockSignals(false)
  end)
end)
