-- SPDX-License-Identifier: MIT
-- moonport.websocket with other programs: a client in Python, curl's upgrade, nginx in front, and TLS.

local helper = require "spec.helper"
local moonport = require "moonport"
local http = require "moonport.http"
local tls = require "spec.tls"
local web = require "spec.scripts.web"
local websocket = require "moonport.websocket"

local source = [[
local moonport = require "moonport"
local http, websocket = require "moonport.http", require "moonport.websocket"
local server = http.server(function(request, socket)
  local ws = websocket.accept(request, socket)
  if ws and request.path == "/greeted" then
    ws:send "welcome"
    ws:close(1001, "that's all")
  end
end)
function server.websocket:message(message, kind) self:send(message, kind) end
assert(server:listen(arg[1], arg[2] and tonumber(arg[2])))
moonport.log.info("listening on %s", server:serverPort())
]]

local function start(...)
  local program = helper.program { source = source, args = { ... } }
  return program, program:waitForLine "listening on (%S+)$"
end

describe("moonport.websocket", function()
  after_each(web.clean)

  it("echoes what a client in Python sends, in any fragments and pieces", function()
    local program, port = start("127.0.0.1", 0)
    local status, out, err = helper.run { "python3", "spec/host/websocket_client.py", port, "150" }
    assert.same({ 0, "150 messages True\n" }, { status, out }, err)
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)

  it("upgrades for curl, which shows what came behind", function()
    local program, port = start("127.0.0.1", 0)
    local function curl(...)
      return helper.run { "curl", "-sSi", "-N", "-m", "5", "--http1.1", "-H", "Upgrade: websocket",
        "-H", "Connection: Upgrade", "-H", "Sec-WebSocket-Version: 13", ... }
    end
    local url = ("http://127.0.0.1:%s/greeted"):format(port)
    local _, out = curl("-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", url)
    assert.matches("^HTTP/1%.1 101 Switching Protocols\r\n", out)
    assert.matches("\r\nSec%-WebSocket%-Accept: s3pPLMBiTxaQ9kYGzzhZRbK%+xOo=\r\n", out)
    assert.matches("\r\n\r\n\x81\x07welcome\x88\x0c\x03\xe9that's all$", out)
    _, out = curl(url)
    assert.matches("^HTTP/1%.1 400 Bad Request\r\n.*\r\n\r\nthe key of a WebSocket is sixteen bytes in Base64\n$", out)
    local _, plain = helper.run { "curl", "-sSi", url }
    assert.matches("^HTTP/1%.1 426 Upgrade Required\r\n", plain)
    assert.matches("\r\nUpgrade: websocket\r\n", plain)
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)

  it("works behind nginx, at Unix-domain sockets", function()
    local folder = web.folder {}
    local program = start("unix:" .. folder .. "/ours.sock")
    local configuration = helper.file(([[
      daemon off; master_process off; pid %s/pid; error_log stderr;
      events {}
      http {
        access_log off;
        client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s;
        server {
          listen unix:%s/nginx.sock;
          location / {
            proxy_pass http://unix:%s/ours.sock; proxy_http_version 1.1; proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
          }
        }
      }
    ]]):format(folder, folder, folder, folder, folder, folder, folder, folder), "nginx.conf")
    local proxy = helper.spawn { "/usr/sbin/nginx", "-p", folder, "-c", configuration }
    local url, ws = ("unix:%s/nginx.sock:/chat"):format(folder), nil
    helper.eventually(function()
      ws = websocket.connect(url)
      return ws
    end)
    for _, size in ipairs { 0, 125, 126, 70000, 1000000 } do
      assert.is_true(ws:send(("x"):rep(size)))
      assert.equal(size, #assert(ws:receive(5000)))
    end
    ws:close(3000, "done")
    helper.eventually(function() return ws:state() == "UnconnectedState" end)
    assert.equal(3000, ws:closeCode())
    local own = websocket.connect(url, { headers = { Host = "a.example", Origin = "https://a.example" } })
    own:abort()
    local _, _, _, response = websocket.connect(url, { headers = { Host = "a.example", Origin = "https://b.example" } })
    assert.equal(403, response.status)
    proxy:signal "TERM"
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)

  it("is encrypted by wss:, with the server's name verified", function()
    local authority = tls.authority()
    local certificate = authority:certificate { names = { "localhost" } }
    local server <close> = http.server(websocket.accept,
      { ssl = { certificate = certificate.certificate, key = certificate.key } })
    function server.websocket:message(message, kind) self:send(message, kind) end
    assert(server:listen("127.0.0.1", 0))
    local url = ("wss://localhost:%d/"):format(server:serverPort())
    local trusted = { ssl = { caCertificates = authority.caCertificates }, resolve = { localhost = "127.0.0.1" } }
    local ws = assert(websocket.connect(url, trusted))
    assert.is_true(ws:socket():isEncrypted())
    for _, size in ipairs { 0, 64, 10000, 600000 } do
      assert.is_true(ws:send(helper.bytes(size), "binary"))
      local got, kind = ws:receive(5000)
      assert.same({ true, "binary" }, { got == helper.bytes(size), kind })
    end
    ws:close()
    helper.eventually(function() return ws:state() == "UnconnectedState" end)
    assert.equal(1000, ws:closeCode())
    local none, _, code = websocket.connect(url, { resolve = trusted.resolve })
    assert.same({ nil, "SslHandshakeFailedError" }, { none, code })
    helper.eventually(function() return server:connectionCount() == 0 end)
    authority:close()
    moonport.sleep(0)
  end)
end)
