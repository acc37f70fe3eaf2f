-- SPDX-License-Identifier: MIT
-- Cause: getmetatable gives a script the __newindex of a prototype, which trusted its argument to be a table.
-- Fix: it checks. (The metatable itself stays accessible: a script may give the prototype another one.)

local moonport = require "moonport"

describe("the __newindex of a server's prototype", function()
  it("refuses what isn't a table", function()
    local server = moonport.TcpServer()
    local newindex = getmetatable(server.connection).__newindex
    for _, value in ipairs { 5, "text", true, print, io.stdout, coroutine.running(), server } do
      assert.is_false(pcall(newindex, value, "x", 1))
    end
    assert.is_false(pcall(newindex))
    assert.is_false(pcall(newindex, {}))
    assert.is_false(pcall(newindex, {}, nil, 1))
  end)
end)
