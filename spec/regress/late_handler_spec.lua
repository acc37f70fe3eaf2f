-- A signal that a call had caused was lost for a handler that was attached after the call, if it was the first of its
-- kind. Cause: signals that no handler had ever been set for were not even queued. Fix: whether a signal is wanted is
-- looked at when it is delivered.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

describe("a handler that is attached after the call", function()
  it("gets the signals that the call has caused, also when it is the first handler for them at all", function()
    local status, out = helper.run { os.getenv "MOONPORT" or "build/asan/moonport", helper.file [[
      local moonport = require "moonport"
      local server, socket = moonport.TcpServer(), moonport.TcpSocket()
      assert(server:listen("127.0.0.1", 0))
      socket:connectToHost("127.0.0.1", server:serverPort())
      function socket:stateChanged(state) print(state) end
      function socket:hostFound() print("hostFound") end
      function socket:connected() print("connected") moonport.quit() end
    ]] }
    local expected = "HostLookupState\nConnectingState\nhostFound\nConnectedState\nconnected\n"
    assert.equal(expected, out:sub(1, #expected))
    assert.equal(0, status)
  end)
end)
