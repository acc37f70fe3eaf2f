-- What was queued on a socket that was still connecting when the program was told to stop was lost: the stop waited for
-- connections only. It waits now, within the grace time, for connects that have something to send as well.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

describe("a program that is told to stop while a socket connects", function()
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
