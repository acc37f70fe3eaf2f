-- setIdleTimeout with a direction: only bytes that go that way count.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

-- A connection whose idle time-out counts only `direction`, and bytes that go the other way all the time. -> the
-- socket, and its error once it ended
local function busyTheOtherWay(direction)
  local socket, peer = sockets.withPlain()
  local codes = {}
  function socket:errorOccurred(code) codes[#codes + 1] = code end
  function socket:readyRead() self:readAll() end
  local timer = moonport.Timer()
  function timer:timeout()
    if #codes > 0 then return self:stop() end
    if direction == "read" then socket:write "." else peer:send "." end
  end
  timer:start(5)
  socket:setIdleTimeout(60, direction)
  return socket, codes, timer
end

describe("An idle time-out", function()
  after_each(sockets.close)

  for _, direction in ipairs { "read", "write" } do
    it(("of the direction %q ends a connection on which bytes go only the other way"):format(direction), function()
      local socket, codes, timer = busyTheOtherWay(direction)
      assert.same({ 60, direction }, { socket:idleTimeout() })
      helper.eventually(function() return #codes > 0 end)
      timer:stop()
      assert.same({ "SocketTimeoutError" }, codes)
      assert.is_true((direction == "read" and socket:bytesSent() or socket:bytesRead()) > 0)
    end)
  end

  it("of both directions is restarted by a byte either way, and is the default", function()
    local socket, codes, timer = busyTheOtherWay "both"
    assert.same({ 60, "both" }, { socket:idleTimeout() })
    socket:setIdleTimeout(60)
    assert.same({ 60, "both" }, { socket:idleTimeout() })
    moonport.sleep(150)
    assert.same({}, codes)
    timer:stop()
    helper.eventually(function() return #codes > 0 end)
  end)

  it("comes with its direction from the server", function()
    local server = sockets.server()
    server:setIdleTimeout(40, "read")
    assert.same({ 40, "read" }, { server:idleTimeout() })
    local client <close> = moonport.TcpSocket()
    assert(client:connectToHost("127.0.0.1", server:serverPort()))
    assert(server:waitForNewConnection(5000))
    local accepted = server:nextPendingConnection()
    assert.same({ 40, "read" }, { accepted:idleTimeout() })
    local timer <close> = moonport.Timer()
    function timer.timeout() accepted:write "." end
    timer:start(5)
    helper.eventually(function() return accepted:state() == "UnconnectedState" end)
    timer:stop()
  end)

  it("has no other direction", function()
    local socket = moonport.TcpSocket()
    assert.error_matches(function() socket:setIdleTimeout(50, "reading") end,
      "unknown direction 'reading'; did you mean 'read'")
    assert.error_matches(function() socket:setIdleTimeout(50, "") end, "unknown direction ''")
    assert.same({ 0, "both" }, { socket:idleTimeout() })
  end)
end)
