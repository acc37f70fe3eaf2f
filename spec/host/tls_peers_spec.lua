-- SslServer and SslSocket with what others have written, at both ends: nginx, HAProxy, Python's ssl and openssl. For
-- curl see spec/scripts/tls_spec.lua.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

local ssl = require("spec.qt.ssl_sockets").use()
local client, big

setup(function()
  client = ssl.authority:certificate { client = true }
  big = helper.bytes(1 << 20)
end)

-- Starts what can't be asked for a free port: start(port) gives the program, which listens there. -> it, the port
local function atFreePort(start)
  for _ = 1, 5 do
    local free = helper.listen()
    local port = free:port()
    free:close()
    local program = start(port)
    helper.eventually(function() return not program:running() or pcall(helper.connect, port) end)
    if program:running() then return program, port end
  end
  error("no free port")
end

-- An HTTP/1.1 service over TLS: "/big", what was posted, or who has asked.
local function webServer(changes)
  local server = ssl.server(changes)
  function server:newConnection()
    local peer = sockets.closing(self:nextPendingConnection())
    while true do
      local line, length = peer:receive "line", 0
      if not line then return end
      repeat
        local field = peer:receive("line"):gsub("\r$", "")
        length = tonumber(field:lower():match "^content%-length: (%d+)") or length
      until field == ""
      local body = length > 0 and peer:receive(length) or nil
      local shown = peer:peerCertificate()
      body = line:find "/big" and big or body
        or ("%s %s %s"):format(peer:sessionProtocol(), peer:requestedServerName(),
          shown and shown:subjectDisplayName() or "nobody")
      peer:write(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body))
    end
  end
  return server
end

-- One request on a connection that stays open. -> the body, which has an end
local function get(socket, path)
  socket:write(("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format(path))
  local length
  repeat
    local line = assert(socket:receive("line", helper.timeout)):gsub("\r$", "")
    length = tonumber(line:lower():match "^content%-length: (%d+)") or length
  until line == ""
  return socket:receive(length, helper.timeout)
end

local function curl(port, path, ...)
  local status, out, err = helper.run({ "curl", "-sS", "--fail", "--max-time", "20",
    ("http://127.0.0.1:%d%s"):format(port, path), ... }, nil, 30000)
  assert.equal(0, status, err)
  return out
end

describe("nginx", function()
  local folder

  before_each(function() folder = helper.folder() end)
  after_each(function()
    sockets.close()
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  -- `server` is what is in its server { }; "PORT" there is its own.
  local function start(server)
    return atFreePort(function(port)
      local configuration = helper.file(([[
        daemon off; master_process off; pid FOLDER/pid; error_log stderr notice;
        events {}
        http {
          access_log off; client_max_body_size 8m;
          client_body_temp_path FOLDER; proxy_temp_path FOLDER; fastcgi_temp_path FOLDER; uwsgi_temp_path FOLDER;
          scgi_temp_path FOLDER;
          SERVER
        }
      ]]):gsub("SERVER", (server:gsub("%%", "%%%%"))):gsub("FOLDER", folder):gsub("PORT", tostring(port)), "nginx.conf")
      return helper.spawn { "/usr/sbin/nginx", "-p", folder, "-c", configuration }
    end)
  end

  it("as a client verifies our server and its name, shows its certificate, keeps alive and resumes", function()
    local server = webServer { peerVerifyMode = "VerifyPeer", caCertificates = ssl.authority.caCertificates }
    local resumed, connections = 0, 0
    function server.connection:encrypted()
      connections = connections + 1
      if self:isSessionResumed() then resumed = resumed + 1 end
    end
    local nginx, port = start(([[
      upstream ours { server 127.0.0.1:%d; keepalive 2; keepalive_requests 3; }
      server {
        listen 127.0.0.1:PORT;
        location / {
          proxy_pass https://ours; proxy_http_version 1.1; proxy_set_header Connection "";
          proxy_ssl_verify on; proxy_ssl_trusted_certificate %s; proxy_ssl_name localhost; proxy_ssl_server_name on;
          proxy_ssl_certificate %s; proxy_ssl_certificate_key %s; proxy_ssl_protocols TLSv1.2 TLSv1.3;
        }
      }
    ]]):format(server:serverPort(), ssl.authority.caCertificates, client.certificate, client.key))
    local subject = moonport.SslCertificate(client.certificate):subjectDisplayName()
    for _ = 1, 10 do assert.equal("TlsV1_3 localhost " .. subject, curl(port, "/")) end
    assert.is_true(connections < 10)
    assert.equal(connections - 1, resumed)
    assert.is_true(curl(port, "/big") == big)
    local body = helper.file(big)
    assert.is_true(curl(port, "/post", "--data-binary", "@" .. body, "-H", "Expect:") == big)
    -- A server with another name isn't one to nginx.
    local other = ssl.authority:certificate { names = { "other.example" } }
    assert(server:setSslConfiguration { certificate = other.certificate, key = other.key })
    local status = helper.run({ "curl", "-s", "--fail", ("http://127.0.0.1:%d/"):format(port), "--retry", "0" })
    for _ = 1, 3 do
      status = helper.run({ "curl", "-s", "--fail", ("http://127.0.0.1:%d/"):format(port) })
    end
    assert.equal(22, status) -- 502
    nginx:signal "TERM"
  end)

  for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
    it("as a server serves our client, which shows its certificate and resumes, " .. version, function()
      helper.rewrite(folder .. "/big", big)
      local nginx, port = start(([[
        server {
          listen 127.0.0.1:PORT ssl; root FOLDER;
          ssl_certificate %s; ssl_certificate_key %s; ssl_client_certificate %s; ssl_verify_client on;
          ssl_protocols TLSv1.2 TLSv1.3;
          location = /who { default_type text/plain; return 200 "$ssl_protocol $ssl_server_name $ssl_session_reused $ssl_client_verify $connection_requests"; }
        }
      ]]):format(ssl.certificate.certificate, ssl.certificate.key, ssl.authority.caCertificates))
      local options = { certificate = client.certificate, key = client.key, maximumProtocol = version }
      local name = version:gsub("TlsV1_", "TLSv1.")
      local ticket = ""
      for _, mark in ipairs { ".", "r" } do
        local socket = ssl.socket(options)
        socket:setSessionTicket(ticket)
        socket:connectToHostEncrypted("localhost", port)
        for i = 1, 3 do assert.equal(("%s localhost %s SUCCESS %d"):format(name, mark, i), get(socket, "/who")) end
        assert.is_true(get(socket, "/big") == big)
        assert.equal(mark == "r", socket:isSessionResumed())
        ticket = socket:sessionTicket()
        assert.is_true(#ticket > 0)
        socket:abort()
      end
      local nobody = ssl.socket { maximumProtocol = version }
      nobody:connectToHostEncrypted("localhost", port)
      nobody:write "GET /who HTTP/1.0\r\n\r\n"
      assert.matches(" 400 ", nobody:receive("line", helper.timeout)) -- nginx says so behind the handshake
      nginx:signal "TERM"
    end)
  end
end)

describe("HAProxy", function()
  local combined

  before_each(function()
    local text = ""
    for _, path in ipairs { ssl.certificate.certificate, ssl.certificate.key } do
      local file <close> = assert(io.open(path))
      text = text .. file:read "a"
    end
    combined = helper.file(text, "both.pem")
  end)
  after_each(sockets.close)

  local function start(text)
    return atFreePort(function(port)
      local configuration = helper.file(([[
        defaults
          mode tcp
          timeout connect 5s
          timeout client 20s
          timeout server 20s
        %s
      ]]):format(text:gsub("PORT", tostring(port))):gsub("\n +", "\n"), "haproxy.cfg")
      return helper.spawn { "/usr/sbin/haproxy", "-db", "-f", configuration }
    end)
  end

  local function echo(server)
    function server.connection:readyRead() self:write(self:readAll()) end
    return server
  end

  it("as a client: its checks find our server up, and bytes go both ways", function()
    local server, checks = echo(ssl.server()), 0
    function server:startedEncryptionHandshake() checks = checks + 1 end -- a check may be over before it is encrypted
    local haproxy, port = start(([[
      frontend in
        bind 127.0.0.1:PORT
        default_backend ours
      backend ours
        server one 127.0.0.1:%d ssl verify required ca-file %s verifyhost localhost sni str(localhost) check inter 1s
    ]]):format(server:serverPort(), ssl.authority.caCertificates))
    helper.eventually(function() return checks >= 3 end)
    for _ = 1, 3 do
      local plain = helper.connect(port)
      plain:send(big)
      assert.is_true(plain:receive(#big, 4 * helper.timeout) == big)
      plain:shutdown()
      assert.equal("closed", plain:waitForEnd())
      plain:close()
    end
    assert.is_nil(haproxy:stderr():find "DOWN", haproxy:stderr())
    haproxy:signal "TERM"
  end)

  it("as a server: our client is served, resumes, and both ends close in order", function()
    local back = echo(sockets.server())
    local haproxy, port = start(([[
      frontend in
        bind 127.0.0.1:PORT ssl crt %s
        default_backend theirs
      backend theirs
        server one 127.0.0.1:%d
    ]]):format(combined, back:serverPort()))
    local ticket = ""
    for i = 1, 3 do
      local socket, code = ssl.socket(), nil
      function socket:errorOccurred(what) code = what end
      socket:setSessionTicket(ticket)
      socket:connectToHostEncrypted("localhost", port)
      socket:write(big)
      assert.is_true(socket:receive(#big, 4 * helper.timeout) == big)
      assert.equal(i > 1, socket:isSessionResumed())
      ticket = socket:sessionTicket()
      socket:disconnectFromHost()
      sockets.eventuallyState(socket, "UnconnectedState")
      assert.is_nil(code)
    end
    haproxy:signal "TERM"
  end)
end)

describe("Python's ssl", function()
  after_each(sockets.close)

  local python = [[
import socket, ssl, sys
way, port, authority, certificate, key = sys.argv[1:]
if way == "client":
    context = ssl.create_default_context(cafile=authority)
    context.load_cert_chain(certificate, key)
    with socket.create_connection(("127.0.0.1", int(port))) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(bytes(range(256)) * 4096)
            got = b""
            while len(got) < 1 << 20:
                got += tls.recv(65536)
            print("same", got == bytes(range(256)) * 4096, tls.version(), flush=True)
            tls.unwrap()
            print("closed", flush=True)
else:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    print("port", listener.getsockname()[1], flush=True)
    with context.wrap_socket(listener.accept()[0], server_side=True) as tls:
        while True:
            data = tls.recv(65536)
            if not data:
                break
            tls.sendall(data)
        print("ended in order", flush=True)
        tls.unwrap()
]]

  local function start(way, port, certificate)
    return helper.spawn { "python3", helper.file(python, "peer.py"), way, port, ssl.authority.caCertificates,
      certificate.certificate, certificate.key }
  end

  it("as a client", function()
    local server = ssl.server { peerVerifyMode = "VerifyPeer", caCertificates = ssl.authority.caCertificates }
    function server.connection:readyRead() self:write(self:readAll()) end
    local program = start("client", server:serverPort(), client)
    assert.equal("True TLSv1.3", program:waitForLine("^same (.*)$", 4 * helper.timeout))
    program:waitForLine "^closed$"
    assert.equal(0, program:wait())
  end)

  it("as a server", function()
    local program = start("server", 0, ssl.certificate)
    local socket = ssl.socket { certificate = client.certificate, key = client.key }
    socket:connectToHostEncrypted("localhost", tonumber((program:waitForLine "^port (%d+)$")))
    socket:write(big)
    assert.is_true(socket:receive(#big, 4 * helper.timeout) == big)
    socket:disconnectFromHost()
    program:waitForLine "^ended in order$"
    sockets.eventuallyState(socket, "UnconnectedState")
  end)
end)

describe("openssl", function()
  after_each(sockets.close)

  for _, version in ipairs { "-tls1_2", "-tls1_3" } do
    it("s_server serves our client, and resumes, " .. version, function()
      local _, port = tls.server(ssl.certificate, "-rev", version)
      local ticket = ""
      for _, again in ipairs { false, true, true } do
        local socket = ssl.socket()
        socket:setSessionTicket(ticket)
        socket:connectToHostEncrypted("localhost", port)
        socket:write "hello\n"
        assert.equal("olleh", socket:receive("line", helper.timeout))
        assert.equal(again, socket:isSessionResumed())
        ticket = socket:sessionTicket()
        socket:disconnectFromHost()
        sockets.eventuallyState(socket, "UnconnectedState")
      end
    end)

    it("s_client resumes at our server, and reconnects, " .. version, function()
      local server, resumed = ssl.server(), {}
      function server.connection:encrypted() resumed[#resumed + 1] = self:isSessionResumed() end
      function server.connection:readyRead() self:write(self:readAll():upper()) end
      local folder = helper.folder()
      for i = 1, 3 do
        local program = tls.client(server:serverPort(), ssl.authority, version, "-sess_out", folder .. "/session",
          table.unpack(i > 1 and { "-sess_in", folder .. "/session" } or {}))
        program:write "hello\n"
        program:waitForLine "^HELLO$"
        program:closeInput()
        assert.equal(0, program:wait())
      end
      os.execute(("rm -rf '%s'"):format(folder))
      assert.same({ false, true, true }, resumed)
    end)
  end
end)
