-- Reloads under TLS: what becomes of connections that a run has made, and of handshakes that wait for a handler.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

local ssl = require("spec.qt.ssl_sockets").use()

-- One line, as that of reload.lua, with an SslServer; `late` is the configuration of another name.
local head = 'local moonport = require "moonport" local server = moonport.SslServer() '
  .. 'local options = { certificate = "%s", key = "%s"%s } assert(server:setSslConfiguration(options)) '
  .. 'local late = { certificate = "%s", key = "%s" } local person = server.connection\n'
local tail = '\nassert(server:listen("127.0.0.1", 0)) moonport.log.info("listening on %d", server:serverPort())\n'

describe("At a reload with TLS #gc", function()
  local service, late, self_signed

  setup(function()
    late = ssl.authority:certificate { names = { "late.test" } }
    self_signed = ssl.authority:certificate { selfSigned = true, client = true }
  end)

  after_each(function()
    sockets.close()
    if service then service:remove() end
    service = nil
  end)

  local function script(body, more)
    return head:format(ssl.certificate.certificate, ssl.certificate.key, more or "", late.certificate, late.key) .. body
      .. tail
  end

  local function start(body, more)
    service = reload.start(script(body, more), { plain = true })
    service.port = tonumber(service.port)
  end

  local function again(body, more)
    service:write("main.lua", script(body, more))
    return service:reload()
  end

  -- A client whose handshake has begun.
  local function connecting(name, options)
    local socket = ssl.socket(options)
    assert(socket:connectToHostEncrypted("127.0.0.1", service.port, name))
    return socket
  end

  local verifies = ', peerVerifyMode = "VerifyPeer"'

  local answering = [[
    function person:readyRead() self:write(("%d %s\n"):format(moonport.generation(), self:readAll())) end
  ]]

  local function ask(socket, text)
    socket:write(text)
    return socket:receive("line", helper.timeout)
  end

  it("encrypted connections of the old run stay while something that lives on refers to them, else close", function()
    local far = ssl.server()
    start(([[
      local kept, left = moonport.SslSocket(), moonport.SslSocket()
      moonport.persist("kept", kept)
      for text, socket in pairs { kept = kept, left = left } do
        socket:setSslConfiguration { caCertificates = "%s" }
        socket:connectToHostEncrypted("localhost", %d)
        socket:write(text)
      end
    ]]):format(ssl.authority.caCertificates, far:serverPort()))
    local ends = {}
    for _ = 1, 2 do
      local peer = sockets.accept(far)
      ends[peer:receive(4, helper.timeout)] = peer
    end
    again [[
      local kept = moonport.persist "kept"
      function person:readyRead() kept:write(self:readAll()) end
    ]]
    local client, count = connecting "localhost", 0
    helper.eventually(function()
      count = count + 1 -- a new string: where it is collected at an allocation, there must be one
      client:write(count .. " ")
      return ends.left:state() == "UnconnectedState"
    end)
    client:write "through\n"
    assert.matches("^[%d ]+through$", ends.kept:receive("line", helper.timeout))
  end)

  it("new handshakes get the new script's certificate, and those in flight end well", function()
    local fresh = ssl.authority:certificate { names = { "localhost", "fresh.test" } }
    start(answering)
    -- One has sent a part of its first message, one lacks its last one; each goes on behind the reload.
    local hello = tls.peer("client", service.port, "name=localhost", "hello", "head=100", "line", "handshake",
      "write=a", "send", "read=4")
    local last = tls.peer("client", service.port, "name=localhost", "max=0x0303", "steps=1", "line", "send",
      "handshake", "write=b", "send", "read=4")
    last:waitForLine("^left$", 4 * helper.timeout)
    local before = connecting "localhost"
    assert.equal("1 hello", ask(before, "hello"))
    again(answering .. ('assert(server:setSslConfiguration { certificate = "%s", key = "%s" })'):format(
      fresh.certificate, fresh.key))
    for _, name in ipairs { "localhost", "fresh.test" } do
      local socket = connecting(name)
      assert(socket:waitForEncrypted(helper.timeout))
      assert.equal("fresh.test", socket:peerCertificate():subjectAlternativeNames().DnsEntry[2])
      assert.equal("2 hello", ask(socket, "hello"))
    end
    for letter, program in pairs { a = hello, b = last } do
      program:write "\n"
      program:waitForLine("^encrypted", 4 * helper.timeout)
      program:waitForLine("^read 2 " .. letter)
    end
    assert.equal("2 still", ask(before, "still"))
    assert.not_equal("fresh.test", before:peerCertificate():subjectAlternativeNames().DnsEntry[2])
  end)

  it("a handshake waits on for the old serverNameRequested, and the new script gets the connection", function()
    start [[
      function server:serverNameRequested()
        moonport.log.info "asked"
        repeat moonport.sleep(1) until moonport.stale()
        return late
      end
    ]]
    local socket = connecting "late.test"
    service.program:waitForLine "asked"
    again(answering .. [[ function server:serverNameRequested(name) error("not asked for " .. name) end ]])
    assert(socket:waitForEncrypted(helper.timeout))
    assert.equal("2 hello", ask(socket, "hello"))
  end)

  it("a nil of the old serverNameRequested means what the new script has", function()
    start [[
      function server:serverNameRequested()
        moonport.log.info "asked"
        repeat moonport.sleep(1) until moonport.stale()
      end
    ]]
    local socket = connecting "late.test"
    service.program:waitForLine "asked"
    again(answering .. [[ assert(server:setSslConfiguration(late)) ]])
    assert(socket:waitForEncrypted(helper.timeout))
    assert.equal("2 hello", ask(socket, "hello"))
  end)

  it("a listener that goes to a TcpServer keeps the handshakes that wait", function()
    start [[
      function server:serverNameRequested()
        moonport.log.info "asked"
        repeat moonport.sleep(1) until moonport.stale()
        return late
      end
    ]]
    local socket = connecting "late.test"
    service.program:waitForLine "asked"
    service:write("main.lua", [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead() self:write("plain " .. self:readAll() .. "\n") end
      assert(server:listen("127.0.0.1", 0))
    ]])
    service:reload()
    assert(socket:waitForEncrypted(helper.timeout))
    assert.equal("plain hello", ask(socket, "hello"))
    local plain = helper.connect(service.port)
    plain:send "hello"
    assert.equal("plain hello\n", plain:receiveLine())
  end)

  it("a listener that nobody takes over ends the handshakes that wait", function()
    start [[
      function server:serverNameRequested()
        moonport.log.info "asked"
        repeat moonport.sleep(1) until moonport.stale()
        moonport.log.info "answers"
        return late
      end
    ]]
    local socket = connecting "late.test"
    service.program:waitForLine "asked"
    service:write("main.lua", [[ require "moonport".singleShot(60000, function() end) ]])
    service:reload()
    assert.is_nil((socket:waitForEncrypted(helper.timeout)))
    service.program:waitForLine "answers"
    service:write("main.lua", script(answering))
    service.program:signal "HUP"
    service.port = tonumber((service.program:waitForLine "listening on (%d+)"))
    service:reloaded()
    assert.equal("3 hello", ask(connecting "localhost", "hello"))
  end)

  for accepts, what in pairs { [true] = "accepts", [false] = "refuses" } do
    it("an sslErrors handler that waits at a server " .. what .. " by its old code", function()
      local authorities = (', caCertificates = "%s"'):format(ssl.authority.caCertificates)
      start(([[
        function person:sslErrors()
          moonport.log.info "asked"
          repeat moonport.sleep(1) until moonport.stale()
          if %s then self:ignoreSslErrors() end
        end
      ]]):format(accepts), verifies .. authorities)
      local socket = connecting("localhost", { certificate = self_signed.certificate, key = self_signed.key })
      service.program:waitForLine "asked"
      again(answering .. ([[ function person:sslErrors()
        if %s then error "asked again" else self:ignoreSslErrors() end
      end ]]):format(accepts), verifies .. authorities)
      assert.equal(accepts and "2 hello" or nil, (ask(socket, "hello")))
      assert.is_nil(service.program:stderr():find "asked again")
    end)
  end

  it("an sslErrors handler of an outgoing connection of the old run waits on, and holds its connection", function()
    local far = ssl.server()
    start(([[
      local socket = moonport.SslSocket()
      function socket:sslErrors()
        moonport.log.info "asked"
        repeat moonport.sleep(1) until moonport.stale()
        for _ = 1, 10 do moonport.sleep(1) end
        self:ignoreSslErrors()
      end
      function socket:encrypted() self:write "hello" end
      socket:connectToHostEncrypted("localhost", %d)
    ]]):format(far:serverPort()))
    service.program:waitForLine "asked"
    again(answering)
    assert.equal("hello", sockets.accept(far):receive(5, helper.timeout))
  end)

  it("an sslErrors handler of a connection's own upstream waits on, and accepts", function()
    local far = ssl.server()
    function far.connection:readyRead() self:write(self:readAll():upper()) end
    start(([[
      function person:readyRead()
        local up = moonport.SslSocket()
        function up:sslErrors()
          moonport.log.info "asked"
          repeat moonport.sleep(1) until moonport.stale()
          self:ignoreSslErrors()
        end
        up:connectToHostEncrypted("localhost", %d)
        up:write(self:readAll())
        self:write(tostring(up:receive(5, 5000)) .. "\n")
      end
    ]]):format(far:serverPort()))
    local socket = connecting "localhost"
    socket:write "hello"
    service.program:waitForLine "asked"
    again(answering)
    assert.equal("HELLO", socket:receive("line", helper.timeout))
  end)

  it("a connection that is encrypted later waits on for the old serverNameRequested", function()
    local body = [[
      server:setImplicitEncryption(false)
      function person:readyRead()
        if self:isEncrypted() then return self:write(("%d %s\n"):format(moonport.generation(), self:readAll())) end
        self:readAll()
        self:write "go"
        self:startServerEncryption()
      end
      function server:serverNameRequested()
        if moonport.generation() > 1 then error "asked again" end
        moonport.log.info "asked"
        repeat moonport.sleep(1) until moonport.stale()
        return late
      end
    ]]
    start(body)
    local socket = ssl.socket()
    socket:setPeerVerifyName "late.test"
    socket:connectToHost("127.0.0.1", service.port)
    socket:write "STARTTLS"
    assert.equal("go", socket:receive(2, helper.timeout))
    assert(socket:startClientEncryption())
    service.program:waitForLine "asked"
    again(body)
    assert(socket:waitForEncrypted(helper.timeout))
    assert.equal("2 hello", ask(socket, "hello"))
  end)

  it("a reload that fails while a handler waits changes nothing for the handshake", function()
    start(answering .. [[
      function server:serverNameRequested()
        moonport.log.info "asked"
        repeat moonport.sleep(1) until moonport.stats().reload.failures > 0
        return late
      end
    ]])
    local socket = connecting "late.test"
    service.program:waitForLine "asked"
    service:write("main.lua", script [[ error "no" ]])
    service:reloadFails()
    assert(socket:waitForEncrypted(helper.timeout))
    assert.equal("1 hello", ask(socket, "hello"))
  end)
end)
