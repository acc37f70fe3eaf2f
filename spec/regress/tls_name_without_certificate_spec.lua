-- SPDX-License-Identifier: MIT
-- Cause: an answer of serverNameRequested without a certificate was used as it is, so that the client was refused and
-- no line said why. Only answers that couldn't be read were logged.

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

describe("An answer of serverNameRequested without a certificate", function()
  local ssl = require("spec.qt.ssl_sockets").use()
  after_each(sockets.close)

  it("is logged, and the client is refused", function()
    local program = helper.program { source = ([[
      local moonport = require "moonport"
      local server = moonport.SslServer()
      assert(server:setSslConfiguration { certificate = "%s", key = "%s" })
      function server:serverNameRequested() return {} end
      function server:newConnection() self:nextPendingConnection() end
      assert(server:listen("127.0.0.1"))
      moonport.log.info("listening on %%d", server:serverPort())
    ]]):format(ssl.certificate.certificate, ssl.certificate.key) }
    local port = tonumber((program:waitForLine "listening on (%d+)"))
    local socket = ssl.socket()
    socket:connectToHostEncrypted("127.0.0.1", port, "late.test")
    local _, message = socket:waitForEncrypted(helper.timeout)
    assert.truthy(message:find "internal error", message)
    program:waitForLine "error serverNameRequested: a server needs a certificate"
  end)
end)
