-- QHostAddress: notations, classes, comparison, subnets, scopes, and addresses wherever a server or socket
-- takes one.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"

local HostAddress = moonport.HostAddress

describe("HostAddress", function()
  after_each(sockets.close)

  it("reads every notation of RFC 4291 and writes RFC 5952", function()
    for text, canonical in pairs {
      ["2001:DB8:0:0:8:800:200C:417A"] = "2001:db8::8:800:200c:417a",
      ["2001:db8::8:800:200c:417a"] = "2001:db8::8:800:200c:417a",
      ["0:0:0:0:0:0:0:1"] = "::1",
      ["::"] = "::",
      ["2001:db8:0:1:1:1:1:1"] = "2001:db8:0:1:1:1:1:1",
      ["2001:db8:0:0:1:0:0:1"] = "2001:db8::1:0:0:1",
      ["::ffff:192.0.2.33"] = "::ffff:192.0.2.33",
      ["::FFFF:C000:221"] = "::ffff:192.0.2.33",
      ["64:ff9b::192.0.2.33"] = "64:ff9b::c000:221",
      ["255.255.255.255"] = "255.255.255.255",
      ["0.0.0.0"] = "0.0.0.0",
    } do
      assert.equal(canonical, HostAddress(text):toString(), text)
      assert.equal(canonical, tostring(HostAddress(text)))
    end
    for _, text in ipairs { "1::2::3", "12345::", "::1%", ":", "1:2:3:4:5:6:7", "::g", "fe80::1%nosuchinterface" } do
      local address, message, code = HostAddress(text)
      assert.is_nil(address, text)
      assert.equal(("HostAddress: '%s' is not an address"):format(text), message)
      assert.equal("HostNotFoundError", code)
    end
  end)

  it("is Null only without an argument", function()
    local null = HostAddress()
    assert.is_true(null:isNull())
    assert.equal("", null:toString())
    assert.equal("UnknownNetworkLayerProtocol", null:protocol())
    assert.is_nil(null:toIPv4Address())
    assert.is_true(null == HostAddress.Null)
    assert.is_false(HostAddress "any":isNull())
    assert.is_false(HostAddress "0.0.0.0":isNull())
    assert.has_error(function() HostAddress {} end)
    assert.has_error(function() HostAddress(1.5) end)
  end)

  it("is made from numbers and bytes as Qt's constructors do, and converts back to them", function()
    assert.equal("127.0.0.1", HostAddress(0x7f000001):toString())
    assert.equal("0.0.0.0", HostAddress(0):toString())
    assert.equal("255.255.255.255", HostAddress(0xffffffff):toString())
    assert.has_error(function() HostAddress(-1) end)
    assert.has_error(function() HostAddress(1 << 32) end)
    assert.equal(0xc0000221, HostAddress "192.0.2.33":toIPv4Address())
    assert.equal(0xc0000221, HostAddress "::ffff:192.0.2.33":toIPv4Address())
    assert.equal(0, HostAddress "any":toIPv4Address())
    assert.is_nil(HostAddress "2001:db8::1":toIPv4Address())
    local bytes = HostAddress "2001:db8::1":toIPv6Address()
    assert.equal("\x20\x01\x0d\xb8" .. ("\0"):rep(11) .. "\1", bytes)
    assert.equal("2001:db8::1", HostAddress.fromIPv6Address(bytes):toString())
    assert.equal(("\0"):rep(10) .. "\xff\xff\xc0\0\2\x21", HostAddress "192.0.2.33":toIPv6Address())
    assert.has_error(function() HostAddress.fromIPv6Address "short" end)
    assert.equal("10.0.0.1", HostAddress(HostAddress "10.0.0.1"):toString())
  end)

  it("has Qt's special addresses", function()
    for name, expected in pairs {
      Null = { "", "UnknownNetworkLayerProtocol" }, Broadcast = { "255.255.255.255", "IPv4Protocol" },
      LocalHost = { "127.0.0.1", "IPv4Protocol" }, LocalHostIPv6 = { "::1", "IPv6Protocol" },
      Any = { "0.0.0.0", "AnyIPProtocol" }, AnyIPv4 = { "0.0.0.0", "IPv4Protocol" }, AnyIPv6 = { "::", "IPv6Protocol" },
    } do
      assert.same(expected, { HostAddress[name]:toString(), HostAddress[name]:protocol() })
    end
  end)

  it("may be an argument wherever an address may", function()
    local server, client = sockets.server(HostAddress.LocalHost), sockets.socket()
    assert.equal("127.0.0.1", server:serverAddress())
    assert.is_true(client:bind(HostAddress.LocalHost))
    client:connectToHost(HostAddress.LocalHost, server:serverPort())
    assert.is_true(client:waitForConnected(helper.timeout))
    assert.equal("127.0.0.1", client:peerName())
    assert.equal("any", sockets.server(HostAddress.Any):serverAddress())
    assert.equal("0.0.0.0", sockets.server(HostAddress.AnyIPv4):serverAddress())
    assert.equal("0.0.0.0", sockets.server(HostAddress()):serverAddress()) -- Null listens like AnyIPv4
    assert.has_error(function() server:listen("example.org", 0) end)
  end)

  it("compares strictly with ==", function()
    assert.is_true(HostAddress "::1" == HostAddress "0:0::1")
    assert.is_false(HostAddress.Any == HostAddress.AnyIPv4)
    assert.is_false(HostAddress.Any == HostAddress.AnyIPv6)
    assert.is_false(HostAddress.AnyIPv4 == HostAddress.AnyIPv6)
    assert.is_false(HostAddress "127.0.0.1" == HostAddress "::ffff:127.0.0.1")
    assert.is_false(HostAddress "127.0.0.1" == "127.0.0.1")
  end)

  it("compares with isEqual by its conversion modes, several joined by '|'", function()
    local cases = {
      { "127.0.0.1", "::ffff:127.0.0.1", "ConvertV4MappedToIPv4" },
      { "192.0.2.1", "::192.0.2.1", "ConvertV4CompatToIPv4" },
      { "any", "0.0.0.0", "ConvertUnspecifiedAddress" },
      { "any", "::", "ConvertUnspecifiedAddress" },
      { "127.0.0.1", "::1", "ConvertLocalHost" },
    }
    local modes = {
      "ConvertV4MappedToIPv4", "ConvertV4CompatToIPv4", "ConvertUnspecifiedAddress", "ConvertLocalHost",
    }
    for _, case in ipairs(cases) do
      local a, b, mode = HostAddress(case[1]), HostAddress(case[2]), case[3]
      assert.is_true(a:isEqual(b))
      assert.is_true(b:isEqual(a, "TolerantConversion"))
      assert.is_false(a:isEqual(b, "StrictConversion"))
      for _, other in ipairs(modes) do assert.equal(other == mode, a:isEqual(b, other)) end
      assert.is_true(a:isEqual(b, "StrictConversion|" .. mode))
      assert.is_true(a:isEqual(case[2], table.concat(modes, "|")))
    end
    assert.is_true(HostAddress "::":isEqual("0.0.0.0", "ConvertUnspecifiedAddress"))
    assert.is_true(HostAddress "::":isEqual("0.0.0.0", "ConvertV4CompatToIPv4"))
    assert.is_false(HostAddress "::":isEqual("0.0.0.0", "ConvertV4MappedToIPv4"))
    assert.is_false(HostAddress "10.0.0.1":isEqual "10.0.0.2")
    assert.is_false(HostAddress "::1":isEqual "0.0.0.1") -- no compatible address, but loopback
    assert.is_true(HostAddress():isEqual(nil))
    assert.is_false(HostAddress "any":isEqual(nil))
    assert.has_error(function() HostAddress "::1":isEqual("::1", "Lenient") end)
  end)

  it("knows the classes of addresses", function()
    local questions = {
      "isLoopback", "isMulticast", "isBroadcast", "isLinkLocal", "isSiteLocal", "isUniqueLocalUnicast", "isGlobal",
      "isPrivateUse",
    }
    for text, expected in pairs {
      ["127.0.0.1"] = "isLoopback", ["127.255.0.9"] = "isLoopback", ["::1"] = "isLoopback",
      ["::ffff:127.1.2.3"] = "isLoopback",
      ["224.0.0.1"] = "isMulticast", ["ff02::1"] = "isMulticast",
      ["255.255.255.255"] = "isBroadcast",
      ["169.254.1.1"] = "isLinkLocal", ["fe80::1"] = "isLinkLocal",
      ["fec0::1"] = "isSiteLocal isGlobal",
      ["fd00::1"] = "isUniqueLocalUnicast isGlobal isPrivateUse",
      ["10.9.8.7"] = "isGlobal isPrivateUse", ["172.31.0.1"] = "isGlobal isPrivateUse",
      ["192.168.1.1"] = "isGlobal isPrivateUse", ["172.32.0.1"] = "isGlobal",
      ["8.8.8.8"] = "isGlobal", ["2001:4860::8888"] = "isGlobal",
      ["0.0.0.0"] = "", ["::"] = "", ["any"] = "", ["240.0.0.1"] = "",
    } do
      local found = {}
      for _, question in ipairs(questions) do
        if HostAddress(text)[question](HostAddress(text)) then found[#found + 1] = question end
      end
      assert.equal(expected, table.concat(found, " "), text)
    end
  end)

  it("parses subnets, and says which addresses are in them", function()
    for text, expected in pairs {
      ["10.0.0.0/8"] = { "10.0.0.0", 8 }, ["10.0.0.0/255.0.0.0"] = { "10.0.0.0", 8 }, ["10.1"] = { "10.1.0.0", 16 },
      ["10.1.2.3/16"] = { "10.1.0.0", 16 }, ["0.0.0.0/0"] = { "0.0.0.0", 0 }, ["fe80::/10"] = { "fe80::", 10 },
      ["::1"] = { "::1", 128 },
    } do
      local address, bits = HostAddress.parseSubnet(text)
      assert.same(expected, { address:toString(), bits }, text)
    end
    for _, text in ipairs { "", "10.0.0.0/33", "10.0.0.0/255.0.255.0", "::/129", "example.org/8", "10.0.0.0/" } do
      local address, message, code = HostAddress.parseSubnet(text)
      assert.is_nil(address, text)
      assert.equal(("parseSubnet: '%s' is not a subnet"):format(text), message)
      assert.equal("HostNotFoundError", code)
    end
    local address = HostAddress "10.1.2.3"
    assert.is_true(address:isInSubnet "10.0.0.0/8")
    assert.is_true(address:isInSubnet(HostAddress.parseSubnet "10.1.0.0/16"))
    assert.is_true(address:isInSubnet("10.1.2.0", 24))
    assert.is_false(address:isInSubnet("10.1.3.0", 24))
    assert.is_false(address:isInSubnet "fe80::/10")
    assert.is_true(HostAddress "::ffff:10.1.2.3":isInSubnet "10.0.0.0/8") -- D31
    assert.is_false(HostAddress():isInSubnet "0.0.0.0/0")
    assert.has_error(function() address:isInSubnet "example.org" end)
  end)

  it("keeps scopes, by name or index, and ignores them in comparisons", function()
    local scoped = HostAddress "fe80::1%lo"
    assert.equal("lo", scoped:scopeId())
    assert.equal("fe80::1%lo", scoped:toString())
    assert.is_true(HostAddress "fe80::1%1" == scoped)
    assert.is_true(HostAddress "fe80::1" == scoped)
    assert.equal("", HostAddress "fe80::1":scopeId())
    assert.equal("", HostAddress "127.0.0.1":scopeId())
    assert.is_true(scoped:isLinkLocal())
    assert.is_true(scoped:isInSubnet "fe80::/64")
  end)

  it("of both families reaches a dual-stack server, and the server reports it", function()
    if not network.hasIPv6() then return pending "there is no IPv6 here" end
    local server = sockets.server "any"
    for host, seen in pairs { ["127.0.0.1"] = "::ffff:127.0.0.1", ["::1"] = "::1" } do
      local client = sockets.socket()
      client:connectToHost(host, server:serverPort())
      assert.is_true(client:waitForConnected(helper.timeout))
      assert.equal(host, client:peerAddress())
      assert.equal(host, client:localAddress())
      local socket = sockets.accept(server)
      assert.equal(seen, socket:peerAddress())
      assert.is_true(HostAddress(socket:peerAddress()):isEqual(client:localAddress()))
    end
  end)
end)
