-- OpenSSL reads ahead: with the end of a handshake it takes what the peer sent behind it, of which the poll tells
-- nothing any more. It is read all the same, as is what it took beside bytes for which there was room.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

-- A client that sends the end of its handshake and its data in one piece, and waits for the echo.
local client = [[
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.maximum_version = getattr(ssl.TLSVersion, sys.argv[2])
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
session = context.wrap_bio(into, out)
def wait():
    peer.sendall(out.read())
    into.write(peer.recv(65536))
while True:
    try:
        session.do_handshake()
        break
    except ssl.SSLWantReadError:
        wait()
for record in range(3):
    session.write(b"%d" % record * 1000)
got = b""
while len(got) < 3000:
    try:
        got += session.read(4096)
    except ssl.SSLWantReadError:
        wait()
print("echoed", got == b"0" * 1000 + b"1" * 1000 + b"2" * 1000, flush=True)
peer.recv(1)
]]

describe("TLS: what comes with the end of a handshake", function()
  local authority

  setup(function() authority = tls.authority() end)
  teardown(function() authority:close() end)
  after_each(sockets.close)

  for _, version in ipairs { "TLSv1_2", "TLSv1_3" } do
    for _, limit in ipairs { 0, 300 } do
      it("is read, " .. version .. (limit > 0 and ", in the pieces that there is room for" or ""), function()
        local server = sockets.closing(moonport.SslServer())
        local certificate = authority:certificate()
        assert(server:setSslConfiguration { certificate = certificate.certificate, key = certificate.key })
        if limit > 0 then server:setReadBufferSize(limit) end
        function server.connection:readyRead() self:write(self:readAll()) end
        assert(server:listen "localhost")
        local program = helper.spawn { "python3", "-c", client, tostring(server:serverPort()), version }
        assert.equal("True", program:waitForLine "^echoed (%a+)")
      end)
    end
  end
end)
