-- SPDX-License-Identifier: MIT
-- moonport.compat.socket asked name servers for another name when an IPv6 address ended in an IPv4 one.
-- Cause: the question was made from the address' text, in which "192.0.2.7" counted as four groups of 16 bits. Fix: it
-- is made from the address' bytes.

local namespace = require "spec.qt.namespace"

describe("socket.dns.tohostname", function()
  it("asks for all 32 digits of an IPv6 address, however it is written", function()
    if namespace.missing() then return pending(namespace.missing()) end
    local digits, zeros = "7.0.2.0.0.0.0.c.", ("0."):rep(20)
    local output = namespace.run({
      digits .. "f.f.f.f." .. zeros .. "ip6.arpa/PTR=mapped.example",
      digits .. "0.0.0.0." .. zeros .. "ip6.arpa/PTR=compatible.example",
      "1." .. ("0."):rep(30) .. "f.ip6.arpa/PTR=short.example",
    }, [[
      local socket = require "moonport.compat.socket"
      for _, address in ipairs { "::ffff:192.0.2.7", "::ffff:c000:207", "::192.0.2.7", "f000::1" } do
        print((socket.dns.tohostname(address)))
      end
      require "moonport".quit()
    ]])
    assert.same({ "mapped.example", "mapped.example", "compatible.example", "short.example" }, output)
  end)
end)
