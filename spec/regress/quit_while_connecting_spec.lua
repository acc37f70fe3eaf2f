-- A program that was stopped while a socket was connecting lost what was queued on the socket: it waited only
-- for connections. Now it also waits, within the grace time, for connects that have data to send.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

describe("A program that is stopped while a socket connects", function()
  local function stop(port)
    local program = helper.program { args = { port }, source = [[
      local moonport = require "moonport"
      local socket = moonport.TcpSocket()
      socket:connectToHost("127.0.0.1", tonumber((...)))
      socket:write "last words"
      moonport.quit()
    ]] }
    return program, program:wait(10000)
  end

  it("sends what was queued", function()
    local listener = helper.listen()
    local program, status = stop(listener:port())
    assert.are.equal(0, status)
    local peer = listener:accept()
    assert.are.equal("last words", peer:receiveAll())
    assert.are.equal("", program:stderr())
  end)

  it("ends when the peer refuses", function()
    local program, status = stop(helper.unusedPort())
    assert.are.same({ 0, "" }, { status, program:stderr() })
  end)
end)
