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
  function server:errorOccurred(_, code) errors[#errors + 1] = code end
  function server.connection:readyRead() self:write(self:readAll()) end
  return server, errors
end

-- Others are served as if nothing were.
local function expectService(server)
  local socket = sslSocket()
  assert(socket:connectToHostEncrypted("127.0.0.1", server:serverPort(), "localhost"))
  assert(socket:waitForEncrypted(helper.timeout))
  socket:write "hello"
  assert.equal("hello", socket:receive(5, helper.timeout))
  socket:abort()
end

describe("A hostile client:", function()
  after_each(sockets.close)

  local big = ("00"):rep(16384)
  -- what it does; the line that it prints in the end; what the server is told; the server's configuration
  local cases = {
    ["TLS 1.0"] = { "max=0x0301", "handshake", line = "^failed .*protocol version" },
    ["TLS 1.1"] = { "max=0x0302", "handshake", line = "^failed .*protocol version" },
    ["a hello of SSL 2"] = { "raw=802e010002001500000010" .. ("010080"):rep(7) .. ("aa"):rep(16), "send", "end",
      line = "^fin" },
    ["a hello of SSL 3"] = { "raw=160300002d010000290300" .. ("11"):rep(32) .. "000002000a0100", "send", "end",
      line = "^alert" },
    ["no cipher in common"] = { "max=0x0303", "ciphers=AES128-SHA", "handshake", line = "^failed .*handshake failure" },
    ["no protocol in common"] = { "alpn=other", "handshake", line = "^failed .*no application protocol",
      configuration = { allowedNextProtocols = { "this" } } },
    ["a name that nobody has"] = { "name=other.example", "handshake", line = "^failed .*unrecognized name",
      configuration = { requireServerName = true } },
    ["half a hello"] = { "hello", "cut=100", "send", "fin", "end", line = "^fin", code = "RemoteHostClosedError" },
    ["a first byte"] = { "hello", "cut=1", "send", "fin", "end", line = "^fin", code = "RemoteHostClosedError" },
    ["a hello of 64 KiB"] = { "raw=1603014000" .. "0100ffff" .. big:sub(9), "raw=1603014000" .. big,
      "raw=1603014000" .. big, "raw=1603014000" .. big, "raw=1603010003000000", "send", "end", line = "^alert" },
    ["a record larger than allowed"] = { "raw=16030148010100", "send", "end", line = "^alert .*record overflow" },
    ["garbage"] = { "raw=" .. ("ff"):rep(50000), "send", "end", line = "^fin" },
    ["an alert before its hello"] = { "raw=15030300020228", "send", "end", line = "^fin" },
    ["data before its hello"] = { "raw=1703030005aabbccddee", "send", "end", line = "^alert .*unexpected message" },
    ["a hello twice"] = { "hello", "send", "raw=160303000401000000", "send", "end", line = "^alert" },
    ["a reset in its handshake"] = { "steps=1", "rst", line = "^done", code = "RemoteHostClosedError" },
    ["an end in its handshake"] = { "steps=1", "fin", "end", line = "^fin", code = "RemoteHostClosedError" },
    ["close_notify in its handshake"] = { "max=0x0303", "steps=1", "cut=0", "raw=15030300020100", "send", "fin", "end",
      line = "^fin" },
  }
  for name, case in pairs(cases) do
    it(name, function()
      local server, errors = sslServer(case.configuration)
      local program = tls.peer("client", server:serverPort(), table.unpack(case))
      program:waitForLine(case.line, patience)
      helper.eventually(function() return #errors > 0 end)
      assert.same({ case.code or "SslHandshakeFailedError" }, errors)
      assert.equal(0, server:handshakeCount())
      expectService(server)
      assert.equal(1, #errors)
    end)
  end

  it("renegotiation is refused, and the connection goes on", function()
    local server = sslServer()
    local program = tls.peer("client", server:serverPort(), "max=0x0303", "handshake", "renegotiate", "send", "read=1")
    program:waitForLine("^alert no renegotiation", patience)
    expectService(server)
  end)

  it("a client's first flight in bytes, and records of one byte", function()
    local server, errors = sslServer()
    for _, version in ipairs { "0x0303", "0x0304" } do
      local program = tls.peer("client", server:serverPort(), "max=" .. version, "hello", "pieces", "handshake",
        "ones=one by one", "pieces", "ones=and again", "send", "read=19")
      program:waitForLine("^read one by oneand again", patience)
    end
    assert.same({}, errors)
  end)

  it("early data is refused", function()
    local server = sslServer()
    local file = helper.file ""
    local first = tls.client(server:serverPort(), ssl.authority, "-sess_out", file)
    first:write "hello\n"
    first:waitForLine "^hello"
    first:closeInput()
    first:wait()
    local early = tls.client(server:serverPort(), ssl.authority, "-sess_in", file, "-early_data", helper.file "early")
    early:write "later\n"
    early:waitForLine "^later"
    early:closeInput()
    early:wait()
    assert.truthy(early:stdout():find "Early data was not sent" or early:stdout():find "Early data was rejected")
    assert.is_nil(early:stdout():find("earlylater", 1, true))
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
