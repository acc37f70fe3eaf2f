-- SPDX-License-Identifier: MIT
-- How much of the system's memory connections take and give back. Sanitizers have their own memory: the
-- release build.

local helper = require "spec.helper"
local moonport = require "moonport"
local tls = require "spec.tls"

local COUNT = 6000

-- KiB. The program sooner or later touches pages that it shares with its files.
local function resident(program)
  for line in io.lines(("/proc/%d/status"):format(program.pid)) do
    local size = line:match "^RssAnon:%s*(%d+)"
    if size then return tonumber(size) end
  end
end

describe("The memory of connections", function()
  for name, service in pairs {
    ["with a prototype"] = "function server.connection:readyRead() self:write(self:readAll()) end",
    ["with closures"] = [[
      function server:newConnection()
        local connection = self:nextPendingConnection()
        function connection.readyRead() connection:write(connection:readAll()) end
      end]],
  } do
    it(name .. " is given back to the system", function()
      local program = helper.spawn { "build/moonport", "-e", ([[
        local server = require("moonport").TcpServer()
        %s
        assert(server:listen("127.0.0.1", 0))
        print(server:serverPort())
        io.stdout:flush()
      ]]):format(service) }
      local port, clients = tonumber(program:waitForLine "^%d+$"), {}

      local before = resident(program)
      for i = 1, COUNT do
        clients[i] = helper.connect(port)
        clients[i]:send "x"
        if i % 100 == 0 then clients[i]:receive(1) end
      end
      local open = resident(program)
      assert.is_true(open - before > COUNT * 300 / 1024)
      local closed = 0
      -- Few are left behind many, and are closed later: on a busy machine, any number may be.
      for _, rest in ipairs { 1000, 0 } do
        while closed < COUNT - rest do
          closed = closed + 1
          clients[closed]:close()
        end
        helper.eventually(function()
          helper.settle(50)
          return resident(program) - before < (open - before) * (rest > 0 and 0.6 or 0.4)
        end, "memory given back", 30000) -- the collector is idle ten times as long as its last cycles took
      end
    end)
  end
end)

describe("The memory of handshakes", function()
  -- Four ways in which one goes: it is whole, it resumes, the client leaves, or speaks no TLS.
  local function shake(port, authority, way, ticket)
    if way > 2 then
      local plain = helper.connect(port)
      plain:send(way == 3 and "\x16\x03\x01\x02\x00" or "GET / HTTP/1.0\r\n\r\n")
      if way == 4 then plain:waitForEnd() end
      return plain:close()
    end
    local socket <close> = moonport.SslSocket()
    assert(socket:setSslConfiguration { caCertificates = authority.caCertificates })
    socket:setSessionTicket(way == 2 and ticket or "")
    socket:connectToHostEncrypted("localhost", port)
    socket:write "x"
    assert.equal("x", socket:receive(1, helper.timeout))
    assert.equal(way == 2, socket:isSessionResumed())
    ticket = socket:sessionTicket()
    socket:disconnectFromHost()
    return ticket
  end

  it("doesn't grow with them, and neither do the descriptors", function()
    local authority = tls.authority()
    local certificate = authority:certificate()
    local program = helper.spawn { "build/moonport", "-e", ([[
      local server = require("moonport").SslServer()
      assert(server:setSslConfiguration { certificate = "%s", key = "%s" })
      function server.connection:readyRead() self:write(self:readAll()) end
      assert(server:listen("127.0.0.1", 0))
      print(server:serverPort())
      io.stdout:flush()
    ]]):format(certificate.certificate, certificate.key) }
    local port = tonumber(program:waitForLine "^%d+$")
    local function descriptors()
      local count = 0
      for _ in require "lfs".dir(("/proc/%d/fd"):format(program.pid)) do count = count + 1 end
      return count
    end
    local listening, ticket = descriptors(), nil
    local function round(count)
      for i = 1, count do ticket = shake(port, authority, (i - 1) % 4 + 1, ticket) or ticket end
      helper.eventually(function() return descriptors() == listening end)
    end
    -- The collector and the allocator take some rounds until they have what they need. A leak adds as much in each.
    local before, rounds = math.huge, 0
    repeat
      round(400)
      rounds = rounds + 1
      assert.is_true(rounds < 12, "memory grows")
      local now = resident(program)
      local grown = now - before
      before = now
    until grown > -1000 and grown < 16
    authority:close()
  end)
end)
