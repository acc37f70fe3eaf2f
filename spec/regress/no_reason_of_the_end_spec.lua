-- waitForBytesWritten with nothing queued said of a live connection that the socket wasn't connected; and after a
-- refused bind on a connection its end was told as UnfinishedSocketOperationError. Cause: the last error was taken for
-- the reason in both cases. Fix: an empty queue has words of its own, and a refused bind is no reason of an end.
--
-- SPDX-License-Identifier: MIT

local sockets = require "spec.qt.sockets"

describe("the reason that is given", function()
  after_each(sockets.close)

  it("for a wait with nothing to wait for isn't that the socket is not connected", function()
    local socket = sockets.withPlain()
    assert.are.same({ n = 3, nil, "waitForBytesWritten: Nothing is queued", "UnknownSocketError" },
      table.pack(socket:waitForBytesWritten()))
    assert.is_nil(socket:bind())
    assert.are.same({ n = 3, nil, "waitForBytesWritten: Nothing is queued", "UnknownSocketError" },
      table.pack(socket:waitForBytesWritten()))
  end)

  it("for the end isn't a bind that was refused on the connection", function()
    local socket = sockets.withPlain()
    assert.are.equal("UnfinishedSocketOperationError", select(3, socket:bind()))
    socket:disconnectFromHost()
    assert.are.same({ n = 3, nil, "read: Socket is not connected", "UnknownSocketError" }, table.pack(socket:read(1)))
  end)
end)
