-- 0.0.0.0, :: and "any" lead to this host, but peerAddress() returned them unchanged. Qt asks the system for
-- the address of the connection.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"

describe("peerAddress", function()
  after_each(sockets.close)

  for host, expected in pairs { ["0.0.0.0"] = "127.0.0.1", any = "127.0.0.1", ["0"] = "127.0.0.1", ["::"] = "::1" } do
    it("of a connection to " .. host .. " is an address of this host", function()
      if host == "::" and not network.hasIPv6() then return pending "there is no IPv6 here" end
      local server, socket = sockets.server "any", sockets.socket()
      socket:connectToHost(host, server:serverPort())
      assert(socket:waitForConnected(helper.timeout))
      assert.equal(expected, socket:peerAddress())
      assert.equal(server:serverPort(), socket:peerPort())
      assert.equal(host, socket:peerName())
      sockets.accept(server)
    end)
  end
end)
