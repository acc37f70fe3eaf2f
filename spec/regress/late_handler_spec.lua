-- A handler that was set after a call didn't get the signal that the call had caused, if it was the first of
-- its kind. Cause: signals were not even queued when no handler had ever been set for them. Fix: the loop
-- checks at delivery whether a handler wants the signal.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

describe("A handler that is set after the call", function()
  it("gets the signals that the call caused, also when it is the first handler for them", function()
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
