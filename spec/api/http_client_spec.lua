-- SPDX-License-Identifier: MIT
-- http.request with servers of this process: kept connections, redirects, bodies, peers that break every rule.

local moonport = require "moonport"
local helper = require "spec.helper"
local http = require "moonport.http"
local pool = require "moonport.http.pool"
local url = require "moonport.http.url"

-- A server with a handler of requests. -> server, its URL
local function serve(handler, options)
  local server = http.server(handler, options)
  assert(server:listen("127.0.0.1", 0))
  return server, "http://127.0.0.1:" .. server:serverPort()
end

-- A server that answers the first bytes of each connection with these texts, one a connection, and then ends it.
local function answering(...)
  local texts, server, count = { ... }, moonport.TcpServer(), 0
  function server.connection:readyRead()
    if self.answered then return end
    count = count + 1
    self.answered = true
    self:readAll()
    self:write(texts[math.min(count, #texts)])
    self:disconnectFromHost()
  end
  assert(server:listen("127.0.0.1", 0))
  return server, "http://127.0.0.1:" .. server:serverPort(), function() return count end
end

describe("http.request", function()
  before_each(function() pool.idle = 50 end)

  it("asks, and has status, headers and body, over one kept connection", function()
    local server <close>, base = serve(function(request)
      return 200, { ["X-A"] = { "1", "2" } }, request.method .. " " .. request.target .. " " .. request.body
    end)
    local before = moonport.stats().accepted
    local response = assert(http.request(base .. "/a?b#c"))
    assert.are.same({ 200, "OK", "1, 2", "GET /a?b " },
      { response.status, response.reason, response.headers["x-a"], response.body })
    assert.are.same({ "1", "2" }, { response:header "x-a" })
    assert.are.equal("POST / hello", assert(http.request { url = base, method = "POST", body = "hello" }).body)
    assert.are.equal("PUT / hey", assert(http.request { url = base, method = "PUT", body = function(write)
      write "he"
      write ""
      write "y"
    end }).body)
    assert.are.equal("", assert(http.request { url = base, method = "HEAD" }).body)
    local long = ("x"):rep(1000000)
    assert.are.equal("POST / " .. long, assert(http.request { url = base, method = "POST", body = long }).body)
    assert.are.equal(1, moonport.stats().accepted - before)
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)

  it("reads bodies in chunks, and until the end; and as a stream", function()
    local server <close>, base = serve(function(request)
      return 200, nil, function(write)
        for i = 1, 3 do
          write(("%d"):format(i))
          if request.path == "/slow" then moonport.sleep(2) end
        end
      end
    end)
    assert.are.equal("123", assert(http.request(base .. "/slow")).body)
    local response, pieces = assert(http.request { url = base .. "/slow", stream = true }), {}
    assert.is_nil(response.body)
    for piece in response:read() do pieces[#pieces + 1] = piece end
    assert.are.equal("123", table.concat(pieces))
    local ended, other = answering "HTTP/1.0 200 OK\r\n\r\nuntil the end"
    assert.are.equal("until the end", assert(http.request(other)).body)
    ended:close()
    server:close()
  end)

  it("follows redirects, but not to other schemes, not from https to http, and not for ever", function()
    local server, base = serve(function(request)
      if request.path == "/to" then return 302, { Location = "a/../b?c#d" } end
      if request.path == "/post" then return 307, { Location = "/b" } end
      if request.path == "/loop" then return 301, { Location = "/loop" } end
      if request.path == "/ftp" then return 301, { Location = "ftp://x/" } end
      if request.path == "/unix" then return 301, { Location = "unix:/x:/" } end
      if request.path == "/other" then
        return 301, { Location = ("http://localhost:%d/b"):format(request.socket:localPort()) }
      end
      return 200, nil, request.method .. request.target .. request.body .. (request.headers.authorization or "")
    end)
    local own = { Authorization = "secret" }
    assert.are.equal("GET/b?csecret", assert(http.request { url = base .. "/to", headers = own }).body)
    assert.are.equal("GET/b", assert(http.request { url = base .. "/other", headers = own }).body)
    assert.are.equal("GET/b?c", assert(http.request { url = base .. "/to", method = "POST", body = "x" }).body)
    assert.are.equal("POST/bx", assert(http.request { url = base .. "/post", method = "POST", body = "x" }).body)
    assert.are.equal(302, assert(http.request { url = base .. "/to", redirects = 0 }).status)
    assert.are.equal("TooManyRedirectsError", (select(3, http.request(base .. "/loop"))))
    assert.are.equal("ProtocolUnknownError", (select(3, http.request(base .. "/ftp"))))
    assert.are.equal("ProtocolUnknownError", (select(3, http.request(base .. "/unix"))))
    server:close()
  end)

  it("asks again over a new connection if the kept one had ended, but only what is idempotent", function()
    local whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    for method, expected in pairs { GET = 200, POST = "RemoteHostClosedError" } do
      local server <close> = moonport.TcpServer()
      local count = 0
      function server.connection:readyRead()
        count = count + 1
        self:readAll()
        if count == 2 then return self:disconnectFromHost() end -- takes the second request, and goes
        self:write(whole)
      end
      assert(server:listen("127.0.0.1", 0))
      local base = "http://127.0.0.1:" .. server:serverPort()
      assert.are.equal(200, assert(http.request(base)).status)
      local response, _, code = http.request { url = base, method = method }
      assert.are.equal(expected, response and response.status or code)
    end
  end)

  it("fails for what is no response, endless, too long, or cut short", function()
    for text, expected in pairs {
      ["SMTP ready\r\n\r\n"] = "ProtocolFailure", ["HTTP/1.1 200 OK\n\n"] = "ProtocolFailure",
      ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"] = "ProtocolFailure",
      ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] = "ProtocolFailure",
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"] = "ProtocolFailure",
      ["HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"] = "ProtocolFailure",
      ["HTTP/1.1 200 OK\r\n\r\n" .. ("x"):rep(3000)] = "ProtocolFailure",
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" .. ("x"):rep(3000)] = "ProtocolFailure",
      ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxx"] = "RemoteHostClosedError",
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nxx"] = "RemoteHostClosedError",
      ["HTTP/1.1 200 OK\r\nX: "] = "RemoteHostClosedError",
      [("HTTP/1.1 100 Continue\r\n\r\n"):rep(20)] = "ProtocolFailure",
      ["HTTP/1.1 200 OK\r\nX: " .. ("x"):rep(70000)] = "ProtocolFailure",
    } do
      local server, base = answering(text)
      local response, _, code = http.request { url = base, limit = 2000 }
      server:close()
      assert.are.same({ nil, expected }, { response, code }, text:sub(1, 80))
    end
  end)

  it("ends when its time is up", function()
    local server <close> = moonport.TcpServer()
    function server.connection:readyRead() self:write "HTTP/1.1 200 OK\r\nX: " end
    assert(server:listen("127.0.0.1", 0))
    local _, _, code = http.request { url = "http://127.0.0.1:" .. server:serverPort(), timeout = 50 }
    assert.are.equal("SocketTimeoutError", code)
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)

  it("connects to no address of this network with private = false, whatever its name", function()
    local server, base, count = answering "HTTP/1.1 200 OK\r\n\r\n"
    for _, where in ipairs { base, (base:gsub("127.0.0.1", "localhost")), "unix:/tmp/x", "http://[::1]:80/",
      "http://[::ffff:127.0.0.1]:80/", "http://10.0.0.1/", "http://169.254.169.254/", "http://100.64.0.1/",
      "http://0.0.0.0/", "http://[fe80::1]/", "http://[64:ff9b::a00:1]/" } do
      local response, _, code = http.request { url = where, private = false, timeout = 2000 }
      assert.are.same({ nil, "SocketAccessError" }, { response, code }, where)
    end
    assert.are.equal(0, count())
    server:close()
    assert.is_true(pool.isPublic "93.184.216.34")
    assert.is_true(pool.isPublic "2606:2800:220:1::1")
  end)

  it("connects to where resolve says, and to a path", function()
    local server <close>, base = serve(function(request) return 200, nil, request.headers.host end)
    local port = base:match "%d+$"
    local places = { ["example.test"] = "127.0.0.1" }
    local response = assert(http.request { url = "http://example.test:" .. port, resolve = places })
    assert.are.equal("example.test:" .. port, response.body)
    local path = os.tmpname()
    os.remove(path)
    local other <close> = http.server(function(request)
      if request.query ~= "" then return 302, { Location = request.query } end
      return 200, nil, request.peer .. request.path
    end)
    assert(other:listen("unix:" .. path))
    local at = "unix:" .. path .. ":"
    assert.are.equal("unix/a", assert(http.request(at .. "/a")).body)
    assert.are.equal("unix/b", assert(http.request(at .. "/a?/b")).body) -- a redirect to the same socket
    assert.are.equal("ProtocolUnknownError", (select(3, http.request(at .. "/a?unix:/another.sock:/b"))))
    server:close()
  end)

  it("takes URLs apart, and refuses what two programs could read differently", function()
    local one = assert(url.parse "HTTP://Example.org:8080?a=b#c")
    assert.are.same({ "http", "example.org", 8080, "/?a=b" }, { one.scheme, one.host, one.port, one.target })
    assert.are.same({ "::1", 443 }, { assert(url.parse "https://[::1]/").host, url.parse("https://[::1]/").port })
    for _, bad in ipairs { "", "http:", "http://", "http:///a", "http://a b/", "http://a\r\n/", "http://user:pass@a/",
      "http://a:b/", "http://a:0/", "http://a:65536/", "http://[::1/", "http://[::1]x/", "ftp://a/", "unix:", "a/b",
      "http://a\\b/", "http://ä/", "http://a:+80/", "http://a:0x50/" } do
      assert.is_nil(url.parse(bad), bad)
    end
    local base = url.parse "http://a/b/c?d"
    for location, expected in pairs {
      ["x"] = "/b/x", ["/x"] = "/x", ["../x"] = "/x", ["../../x"] = "/x", ["?y"] = "/b/c?y", [""] = "/b/c?d",
      ["./"] = "/b/", [".."] = "/", ["x/./y?z/../w"] = "/b/x/y?z/../w",
    } do
      assert.are.equal("http://a" .. expected, url.resolve(base, location), location)
    end
    assert.are.equal("http://z/", url.resolve(base, "//z/"))
  end)

  it("raises for options that it doesn't know, and for text that would begin a header of its own", function()
    for _, misuse in ipairs { {}, 5, { url = "http://a/", methods = "GET" }, { url = "http://a/", body = 5 } } do
      assert.has_error(function() http.request(misuse) end)
    end
    local server <close>, base = serve(function() return 200 end)
    assert.has_error(function() http.request { url = base, headers = { A = "b\r\nC: d" } } end)
    assert.has_error(function() http.request { url = base, method = "GET / HTTP/1.1\r\nX:" } end)
    server:close()
  end)
end)
