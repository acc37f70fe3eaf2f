-- connectToHost("any", port) went to ::, and with a HostAddress to 0.0.0.0; with IPv4Protocol the text was
-- refused. Cause: only the text counted as Any. Fix: both mean 0.0.0.0, as in Qt.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

describe("connectToHost to any", function()
  after_each(sockets.close)

  for what, host in pairs { text = "any", ["a HostAddress"] = moonport.HostAddress.Any } do
    for _, protocol in ipairs { "AnyIPProtocol", "IPv4Protocol" } do
      it("as " .. what .. " reaches this host over IPv4, with " .. protocol, function()
        local server, socket = sockets.server "127.0.0.1", sockets.socket()
        socket:connectToHost(host, server:serverPort(), "ReadWrite", protocol)
        assert(socket:waitForConnected(helper.timeout))
      end)
    end
  end
end)
