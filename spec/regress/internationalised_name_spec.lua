-- connectToHost("bücher.test") asked the name servers for the UTF-8 bytes, which no name has. Fix: names
-- beyond ASCII are looked up in their ASCII form (IDNA2008); a build without libidn2 reports an error.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

describe("connectToHost to an internationalised name", function()
  it("reaches the host of its ASCII form", function()
    local listener = helper.listen()
    local program = helper.program {
      environment = { CARES_HOSTS = helper.file("127.0.0.1 xn--bcher-kva.test\n", "hosts") },
      args = { listener:port() },
      source = [[
        local moonport = require "moonport"
        local socket = moonport.TcpSocket()
        socket:connectToHost("B\u{fc}cher.test", math.tointeger(arg[1]))
        local ok, message, code = socket:waitForConnected(10000)
        print(ok and "connected to " .. socket:peerName() or code .. ": " .. message)
        moonport.quit()
      ]],
    }
    assert.equal(0, program:wait(20000), program:stderr())
    if program:stdout():find("Names beyond ASCII are not supported by this build", 1, true) then
      pending "this build is one without libidn2"
      return
    end
    assert.equal("connected to B\u{fc}cher.test\n", program:stdout())
  end)
end)
