-- SPDX-License-Identifier: MIT
-- Cause: when a client's time was up at the command that ends its connection (QUIT, or a malformed one), the store sent
-- what it had, and sent it again behind the loop. Fix: what was sent is forgotten before the loop ends.

local helper = require "spec.helper"

-- Each look at the clock is two milliseconds after the one before: a client's time is up at the second one.
local source = [[
  local moonport = require "moonport"
  local now, passed = moonport.now, 0
  function moonport.now()
    passed = passed + 2
    return now() + passed
  end
  local server = require "moonport.store".server { saveEvery = 0 }
  assert(server:listen("127.0.0.1", 0))
  moonport.log.info("port %d", server:serverPort())
]]

describe("A store whose client's time is up at its last command", function()
  for name, command in pairs { QUIT = "QUIT\r\n", ["what is malformed"] = 'ECHO "\r\n' } do
    it(("answers once: %s"):format(name), function()
      local port = helper.program({ source = source }):waitForLine "port (%d+)"
      local client = helper.connect(port)
      client:send("PING\r\nPING\r\n" .. command)
      local got = client:receiveAll()
      assert.equal(2, select(2, got:gsub("%+PONG\r\n", "")), got)
      assert.equal(3, select(2, got:gsub("\r\n", "")), got)
      client:close()
    end)
  end
end)
