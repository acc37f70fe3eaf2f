-- SPDX-License-Identifier: MIT
-- Cause: OpenSSL's default groups were taken, with finite fields up to 8,192 bits: a client that offered only the
-- largest had a server compute for milliseconds. Fix: a default list of our own, of elliptic curves.

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

describe("The groups of TLS", function()
  local ssl = require("spec.qt.ssl_sockets").use()
  after_each(sockets.close)

  it("are elliptic curves, unless the script says otherwise", function()
    local server = ssl.server()
    local function shakes(group)
      local status, out = helper.run { "sh", "-c",
        ("openssl s_client -connect 127.0.0.1:%d -tls1_3 -groups %s </dev/null 2>&1"):format(server:serverPort(),
          group) }
      return status == 0, out
    end
    for _, group in ipairs { "X25519", "P-256", "P-384", "P-521" } do assert.is_true(shakes(group)) end
    for _, group in ipairs { "ffdhe2048", "ffdhe8192", "X448" } do
      local done, out = shakes(group)
      assert.is_false(done)
      assert.matches("handshake failure", out)
    end
  end)
end)
