-- A finaliser of the script can still reach a socket that has been finalised before it. A handler set there
-- held the generation, which leaked, since nothing released that reference. Now a finalised object takes no
-- reference.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

describe("A handler that is set on a finalised socket", function()
  it("does no harm, and leaves nothing at the end", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local holder = setmetatable({}, { __gc = function(self) self.socket.readyRead = print end })
      holder.socket = moonport.TcpSocket() -- made later, so finalised earlier
    ]] }
    assert.are.equal(0, program:wait(10000))
    assert.are.equal("", program:stderr())
  end)
end)
