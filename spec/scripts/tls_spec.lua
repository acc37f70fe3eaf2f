-- SPDX-License-Identifier: MIT
-- The services of scripts/ with --tls, and their real clients: curl, redis-cli, openssl.

local helper = require "spec.helper"
local tls = require "spec.tls"

local authority, certificate, shown

setup(function()
  authority = tls.authority()
  certificate = authority:certificate()
  shown = authority:certificate { client = true }
end)

teardown(function() authority:close() end)

local function start(script, ...)
  local program = helper.program { script = "scripts/" .. script .. ".lua", args = { ... } }
  return program, tonumber((program:waitForLine "listening on .* port (%d+)"))
end

local function encrypted() return "--tls", certificate.certificate, certificate.key end

local function stop(program)
  program:signal "TERM"
  assert.equal(0, program:wait())
  assert.is_nil(program:stderr():find(" error ", 1, true), program:stderr())
end

local function redis(port, ...)
  local _, out, err = helper.run({ "redis-cli", "-h", "127.0.0.1", "-p", port, "--tls", ... }, "", 20000)
  return out .. err
end

describe("scripts/http.lua --tls #gc", function()
  local function curl(port, path, ...)
    return helper.run({ "curl", "-sS", "--max-time", "20", "https://localhost:" .. port .. path, ... }, "", 25000)
  end

  it("serves files and notes to curl, which verifies it, and large ones as a whole", function()
    local folder = helper.folder()
    local large = ("0123456789abcdef"):rep(100000)
    helper.rewrite(folder .. "/large", large)
    local program, port = start("http", 0, "127.0.0.1", folder, encrypted())
    local status, out, err = curl(port, "/large", "--cacert", authority.caCertificates, "-w", "%{http_version}")
    os.remove(folder .. "/large")
    os.remove(folder)
    assert.equal(0, status, err)
    assert.is_true(out == large .. "1.1")
    status, out = curl(port, "/api/notes", "--cacert", authority.caCertificates, "--json", '{"text":"hello"}')
    assert.equal(0, status)
    assert.matches('"text":"hello"', out)
    status = curl(port, "/", "--cacert", shown.certificate)
    assert.equal(60, status) -- nobody has signed it, as far as curl knows
    stop(program)
  end)

  it("chooses http/1.1 by ALPN, and refuses who speaks only another protocol", function()
    local program, port = start("http", "0", "127.0.0.1", ".", encrypted())
    local client = tls.client(port, authority, "-alpn", "h2,http/1.1")
    client:waitForLine "ALPN protocol: http/1.1"
    client = tls.client(port, authority, "-alpn", "h2")
    client:waitForLine "no application protocol"
    stop(program)
  end)

  it("tells who speaks in the clear nothing, and serves others", function()
    local program, port = start("http", 0, "127.0.0.1", "scripts", encrypted())
    local client = helper.connect(port)
    client:send "GET / HTTP/1.0\r\n\r\n"
    client:waitForEnd()
    assert.falsy(client:receiveAll():find "HTTP/1.1")
    assert.equal(0, (curl(port, "/echo.lua", "--cacert", authority.caCertificates)))
    stop(program)
  end)

  it("with --clients serves only who shows a certificate of that authority", function()
    local program, port = start("http", "--clients", authority.caCertificates, 0, "127.0.0.1", "scripts", encrypted())
    local trust = { "--cacert", authority.caCertificates }
    assert.is_true(curl(port, "/echo.lua", table.unpack(trust)) ~= 0)
    local status, out = curl(port, "/echo.lua", "--cert", shown.certificate, "--key", shown.key, table.unpack(trust))
    assert.equal(0, status)
    assert.matches("^%-%- Echo", out)
    stop(program)
  end)

  it("keeps encrypted connections over a reload", function()
    local program, port = start("http", 0, "127.0.0.1", "scripts", encrypted())
    local client = tls.client(port, authority, "-quiet")
    local function ask()
      client:write "GET /api/status HTTP/1.1\r\nHost: a\r\n\r\n"
      return client:waitForLine '"generation":(%d+)'
    end
    assert.equal("1", ask())
    program:signal "HUP"
    program:waitForLine " reloaded "
    assert.equal("2", ask())
    client:closeInput()
    stop(program)
  end)
end)

describe("scripts/kv.lua --tls #gc", function()
  local path

  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)

  after_each(function() os.remove(path) end)

  it("serves redis-cli, which verifies it, and redis-benchmark", function()
    local program, port = start("kv", 0, "127.0.0.1", path, encrypted())
    assert.equal("OK\n", redis(port, "--cacert", authority.caCertificates, "--sni", "localhost", "SET", "a", "1"))
    local long = ("x"):rep(300000)
    local _, out = helper.run({ "redis-cli", "-h", "127.0.0.1", "-p", port, "--tls", "--cacert",
      authority.caCertificates, "-x", "SET", "long" }, long, 20000)
    assert.equal("OK\n", out)
    assert.is_true(long .. "\n" == redis(port, "--cacert", authority.caCertificates, "GET", "long"))
    local status, result = helper.run({ "redis-benchmark", "-h", "127.0.0.1", "-p", port, "--tls", "--cacert",
      authority.caCertificates, "-n", "500", "-c", "5", "-P", "4", "-q", "-t", "set,get" }, "", 30000)
    assert.equal(0, status, result)
    assert.matches("GET: ", result)
    stop(program)
  end)

  it("is refused by redis-cli that trusts others", function()
    local program, port = start("kv", 0, "127.0.0.1", path, encrypted())
    local other = tls.authority { commonName = "Somebody else" }
    assert.matches("certificate verify failed", redis(port, "--cacert", other.caCertificates, "PING"))
    other:close()
    assert.equal("PONG\n", redis(port, "--cacert", authority.caCertificates, "PING"))
    stop(program)
  end)

  it("with --clients serves only who shows a certificate of that authority", function()
    local program, port = start("kv", 0, "127.0.0.1", path, "--clients", authority.caCertificates, encrypted())
    assert.falsy(redis(port, "--cacert", authority.caCertificates, "PING"):find "PONG")
    assert.equal("PONG\n", redis(port, "--cacert", authority.caCertificates, "--cert", shown.certificate,
      "--key", shown.key, "PING"))
    stop(program)
  end)
end)

describe("scripts/chat.lua --tls #gc", function()
  it("lets clients of openssl hear each other", function()
    local program, port = start("chat", 0, encrypted())
    local ann = tls.client(port, authority, "-quiet")
    ann:waitForLine "Welcome, guest1"
    local bob = tls.client(port, authority, "-quiet")
    bob:waitForLine "Welcome, guest2"
    ann:write "hello\n"
    bob:waitForLine "^guest1: hello$"
    bob:write "/quit\n"
    assert.equal(0, bob:wait())
    ann:waitForLine "guest2 left"
    ann:closeInput()
    stop(program)
  end)
end)

describe("--tls #gc", function()
  it("ends with one line that says which file is wrong", function()
    for _, script in ipairs { "http", "kv", "chat" } do
      local program = helper.program { script = "scripts/" .. script .. ".lua", args = {
        "0", "127.0.0.1", "--tls", "/nowhere.pem", certificate.key,
      } }
      assert.equal(1, program:wait())
      assert.matches("certificate: '/nowhere.pem' can't be read: No such file", program:stderr())
    end
  end)

  it("says what is missing", function()
    for _, case in ipairs {
      { "--tls needs two files: CERTIFICATE KEY", "0", "--tls", "one" },
      { "--clients needs a file: AUTHORITY", "--clients" }, { "--clients needs --tls", "--clients", "a" },
    } do
      local program = helper.program { script = "scripts/http.lua", args = table.move(case, 2, #case, 1, {}) }
      assert.equal(1, program:wait())
      assert.truthy(program:stderr():find(case[1], 1, true), program:stderr())
    end
  end)
end)
