-- SPDX-License-Identifier: MIT
-- A message that a client published to itself left at once, before the replies to what it had asked earlier: before the
-- confirmation of its subscription, too.

local helper = require "spec.helper"
local resp = require "moonport.resp"
local stores = require "spec.store"

local command = resp.command

describe("A client of moonport.store", function()
  it("gets its own messages behind the replies to what it has asked before", function()
    local _, port = stores.start()
    local client = helper.connect(port)
    client:send(command("HELLO", 3) .. command("ECHO", "begin"))
    repeat until client:receiveLine() == "begin\r\n"
    client:send(command("SUBSCRIBE", "c") .. command("PSUBSCRIBE", "*") .. command("PUBLISH", "c", "x") ..
      command "MULTI" .. command("PUBLISH", "d", "y") .. command "PING" .. command "EXEC")
    local replies = resp.push({ "subscribe", "c", 1 }, 3) .. resp.push({ "psubscribe", "*", 2 }, 3) ..
      resp.push({ "message", "c", "x" }, 3) .. resp.push({ "pmessage", "*", "c", "x" }, 3) .. ":2\r\n" ..
      "+OK\r\n+QUEUED\r\n+QUEUED\r\n" .. resp.push({ "pmessage", "*", "d", "y" }, 3) .. "*2\r\n:1\r\n+PONG\r\n"
    assert.equal(replies, client:receive(#replies))
    client:close()
  end)
end)
