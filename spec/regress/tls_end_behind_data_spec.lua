-- SPDX-License-Identifier: MIT
-- Cause: a close_notify, or a record that nobody can decrypt, behind data in the same segment was seen only when the
-- peer sent more, or closed: the receive that should find it asked the system first, which had nothing.

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

describe("An end behind data of the same segment, of a peer that leaves TCP open:", function()
  local ssl = require("spec.qt.ssl_sockets").use()
  after_each(sockets.close)

  for _, version in ipairs { "0x0303", "0x0304" } do
    for action, code in pairs { notify = "RemoteHostClosedError", garble = "SslInternalError" } do
      it(("%s in version %s"):format(action, version), function()
        local server, peer, seen = ssl.server(), nil, nil
        function server:newConnection() -- the peer goes on by itself
          peer = sockets.closing(self:nextPendingConnection())
          seen = sockets.record(peer)
        end
        local client = tls.peer("client", server:serverPort(), "max=" .. version, "handshake", "write=last", action,
          "send", "hold")
        helper.eventually(function() return peer end)
        sockets.eventuallyState(peer, "UnconnectedState")
        assert.equal("last", peer:readAll())
        assert.equal(code, peer:error())
        assert.equal(1, sockets.count(seen, "errorOccurred"))
        assert.equal(1, sockets.count(seen, "disconnected"))
        client:closeInput()
        client:wait()
      end)
    end
  end
end)
