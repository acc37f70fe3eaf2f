-- SPDX-License-Identifier: MIT
-- A subscription that the server refused when the connection was made anew, as behind a change of its users, got no
-- more messages, and nothing said so.

local helper = require "spec.helper"

local servers = require "spec.redis"

local source = [[
local moonport = require "moonport"
local store = assert(require "moonport.redis".connect(arg[1]))
function store.reconnected() moonport.log.info "back" end
assert(store:subscribe("room", print))
moonport.log.info "subscribed"
]]

describe("moonport.redis", function()
  it("logs that a server doesn't take a subscription again", function()
    local server, port = servers.start()
    local program = helper.program { source = source, args = { "redis://127.0.0.1:" .. port } }
    program:waitForLine "subscribed"
    server:signal "KILL"
    server:wait()
    servers.start(port, "--user", "default", "on", "nopass", "+@all", "resetchannels")
    program:waitForLine "warning redis: the subscription to 'room' has ended: NOPERM"
    program:waitForLine "back"
  end)
end)
