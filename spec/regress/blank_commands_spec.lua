-- SPDX-License-Identifier: MIT
-- A reader of commands made a table and a buffer for each empty line. A client that sent nothing but line ends kept a
-- store busy for a tenth of a second with what it takes at a time, since `next` goes on until there is a command.
-- #nogc: it measures what is allocated

local resp = require "moonport.resp"

describe("A reader of commands", function()
  it("makes nothing of empty lines", function()
    local reader = resp.commands()
    reader:feed(("\n"):rep(20000) .. (" \r\n"):rep(20000))
    collectgarbage "collect"
    collectgarbage "stop"
    local before = collectgarbage "count"
    local name = reader:next()
    local made = collectgarbage "count" - before
    collectgarbage "restart"
    assert.is_nil(name)
    assert.is_true(made < 100, made)
    reader:feed "\n \nPING\r\n"
    assert.equal("PING", (reader:next()))
  end)
end)
