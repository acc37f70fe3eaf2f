-- SPDX-License-Identifier: MIT
-- Groups and link-local addresses of UDP sockets, in a network of its own (needs root).

local namespace = require "spec.qt.namespace"

local missing = namespace.missing()
local test = missing and pending or it

-- Runs Lua text there, and compares what it prints, line by line.
local function prints(source, expected)
  local lines = namespace.run({}, [[
    local moonport = require "moonport"
    local function bound(...)
      local socket = moonport.UdpSocket()
      assert(socket:bind(...))
      return socket
    end
  ]] .. source .. " moonport.quit()")
  assert.same(expected, lines)
end

describe("QUdpSocket in a network", function()
  for name, address in pairs { ["IPv6"] = "::", ["IPv6 on a dual-stack socket"] = "any" } do
    for group, scope in pairs { ["ff05::114"] = "", ["ff02::114"] = "%hole" } do
      test(("U25 multicast: %s, %s"):format(name, group), function()
        prints(([[
          local receiver, sender = bound(%q), bound("::")
          print(receiver:joinMulticastGroup(%q, "hole"))
          print(select(3, receiver:joinMulticastGroup(%q, "hole")))
          assert(sender:setMulticastInterface "hole")
          for i = 1, 4 do assert(sender:writeDatagram("0x0" .. i, %q, receiver:localPort())) end
          for _ = 1, 4 do
            local data, from, port, info = receiver:receive(5000)
            print(data, port == sender:localPort(), info.localAddress, info.hopLimit, info.interfaceIndex > 1)
          end
          print(receiver:leaveMulticastGroup(%q, "hole"))
        ]]):format(address, group, group, group, group), {
          "true", "AddressInUseError",
          ("0x01\ttrue\t%s%s\t1\ttrue"):format(group, scope), ("0x02\ttrue\t%s%s\t1\ttrue"):format(group, scope),
          ("0x03\ttrue\t%s%s\t1\ttrue"):format(group, scope), ("0x04\ttrue\t%s%s\t1\ttrue"):format(group, scope),
          "true",
        })
      end)
    end
  end

  test("U27 link-local addresses have their scope, and an answer finds its way", function()
    prints([[
      local found = io.popen("ip -6 -o addr show dev hole scope link"):read "a":match "inet6 (fe80::[%x:]+)"
      local address = found .. "%hole"
      local server, client
      repeat -- until the address can be used
        server, client = moonport.UdpSocket(), bound("::")
        moonport.sleep(10)
      until server:bind(address)
      function server:datagramReceived(data, from, port, info)
        print(data, from == address, info.localAddress == address)
        self:writeDatagram("back", from, port, info)
      end
      assert(client:writeDatagram("there", address, server:localPort()))
      local data, from = client:receive(5000)
      print(data, from == address)
    ]], { "there\ttrue\ttrue", "back\ttrue" })
  end)

  test("refuses what has no route, once for each turn, and goes on", function()
    prints([[
      local socket, ear = bound("any"), bound("127.0.0.1")
      moonport.connect(socket, "errorOccurred", function(_, code) print(code) end)
      for _ = 1, 3 do assert(socket:writeDatagram("x", "198.51.100.1", 9)) end
      assert(socket:writeDatagram("still here", "127.0.0.1", ear:localPort()))
      print((ear:receive(5000)))
      print(socket:datagramsSent())
    ]], { "NetworkError", "still here", "1" })
  end)
end)
