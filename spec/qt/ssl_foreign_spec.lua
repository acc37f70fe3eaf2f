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

-- A mail server of Python's ssl, for one client after the other. To the second it says more than it should.
local mail = [[
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
def serve(connection, more):
    lines = connection.makefile("rb")
    connection.sendall(b"220 mail.example ESMTP\r\n")
    while line := lines.readline():
        word = line.split()[0].upper()
        print(type(connection).__name__, word.decode(), flush=True)
        if word == b"STARTTLS":
            connection.sendall(b"220 go ahead\r\n" + more)
            connection = context.wrap_socket(connection, server_side=True)
            lines = connection.makefile("rb")
        elif word == b"EHLO":
            offer = b"" if isinstance(connection, ssl.SSLSocket) else b"250-STARTTLS\r\n"
            connection.sendall(b"250-mail.example\r\n" + offer + b"250 SIZE 1000\r\n")
        elif word == b"QUIT":
            connection.sendall(b"221 bye\r\n")
            connection.unwrap()
            break
serve(listener.accept()[0], b"")
try:
    serve(listener.accept()[0], b"250 injected\r\n")
except OSError as error:
    print(type(error).__name__)
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

describe("STARTTLS as a client of a mail server that isn't ours:", function()
  after_each(sockets.close)

  it("both close in order, and a reply that is glued to that of STARTTLS is never read", function()
    local program = helper.spawn { "python3", "-c", mail, ssl.certificate.certificate, ssl.certificate.key }
    local port = tonumber((program:waitForLine("^port (%d+)$", patience)))
    local socket = startTls(port)
    assert(socket:waitForEncrypted(helper.timeout))
    assert.equal("SslClientMode", socket:mode())
    assert.is_true(socket:peerCertificate() == moonport.SslCertificate(ssl.certificate.file))
    assert.same({ "250-mail.example", "250 SIZE 1000" }, ask(socket, "EHLO us"))
    assert.same({ "221 bye" }, ask(socket, "QUIT"))
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.equal("RemoteHostClosedError", socket:error())

    socket = startTls(port)
    helper.eventually(function() return socket:state() == "UnconnectedState" end, nil, patience)
    assert.equal("SslHandshakeFailedError", socket:error())
    assert.equal("Error during SSL handshake: wrong version number", socket:errorString())
    assert.equal(0, socket:bytesAvailable())
    assert.equal(0, program:wait())
    local seen = program:stdout():gsub("^port %d+\n", ""):gsub("\n", " ")
    assert.matches("^socket EHLO socket STARTTLS SSLSocket EHLO SSLSocket QUIT socket EHLO socket STARTTLS %a+Error $",
      seen)
  end)
end)

describe("Bytes that only both sides know", function()
  after_each(sockets.close)

  local function hex(text) return (text:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end

  it("are those of OpenSSL, by label, context and size", function()
    local server, peers, label = ssl.server(), tls.peers(), "EXPERIMENTAL one"
    for _, version in ipairs { "0x0303", "0x0304" } do
      local program = peers:start("client", server:serverPort(), "max=" .. version, "handshake", "export=" .. label,
        ("export=%s/"):format(label), ("export=%s/of us"):format(label), "line")
      local exported = {}
      for i = 1, 3 do exported[i] = program:waitForLine("^exported (%x+)$", patience) end
      local peer = sockets.accept(server)
      assert.same(exported, { hex(peer:exportKeyingMaterial(label, 20)), hex(peer:exportKeyingMaterial(label, 20, "")),
        hex(peer:exportKeyingMaterial(label, 20, "of us")) })
      assert.not_equal(exported[1], exported[3])
      assert.equal(1024, #peer:exportKeyingMaterial(label, 1024))
      assert.is_false((pcall(peer.exportKeyingMaterial, peer, label, 1025)))
      assert.is_false((pcall(peer.exportKeyingMaterial, peer, label, 0)))
      program:write "\n"
    end
  end)

  for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
    it("are those of a client of ours, too, and of nobody without TLS, in " .. version, function()
      local socket, peer = ssl.pair(nil, ssl.socket { maximumProtocol = version })
      local function key(of) return of:exportKeyingMaterial("EXPERIMENTAL two", 32) end
      assert.equal(key(peer), key(socket))
      assert.not_equal(key(socket), key((ssl.pair())))
      socket:abort()
      assert.is_nil(key(socket))
      assert.is_nil(key(ssl.socket()))
    end)
  end
end)
