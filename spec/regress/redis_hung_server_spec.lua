-- SPDX-License-Identifier: MIT
-- A connection whose server had answered READONLY was left as soon as all was answered; if the server then hung, no
-- other was ever made. One of a store that was closed stayed open for good when its server didn't answer what was
-- under way.

local moonport = require "moonport"
local helper = require "spec.helper"
local link = require "moonport.redis.link"
local redis = require "moonport.redis"
local servers = require "spec.redis"
local sets = require "moonport.redis.sets"

describe("moonport.redis and a server that hangs", function()
  it("leaves one that takes no writes, though an answer never comes", function()
    local hangs, time = false, link.connectTime
    local fake = servers.fake(function(name)
      if name == "HANG" then
        hangs = true
        return nil
      end
      return name == "SET" and "-READONLY You can't write against a read only replica.\r\n" or "+PONG\r\n"
    end)
    local store = assert(redis.connect(fake.url, { timeout = helper.timeout }))
    assert.equal("PONG", store:ping())
    local main = sets.of(store).main
    main.since = main.since - 1000 -- as if it served for long
    link.connectTime = 20
    local set = moonport.spawn(store.set, store, "a", 1)
    local hung = moonport.spawn(store.command, store, "HANG")
    assert.equal("READONLY", (select(3, set:join(helper.timeout))))
    assert.equal("RemoteHostClosedError", (select(3, hung:join(helper.timeout))))
    assert.is_true(hangs)
    link.connectTime = time
    assert.equal("PONG", store:ping())
    assert.is_true(fake.connections > 1) -- a new connection may be too slow for connectTime, too
    store:close()
    fake.close()
  end)

  it("closes the connection of a closed store when nobody waits for its answers any more", function()
    local fake = servers.fake(function() return nil end)
    local store = assert(redis.connect(fake.url, { timeout = 20 }))
    assert.equal("PONG", store:ping())
    local main = sets.of(store).main
    local hung = moonport.spawn(store.command, store, "HANG")
    helper.eventually(function() return not main.sent:isEmpty() end)
    store:close()
    assert.equal("ready", main.state)
    assert.equal("SocketTimeoutError", (select(3, hung:join(helper.timeout))))
    assert.equal("closed", main.state)
    fake.close()
  end)
end)
