-- SPDX-License-Identifier: MIT
-- A message of a channel was taken as it came. One whose text was a number raised in the handler of the connection, and
-- one without a text gave the wrong word to the script.

local helper = require "spec.helper"
local redis = require "moonport.redis"
local resp = require "moonport.resp"
local servers = require "spec.redis"

describe("A message that is malformed", function()
  it("isn't given to a handler: the connection is made anew, with its subscriptions", function()
    local fake = servers.fake(function(name, channel)
      return name == "SUBSCRIBE" and resp.array { "subscribe", channel, 1 } or nil
    end)
    local store, got = assert(redis.connect(fake.url, { timeout = helper.timeout })), {}
    local back = 0
    function store.reconnected() back = back + 1 end
    assert(store:subscribe("room", function(message) got[#got + 1] = message end))
    for i, list in ipairs { { "message", "room", 5 }, { "message", "room" }, { "message" }, { "message", false, "x" },
      { "message", "room", { "x" } }, { "message", "room", false }, { "message", "room", "x", "y" },
      { "pmessage", "room", "x" } } do
      fake.last:write(resp.array(list))
      helper.eventually(function() return back == i end, "connection " .. i)
    end
    fake.last:write(resp.array { "message", "room", "sound" })
    helper.eventually(function() return #got > 0 end)
    assert.same({ "sound" }, got)
    store:close()
    fake.close()
  end)
end)
