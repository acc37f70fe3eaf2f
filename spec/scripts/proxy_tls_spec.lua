-- SPDX-License-Identifier: MIT
-- scripts/proxy.lua and TLS, with openssl and curl at both ends: encrypting towards clients, towards upstreams, and
-- passing on by name what it can't read.

local helper = require "spec.helper"
local tls = require "spec.tls"

local authority, certificate, kept

setup(function()
  authority = tls.authority()
  certificate = authority:certificate()
  kept = {
    a = authority:certificate { names = { "a.example" } }, b = authority:certificate { names = { "x.b.example" } },
  }
end)

teardown(function() authority:close() end)

local function start(...)
  local program = helper.program { script = "scripts/proxy.lua", options = { "--grace", "0", "--log-level", "debug" },
    args = { "0", "check=3600000", ... } }
  return program, tonumber((program:waitForLine "proxy: listening on 127.0.0.1 port (%d+)"))
end

local function stop(program)
  program:signal "TERM"
  assert.equal(0, program:wait())
  assert.is_nil(program:stderr():find(" error ", 1, true), program:stderr())
end

local function encrypted() return "certificate=" .. certificate.certificate, "key=" .. certificate.key end

local function at(port) return "127.0.0.1:" .. port end

-- A client of openssl that asks for a name, and verifies it.
local function ask(port, name, ...)
  return helper.spawn { "openssl", "s_client", "-connect", at(port), "-CAfile", authority.caCertificates, "-servername",
    name, "-verify_hostname", name, "-verify_return_error", "-quiet", "-no_ign_eof", "-nocommands", ... }
end

describe("scripts/proxy.lua with certificate= #gc", function()
  it("decrypts for its upstreams, both ways, as many bytes as there are, and then both ends", function()
    local upstream = helper.listen()
    local program, port = start(at(upstream:port()), encrypted())
    local client = tls.client(port, authority, "-quiet")
    local peer = upstream:accept()
    client:write "question\n"
    assert.equal("question\n", peer:receiveLine())
    local large = ("0123456789abcdef"):rep(20000)
    peer:send(large)
    peer:close()
    client:closeInput()
    assert.equal(0, client:wait())
    assert.is_true(client:stdout() == large)
    stop(program)
  end)

  it("gives no upstream to who speaks in the clear, says nothing, or doesn't trust it", function()
    local upstream = helper.listen()
    local program, port = start(at(upstream:port()), "hello=200", encrypted())
    local silent, plain = helper.connect(port), helper.connect(port)
    plain:send "GET / HTTP/1.0\r\n\r\n"
    plain:waitForEnd()
    silent:waitForEnd()
    local client = ask(port, "other.example")
    assert.equal(1, client:wait())
    assert.falsy(helper.posix.poll(upstream.fd, "r", 0))
    client = tls.client(port, authority, "-quiet")
    upstream:accept():close()
    client:wait()
    stop(program)
  end)

  it("says in one line what is wrong with its files", function()
    for text, arguments in pairs {
      ["certificate: '/nowhere' can't be read"] = { "certificate=/nowhere", "key=" .. certificate.key },
      ["sni:a.example=tls://b:1: its clients encrypt themselves"] = { "sni:a.example=tls://b:1" },
      ["'*' is not a name"] = { "sni:*=b:1" },
      ["'b' is not an address"] = { "tls://b" },
    } do
      local program = helper.program { script = "scripts/proxy.lua", args = { "0", "8001", table.unpack(arguments) } }
      assert.equal(1, program:wait())
      assert.truthy(program:stderr():find(text, 1, true), program:stderr())
    end
  end)
end)

describe("scripts/proxy.lua with tls:// #gc", function()
  it("encrypts towards an upstream whose certificate is good for its name", function()
    local _, upstream = tls.server(certificate, "-rev")
    local program, port = start("tls://localhost:" .. upstream, "ca=" .. authority.caCertificates)
    local client = helper.connect(port)
    client:send "hello\n"
    assert.equal("olleh\n", client:receiveLine())
    client:close()
    stop(program)
  end)

  it("takes the name before the @, and asks for it", function()
    local _, upstream = tls.server(certificate, "-rev", "-servername", "a.example", "-servername_fatal",
      "-cert2", kept.a.file, "-key2", kept.a.key)
    local program, port = start(("tls://a.example@127.0.0.1:%d"):format(upstream), "ca=" .. authority.caCertificates)
    local client = helper.connect(port)
    client:send "hello\n"
    assert.equal("olleh\n", client:receiveLine())
    client:close()
    stop(program)
  end)

  it("sends nothing to one with another's certificate or that nobody has signed, and takes the next", function()
    local _, wrong = tls.server(kept.a)
    local stranger = authority:certificate { selfSigned = true }
    local _, unsigned = tls.server(stranger)
    local _, right = tls.server(certificate, "-rev")
    local program, port = start("tls://localhost:" .. wrong, "tls://localhost:" .. unsigned,
      "tls://localhost:" .. right, "ca=" .. authority.caCertificates)
    for _ = 1, 3 do
      local client = helper.connect(port)
      client:send "hello\n"
      assert.equal("olleh\n", client:receiveLine())
      client:close()
    end
    local log = program:stderr()
    assert.truthy(log:find(("proxy: tls://localhost:%d is down: .*host name did not match"):format(wrong)), log)
    assert.truthy(log:find(("proxy: tls://localhost:%d is down: .*self.signed"):format(unsigned)), log)
    stop(program)
  end)

  it("checks them by TLS, also by an HTTP request", function()
    local _, upstream = tls.server(certificate, "-www")
    local name = "tls://localhost:" .. upstream
    local program = start(name, "check=50", "ca=" .. authority.caCertificates, "get=/")
    local other = start(name, "check=50", "get=/") -- the system's authorities don't know it
    other:waitForLine("proxy: " .. name .. " is down: .*certificate")
    assert.falsy(program:stderr():find("is down", 1, true), program:stderr())
    stop(program)
    stop(other)
  end)

  it("may encrypt on both sides: curl to a web server of openssl", function()
    local _, upstream = tls.server(certificate, "-www")
    local program, port = start("tls://localhost:" .. upstream, "ca=" .. authority.caCertificates, encrypted())
    local status, out, err = helper.run { "curl", "-sS", "--max-time", "20", "--cacert", authority.caCertificates,
      ("https://localhost:%d/"):format(port) }
    assert.equal(0, status, err)
    assert.matches("Ciphers supported", out)
    stop(program)
  end)
end)

describe("scripts/proxy.lua with sni: #gc", function()
  local function servers()
    local _, a = tls.server(kept.a, "-rev")
    local _, b = tls.server(kept.b, "-rev")
    return ("sni:a.example=127.0.0.1:%d"):format(a), ("sni:*.b.example=127.0.0.1:%d"):format(b)
  end

  local function talk(client)
    client:write "hello\n"
    client:waitForLine "^olleh$"
    client:closeInput()
    client:wait()
  end

  it("passes on by name what it can't read: each upstream shows its own certificate", function()
    local program, port = start(servers())
    talk(ask(port, "a.example"))
    talk(ask(port, "A.Example", "-tls1_2"))
    talk(ask(port, "x.b.example"))
    stop(program)
  end)

  it("refuses other names with the alert, and who asks for none", function()
    local program, port = start(servers())
    local client = ask(port, "c.example")
    client:waitForLine "unrecognized name"
    client = helper.spawn { "openssl", "s_client", "-connect", at(port), "-noservername" }
    client:waitForLine "unrecognized name"
    stop(program)
  end)

  it("gives other names to the upstreams without one, undecrypted or, with certificate=, decrypted", function()
    local _, default = tls.server(certificate, "-rev")
    local a, b = servers()
    local program, port = start(a, b, at(default), "get=/nothing", "check=50")
    talk(ask(port, "localhost"))
    talk(ask(port, "a.example"))
    assert.falsy(program:stderr():find("is down", 1, true), program:stderr())
    stop(program)

    local plain = helper.listen()
    program, port = start(a, b, at(plain:port()), encrypted())
    talk(ask(port, "x.b.example"))
    local client = ask(port, "localhost")
    local peer = plain:accept()
    client:write "in the clear\n"
    assert.equal("in the clear\n", peer:receiveLine())
    peer:send "answer\n"
    client:waitForLine "^answer$"
    peer:close()
    client:closeInput()
    client:wait()
    stop(program)
  end)

  it("takes a hello in any pieces, and ends what is no hello, or none in time", function()
    local listener = helper.listen()
    local client = ask(listener:port(), "a.example")
    local peer = listener:accept()
    local head = peer:receive(5)
    local hello = head .. peer:receive(string.unpack(">I2", head, 4))
    peer:close()
    client:wait()

    local program, port = start(("sni:a.example=127.0.0.1:%d"):format(listener:port()), "hello=300")
    local slow = helper.connect(port)
    for i = 1, #hello do
      slow:send(hello:sub(i, i))
      if i % 50 == 0 then helper.settle(2) end
    end
    peer = listener:accept()
    assert.is_true(peer:receive(#hello) == hello)
    peer:close()

    local silent, half, plain = helper.connect(port), helper.connect(port), helper.connect(port)
    half:send(hello:sub(1, 100))
    plain:send "GET / HTTP/1.0\r\n\r\n"
    for _, one in ipairs { plain, silent, half } do one:waitForEnd() end
    assert.falsy(helper.posix.poll(listener.fd, "r", 0))
    assert.truthy(program:stderr():find("it isn't TLS", 1, true))
    stop(program)
  end)

  it("keeps connections when it is reloaded, and who hasn't said a name yet", function()
    local program, port = start(servers())
    local early = helper.connect(port)
    local client = ask(port, "a.example")
    client:write "hello\n"
    client:waitForLine "^olleh$"
    program:signal "HUP"
    program:waitForLine " reloaded "
    client:write "again\n"
    client:waitForLine "^niaga$"
    early:send "nonsense"
    early:waitForEnd()
    client:closeInput()
    client:wait()
    stop(program)
  end)
end)
