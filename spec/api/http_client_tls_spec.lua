-- SPDX-License-Identifier: MIT
-- http.request over https: whom it believes, what it says if it does not, redirects, and connections that end early.

local moonport = require "moonport"
local http = require "moonport.http"
local pool = require "moonport.http.pool"
local tls = require "spec.tls"

local authority, localhost, trusted

-- A server with this certificate. -> server, its URL by the name localhost
local function serve(certificate, handler)
  local server = http.server(handler or function(request) return 200, nil, tostring(request.secure) end,
    { ssl = { certificate = certificate.certificate, key = certificate.key } })
  assert(server:listen("127.0.0.1", 0))
  return server, ("https://localhost:%d/"):format(server:serverPort())
end

local here = { localhost = "127.0.0.1" }

local function ask(url, ssl) return http.request { url = url, ssl = ssl or trusted, resolve = here } end

-- A request that fails. -> its message
local function failure(url, ssl)
  local response, message, code = ask(url, ssl)
  assert.is_nil(response)
  assert.are.equal("SslHandshakeFailedError", code)
  return message
end

describe("http.request over https", function()
  setup(function()
    authority = tls.authority()
    localhost = authority:certificate { names = { "localhost" } }
    trusted = { caCertificates = authority.caCertificates }
  end)
  teardown(function() authority:close() end)
  before_each(function() pool.idle = 50 end)

  it("asks a server whose certificate is good, twice over one connection", function()
    local server <close>, url = serve(localhost)
    local before = moonport.stats().accepted
    for _ = 1, 2 do
      local response = assert(ask(url))
      assert.are.same({ 200, "true" }, { response.status, response.body })
    end
    assert.are.equal(1, moonport.stats().accepted - before)
    server:close()
  end)

  it("says what is wrong with a certificate", function()
    local server <close>, url = serve(localhost)
    assert.is_truthy(failure(url, {}):find("issuer", 1, true))
    assert.is_truthy(failure((url:gsub("localhost", "127.0.0.1"))):find("host name", 1, true))
    local late <close>, lateUrl = serve(authority:certificate { names = { "localhost" }, expired = true })
    assert.is_truthy(failure(lateUrl):find("expired", 1, true))
    server:close()
    late:close()
  end)

  it("says that the server doesn't speak TLS", function()
    local server <close> = http.server(function() return 200 end)
    assert(server:listen("127.0.0.1", 0))
    assert.is_truthy(failure(("https://localhost:%d/"):format(server:serverPort())))
    server:close()
  end)

  it("follows redirects from http to https and within https, but not from https to http", function()
    local asked = 0
    local plain <close> = http.server(function(request)
      asked = asked + 1
      return 302, { Location = "https://localhost:" .. request.query .. "/" }
    end)
    assert(plain:listen("127.0.0.1", 0))
    local clear = ("http://localhost:%d/"):format(plain:serverPort())
    local server <close>, url = serve(localhost, function(request)
      if request.path == "/within" then return 302, { Location = "/" } end
      if request.path == "/clear" then return 302, { Location = clear } end
      return 200, nil, "here"
    end)
    assert.are.equal("here", assert(ask(url .. "within")).body)
    assert.are.equal("here", assert(ask(clear .. "?" .. server:serverPort())).body)
    assert.are.equal(1, asked)
    local response, message, code = ask(url .. "clear")
    assert.are.same({ nil, "redirected from https to http", "InsecureRedirectError" }, { response, message, code })
    assert.are.equal(1, asked)
    server:close()
    plain:close()
  end)

  it("lends a kept connection to nobody with other options of TLS, wherever their table lies", function()
    pool.idle = 5000
    local server <close>, url = serve(localhost)
    local function place()
      local careless = { peerVerifyMode = "VerifyNone" }
      assert.are.equal(200, assert(ask(url, careless)).status)
      return tostring(careless)
    end
    local freed = place()
    collectgarbage()
    collectgarbage()
    local others = {}
    for i = 1, 20000 do
      others[i] = {}
      if tostring(others[i]) == freed then break end
    end
    failure(url, others[#others])
    server:close()
  end)

  it("takes the end of a connection without close_notify for no end of a body", function()
    for last, expected in pairs { notify = "part", fin = false } do
      local peer = tls.peer("server", "cert=" .. localhost.certificate, "key=" .. localhost.key, "hello", "handshake",
        "read=18", "write=HTTP/1.1 200 OK\r\n\r\npart", "send", last, "send", "fin", "hold")
      local port = tonumber((peer:waitForLine "(%d+)"))
      local response, message = ask(("https://localhost:%d/"):format(port))
      assert.are.equal(expected, response and response.body or false, message)
      peer:closeInput()
      peer:wait()
    end
  end)
end)
