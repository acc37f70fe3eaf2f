-- On a live connection with nothing queued, waitForBytesWritten said that the socket wasn't connected. And
-- after a refused bind on a connection, its end was reported as UnfinishedSocketOperationError. Cause: the
-- last error was used as the reason in both cases. Fix: an empty queue has its own text, and a refused bind
-- isn't the reason of an end.
--
-- SPDX-License-Identifier: MIT

local sockets = require "spec.qt.sockets"

describe("The reason", function()
  after_each(sockets.close)

  it("of a wait with nothing to wait for isn't that the socket is not connected", function()
    local socket = sockets.withPlain()
    assert.are.same({ n = 3, nil, "waitForBytesWritten: Nothing is queued", "UnknownSocketError" },
      table.pack(socket:waitForBytesWritten()))
    assert.is_nil(socket:bind())
    assert.are.same({ n = 3, nil, "waitForBytesWritten: Nothing is queued", "UnknownSocketError" },
      table.pack(socket:waitForBytesWritten()))
  end)

  it("of the end isn't a bind that was refused on the connection", function()
    local socket = sockets.withPlain()
    assert.are.equal("UnfinishedSocketOperationError", select(3, socket:bind()))
    socket:disconnectFromHost()
    assert.are.same({ n = 3, nil, "read: Socket is not connected", "UnknownSocketError" }, table.pack(socket:read(1)))
  end)
end)
