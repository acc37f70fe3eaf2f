-- What a protocol over TLS builds on, with peers that aren't ours: STARTTLS as a client, and bytes that only both sides
-- know.
--
-- SPDX-License-Identifier: MIT
-- #nogc: what the peers do is the point

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

local ssl = require("spec.qt.ssl_sockets").use()
local patience = 4 * helper.timeout -- for programs that a busy machine starts slowly

-- A mail server of Python's ssl, for one client.
local mail = [[
import socket, ssl, sys
listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
connection = listener.accept()[0]
lines = connection.makefile("rb")
connection.sendall(b"220 mail.example ESMTP\r\n")
while line := lines.readline():
    word = line.split()[0].upper()
    print(type(connection).__name__, word.decode(), flush=True)
    if word == b"STARTTLS":
        connection.sendall(b"220 go ahead\r\n" + (b"250 injected\r\n" if sys.argv[3] == "injects" else b""))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        connection = context.wrap_socket(connection, server_side=True)
        lines = connection.makefile("rb")
    elif word == b"EHLO":
        more = b"" if isinstance(connection, ssl.SSLSocket) else b"250-STARTTLS\r\n"
        connection.sendall(b"250-mail.example\r\n" + more + b"250 SIZE 1000\r\n")
    elif word == b"QUIT":
        connection.sendall(b"221 bye\r\n")
        connection.unwrap()
        break
]]

-- Sends a line. -> the lines of the reply
local function ask(socket, line)
  if line then socket:write(line .. "\r\n") end
  local list = {}
  repeat
    local text = assert(socket:receive("line", patience))
    list[#list + 1] = text
  until text:sub(4, 4) == " "
  return list
end

local function mailServer(how)
  local program = helper.spawn { "python3", "-c", mail, ssl.certificate.certificate, ssl.certificate.key, how }
  return program, tonumber((program:waitForLine("^port (%d+)$", patience)))
end

local function startTls(port)
  local socket = ssl.socket()
  socket:setPeerVerifyName "localhost"
  socket:connectToHost("127.0.0.1", port)
  assert.same({ "220 mail.example ESMTP" }, ask(socket))
  assert.same({ "250-mail.example", "250-STARTTLS", "250 SIZE 1000" }, ask(socket, "EHLO us"))
  assert.equal("220 go ahead", ask(socket, "STARTTLS")[1])
  assert.is_true(socket:startClientEncryption())
  return socket
end

describe("A server that isn't ours:", function()
  after_each(sockets.close)

  it("STARTTLS as a client of a mail server, until both have closed in order", function()
    local program, port = mailServer "honest"
    local socket = startTls(port)
    assert(socket:waitForEncrypted(helper.timeout))
    assert.equal("SslClientMode", socket:mode())
    assert.is_true(socket:peerCertificate() == moonport.SslCertificate(ssl.certificate.file))
    assert.same({ "250-mail.example", "250 SIZE 1000" }, ask(socket, "EHLO us"))
    assert.same({ "221 bye" }, ask(socket, "QUIT"))
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.equal("RemoteHostClosedError", socket:error())
    assert.equal(0, program:wait())
    assert.equal("socket EHLO\nsocket STARTTLS\nSSLSocket EHLO\nSSLSocket QUIT\n",
      (program:stdout():gsub("^port %d+\n", "")))
  end)

  it("a reply that is glued to that of STARTTLS is never read", function()
    local _, port = mailServer "injects"
    local socket = startTls(port)
    helper.eventually(function() return socket:state() == "UnconnectedState" end, nil, patience)
    assert.equal("SslHandshakeFailedError", socket:error())
    assert.equal("Error during SSL handshake: wrong version number", socket:errorString())
    assert.equal(0, socket:bytesAvailable())
  end)
end)

describe("Bytes that only both sides know", function()
  after_each(sockets.close)

  local function hex(text) return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end

  for _, version in ipairs { "0x0303", "0x0304" } do
    it("are those of OpenSSL, by label, context and size, in version " .. version, function()
      local server = ssl.server()
      local program = tls.peer("client", server:serverPort(), "max=" .. version, "handshake", "export=EXPERIMENTAL one",
        "export=EXPERIMENTAL one/", "export=EXPERIMENTAL one/of us", "hold")
      local exported = {}
      for i = 1, 3 do exported[i] = program:waitForLine("^exported (%x+)$", patience) end
      local peer = sockets.accept(server)
      assert.same(exported, {
        hex(peer:exportKeyingMaterial("EXPERIMENTAL one", 20)),
        hex(peer:exportKeyingMaterial("EXPERIMENTAL one", 20, "")),
        hex(peer:exportKeyingMaterial("EXPERIMENTAL one", 20, "of us")),
      })
      assert.not_equal(exported[1], exported[3])
      assert.equal(1024, #peer:exportKeyingMaterial("EXPERIMENTAL one", 1024))
      assert.is_false((pcall(peer.exportKeyingMaterial, peer, "EXPERIMENTAL one", 1025)))
      assert.is_false((pcall(peer.exportKeyingMaterial, peer, "EXPERIMENTAL one", 0)))
    end)

    it("are those of a client of ours, too, and of nobody without TLS, in version " .. version, function()
      local socket, peer = ssl.pair(nil, ssl.socket { maximumProtocol = version == "0x0303" and "TlsV1_2" or nil })
      local function key(of) return of:exportKeyingMaterial("EXPERIMENTAL two", 32) end
      assert.equal(key(peer), key(socket))
      assert.not_equal(key(socket), key((ssl.pair())))
      socket:abort()
      assert.is_nil(key(socket))
      assert.is_nil(key(ssl.socket()))
    end)
  end
end)
