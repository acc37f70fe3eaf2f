-- SPDX-License-Identifier: MIT
-- Cause: only the server's own handler of serverNameRequested is asked, since its result counts. moonport.connect took
-- another one without a word, which was never called; and each unknown name waited a turn of the loop for nobody.

local moonport = require "moonport"

describe("moonport.connect", function()
  it("refuses serverNameRequested, whose handler returns a value", function()
    local server <close> = moonport.SslServer()
    local ok, message = pcall(moonport.connect, server, "serverNameRequested", function() end)
    assert.is_false(ok)
    assert.truthy(message:find("serverNameRequested returns a value: set the server's handler of that name", 1, true))
  end)
end)
