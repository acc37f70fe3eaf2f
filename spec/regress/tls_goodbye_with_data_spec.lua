-- Cause: receive asked the system for more before it asked OpenSSL, which had the peer's close_notify already. If that
-- had come in the same bytes as the last data, and the peer then waited, the end was never signalled. The same with a
-- record that is no good, whose error was found and then forgotten.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

-- A server that sends its data with close_notify, or with a record that is no good, and leaves its connection open.
local server = [[
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
print("listening on", listener.getsockname()[1], flush=True)
peer = listener.accept()[0]
into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
session = context.wrap_bio(into, out, server_side=True)
while True:
    try:
        session.do_handshake()
        break
    except ssl.SSLWantReadError:
        peer.sendall(out.read())
        into.write(peer.recv(65536))
session.write(b"the last words")
try:
    if sys.argv[3] == "close":
        session.unwrap()
except ssl.SSLWantReadError:
    pass
peer.sendall(out.read() + (b"" if sys.argv[3] == "close" else b"\x17\x03\x03\x00\x20" + b"x" * 32))
while peer.recv(65536):
    pass
]]

-- Connects a socket to such a server. -> the socket, the program, and what was read and signalled
local function connect(authority, what)
  local certificate = authority:certificate()
  local program = helper.spawn { "python3", "-c", server, certificate.certificate, certificate.key, what }
  local socket, seen = sockets.closing(moonport.SslSocket()), { got = "" }
  assert(socket:setSslConfiguration { caCertificates = authority.caCertificates })
  function socket:readyRead() seen.got = seen.got .. self:readAll() end
  function socket:readChannelFinished() seen.state = self:state() end
  function socket:errorOccurred(code) seen.code = code end
  socket:connectToHostEncrypted("localhost", program:waitForLine "listening on (%d+)")
  return socket, program, seen
end

describe("TLS:", function()
  local authority

  setup(function() authority = tls.authority() end)
  teardown(function() authority:close() end)
  after_each(sockets.close)

  for _, half in ipairs { false, true } do
    it("a close_notify that comes with the last data is the end, of " .. (half and "one half" or "all"), function()
      local socket, program, seen = connect(authority, "close")
      socket:setAllowHalfOpen(half)
      helper.eventually(function() return seen.state end)
      assert.equal("the last words", seen.got)
      if half then assert.equal("ConnectedState", socket:state()) end
      socket:abort()
      program:wait()
    end)
  end

  it("a bad record that comes with data ends the connection, and the data is readable", function()
    local socket, program, seen = connect(authority, "spoil")
    helper.eventually(function() return seen.code end)
    assert.equal("SslInternalError", seen.code)
    assert.matches("bad record mac", socket:errorString())
    assert.equal("the last words", seen.got)
    program:wait()
  end)
end)
