-- Every way to end an SslSocket's connection, in every phase of it: it ends, with one `disconnected` where there was a
-- connection, with one error at most, and with the data that was promised.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

local ssl = require("spec.qt.ssl_sockets").use()
local sslServer = ssl.server

local function client(handlers)
  local socket = ssl.socket()
  for name, handler in pairs(handlers or {}) do socket[name] = handler end
  return socket, sockets.record(socket)
end

local closes = {
  abort = function(socket) socket:abort() end,
  close = function(socket) socket:close() end,
  disconnectFromHost = function(socket) socket:disconnectFromHost() end,
}

-- What must hold at the end of each, whatever came before.
local function expectEnd(socket, seen, was)
  sockets.eventuallyState(socket, "UnconnectedState")
  helper.eventually(function() return not was or sockets.count(seen, "disconnected") > 0 end)
  helper.settle(5)
  assert.equal(was and 1 or 0, sockets.count(seen, "disconnected"), table.concat(seen, "\n"))
  assert.is_true(sockets.count(seen, "errorOccurred") <= 1, table.concat(seen, "\n"))
  assert.is_false(socket:isEncrypted())
  assert.equal(0, socket:bytesToWrite())
end

describe("SslSocket ends, by", function()
  after_each(sockets.close)

  for name, close in pairs(closes) do
    it(name .. " while it looks up the host", function()
      local server = sslServer()
      local socket, seen = client()
      socket:connectToHostEncrypted("localhost", server:serverPort())
      socket:write "early"
      assert.equal("HostLookupState", socket:state())
      close(socket)
      if name == "abort" then
        expectEnd(socket, seen, false)
      else -- what was written is sent first
        assert.equal("early", sockets.accept(server):receive(5, helper.timeout))
        expectEnd(socket, seen, true)
      end
    end)

    it(name .. " while it connects", function()
      local server = sslServer()
      local socket, seen = client { hostFound = close }
      socket:connectToHostEncrypted("127.0.0.1", server:serverPort())
      expectEnd(socket, seen, name ~= "abort")
      assert.equal(0, sockets.count(seen, "errorOccurred"))
    end)

    it(name .. " in a handshake with a server that says nothing", function()
      local listener = helper.listen()
      local socket, seen = client { connected = close }
      socket:connectToHostEncrypted("127.0.0.1", listener:port())
      listener:accept()
      expectEnd(socket, seen, true)
      assert.equal(0, sockets.count(seen, "errorOccurred"))
    end)

    it(name .. " in such a handshake with data queued", function()
      local listener = helper.listen()
      local socket, seen = client { connected = function(self)
        self:write "queued"
        close(self)
      end }
      socket:setHandshakeTimeout(100)
      socket:connectToHostEncrypted("127.0.0.1", listener:port())
      local plain = listener:accept()
      expectEnd(socket, seen, true)
      plain:fill()
      assert.is_nil(plain.unread:find("queued", 1, true))
    end)

    it(name .. " in the handler of encrypted, with data queued", function()
      local server = sslServer()
      local socket, seen = client { encrypted = function(self)
        self:write "queued"
        close(self)
      end }
      socket:connectToHostEncrypted("localhost", server:serverPort())
      local peer = sockets.accept(server)
      expectEnd(socket, seen, true)
      sockets.eventuallyState(peer, "UnconnectedState")
      assert.equal(name == "abort" and "" or "queued", peer:readAll())
      assert.equal(name == "abort" and "SslTruncatedError" or "RemoteHostClosedError", peer:error())
    end)

    it(name .. " idle, and with more queued than the system takes", function()
      local server = sslServer()
      for _, size in ipairs { 0, 8 << 20 } do
        local socket, seen = client()
        socket:connectToHostEncrypted("localhost", server:serverPort())
        local peer = sockets.accept(server)
        peer:setReadBufferSize(100000)
        assert(socket:waitForEncrypted(helper.timeout))
        if size > 0 then socket:write(("x"):rep(size)) end
        helper.settle(20)
        assert.is_true(size == 0 or socket:bytesToWrite() > 0)
        close(socket)
        local got = 0
        helper.eventually(function()
          got = got + #peer:readAll()
          return peer:state() == "UnconnectedState" and peer:bytesAvailable() == 0
        end, nil, 4 * helper.timeout)
        expectEnd(socket, seen, true)
        assert.equal(0, sockets.count(seen, "errorOccurred"))
        if name == "abort" then
          assert.is_true(size == 0 or got < size)
        else
          assert.equal(size, got)
          assert.equal("RemoteHostClosedError", peer:error())
        end
      end
    end)

    it(name .. " in the handler of sslErrors, on either side", function()
      local server = sockets.closing(moonport.SslServer())
      assert(server:setSslConfiguration { certificate = ssl.certificate.certificate, key = ssl.certificate.key,
        peerVerifyMode = "VerifyPeer", caCertificates = ssl.authority.caCertificates })
      assert(server:listen("127.0.0.1"))
      local socket, seen = client { sslErrors = close }
      socket:setPeerVerifyName "wrong.example"
      socket:connectToHostEncrypted("localhost", server:serverPort())
      expectEnd(socket, seen, true)
      local called
      function server.connection:sslErrors()
        called = true
        close(self)
        self:ignoreSslErrors()
      end
      socket, seen = client()
      socket:connectToHostEncrypted("localhost", server:serverPort())
      expectEnd(socket, seen, true)
      assert.is_true(called)
      helper.settle(5)
      assert.is_nil(server:nextPendingConnection())
    end)

    it(name .. " while a handler of sslErrors waits", function()
      local server, done = sslServer(), false
      local socket, seen = client { sslErrors = function(self)
        repeat moonport.sleep(2) until self:state() == "UnconnectedState" or done
        self:ignoreSslErrors()
      end }
      socket:setPeerVerifyName "wrong.example"
      socket:connectToHostEncrypted("localhost", server:serverPort())
      helper.eventually(function() return #socket:sslHandshakeErrors() > 0 end)
      helper.settle(5)
      close(socket)
      helper.settle(5)
      done = true
      expectEnd(socket, seen, true)
    end)
  end

  for _, signal in ipairs { "modeChanged", "connected", "sslErrors", "encrypted", "readyRead" } do
    it("an error in its handler of " .. signal, function()
      local server = sslServer()
      function server:newConnection() sockets.closing(self:nextPendingConnection()):write "x" end
      local called
      local socket, seen = client { [signal] = function()
        called = true
        error "on purpose"
      end }
      if signal == "sslErrors" then socket:setPeerVerifyName "wrong.example" end
      socket:connectToHostEncrypted("localhost", server:serverPort())
      helper.eventually(function() return called end)
      expectEnd(socket, seen, true)
    end)
  end

  it("its object is collected with a connection in each phase", function()
    local server, listener = sslServer(), helper.listen()
    for phase = 1, 4 do
      local socket = client()
      local port = phase == 3 and listener:port() or server:serverPort()
      socket:connectToHostEncrypted(phase == 1 and "localhost" or "127.0.0.1", port)
      if phase == 4 then
        socket:setPeerVerifyName "localhost"
        helper.eventually(function() return socket:isEncrypted() end)
      end
      if phase > 1 then helper.settle(2) end
      socket = nil
      collectgarbage()
      helper.settle(2)
    end
  end)

  it("its peer, behind data, in each way", function()
    local ends = {
      -- what the peer does behind data; the error that is seen; what else is seen on the wire
      { "notify", "send", "end", error = "RemoteHostClosedError", line = "^closed$" },
      { "notify", "send", "fin", "end", error = "RemoteHostClosedError", line = "^closed$" },
      { "send", "fin", "end", error = "SslTruncatedError" },
      { "send", "line", "rst", error = "SslTruncatedError" },
      { "garble", "send", "end", error = "SslInternalError", line = "^alert .*bad record mac" },
      { "raw=1703034800", "fill=20000", "send", "end", error = "SslInternalError", line = "^alert .*record overflow" },
    }
    local server, peers, peer, seen = sslServer(), tls.peers(), nil, nil
    function server:newConnection() -- the peer goes on by itself
      peer = sockets.closing(self:nextPendingConnection())
      seen = sockets.record(peer)
    end
    for _, version in ipairs { "0x0303", "0x0304" } do
      for _, case in ipairs(ends) do
        local what = ("version %s: %s"):format(version, table.concat(case, " "))
        peer = nil
        local program = peers:start("client", server:serverPort(), "max=" .. version, "min=" .. version, "handshake",
          "write=data", table.unpack(case))
        helper.eventually(function() return peer end, what, 4 * helper.timeout)
        sockets.eventuallyAvailable(peer, 4)
        if case[2] == "line" then program:write "\n" end
        expectEnd(peer, seen, true)
        assert.same({ what, "data", case.error, 1 },
          { what, peer:readAll(), peer:error(), sockets.count(seen, "errorOccurred") })
        if case.line then program:waitForLine(case.line) end
        program:waitForLine "^done$"
      end
    end
  end)

  it("its server, with clients in every phase of a handshake", function()
    local server, told, answered = sslServer(), {}, nil
    server:setHandshakeTimeout(60000)
    function server:errorOccurred(_, code) told[#told + 1] = code end
    function server:serverNameRequested()
      repeat moonport.sleep(2) until answered == false
      answered = true
      return { certificate = ssl.certificate.certificate, key = ssl.certificate.key }
    end
    local silent = helper.connect(server:serverPort())
    local begun = helper.connect(server:serverPort())
    begun:send "\x16\x03\x01"
    local asking = tls.peer("client", server:serverPort(), "name=late.test", "handshake")
    local pending = tls.peer("client", server:serverPort(), "handshake", "end")
    helper.eventually(function() return server:handshakeCount() == 2 and server:hasPendingConnections() end)
    server:close()
    assert.equal(0, server:handshakeCount())
    silent:waitForEnd()
    begun:waitForEnd()
    asking:waitForLine "^failed"
    pending:waitForLine "^done$"
    answered = false -- and this answer comes to nobody
    helper.eventually(function() return answered end)
    assert.same({}, told)
  end)
end)
