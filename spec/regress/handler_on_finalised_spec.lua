-- A finaliser of the script's own can still reach a socket that has been finalised before it. A handler set there
-- took a reference of the generation that nobody gave back, which leaked it. What is finalised takes none now.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

describe("a handler that is set on a finalised socket", function()
  it("does no harm, and leaves nothing behind at the end", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local holder = setmetatable({}, { __gc = function(self) self.socket.readyRead = print end })
      holder.socket = moonport.TcpSocket() -- made later, so finalised earlier
    ]] }
    assert.are.equal(0, program:wait(10000))
    assert.are.equal("", program:stderr())
  end)
end)
