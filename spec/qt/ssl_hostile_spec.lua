-- What no honest peer sends: each ends that connection with one error and the right alert, or is borne, and nobody else
-- is hurt. The rest of it is in spec/regress/tls_*.
--
-- SPDX-License-Identifier: MIT
-- #nogc: what the peers send is the point
-- #thorough: it takes long

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

local ssl = require("spec.qt.ssl_sockets").use()
local sslSocket = ssl.socket
local patience = 4 * helper.timeout -- for programs that a busy machine starts slowly
local changed = 150 -- connections with changed messages

local function sslServer(changes)
  local server, errors = ssl.server(changes), {}
  function server:errorOccurred(peer, code) errors[#errors + 1] = code .. ": " .. peer:errorString() end
  function server.connection:readyRead() self:write(self:readAll()) end
  return server, errors
end

-- Others are served as if nothing were.
local function expectService(server, changes)
  local socket = sslSocket(changes)
  assert(socket:connectToHostEncrypted("127.0.0.1", server:serverPort(), "localhost"))
  assert(socket:waitForEncrypted(helper.timeout))
  socket:write "hello"
  assert.equal("hello", socket:receive(5, helper.timeout))
  socket:abort()
end

describe("A hostile client:", function()
  after_each(sockets.close)

  local big = ("00"):rep(16384)
  local function hex(text) return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
  local failed, shaking = "SslHandshakeFailedError: ", "Error during SSL handshake: "
  local closed = "RemoteHostClosedError: "
  local early = closed .. "The peer closed the connection during the handshake"

  -- What it does; the line that it prints in the end; the one error that the server is told of; the server's options.
  local cases = {
    { "TLS 1.0", "max=0x0301", "handshake", line = "^failed tlsv1 alert protocol version$",
      error = failed .. shaking .. "unsupported protocol" },
    { "TLS 1.1", "max=0x0302", "handshake", line = "^failed tlsv1 alert protocol version$",
      error = failed .. shaking .. "unsupported protocol" },
    { "a hello of SSL 2", "raw=802e010002001500000010" .. ("010080"):rep(7) .. ("aa"):rep(16), "send", "end",
      line = "^fin$", error = failed .. shaking .. "unknown protocol" },
    { "a hello of SSL 3", "raw=160300002d010000290300" .. ("11"):rep(32) .. "000002000a0100", "send", "end",
      line = "^alert sslv3 alert handshake failure$", error = failed .. shaking .. "version too low" },
    { "HTTP", "raw=" .. hex "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "send", "end", line = "^fin$",
      error = failed .. shaking .. "the peer speaks HTTP without TLS" },
    { "a command of SMTP", "raw=" .. hex "EHLO localhost\r\n", "send", "end", line = "^fin$",
      error = failed .. shaking .. "wrong version number" },
    { "no cipher in common", "max=0x0303", "ciphers=AES128-SHA", "handshake",
      line = "^failed sslv3 alert handshake failure$", error = failed .. shaking .. "no shared cipher" },
    { "no protocol in common", "alpn=other", "handshake", line = "^failed tlsv1 alert no application protocol$",
      error = failed .. shaking .. "no application protocol", options = { allowedNextProtocols = { "this" } } },
    { "a name that nobody has", "name=other.example", "handshake", line = "^failed tlsv1 unrecognized name$",
      error = failed .. "Nobody answers to the name 'other.example'", options = { requireServerName = true } },
    { "no name", "handshake", line = "^failed tlsv1 unrecognized name$",
      error = failed .. "The client asks for no name", options = { requireServerName = true } },
    { "half a hello", "hello", "cut=100", "send", "fin", "end", line = "^fin$", error = early },
    { "a first byte", "hello", "cut=1", "send", "fin", "end", line = "^fin$", error = early },
    { "a hello of 64 KiB", "raw=1603014000" .. "0100ffff" .. big:sub(9), "raw=1603014000" .. big,
      "raw=1603014000" .. big, "raw=1603014000" .. big, "raw=1603010003000000", "send", "end",
      line = "^alert tlsv1 alert decode error$", error = failed .. shaking .. "length mismatch" },
    { "a record larger than allowed", "raw=16030148010100", "send", "end", line = "^alert tlsv1 alert record overflow$",
      error = failed .. shaking .. "packet length too long" },
    { "garbage", "raw=" .. ("ff"):rep(50000), "send", "end", line = "^[fr]%l+$",
      error = failed .. shaking .. "wrong version number" }, -- a reset, if all has come by then
    { "an alert before its hello", "raw=15030300020228", "send", "end", line = "^fin$",
      error = failed .. shaking .. "unexpected message" },
    { "data before its hello", "raw=1703030005aabbccddee", "send", "end",
      line = "^alert sslv3 alert unexpected message$", error = failed .. shaking .. "unexpected message" },
    { "a hello twice", "hello", "send", "raw=160303000401000000", "send", "end",
      line = "^alert sslv3 alert unexpected message$", error = failed .. shaking .. "bad record type" },
    { "a reset in its handshake", "steps=1", "rst", line = "^encrypted TLSv1.3$",
      error = closed .. "The remote host closed the connection" },
    { "an end in its handshake", "steps=1", "fin", "end", line = "^fin$", error = early },
    { "close_notify in its handshake", "max=0x0303", "steps=1", "cut=0", "raw=15030300020100", "send", "fin", "end",
      line = "^fin$", error = early },
  }

  -- Client certificates that are of no use, by the version's own way to say so.
  for _, version in ipairs { "0x0303", "0x0304" } do
    for what, case in pairs {
      none = { shaking .. "peer did not return a certificate", version == "0x0303" and "sslv3 alert handshake failure"
        or "tlsv13 alert certificate required" },
      selfSigned = { "The certificate is self-signed, and untrusted", "tlsv1 alert unknown ca" },
      expired = { "The certificate has expired", "sslv3 alert certificate expired" },
      revoked = { "certificate revoked", "sslv3 alert certificate revoked" },
      server = { "The supplied certificate is unsuitable for this purpose", "sslv3 alert unsupported certificate" },
    } do
      cases[#cases + 1] = { ("a certificate (%s) in version %s"):format(what, version), "max=" .. version,
        certificate = what, "handshake", "end", line = "^[fa]%l+ " .. case[2] .. "$", error = failed .. case[1],
        options = { peerVerifyMode = "VerifyPeer" } }
    end
  end

  it("each ends with its own error, one, and is told why; others are served", function()
    local good, peers, done = ssl.authority:certificate { client = true }, tls.peers(), {}
    local certificates = { selfSigned = ssl.authority:certificate { client = true, selfSigned = true },
      expired = ssl.authority:certificate { client = true, expired = true }, server = ssl.certificate,
      revoked = ssl.authority:certificate { client = true, commonName = "revoked" } }
    ssl.authority:revoke(certificates.revoked)
    local crl = ssl.authority:crl()
    for i, case in ipairs(cases) do
      local options = { caCertificates = ssl.authority.caCertificates, crl = crl }
      for name, value in pairs(case.options or {}) do options[name] = value end
      local server, errors = sslServer(options)
      local actions, shown = { "client", server:serverPort() }, certificates[case.certificate]
      if shown then table.move({ "cert=" .. shown.certificate, "key=" .. shown.key }, 1, 2, 3, actions) end
      table.move(case, 2, #case, #actions + 1, actions)
      local program = peers:start(table.unpack(actions))
      program:waitForLine(case.line, patience)
      program:waitForLine("^done$", patience)
      helper.eventually(function() return #errors > 0 and server:handshakeCount() == 0 end, case[1])
      expectService(server, { certificate = good.certificate, key = good.key })
      done[i] = errors
    end
    helper.settle(5)
    for i, case in ipairs(cases) do assert.same({ case[1], case.error }, { case[1], table.unpack(done[i]) }) end
  end)

  it("renegotiation is refused, and the connection goes on", function()
    local server = sslServer()
    local program = tls.peer("client", server:serverPort(), "max=0x0303", "handshake", "renegotiate", "send", "read=1")
    program:waitForLine("^alert no renegotiation", patience)
    expectService(server)
  end)

  it("a client's first flight in bytes, and records of one byte", function()
    local server, errors = sslServer()
    local peers = tls.peers()
    for _, version in ipairs { "0x0303", "0x0304" } do
      local program = peers:start("client", server:serverPort(), "max=" .. version, "hello", "pieces", "handshake",
        "ones=one by one", "pieces", "ones=and again", "send", "read=19")
      program:waitForLine("^read one by oneand again", patience)
    end
    assert.same({}, errors)
  end)

  it("data before the handshake (0-RTT) is refused, little of it and much, and never read", function()
    local server, errors = sslServer()
    local peers = tls.peers()
    local function resume(...)
      local program = peers:start("client", server:serverPort(), "name=localhost", "resume=16384", ...)
      return program
    end
    local program = peers:start("client", server:serverPort(), "name=localhost", "handshake", "write=x", "send",
      "read=1", "keep")
    program:waitForLine("^done$", patience)
    resume("early=secret", "handshake", "facts", "write=later", "send", "read=5")
    program:waitForLine("^resumed 1 early rejected$", patience)
    program:waitForLine("^read later$", patience)
    program:waitForLine("^done$", patience)
    resume("early=" .. ("x"):rep(16384), "send", "raw=" .. ("1703034000" .. big):rep(2), "handshake", "end")
    program:waitForLine("^alert sslv3 alert unexpected message$", patience)
    helper.eventually(function() return #errors > 0 end)
    assert.same({ "SslHandshakeFailedError: Error during SSL handshake: too much early data" }, errors)
    expectService(server)
  end)

  it("new keys, again and again, are followed and answered", function()
    local server, errors = sslServer()
    local program = tls.peer("client", server:serverPort(), "min=0x0304", "handshake", "keyupdates=200", "write=one",
      "keyupdates=200", "write=two", "send", "read=6", "keyupdates=1", "write=three", "send", "read=5")
    program:waitForLine("^read onetwo$", patience)
    program:waitForLine("^read three$", patience)
    program:waitForLine("^done$", patience)
    assert.same({}, errors)
  end)

  it("its limits count what is encrypted and unread", function()
    local server = sslServer()
    server.connection.readyRead = nil
    local program = tls.peer("client", server:serverPort(), "small", "handshake", "hold")
    program:waitForLine("^encrypted", patience)
    local peer = sockets.accept(server)
    peer:setWriteBufferLimit(1 << 20)
    local written, taken, message, code = 0, 0, nil, nil
    function peer:bytesWritten(n) written = written + n end
    for _ = 1, 10000 do
      local n
      n, message, code = peer:write(("x"):rep(10000))
      if not n then break end
      taken = taken + n
      peer:flush()
    end
    assert.equal("WriteBufferFullError", code, message)
    assert.is_true(peer:bytesToWrite() <= 1 << 20 and peer:bytesToWrite() > (1 << 20) - 10000)
    helper.eventually(function() return taken == written + peer:bytesToWrite() end)
    program:signal "KILL"
  end)

  it("600 that begin and say nothing", function()
    local server, errors = sslServer()
    server:setHandshakeTimeout(60000)
    local crowd = {}
    for i = 1, 600 do
      crowd[i] = helper.connect(server:serverPort())
      crowd[i]:send "\x16\x03\x01\x02"
      if i % 100 == 0 then expectService(server) end
    end
    helper.eventually(function() return #errors >= 600 - 256 end)
    assert.is_true(server:handshakeCount() <= 256)
    expectService(server)
    -- Those that go, or send nonsense, make room.
    for i = 1, 600 do
      if i % 2 == 0 then crowd[i]:trySend(("nonsense"):rep(200)) else crowd[i]:close() end
    end
    helper.eventually(function() return server:handshakeCount() == 0 end)
    expectService(server)
  end)

  for _, version in ipairs { "0x0303", "0x0304" } do
    it("changed messages, in version " .. version, function()
      local server = sslServer { peerVerifyMode = "QueryPeer", caCertificates = ssl.authority.caCertificates,
        allowedNextProtocols = { "this" } }
      server:setHandshakeTimeout(100)
      local program = helper.spawn { "python3", "spec/tls_fuzz.py", "client", server:serverPort(), 1, changed,
        "max=" .. version, "alpn=this", "name=localhost" }
      program:waitForLine("^done$", 60000)
      helper.eventually(function() return server:handshakeCount() == 0 end)
      expectService(server)
    end)

    it("changed messages of a server, in version " .. version, function()
      local program = helper.spawn { "python3", "spec/tls_fuzz.py", "server", 2, changed, "max=" .. version,
        "cert=" .. ssl.certificate.certificate, "key=" .. ssl.certificate.key }
      local port = tonumber((program:waitForLine "^port (%d+)$"))
      for _ = 1, changed do
        local socket = sslSocket()
        socket:setHandshakeTimeout(100)
        local seen = sockets.record(socket)
        socket:connectToHostEncrypted("localhost", port)
        socket:write "hello"
        sockets.eventuallyState(socket, "UnconnectedState")
        assert.is_true(sockets.count(seen, "errorOccurred") <= 1, table.concat(seen, "\n"))
      end
      program:waitForLine("^done$", 60000)
    end)
  end
end)
