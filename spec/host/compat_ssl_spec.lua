-- SPDX-License-Identifier: MIT
-- moonport.compat.ssl behaves like LuaSec to a client written for it, and the loop runs meanwhile: the same cases with
-- both, lua-redis with a redis-server over TLS, ssl.https, and a server of its own.

local helper = require "spec.helper"
local tls = require "spec.tls"

local authority, certificate

setup(function()
  authority = tls.authority()
  certificate = authority:certificate { names = { "localhost" } }
end)

teardown(function() authority:close() end)

describe("moonport.compat.ssl", function()
  it("gives LuaSec's results in each case", function()
    local stranger = authority:certificate { selfSigned = true }
    local _, port = tls.server(certificate, "-rev")
    local cases = { "spec/host/ssl_cases.lua", "socket", "ssl", port, authority.caCertificates, stranger.certificate }
    local status, expected, err = helper.run({ "lua5.4", table.unpack(cases) }, nil, 30000)
    assert.same({ 0, "" }, { status, err })
    local program = helper.program { script = cases[1], args = { "moonport.compat.socket", "moonport.compat.ssl",
      table.unpack(cases, 4) } }
    assert.equal(0, program:wait(30000), program:stderr())
    local lines = program:stdout():gmatch "[^\n]*"
    for line in expected:gmatch "[^\n]*" do assert.equal(line, lines()) end
    assert.is_nil(lines())
    assert.is_true(#expected > 3000)
  end)

  it("encrypts what was begun in the clear, on both sides, and verifies the name that sni has set #gc", function()
    local program = helper.program { args = { certificate.certificate, certificate.key, authority.caCertificates },
      source = [[
      local moonport = require "moonport"
      local socket, ssl = require "moonport.compat.socket", require "moonport.compat.ssl"
      local server = assert(socket.bind("127.0.0.1", 0))
      local _, port = server:getsockname()
      local context = assert(ssl.newcontext { mode = "server", protocol = "any", certificate = arg[1], key = arg[2] })
      moonport.spawn(function()
        for _ = 1, 3 do
          local peer = server:accept()
          peer:send(peer:receive() .. " begins\n")
          peer = assert(ssl.wrap(peer, context))
          if peer:dohandshake() then
            print("asked for", peer:getsniname())
            peer:send(peer:receive():upper() .. "\n")
          end
          peer:close()
        end
        server:close()
      end)
      for _, name in ipairs { false, "localhost", "other.example" } do
        local client = assert(socket.connect("127.0.0.1", port))
        client:send "tls\n"
        print(client:receive())
        client = assert(ssl.wrap(client, { mode = "client", protocol = "any", verify = "peer", cafile = arg[3] }))
        if name then client:sni(name) end
        local done, why = client:dohandshake()
        print(done, why)
        if done then print(client:send "hello\n", client:receive()) end
        client:close()
      end
    ]] }
    assert.equal(0, program:wait())
    assert.equal("tls begins\tnil\tnil\ntrue\tnil\nasked for\tnil\n6\tHELLO\tnil\tnil\n"
      .. "tls begins\tnil\tnil\ntrue\tnil\nasked for\tlocalhost\n6\tHELLO\tnil\tnil\n"
      .. "tls begins\tnil\tnil\nfalse\tcertificate verify failed\n", program:stdout())
    assert.equal("", program:stderr())
  end)

  it("has select wait for a handshake that can't end at once, as libraries with a loop of their own do", function()
    local program = helper.program { args = { certificate.certificate, certificate.key }, source = [[
      local moonport = require "moonport"
      local socket, ssl = require "moonport.compat.socket", require "moonport.compat.ssl"
      local server = assert(socket.bind("127.0.0.1", 0))
      local _, port = server:getsockname()
      local function shake(tcp, parameters)
        tcp = assert(ssl.wrap(tcp, parameters))
        tcp:settimeout(0)
        local waited = false
        while true do
          local done, why = tcp:dohandshake()
          if done then return tcp, waited end
          if why ~= "wantread" and why ~= "wantwrite" then return nil, why end
          waited = true
          local list = { tcp }
          local reads, writes = why == "wantread" and list or nil, why == "wantwrite" and list or nil
          local readable, writable, timeout = socket.select(reads, writes, 10)
          assert(readable[1] == tcp or writable[1] == tcp, timeout)
        end
      end
      local later = moonport.spawn(function()
        local peer = server:accept()
        socket.sleep(0.02)
        peer = shake(peer, { mode = "server", protocol = "any", certificate = arg[1], key = arg[2] })
        peer:send "hello\n"
        peer:close()
        server:accept():close()
      end)
      local client, waited = shake(assert(socket.connect("127.0.0.1", port)), { mode = "client", protocol = "any" })
      print(waited, #socket.select({ client }, nil, 10), client:receive())
      print(shake(assert(socket.connect("127.0.0.1", port)), { mode = "client", protocol = "any" }))
      later:join()
      moonport.quit()
    ]] }
    assert.equal(0, program:wait(), program:stderr())
    assert.equal("true\t1\thello\tnil\tnil\nnil\tclosed\n", program:stdout())
  end)

  it("refuses a connection that was made before it was loaded, and what is none #gc", function()
    local listener = helper.listen()
    local program = helper.program { args = { listener:port() }, source = [[
      local socket = require "moonport.compat.socket"
      local early = assert(socket.connect("127.0.0.1", tonumber(arg[1])))
      local ssl = require "moonport.compat.ssl"
      print(ssl.wrap(early, { mode = "client", protocol = "any" }))
      print(pcall(ssl.wrap, 7, { mode = "client", protocol = "any" }))
      print(ssl.newcontext { mode = "server", protocol = "any", certificate = "/nowhere", key = "/nowhere" })
      early:close()
    ]] }
    assert.equal(0, program:wait())
    assert.matches("^nil\tthe connection was made before moonport.compat.ssl was loaded\nfalse\t.*bad argument #1 to "
      .. "'wrap' .*\nnil\tcertificate: '/nowhere' can't be read: No such file or directory\n$", program:stdout())
  end)

  it("lets unchanged lua-redis speak TLS to a redis-server, in many tasks, beside an echo service #gc", function()
    local listener = helper.listen()
    local port = listener:port()
    listener:close()
    local redis = helper.spawn { "redis-server", "--port", "0", "--tls-port", port, "--bind", "127.0.0.1", "--save", "",
      "--dir", "/tmp", "--tls-cert-file", certificate.certificate, "--tls-key-file", certificate.key,
      "--tls-ca-cert-file", authority.caCertificates, "--tls-auth-clients", "no" }
    redis:waitForLine "Ready to accept connections"
    local program = helper.program { environment = { LUA_PATH_5_4 = ";;/usr/share/lua/5.3/?.lua" },
      args = { port, authority.caCertificates }, source = [[
      local moonport = require "moonport"
      require "moonport.compat.ssl".install()
      local socket, ssl, redis = require "socket", require "ssl", require "redis"
      local function connect()
        local secret = assert(ssl.wrap(assert(socket.connect("127.0.0.1", tonumber(arg[1]))),
          { mode = "client", protocol = "any", verify = "peer", cafile = arg[2] }))
        secret:sni "localhost"
        assert(secret:dohandshake())
        return redis.connect { socket = secret }
      end
      local server = moonport.TcpServer()
      function server.connection:readyRead() self:write(self:readAll()) end
      assert(server:listen "127.0.0.1")
      local ready = 0
      for i = 1, 10 do
        moonport.spawn(function()
          local client = connect()
          ready = ready + 1
          local item = client:blpop("list " .. i, 0)
          moonport.log.info("%s: %s", item[1], item[2])
          client:quit()
        end)
      end
      local client = connect()
      local large = ("0123456789"):rep(200000)
      client:set("large", large)
      moonport.log.info("large %s", client:get "large" == large)
      while ready < 10 do moonport.sleep(1) end
      moonport.log.info("listening on port %d", server:serverPort())
      server.connection.readyRead = function(self)
        for i = 1, 10 do client:rpush("list " .. i, self:peek(100)) end
        self:write(self:readAll())
      end
    ]] }
    program:waitForLine "large true"
    local echo = helper.connect(tonumber((program:waitForLine "listening on port (%d+)")))
    echo:send "tea"
    for i = 1, 10 do program:waitForLine(("list %d: tea$"):format(i)) end
    assert.equal("tea", echo:receive(3))
    program:signal "TERM"
    assert.equal(0, program:wait())
    assert.is_nil(program:stderr():find(" error ", 1, true), program:stderr())
    redis:signal "TERM"
    redis:wait()
  end)

  it("has ssl.https, which verifies the server and its name unless it is told not to #gc", function()
    local web = helper.program { script = "scripts/http.lua", args = { 0, "127.0.0.1", "scripts", "--tls",
      certificate.certificate, certificate.key } }
    local port = web:waitForLine "http: listening on 127.0.0.1 port (%d+)"
    local program = helper.program { args = { port, authority.caCertificates }, source = [[
      require "moonport.compat.ssl".install()
      local https, ltn12 = require "ssl.https", require "ltn12"
      local function get(host, given)
        local parts = {}
        given.url, given.sink = ("https://%s:%s/echo.lua"):format(host, arg[1]), ltn12.sink.table(parts)
        local done, code = https.request(given)
        print(done, code, table.concat(parts):match "^%-%- Echo")
      end
      get("localhost", { cafile = arg[2] })
      get("localhost", {})
      get("127.0.0.1", { cafile = arg[2] })
      get("127.0.0.1", { verify = "none" })
      print(https.request("https://localhost:" .. arg[1] .. "/"))
      print(https.request { url = "https://localhost/", redirect = true })
    ]] }
    assert.equal(0, program:wait(), program:stderr())
    assert.equal("1\t200\t-- Echo\nnil\tcertificate verify failed\tnil\nnil\tcertificate verify failed\tnil\n"
      .. "1\t200\t-- Echo\nnil\tcertificate verify failed\nnil\tredirect not supported\n",
      (program:stdout():gsub("failed\tnil\tnil", "failed")))
    web:signal "TERM"
    web:wait()
  end)
end)
