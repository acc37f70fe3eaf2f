-- SPDX-License-Identifier: MIT
-- moonport.http's server with clients that send exact bytes: keep-alive and pipelining, bodies, limits,
-- time-outs, requests that two servers could interpret differently, clients that don't read.

local helper = require "spec.helper"
local web = require "spec.scripts.web"

local echo = 'return 200, {}, request.method .. " " .. request.path .. " " .. request.body'
local hosted = "Host: a\r\n"

-- Sends text on its own connection. -> the status of the answer, after which the server has closed
local function refused(port, text)
  local client = helper.connect(port)
  client:send(text)
  local status, headers = web.receive(client)
  assert.are.equal("close", headers.connection)
  assert.are.equal("", client:receiveAll())
  return status
end

describe("A server of moonport.http", function()
  after_each(web.clean)

  it("answers pipelined requests in order, also those that came before a half-close", function()
    local _, port = web.server(echo)
    local client = helper.connect(port)
    local requests = {}
    for i = 1, 300 do requests[i] = ("GET /%d HTTP/1.1\r\n%s\r\n"):format(i, hosted) end
    client:send(table.concat(requests))
    for i = 1, 300 do
      assert.are.equal(("GET /%d "):format(i), (select(3, web.receive(client))))
    end
    client:send(requests[1] .. requests[2])
    client:shutdown()
    assert.are.equal("GET /1 ", (select(3, web.receive(client))))
    assert.are.equal("GET /2 ", (select(3, web.receive(client))))
    assert.are.equal("", client:receiveAll())
  end)

  it("keeps the connection open as HTTP/1.1 and HTTP/1.0 say", function()
    local _, port = web.server(echo)
    local function kept(text)
      local client = helper.connect(port)
      client:send(text)
      local status, headers = web.receive(client)
      assert.are.equal(200, status)
      if headers.connection == "close" then return "", client:receiveAll() == "" and "closed" end
      client:send(text)
      assert.are.equal(200, (web.receive(client)))
      return headers.connection or "", "kept"
    end
    assert.are.same({ "", "kept" }, { kept("GET / HTTP/1.1\r\n" .. hosted .. "\r\n") })
    assert.are.same({ "", "closed" }, { kept("GET / HTTP/1.1\r\nConnection: close\r\n" .. hosted .. "\r\n") })
    assert.are.same({ "", "closed" }, { kept("GET / HTTP/1.1\r\nConnection: x, Close\r\n" .. hosted .. "\r\n") })
    assert.are.same({ "", "closed" }, { kept "GET / HTTP/1.0\r\n\r\n" })
    assert.are.same({ "keep-alive", "kept" }, { kept "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" })
  end)

  it("answers nothing after the request that closes the connection", function()
    local _, port = web.server 'moonport.sleep(100) return 200, {}, "x"'
    for _, halfClosed in ipairs { false, true } do
      local client = helper.connect(port)
      client:send("GET /1 HTTP/1.1\r\nConnection: close\r\n" .. hosted .. "\r\nGET /2 HTTP/1.1\r\n" .. hosted .. "\r\n")
      helper.settle(20) -- so that more arrives while the first is being answered
      client:send("GET /3 HTTP/1.1\r\n" .. hosted .. "\r\n")
      if halfClosed then client:shutdown() end
      assert.are.equal(200, (web.receive(client)))
      assert.are.equal("", client:receiveAll())
    end
  end)

  it("reads bodies by length and in chunks, in one piece and byte by byte, and the request after them", function()
    local _, port = web.server(echo)
    local text = "POST /a HTTP/1.1\r\nContent-Length: 5\r\n" .. hosted .. "\r\nhello"
      .. "POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" .. hosted
      .. "\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: x\r\n\r\n\r\nGET /c HTTP/1.1\r\n" .. hosted .. "\r\n"
    for _, size in ipairs { #text, 1, 7 } do
      local client = helper.connect(port)
      for at = 1, #text, size do client:send(text:sub(at, at + size - 1)) end
      for _, expected in ipairs { "POST /a hello", "POST /b hello", "GET /c " } do
        local status, _, body = web.receive(client)
        assert.are.same({ 200, expected }, { status, body })
      end
    end
  end)

  it("refuses what two servers could interpret differently, and closes", function()
    local _, port = web.server(echo)
    local post = "POST / HTTP/1.1\r\n" .. hosted
    for text, expected in pairs {
      [post .. "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] = 400,
      [post .. "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"] = 400,
      [post .. "Content-Length: 5, 5\r\n\r\nhello"] = 400,
      [post .. "Content-Length: +5\r\n\r\nhello"] = 400,
      [post .. "Content-Length: 0x5\r\n\r\nhello"] = 400,
      [post .. "Content-Length: -1\r\n\r\n"] = 400,
      [post .. "Content-Length:\r\n\r\n"] = 400,
      [post .. "Content-Length : 5\r\n\r\nhello"] = 400,
      [post .. " Content-Length: 5\r\n\r\nhello"] = 400,
      [post .. "X: a\r\n b\r\n\r\n"] = 400,
      [post .. "X: a\nY: b\r\n\r\n"] = 400,
      [post .. "X: a\rY: b\r\n\r\n"] = 400,
      [post .. "X: a\0b\r\n\r\n"] = 400,
      [post .. ": a\r\n\r\n"] = 400,
      [post .. "X\r\n\r\n"] = 400,
      [post .. "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] = 400,
      [post .. "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"] = 501,
      [post .. "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"] = 501,
      [post .. "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"] = 501,
      [post .. "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"] = 400,
      [post .. "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"] = 400,
      [post .. "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n"] = 400,
      [post .. "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n"] = 400,
      [post .. "Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n"] = 400,
      ["POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"] = 400,
      ["GET / HTTP/1.1\r\n\r\n"] = 400,
      ["GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"] = 400,
      ["GET / HTTP/1.1\r\nHost: a b\r\n\r\n"] = 400,
      ["GET / HTTP/1.1\nHost: a\n\n"] = 400,
      ["GET  / HTTP/1.1\r\n" .. hosted .. "\r\n"] = 400,
      ["GET /a b HTTP/1.1\r\n" .. hosted .. "\r\n"] = 400,
      ["GET / HTTP/1.1 \r\n" .. hosted .. "\r\n"] = 400,
      ["GET a HTTP/1.1\r\n" .. hosted .. "\r\n"] = 400,
      ["GET /\r\n\r\n"] = 400,
      ["\r\n\r\nGET / HTTP/1.1\r\n" .. hosted .. "\r\n"] = 400,
      ["\22\3\1\2\0\1\0\1\252\3\3"] = 400, -- how TLS begins
      ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] = 505,
      ["GET / HTTP/3.1\r\n" .. hosted .. "\r\n"] = 505,
      ["BREW / HTTP/1.1\r\n" .. hosted .. "\r\n"] = 501,
      ["GET / HTTP/1.1\r\nExpect: tea\r\n" .. hosted .. "\r\n"] = 417,
    } do
      assert.are.equal(expected, refused(port, text), text)
    end
  end)

  it("accepts a target with http:// before it, the asterisk, and an empty line before the request", function()
    local _, port = web.server 'return 200, {}, request.path .. " " .. request.query'
    local client = helper.connect(port)
    for text, expected in pairs {
      ["GET http://a:80/b?c"] = "/b c", ["GET http://a"] = "/ ", ["GET HTTPS://a?b"] = "/ b", ["OPTIONS *"] = "* ",
      ["\r\nGET /x"] = "/x ",
    } do
      client:send(text .. " HTTP/1.1\r\n" .. hosted .. "\r\n")
      local status, _, body = web.receive(client)
      assert.are.same({ 200, expected }, { status, body })
    end
  end)

  it("enforces the limits of the head and the body", function()
    local _, port = web.server(echo, "line = 100, head = 500, headers = 5, body = 50")
    local get, post = "GET / HTTP/1.1\r\n" .. hosted, "POST / HTTP/1.1\r\n" .. hosted
    assert.are.equal(414, refused(port, "GET /" .. ("x"):rep(200)))
    assert.are.equal(431, refused(port, get .. "X: " .. ("x"):rep(600)))
    assert.are.equal(431, refused(port, get .. ("X: x\r\n"):rep(6)))
    assert.are.equal(413, refused(port, post .. "Content-Length: 51\r\n\r\n"))
    assert.are.equal(413, refused(port, post .. "Content-Length: 99999999999999999999999\r\n\r\n"))
    assert.are.equal(413, refused(port, post .. "Transfer-Encoding: chunked\r\n\r\n33\r\n"))
    assert.are.equal(413, refused(port, post .. "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n"))
    assert.are.equal(413, refused(port, post .. "Transfer-Encoding: chunked\r\n\r\n"
      .. ("1\r\nx\r\n"):rep(51) .. "0\r\n\r\n"))
    assert.are.equal(400, refused(port, post .. "Transfer-Encoding: chunked\r\n\r\n1;" .. ("x"):rep(2000)))
    assert.are.equal(431, refused(port, post .. "Transfer-Encoding: chunked\r\n\r\n0\r\n" .. ("X: x\r\n"):rep(200)))
    local client = helper.connect(port)
    local body = ("x"):rep(50)
    local status, _, answer = web.request(client, "POST", "/", "Content-Length: 50\r\n", body)
    assert.are.same({ 200, "POST / " .. body }, { status, answer })
  end)

  it("answers 413 to a client that goes on sending, and the client can read the answer", function()
    local _, port = web.server(echo)
    local status, out = helper.run({ "curl", "--silent", "--show-error", "--data-binary", "@-", "--write-out",
      "%{http_code}", "--output", "/dev/null", "http://127.0.0.1:" .. port }, ("x"):rep(20000000), 20000)
    assert.are.same({ 0, "413" }, { status, out })
  end)

  it("answers 100 to a client that expects it, but not when the body has arrived or is too long", function()
    local _, port = web.server(echo, "body = 10")
    local client = helper.connect(port)
    local expects = "Expect: 100-Continue\r\n"
    client:send("POST / HTTP/1.1\r\nContent-Length: 5\r\n" .. expects .. hosted .. "\r\n")
    assert.are.equal(100, (web.receive(client)))
    client:send "hello"
    assert.are.equal("POST / hello", (select(3, web.receive(client))))
    assert.are.equal(200, (web.request(client, "POST", "/", "Content-Length: 5\r\n" .. expects, "hello")))
    assert.are.equal(200, (web.request(client, "GET", "/", expects)))
    assert.are.equal(413, (web.request(client, "POST", "/", "Content-Length: 11\r\n" .. expects)))
  end)

  it("answers 408 if a head or a body doesn't end, and closes a connection without a request", function()
    local _, port = web.server(echo, "headTime = 200, bodyTime = 200, idleTime = 1500")
    local silent, slow = helper.connect(port), helper.connect(port)
    local between = helper.connect(port)
    assert.are.equal(200, (web.request(between, "GET", "/")))
    assert.are.equal(408, refused(port, "GET / HTTP/1.1\r\nHost"))
    assert.are.equal(408, refused(port, "POST / HTTP/1.1\r\nContent-Length: 5\r\n" .. hosted .. "\r\nhell"))
    local chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" .. hosted .. "\r\n5\r\nhel"
    assert.are.equal(408, refused(port, chunked))
    slow:send "GET / HTTP/1.1\r\n"
    helper.eventually(function() -- a byte now and then doesn't help
      slow:trySend "x"
      slow:fill()
      return slow.unread:find "^HTTP/1.1 408 "
    end)
    assert.are.equal("closed", silent:waitForEnd())
    assert.are.equal("", silent.unread)
    assert.are.equal("closed", between:waitForEnd())
    assert.are.equal("", between.unread)
  end)

  it("answers 500 when the function fails, logs the error, and goes on", function()
    local program, port = web.server 'if request.path == "/bad" then error "out of tea" end return 200, {}, "fine"'
    local client = helper.connect(port)
    local status, headers = web.request(client, "GET", "/bad")
    assert.are.same({ 500, "close" }, { status, headers.connection })
    client:waitForEnd()
    program:waitForLine "out of tea"
    assert.are.equal(200, (web.request(helper.connect(port), "GET", "/")))
  end)

  it("pauses for a client that doesn't read, with little memory, and serves the others", function()
    local program, port = web.server 'return 200, {}, ("x"):rep(100000)'
    local deaf = helper.connect(port, nil, { receiveBuffer = 4096 })
    local before = web.memory(program)
    local text = ("GET / HTTP/1.1\r\n" .. hosted .. "\r\n"):rep(2000) -- 200 MB of answers
    local sent = 0
    helper.eventually(function()
      local n = deaf:trySend(text:sub(sent % #text + 1))
      sent = sent + n
      return n == 0 or sent > 4 * #text
    end)
    for _ = 1, 20 do
      assert.are.equal(100000, #(select(3, web.request(helper.connect(port), "GET", "/"))))
    end
    assert.is_true(web.memory(program) - before < 30000)
  end)

  it("keeps clients beyond the limit of connections waiting until there is room", function()
    local _, port = web.server(echo, "connections = 2")
    local first, second, third = helper.connect(port), helper.connect(port), helper.connect(port)
    assert.are.equal(200, (web.request(first, "GET", "/")))
    assert.are.equal(200, (web.request(second, "GET", "/")))
    third:send("GET / HTTP/1.1\r\n" .. hosted .. "\r\n")
    helper.settle(50)
    assert.is_false(third:fill())
    first:close()
    assert.are.equal(200, (web.receive(third)))
  end)
end)
