-- SPDX-License-Identifier: MIT
-- LingerOption: whether abort ends a connection or resets it.

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

describe("LingerOption", function()
  after_each(sockets.close)

  it("is -1 at first: abort ends the connection, and what the system has taken arrives", function()
    local socket, plain = sockets.withPlain()
    assert.equal(-1, socket:socketOption "LingerOption")
    socket:write "taken"
    socket:flush()
    socket:abort()
    assert.equal("taken", plain:receiveAll())
  end)

  it("of 0 makes abort reset the connection", function()
    local socket, plain = sockets.withPlain()
    assert.is_true(socket:setSocketOption("LingerOption", 0))
    assert.equal(0, socket:socketOption "LingerOption")
    socket:abort()
    assert.equal("reset", plain:waitForEnd())
  end)

  it("can be set back", function()
    local socket, plain = sockets.withPlain()
    assert.is_true(socket:setSocketOption("LingerOption", 0))
    assert.is_true(socket:setSocketOption("LingerOption", -1))
    assert.equal(-1, socket:socketOption "LingerOption")
    socket:abort()
    assert.equal("closed", plain:waitForEnd())
  end)

  it("refuses a time, which would block the loop, and fails without a descriptor", function()
    local socket = sockets.withPlain()
    sockets.fails("UnsupportedSocketOperationError", socket:setSocketOption("LingerOption", 1))
    assert.equal(-1, socket:socketOption "LingerOption")
    socket:abort()
    sockets.fails("UnknownSocketError", socket:setSocketOption("LingerOption", 0))
  end)

  it("of 0 lets disconnectFromHost still send what is queued", function()
    local socket, plain = sockets.withPlain()
    assert.is_true(socket:setSocketOption("LingerOption", 0))
    socket:write(("x"):rep(100000))
    socket:disconnectFromHost()
    assert.equal(100000, #plain:receive(100000, helper.timeout))
  end)
end)
