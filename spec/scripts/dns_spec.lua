-- SPDX-License-Identifier: MIT
-- scripts/dns.lua with dig, against a name server of the spec's own on loopback.

local helper = require "spec.helper"
local moonport = require "moonport"
package.path = "./scripts/?.lua;" .. package.path
local message = require "dns_message"

-- An upstream: records by name, "A 60 192.0.2.1" or false for no such name; counts what it is asked.
local function upstream(records)
  local made = { asked = 0, slow = 0, socket = moonport.UdpSocket(), server = moonport.TcpServer() }
  local function answer(query)
    made.asked = made.asked + 1
    local list = records[query.name]
    if list == nil then return nil end
    if not list then -- with the zone's SOA, whose last number counts
      local soa = message.name "ns.test" .. message.name "root.test" .. string.pack(">I4I4I4I4I4", 1, 2, 3, 4, 30)
      local text = message.answer(query, message.errors.name, { { type = message.types.SOA, ttl = 600, data = soa } })
      return text:sub(1, 6) .. "\0\0\0\1\0\0" .. text:sub(13)
    end
    return message.answer(query, 0, list)
  end
  function made.socket:datagramReceived(data, address, port)
    local query = assert(message.read(data))
    local text = answer(query)
    if made.slow > 0 then moonport.sleep(made.slow) end
    if not text then return end
    if made.forges then
      self:writeDatagram(string.pack(">I2", query.id ~ 1) .. text:sub(3, -2) .. "\1", address, port)
    end
    self:writeDatagram(#text > 512 and message.cut(text, query) or text, address, port)
  end
  function made.server.connection:readyRead()
    while self:bytesAvailable() > 2 do
      local text = string.unpack(">s2", self:readAll())
      self:write(string.pack(">s2", answer(message.read(text))))
    end
  end
  repeat -- a port that is free in both
    made.socket:close()
    assert(made.socket:bind "127.0.0.1")
  until made.server:listen("127.0.0.1", made.socket:localPort())
  function made.close()
    made.socket:close()
    made.server:close()
  end
  return made
end

local function a(ttl, ...)
  local list = {}
  for i, last in ipairs { ... } do list[i] = { type = 1, ttl = ttl, data = string.char(192, 0, 2, last) } end
  return list
end

local hosts = [[
127.0.0.1   localhost
192.0.2.77  Printer.home printer # upstairs
2001:db8::7 printer.home
]]

describe("dns.lua", function()
  local up, program, port

  local function start(records, servers)
    up = upstream(records)
    program = helper.program { script = "scripts/dns.lua",
      args = { 0, "127.0.0.1", (servers or "") .. "127.0.0.1:" .. up.socket:localPort(), helper.file(hosts, "hosts") } }
    port = program:waitForLine "dns: listening on 127.0.0.1 port (%d+)"
  end

  after_each(function()
    program:signal "TERM"
    assert.equal(0, (program:wait()))
    up.close()
    up = nil
  end)

  -- dig's lines
  local function dig(...)
    local status, text, complaint = helper.run({ "dig", "@127.0.0.1", "-p", port, "+tries=1", "+time=8", ... }, nil,
      20000)
    assert.equal(0, status, text .. complaint)
    return text
  end

  local function short(...) return dig("+short", ...) end

  it("answers from its hosts file, names and addresses", function()
    start {}
    assert.equal("192.0.2.77\n", short "printer.home")
    assert.equal("192.0.2.77\n", short "PRINTER")
    assert.equal("2001:db8::7\n", short("printer.home", "AAAA"))
    assert.equal("printer.home.\n", short("-x", "192.0.2.77"))
    assert.equal("printer.home.\n", short("-x", "2001:db8::7"))
    local text = dig("localhost", "AAAA")
    assert.truthy(text:find "status: NOERROR" and text:find "ANSWER: 0", text)
    assert.equal(0, up.asked)
  end)

  it("asks once for many, and keeps what it has learned for as long as it holds", function()
    start { ["a.test"] = a(300, 1, 2), ["short.test"] = a(0, 3), ["none.test"] = false }
    up.slow = 50
    local many = {}
    for i = 1, 5 do
      many[i] = helper.spawn { "dig", "@127.0.0.1", "-p", port, "+short", "a.test" }
    end
    for i = 1, 5 do
      assert.equal(0, (many[i]:wait(20000)))
      assert.equal("192.0.2.1\n192.0.2.2\n", many[i]:stdout())
    end
    assert.equal(1, up.asked)
    assert.equal("192.0.2.1\n192.0.2.2\n", short "A.Test")
    assert.equal(1, up.asked)
    for _ = 1, 2 do short "short.test" end
    assert.equal(3, up.asked)
    for _ = 1, 2 do assert.truthy(dig "none.test":find "NXDOMAIN") end
    assert.equal(4, up.asked)
  end)

  it("takes no answer for another question, and logs none", function()
    start { ["a.test"] = a(300, 9) }
    up.forges = true
    assert.equal("192.0.2.9\n", short "a.test")
    local text = dig "silent.test"
    assert.truthy(text:find "SERVFAIL", text)
  end)

  it("asks the next upstream if one is dead", function()
    start({ ["a.test"] = a(300, 4) }, "127.0.0.1:" .. helper.unusedPort() .. ",")
    assert.equal("192.0.2.4\n", short "a.test")
  end)

  it("has clients ask again by TCP for what is too long", function()
    local last = {}
    for i = 1, 100 do last[i] = i end
    start { ["long.test"] = a(300, table.unpack(last)) }
    local _, lines = short "long.test":gsub("\n", "")
    assert.equal(100, lines)
    assert.truthy(dig("+ignore", "+bufsize=512", "long.test"):find "flags: qr tc")
  end)

  it("keeps answers over a reload, and reads its hosts again", function()
    start { ["a.test"] = a(300, 1) }
    short "a.test"
    program:signal "HUP"
    program:waitForLine "reloaded .*1? ?listeners? kept"
    assert.equal("192.0.2.1\n", short "a.test")
    assert.equal(1, up.asked)
  end)

  it("survives what isn't DNS", function()
    start { ["a.test"] = a(300, 1) }
    local socket = moonport.UdpSocket()
    local function send(text) socket:writeDatagram(text, "127.0.0.1", tonumber(port)) end
    local query = "\0\1\1\0\0\1\0\0\0\0\0\0"
    for _, text in ipairs { "", "x", ("\0"):rep(12), query .. "\xc0\x0c\0\1\0\1", query .. ("\63"):rep(300),
      query .. "\1a", ("\xff"):rep(600), "\0\1\x81\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1" } do send(text) end
    send(query .. "\1a\4test\0\0\xfc\0\1")
    local codes = {}
    repeat
      local data = socket:receive(300)
      if data then codes[#codes + 1] = data:byte(4) & 15 end
    until not data
    table.sort(codes)
    assert.equal(5, codes[#codes]) -- a transfer of a zone is refused
    socket:close()
    assert.equal("192.0.2.1\n", short "a.test")
  end)
end)
