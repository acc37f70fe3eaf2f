-- SPDX-License-Identifier: MIT
-- http.request: which connections are kept and for whom, where redirects may lead, and bodies that break off.

local moonport = require "moonport"
local helper = require "spec.helper"
local http = require "moonport.http"
local pool = require "moonport.http.pool"

local usual = { each = pool.each, all = pool.all, idle = pool.idle, isPublic = pool.isPublic }

-- A server with a handler of requests. -> server, its URL
local function serve(handler)
  local server = http.server(handler)
  assert(server:listen("127.0.0.1", 0))
  return server, "http://127.0.0.1:" .. server:serverPort()
end

-- A server that hands each message of a client to a function(socket, text, which).
local function raw(answer)
  local server, count = moonport.TcpServer(), 0
  function server.connection:readyRead()
    count = count + 1
    answer(self, self:readAll(), count)
  end
  assert(server:listen("127.0.0.1", 0))
  return server, "http://127.0.0.1:" .. server:serverPort(), function() return count end
end

-- Ends a server and its connections, so that no kept one outlives the spec.
local function finish(server)
  for socket in server:connections() do socket:abort() end
  server:close()
  helper.settle(0)
end

-- Asks for each URL at the same time, and waits for all.
local function together(urls)
  local tasks = {}
  for i, one in ipairs(urls) do
    tasks[i] = moonport.spawn(function() return assert(http.request(one)).status end)
  end
  for _, task in ipairs(tasks) do assert.are.equal(200, task:join()) end
end

local function times(n, url)
  local list = {}
  for i = 1, n do list[i] = url end
  return list
end

describe("The connections of http.request", function()
  before_each(function() pool.idle = 50 end)
  after_each(function()
    for name, value in pairs(usual) do pool[name] = value end
  end)

  it("are kept in bounded numbers, of one host and in all, for a bounded time", function()
    pool.each, pool.all, pool.idle = 2, 3, 60000
    local first <close>, one = serve(function() moonport.sleep(5) return 200 end)
    local second <close>, other = serve(function() moonport.sleep(5) return 200 end)
    together(times(5, one))
    helper.eventually(function() return first:connectionCount() == 2 end)
    together(times(5, other))
    helper.eventually(function() return second:connectionCount() == 1 end)
    assert.are.equal(2, first:connectionCount())
    pool.idle = 1
    together(times(2, one)) -- both of the first are used, and given back for a millisecond
    helper.eventually(function() return first:connectionCount() == 0 end)
    together(times(1, other))
    helper.eventually(function() return second:connectionCount() == 0 end)
    pool.each, pool.all, pool.idle = 2, 2, 60000 -- and there is room again for others
    together(times(5, one))
    helper.eventually(function() return first:connectionCount() == 2 end)
    finish(first)
    finish(second)
  end)

  it("are not used again when the server has closed them meanwhile, also for what is asked once", function()
    pool.idle = 60000
    local server <close>, base, count = raw(function(socket)
      socket:write "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    end)
    for i = 1, 3 do
      assert.are.equal("ok", assert(http.request { url = base, method = "POST", body = "x" }).body)
      for socket in server:connections() do socket:disconnectFromHost() end
      helper.eventually(function() return server:connectionCount() == 0 end)
      helper.settle(0) -- a turn, in which the client hears of it
      assert.are.equal(i, count())
    end
  end)

  it("are not used again if bytes have come that nobody asked for", function()
    pool.idle = 60000
    local server <close>, base = raw(function(socket)
      socket:write "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    end)
    for _ = 1, 3 do assert.are.equal("ok", assert(http.request { url = base, method = "POST" }).body) end
    local late <close>, url = raw(function(socket) socket:write "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" end)
    local before = moonport.stats().accepted
    for i = 1, 3 do
      assert.are.equal("ok", assert(http.request { url = url, method = "POST" }).body)
      for socket in late:connections() do
        socket:write "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        socket:flush()
      end
      helper.settle(0)
      assert.are.equal(i, moonport.stats().accepted - before)
    end
    finish(server)
    finish(late)
  end)

  it("are not kept with Connection: close, of us or of the server", function()
    pool.idle = 60000
    local seen
    local server <close>, base = serve(function(request)
      seen = request.headers.connection
      return 200, request.path == "/theirs" and { Connection = "close" } or nil, "x"
    end)
    assert.are.equal("x", assert(http.request { url = base, headers = { connection = "close" } }).body)
    assert.are.equal("close", seen)
    helper.eventually(function() return server:connectionCount() == 0 end)
    assert.are.equal("x", assert(http.request(base .. "/theirs")).body)
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)

  it("are lent only to requests that may connect to the same addresses", function()
    pool.idle = 60000
    local server <close>, base = serve(function() return 200 end)
    assert.are.equal(200, assert(http.request(base)).status)
    assert.are.equal("SocketAccessError", (select(3, http.request { url = base, private = false })))
    finish(server)
  end)

  it("don't send again what has been answered in part", function()
    local server, base, count = raw(function(socket, _, which)
      if which == 1 then return socket:write "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" end
      socket:write "HTTP/1.1 2"
      socket:disconnectFromHost()
    end)
    assert.are.equal("ok", assert(http.request(base)).body)
    assert.are.equal("RemoteHostClosedError", (select(3, http.request(base))))
    assert.are.equal(2, count())
    finish(server)
  end)
end)

describe("A redirect", function()
  before_each(function() pool.idle = 50 end)
  after_each(function() pool.isPublic = usual.isPublic end)

  it("leads with private = false to no address of this network, however it is written", function()
    local public = {}
    function pool.isPublic(text) return public[text] or usual.isPublic(text) end
    local inner <close>, private = serve(function() return 200, nil, "secret" end)
    local port = private:match "%d+$"
    local server = http.server(function(request) return 302, { Location = http.decode(request.query) } end)
    assert(server:listen("127.0.0.2", 0))
    public["127.0.0.2"] = true -- the first server passes for one of another network
    local base = ("http://127.0.0.2:%d/?"):format(server:serverPort())
    local accepted = moonport.stats().accepted
    for _, location in ipairs {
      private, "http://localhost:" .. port, "//127.0.0.1:" .. port, "http://[::1]:" .. port .. "/",
      "http://[::ffff:127.0.0.1]:" .. port, "http://[::ffff:7f00:1]:" .. port .. "/", "http://10.0.0.1/",
      "http://192.168.1.1:81/a", "http://169.254.169.254/latest/", "http://[fd00::1]/", "https://127.0.0.1/",
      "http://2130706433:" .. port, "http://0x7f.1:" .. port, "http://127.1:" .. port, "http://017700000001:" .. port,
      "http://0.0.0.0:" .. port, "HTTP://127.0.0.1:" .. port, "http://[::]:" .. port .. "/", "http://172.31.255.255/",
    } do
      local response, _, code = http.request { url = base .. location, private = false, timeout = 5000 }
      assert.are.same({ nil, "SocketAccessError" }, { response, code }, location)
    end
    for _, location in ipairs { "unix:/run/app.sock:/", "ftp://127.0.0.1/", "file:///etc/passwd", "javascript:x",
      "gopher://127.0.0.1:" .. port .. "/", "data:,x", "HtTpS:/a", "http://a b/", "http://a@127.0.0.1/", "http:///" } do
      local response, _, code = http.request { url = base .. location:gsub(" ", "%%20"), private = false }
      assert.are.same({ nil, "ProtocolUnknownError" }, { response, code }, location)
    end
    assert.are.equal(0, inner:connectionCount())
    assert.is_true(moonport.stats().accepted - accepted >= 1)
    finish(server)
    inner:close()
  end)

  it("from another network is followed to a third, and what it says there is looked at, too", function()
    local public = { ["127.0.0.2"] = true, ["127.0.0.3"] = true }
    function pool.isPublic(text) return public[text] or usual.isPublic(text) end
    local second = http.server(function(request)
      return 302, { Location = ("http://127.0.0.1:%d/"):format(request.socket:localPort()) }
    end)
    assert(second:listen("127.0.0.3", 0))
    local first = http.server(function()
      return 307, { Location = ("http://127.0.0.3:%d/"):format(second:serverPort()) }
    end)
    assert(first:listen("127.0.0.2", 0))
    local url = ("http://127.0.0.2:%d/"):format(first:serverPort())
    assert.are.equal("SocketAccessError", (select(3, http.request { url = url, private = false })))
    first:close()
    second:close()
  end)

  it("makes a GET of what RFC 9110 and browsers do, drops secrets elsewhere, and sends no function twice", function()
    local server <close>, base = serve(function(request)
      local status, where = request.path:match "^/(%d%d%d)(.*)$"
      if status then return tonumber(status), { Location = where } end
      return 200, nil, ("%s %s %s %s"):format(request.method, request.headers.authorization or "-",
        request.headers.cookie or "-", request.body)
    end)
    local function ask(method, path, body)
      local response, _, code = http.request { url = base .. path, method = method, body = body,
        headers = { Authorization = "secret", cookie = "a=1" } }
      return response and response.body or code
    end
    for _, case in ipairs {
      { "POST", 301, "GET" }, { "POST", 302, "GET" }, { "POST", 303, "GET" }, { "POST", 307, "POST" },
      { "POST", 308, "POST" }, { "PUT", 301, "PUT" }, { "PUT", 302, "PUT" }, { "PUT", 303, "GET" },
      { "GET", 303, "GET" }, { "DELETE", 308, "DELETE" }, { "PATCH", 303, "GET" },
    } do
      local method, status, expected = table.unpack(case)
      local body = method ~= "GET" and method ~= "DELETE" and "x" or nil
      assert.are.equal(("%s secret a=1 %s"):format(expected, expected ~= "GET" and body or ""),
        ask(method, ("/%d/b"):format(status), body), method .. " " .. status)
    end
    assert.are.equal("", ask("HEAD", "/303/b"))
    assert.are.equal("ProtocolFailure", ask("PUT", "/307/b", function(write) write "x" end))
    local other = http.server(function(request)
      return 200, nil, (request.headers.authorization or "-") .. (request.headers.cookie or "-")
    end)
    assert(other:listen("127.0.0.1", 0)) -- the same host at another port
    local response = assert(http.request {
      url = ("%s/302http://127.0.0.1:%d/"):format(base, other:serverPort()),
      headers = { Authorization = "secret", cookie = "a=1" },
    })
    assert.are.equal("--", response.body)
    assert.are.equal(("http://127.0.0.1:%d/"):format(other:serverPort()), response.url)
    other:close()
    finish(server)
  end)
end)

describe("A response that is read as it comes", function()
  before_each(function() pool.idle = 50 end)

  it("ends its loop and says why, when it is cut, malformed, too long, or takes too long", function()
    for text, expected in pairs {
      ["Content-Length: 10\r\n\r\nabc"] = "RemoteHostClosedError",
      ["Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\n"] = "RemoteHostClosedError",
      ["Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx\r\n"] = "ProtocolFailure",
      ["Transfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n"] = "ProtocolFailure",
      ["Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n20\r\n" .. ("x"):rep(32)] = "ProtocolFailure",
      ["Content-Length: 4\r\n\r\nabc"] = "SocketTimeoutError",
    } do
      local server <close>, base = raw(function(socket)
        socket:write("HTTP/1.1 200 OK\r\n" .. text)
        if expected ~= "SocketTimeoutError" then socket:disconnectFromHost() end
      end)
      local response = assert(http.request { url = base, stream = true, limit = 20,
        timeout = expected == "SocketTimeoutError" and 50 or nil })
      assert.are.same({ 200, nil, nil }, { response.status, response.body, response.problem })
      local got = ""
      for piece in response:read() do got = got .. piece end
      if expected ~= "ProtocolFailure" then assert.are.equal("abc", got, text) end
      assert.are.equal(expected, response.code, text)
      assert.are.equal("string", type(response.problem))
      for _ in response:read() do error "nothing comes behind the end" end
      assert.are.equal(expected, response.code)
      helper.eventually(function() return server:connectionCount() == 0 end)
    end
  end)

  it("has no problem when it ends as it should, and its connection is kept", function()
    pool.idle = 60000
    local server <close>, base = serve(function() return 200, nil, function(write) write "ab" write "c" end end)
    local before = moonport.stats().accepted
    for _ = 1, 2 do
      local response, got = assert(http.request { url = base, stream = true }), ""
      for piece in response:read() do got = got .. piece end
      assert.are.same({ "abc", nil, nil }, { got, response.problem, response.code })
      response:close()
    end
    assert.are.equal(1, moonport.stats().accepted - before)
    finish(server)
  end)

  it("gives up the rest of its body with close, and the connection with it", function()
    local server <close>, base = serve(function()
      return 200, nil, function(write) while write(("x"):rep(100000)) do moonport.sleep(0) end end
    end)
    local response = assert(http.request { url = base, stream = true, limit = 1 << 40 })
    local count = 0
    for _ in response:read() do
      count = count + 1
      if count == 3 then response:close() end
    end
    assert.are.equal(3, count)
    assert.is_nil(response.problem)
    response:close() -- again
    helper.eventually(function() return server:connectionCount() == 0 end)
  end)

  it("has each of several header fields of a name, whatever its case", function()
    local server <close>, base = raw(function(socket)
      socket:write "HTTP/1.1 200 OK\r\nset-COOKIE: a=1\r\nX: \r\nSet-Cookie:  b=2, c \r\nContent-Length: 0\r\n\r\n"
    end)
    local response = assert(http.request(base))
    assert.are.same({ "a=1", "b=2, c" }, { response:header "Set-Cookie" })
    assert.are.same({ "a=1", "b=2, c" }, { response:header "SET-cookie" })
    assert.are.same({ "" }, { response:header "x" })
    assert.are.equal(0, select("#", response:header "None"))
    assert.are.equal("a=1, b=2, c", response.headers["set-cookie"])
    assert.is_nil(response.headers["Set-Cookie"])
    finish(server)
  end)
end)
