-- Without free descriptors, connectToHost to a name failed with HostNotFoundError, and proxies blamed the
-- upstream. Cause: c-ares reports the same for a socket that it can't open as for servers that refuse, and
-- treats files that it can't open as missing. Fix: the resolver checks itself whether there are descriptors.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"
local posix = helper.posix

describe("connectToHost to a name, without free descriptors", function()
  after_each(sockets.close)

  it("fails with SocketResourceError, the first time and later", function()
    local lowest = assert(posix.socket())
    posix.close(lowest)
    for _, name in ipairs { "no.such.host.invalid", "another.invalid" } do
      local socket = sockets.socket()
      local limit = assert(posix.limitDescriptors(lowest))
      socket:connectToHost(name, 7)
      local ok, _, code = socket:waitForConnected(helper.timeout)
      posix.limitDescriptors(limit)
      assert.is_nil(ok)
      assert.equal("SocketResourceError", code)
      assert.equal("SocketResourceError", socket:error())
    end
  end)
end)
