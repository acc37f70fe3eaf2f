-- SPDX-License-Identifier: MIT
-- scripts/kv.lua and a Redis server get the same random commands. MOONPORT_SPEC_SEED sets the sequence;
-- MOONPORT_SPEC_COMMANDS their number.

local helper = require "spec.helper"
local servers = require "spec.redis"

local count = os.getenv "MOONPORT_SPEC_COMMANDS" or "4000"
local seed = os.getenv "MOONPORT_SPEC_SEED" or "20261201"

describe("scripts/kv.lua", function()
  it("answers random commands as Redis does", function()
    local redis, redisPort = servers.start()
    local path = helper.file("", "kv.resp")
    os.remove(path)
    local program = helper.program { script = "scripts/kv.lua", args = { 0, "127.0.0.1", path, 0 } }
    local port = program:waitForLine "kv: listening on 127.0.0.1 port (%d+)"
    local arguments = { "python3", "spec/scripts/store_random.py", redisPort, port, count, seed }
    local status, out, err = helper.run(arguments, nil, 120000)
    assert.are.equal(0, status, out .. err)
    assert.is_truthy(out:find(" 0 differences", 1, true), out)
    program:signal "TERM"
    program:wait()
    redis:signal "TERM"
  end)
end)
