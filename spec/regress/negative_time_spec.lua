-- Every negative time meant "for ever". The time left until a deadline, `receive(4, deadline -
-- moonport.now())`, is negative once the deadline has passed, so a handler that was slightly late hung. Now
-- only -1 and math.huge mean "for ever", and any other negative time has passed already.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"

-- Each call that takes a time, as a function of that time, on an object on which nothing happens; and its
-- code.
local waits = {
  ["sleep"] = { call = function(_, msec) return moonport.sleep(msec) end, result = true },
  ["receive, a number"] = { call = function(socket, msec) return socket:receive(4, msec) end },
  ["receive, a line"] = { call = function(socket, msec) return socket:receive("line", msec) end },
  ["receive, all"] = { call = function(socket, msec) return socket:receive("all", msec) end },
  ["waitForReadyRead"] = { call = function(socket, msec) return socket:waitForReadyRead(msec) end },
  ["waitForBytesWritten"] = { call = function(socket, msec)
    if socket:bytesToWrite() == 0 then sockets.stuff(socket) end
    -- The kernel may take some more bytes at any time; what follows must not be another time-out.
    local sent, message, code
    repeat sent, message, code = socket:waitForBytesWritten(msec) until not sent
    return sent, message, code
  end },
  ["waitForDisconnected"] = { call = function(socket, msec) return socket:waitForDisconnected(msec) end },
  ["waitForConnected"] = { call = function(_, msec)
    local hole <close> = network.blackHole()
    local connecting = sockets.socket()
    assert(connecting:connectToHost("127.0.0.1", hole:port()))
    return connecting:waitForConnected(msec)
  end },
  ["waitForNewConnection"] = { call = function(_, msec) return sockets.server():waitForNewConnection(msec) end },
  ["join"] = { call = function(_, msec)
    local task <close> = moonport.spawn(moonport.sleep, math.huge)
    return task:join(msec)
  end },
}

describe("A negative time", function()
  after_each(sockets.close)

  for name, wait in pairs(waits) do
    it(("has passed already: %s %s at once"):format(name, wait.result and "returns" or "times out"), function()
      local socket = sockets.withPlain()
      for _, msec in ipairs { -2, -0.5, -3600000, math.mininteger, -math.huge } do
        local results
        local task <close> = moonport.spawn(function() results = table.pack(wait.call(socket, msec)) end)
        helper.eventually(function() return results end, ("%s of %s"):format(name, msec))
        task:join()
        assert.equal(wait.result, results[1])
        assert.equal(not wait.result and "SocketTimeoutError" or nil, results[3])
      end
    end)

    it("means for ever if it is -1, as math.huge does: " .. name, function()
      local socket = sockets.withPlain()
      for _, msec in ipairs { -1, -1.0, math.huge } do
        local over = false
        local task <close> = moonport.spawn(function()
          wait.call(socket, msec)
          over = true
        end)
        helper.settle(5)
        assert.is_false(over)
        task:cancel()
      end
    end)
  end

  it("isn't valid as an idle time-out, nor is what isn't a number", function()
    local socket, server = sockets.socket(), sockets.server()
    for _, object in ipairs { socket, server } do
      object:setIdleTimeout(50)
      for _, none in ipairs { -2, -0.5, -math.huge, 0 / 0 } do
        assert.error_matches(function() object:setIdleTimeout(none) end, "an idle time%-out is not negative")
        assert.equal(50, object:idleTimeout())
      end
      for _, none in ipairs { 0, -1, math.huge } do
        object:setIdleTimeout(50)
        object:setIdleTimeout(none)
        assert.equal(0, object:idleTimeout())
      end
    end
  end)

  it("differs from a missing one, which sleep refuses", function()
    assert.error_matches(function() moonport.sleep() end, "number expected, got no value")
    assert.error_matches(function() moonport.sleep(nil) end, "number expected, got nil")
  end)
end)
