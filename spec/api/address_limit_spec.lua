-- SPDX-License-Identifier: MIT
-- What one address may have at a server: connections, and handshakes.

local helper = require "spec.helper"
local moonport = require "moonport"

local function refused() return moonport.stats().refused end

describe("setMaxConnectionsPerAddress", function()
  it("resets clients beyond it before there is an object for them, and counts them", function()
    local server <close> = moonport.TcpServer()
    assert.equal(0, server:maxConnectionsPerAddress())
    server:setMaxConnectionsPerAddress(2)
    assert.equal(2, server:maxConnectionsPerAddress())
    local news = 0
    function server:newConnection()
      news = news + 1
      self:nextPendingConnection()
    end
    assert(server:listen "127.0.0.1")
    local before, objects = refused(), moonport.stats().objects
    local kept = { helper.connect(server:serverPort()), helper.connect(server:serverPort()) }
    helper.eventually(function() return news == 2 end)
    local third = helper.connect(server:serverPort())
    helper.eventually(function() return refused() == before + 1 end)
    assert.equal("reset", third:waitForEnd())
    assert.equal(objects + 2, moonport.stats().objects)
    assert.equal(2, news)
    third:close()
    for _, client in ipairs(kept) do client:close() end
  end)

  it("counts pending connections, and makes room when one ends", function()
    local server <close> = moonport.TcpServer()
    server:setMaxConnectionsPerAddress(1)
    server.connection = { greeting = "", readyRead = function(self) self:write(self:readAll()) end }
    assert(server:listen "127.0.0.1")
    for _ = 1, 5 do
      local client, before = helper.connect(server:serverPort()), refused()
      client:send "x"
      assert.equal("x", client:receive(1))
      local beside = helper.connect(server:serverPort())
      helper.eventually(function() return refused() == before + 1 end)
      beside:close()
      client:close()
      helper.eventually(function() return server:connectionCount() == 0 end)
    end
  end)

  it("counts each address for itself", function()
    local server <close> = moonport.TcpServer()
    server:setMaxConnectionsPerAddress(1)
    assert(server:listen "0.0.0.0")
    local before, news = refused(), 0
    function server:newConnection()
      news = news + 1
      self:nextPendingConnection()
    end
    local clients = {}
    for i = 1, 3 do
      clients[i] = moonport.TcpSocket()
      assert(clients[i]:bind("127.0.0." .. i))
      clients[i]:connectToHost("127.0.0.1", server:serverPort())
    end
    helper.eventually(function() return news == 3 end)
    assert.equal(before, refused())
    for _, client in ipairs(clients) do client:abort() end
  end)

  it("counts what is open when it is set, and 0 removes it", function()
    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    local news = 0
    function server:newConnection()
      news = news + 1
      self:nextPendingConnection()
    end
    local first = helper.connect(server:serverPort())
    helper.eventually(function() return news == 1 end)
    server:setMaxConnectionsPerAddress(1)
    local before = refused()
    local second = helper.connect(server:serverPort())
    helper.eventually(function() return refused() == before + 1 end)
    server:setMaxConnectionsPerAddress(0)
    local third = helper.connect(server:serverPort())
    helper.eventually(function() return news == 2 end)
    server:setMaxConnectionsPerAddress(3)
    local fourth = helper.connect(server:serverPort())
    helper.eventually(function() return news == 3 end)
    for _, client in ipairs { first, second, third, fourth } do client:close() end
  end)

  it("isn't about Unix-domain sockets", function()
    local path = helper.folder()
    local server <close> = moonport.LocalServer()
    server:setMaxConnectionsPerAddress(1)
    assert(server:listen(path .. "/s"))
    local news = 0
    function server:newConnection()
      news = news + 1
      self:nextPendingConnection()
    end
    local clients = {}
    for i = 1, 3 do
      clients[i] = moonport.LocalSocket()
      clients[i]:connectToServer(path .. "/s")
    end
    helper.eventually(function() return news == 3 end)
    for _, client in ipairs(clients) do client:abort() end
    server:close()
    os.execute("rm -r " .. path)
  end)
end)

describe("setMaxHandshakesPerAddress", function()
  local ssl = require "spec.ssl"

  it("refuses clients whose address has so many that aren't encrypted, and no others", function()
    local server <close> = moonport.SslServer()
    assert(server:setSslConfiguration { certificate = ssl.certificate, key = ssl.key })
    assert.equal(0, server:maxHandshakesPerAddress())
    server:setMaxHandshakesPerAddress(2)
    assert.equal(2, server:maxHandshakesPerAddress())
    assert(server:listen "127.0.0.1")
    local open, before = 0, refused()
    function server:newConnection()
      open = open + 1
      self:nextPendingConnection()
    end
    local function encrypted()
      local socket = moonport.SslSocket()
      assert(socket:setSslConfiguration { caCertificates = ssl.certificate })
      assert(socket:connectToHostEncrypted("127.0.0.1", server:serverPort()))
      return socket
    end
    local sockets = {}
    for i = 1, 4 do -- connections that are encrypted don't count
      sockets[i] = encrypted()
      helper.eventually(function() return open == i end)
    end
    local silent = { helper.connect(server:serverPort()), helper.connect(server:serverPort()) }
    local third = helper.connect(server:serverPort())
    helper.eventually(function() return refused() == before + 1 end)
    assert.equal("reset", third:waitForEnd())
    silent[1]:close()
    helper.eventually(function()
      local socket = encrypted()
      sockets[#sockets + 1] = socket
      return socket:waitForEncrypted(helper.timeout)
    end)
    for _, socket in ipairs(sockets) do socket:abort() end
    silent[2]:close()
    third:close()
  end)
end)
