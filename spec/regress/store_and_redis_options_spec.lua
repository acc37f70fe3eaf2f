-- SPDX-License-Identifier: MIT
-- redis.connect took any number as an option: with a limit of 0 its first command raised, and all later ones waited in
-- vain. store.server took a fraction of a byte as maxMemory, and INFO then raised and closed the connection.

local redis = require "moonport.redis"
local store = require "moonport.store"

describe("A number among the options", function()
  it("of redis.connect is whole and above 0", function()
    for _, name in ipairs { "limit", "queue", "timeout" } do
      for _, value in ipairs { 0, -1, 0.5, 1 / 0, 0 / 0, "1" } do
        assert.error_matches(function() redis.connect("redis://127.0.0.1", { [name] = value }) end,
          "redis.connect: bad option " .. name)
      end
      redis.connect("redis://127.0.0.1", { [name] = 1000.0 }):close()
    end
  end)

  it("of store.server is one that its commands and timers can have", function()
    for name, values in pairs { maxMemory = { 0.5, -1, 1 / 0, 0 / 0, 2 ^ 70 },
      saveEvery = { -1, 1 / 0, 0 / 0, 1e300 } } do
      for _, value in ipairs(values) do
        assert.error_matches(function() store.server { [name] = value } end, "bad option " .. name)
      end
    end
    assert.error_matches(function() store.server { [{}] = 1 } end, "unknown option table")
  end)
end)
