-- SPDX-License-Identifier: MIT
-- moonport.http with other HTTP programs: nginx in front of a server and behind http.request, HAProxy on both sides,
-- and Python's http.client.

local helper = require "spec.helper"
local web = require "spec.scripts.web"

-- Starts nginx at the Unix-domain socket nginx.sock of a folder. -> the program, the path
local function nginx(folder, http)
  local configuration = helper.file(([[
    daemon off; master_process off; pid %s/pid; error_log stderr;
    events {}
    http {
      access_log off; default_type text/plain; keepalive_requests 10000;
      client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s;
      %s
    }
  ]]):format(folder, folder, folder, folder, folder, folder, http), "nginx.conf")
  local program = helper.spawn { "/usr/sbin/nginx", "-p", folder, "-c", configuration }
  local path = folder .. "/nginx.sock"
  helper.eventually(function()
    return (helper.run { "curl", "-s", "--unix-socket", path, "-o", "/dev/null", "http://a/" }) == 0
  end)
  return program, path
end

describe("moonport.http", function()
  after_each(web.clean)

  it("serves behind nginx, over kept connections, and says 413 to an upload that is too long", function()
    local service, port, folder = web.server([[
      if request.path == "/count" then return 200, nil, tostring(moonport.stats().accepted) end
      return 200, nil, request.method .. " " .. #request.body .. " " .. (request.headers["transfer-encoding"] or "")
    ]], "body = 100000")
    local proxy, path = nginx(folder, ([[
      upstream service { server 127.0.0.1:%d; keepalive 4; }
      server {
        listen unix:%s/nginx.sock; client_max_body_size 0; proxy_request_buffering off; proxy_http_version 1.1;
        location / { proxy_set_header Connection ""; proxy_pass http://service; }
      }
    ]]):format(port, folder, folder))
    local function curl(...)
      local status, out, err = helper.run { "curl", "-sS", "-w", " %{http_code}", "--unix-socket", path, ... }
      assert.are.equal(0, status, err)
      return out
    end
    local file = helper.file(("x"):rep(90000))
    assert.are.equal("POST 90000  200", curl("--data-binary", "@" .. file, "http://a/"))
    assert.are.equal("POST 90000 chunked 200",
      curl("-H", "Transfer-Encoding: chunked", "--data-binary", "@" .. file, "http://a/"))
    local first = tonumber(curl "http://a/count":match "^%d+")
    for _ = 1, 20 do assert.are.equal("GET 0  200", curl "http://a/") end
    assert.are.equal(first, tonumber(curl "http://a/count":match "^%d+"))
    local long = helper.file(("x"):rep(3000000))
    assert.are.equal("the body is too long\n 413", curl("--data-binary", "@" .. long, "http://a/"))
    proxy:signal "TERM"
    service:signal "TERM"
    assert.are.equal(0, service:wait())
  end)

  it("serves behind nginx and HAProxy, and asks through HAProxy, all at Unix-domain sockets, over a reload", function()
    local folder = web.folder {}
    local source = ([[
      local moonport = require "moonport"
      local http = require "moonport.http"
      local server = http.server(function(request)
        if request.path == "/count" then return 200, nil, tostring(moonport.stats().accepted) end
        if request.path == "/ask" then
          local response, why, code = http.request { url = "unix:%s/haproxy.sock:/", method = request.method,
            body = request.body, headers = { Host = "asked" } }
          return response and response.status or 502, nil, response and "through " .. response.body or why .. code
        end
        return 200, nil, ("%%s %%d %%s %%s"):format(request.method, #request.body, request.peer, request.headers.host)
      end, { body = 100000 })
      assert(server:listen "unix:%s/ours.sock")
      moonport.log.info "ready"
    ]]):format(folder, folder)
    helper.rewrite(folder .. "/server.lua", source)
    local service = helper.program { script = folder .. "/server.lua", environment = web.environment }
    service:waitForLine "ready"
    local haproxy = helper.spawn { "/usr/sbin/haproxy", "-db", "-f", helper.file(([[
global
  maxconn 100
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen http
  bind unix@%s/haproxy.sock
  http-reuse always
  server ours unix@%s/ours.sock
listen tcp
  mode tcp
  bind unix@%s/tcp.sock
  server ours unix@%s/ours.sock
]]):format(folder, folder, folder, folder), "haproxy.cfg") }
    local proxy = nginx(folder, ([[
      upstream ours { server unix:%s/ours.sock; keepalive 4; }
      server {
        listen unix:%s/nginx.sock; client_max_body_size 0; proxy_request_buffering off; proxy_http_version 1.1;
        location / { proxy_set_header Connection ""; proxy_set_header Host $host; proxy_pass http://ours; }
      }
    ]]):format(folder, folder))
    local function curl(name, ...)
      local status, out, err = helper.run { "curl", "-sS", "-w", " %{http_code}", "--unix-socket",
        ("%s/%s.sock"):format(folder, name), ... }
      assert.are.equal(0, status, err)
      return out
    end
    helper.eventually(function()
      return (helper.run { "curl", "-s", "--unix-socket", folder .. "/tcp.sock", "-o", "/dev/null", "http://a/" }) == 0
    end)
    local file, long = helper.file(("x"):rep(90000)), helper.file(("x"):rep(3000000))
    local function all()
      for _, name in ipairs { "nginx", "haproxy", "tcp" } do
        assert.are.equal("GET 0 unix a 200", curl(name, "http://a/"), name)
        assert.are.equal("POST 90000 unix a 200", curl(name, "--data-binary", "@" .. file, "http://a/"), name)
        assert.are.equal("through POST 90000 unix asked 200", curl(name, "--data-binary", "@" .. file, "http://a/ask"),
          name)
        assert.are.equal("the body is too long\n 413", curl(name, "--data-binary", "@" .. long, "http://a/"), name)
      end
    end
    all()
    local before = tonumber(curl("nginx", "http://a/count"):match "^%d+")
    for _ = 1, 10 do assert.are.equal("GET 0 unix a 200", curl("nginx", "http://a/")) end
    assert.are.equal(before, tonumber(curl("nginx", "http://a/count"):match "^%d+"))
    service:signal "HUP"
    service:waitForLine "reloaded .* generation 2"
    all()
    for _, one in ipairs { haproxy, proxy } do one:signal "TERM" end
    service:signal "TERM"
    assert.are.equal(0, service:wait())
  end)

  it("asks nginx: files, ranges, redirects, an answer in chunks, over one kept connection", function()
    local folder = web.folder { page = "of nginx", big = helper.bytes(3000000) }
    local server, path = nginx(folder, ([[
      server {
        listen unix:%s/nginx.sock; root %s; gzip_types *; gzip_min_length 1;
        absolute_redirect off;
        location = /moved { return 302 /page; }
        location = /count { return 200 $connection_requests; }
        location = /ssi { ssi on; ssi_types *; try_files /page =404; }
      }
    ]]):format(folder, folder))
    local program = helper.program { args = { "unix:" .. path .. ":" }, source = [[
      local http = require "moonport.http"
      local function ask(target, headers)
        local response = assert(http.request { url = arg[1] .. target, headers = headers })
        print(response.status, response:header "Content-Length" or response:header "Transfer-Encoding", #response.body)
      end
      for _, target in ipairs { "/page", "/big", "/moved", "/missing", "/ssi" } do ask(target) end
      ask("/big", { Range = "bytes=1000-1999" })
      print(http.request(arg[1] .. "/count").body)
      require "moonport".quit(0)
    ]] }
    assert.are.equal(0, program:wait(), program:stderr())
    local lines = {}
    for line in program:stdout():gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.matches("^404\t", table.remove(lines, 4))
    assert.are.same({ "200\t8\t8", "200\t3000000\t3000000", "200\t8\t8", "200\tchunked\t8", "206\t1000\t1000", "8" },
      lines)
    server:signal "TERM"
  end)

  it("serves Python's http.client: HEAD, a body of unknown length, a refused one, and the next request", function()
    local service, port = web.server('return 200, nil, request.method .. " " .. #request.body', "body = 100000")
    local status, out, err = helper.run({ "python3", "-c", [[
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
def ask(method, body=None, **more):
    connection.request(method, "/", body, **more)
    answer = connection.getresponse()
    print(answer.status, answer.read().decode().strip(), answer.getheader("Content-Length"))
ask("GET")
ask("HEAD")
ask("POST", iter([b"one", b"two"]), encode_chunked=True)
ask("PUT", b"x" * 90000, headers={"Expect": "100-continue"})
ask("POST", b"x" * 200000)
ask("GET")
]], port })
    assert.are.equal(0, status, err)
    assert.are.equal("200 GET 0 5\n200  6\n200 POST 6 6\n200 PUT 90000 9\n413 the body is too long 21\n"
      .. "200 GET 0 5\n", out)
    service:signal "TERM"
    assert.are.equal(0, service:wait())
  end)
end)
