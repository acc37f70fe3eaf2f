-- SPDX-License-Identifier: MIT
-- What moonport.http knows of messages: percent signs, dates, queries, cookies.

local http = require "moonport.http"
local head = require "moonport.http.head"
local message = require "moonport.http.message"

local function request(text)
  return (head.parser("request", message.limits, message.request)(text, 1))
end

describe("moonport.http", function()
  it("decodes percent signs, and refuses incomplete ones and zero bytes", function()
    local cases = {
      ["/a%20b"] = "/a b", ["/%2e%2E/%2f"] = "/..//", ["/%C3%A9"] = "/é", ["/%25"] = "/%", ["/a+b"] = "/a+b",
      ["/%"] = false, ["/%2"] = false, ["/%zz"] = false, ["/%00"] = false, ["/a%00.html"] = false,
    }
    for text, expected in pairs(cases) do assert.are.equal(expected or nil, http.decode(text), text) end
  end)

  it("reads the three forms of a date, and writes the first", function()
    local time = 784111777
    for _, text in ipairs {
      "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    } do
      assert.are.equal(time, http.time(text))
    end
    assert.are.equal("Sun, 06 Nov 1994 08:49:37 GMT", http.date(time))
    for _, text in ipairs {
      "", "yesterday", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 199499 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:00:00 GMT",
      "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37", (" "):rep(50000),
    } do
      assert.is_nil(http.time(text), text)
    end
    for day = 0, 40000, 13 do assert.are.equal(day * 86400 + 1, http.time(http.date(day * 86400 + 1))) end
  end)

  it("takes apart queries and cookies when they are asked for", function()
    local one = request("GET /a?x=1&y=%20+z&x=2&flag&&=e&bad=%zz HTTP/1.1\r\nHost: h\r\nCookie: a=1; b=\"q\"; a=2\r\n"
      .. "Cookie: c=d=e; odd\r\n\r\n")
    assert.is_nil(rawget(one, "headers"))
    assert.are.same({ "1", "2" }, { one:parameter "x" })
    assert.are.same({ "  z" }, { one:parameter "y" })
    assert.are.same({ "" }, { one:parameter "flag" })
    assert.are.same({ "%zz" }, { one:parameter "bad" })
    assert.are.same({}, { one:parameter "none" })
    assert.are.same({ a = "1", b = "q", c = "d=e" }, one.cookies)
    assert.are.equal("h", one.headers.host)
    assert.are.same({ 'a=1; b="q"; a=2', "c=d=e; odd" }, { one:header "COOKIE" })
    assert.are.equal(0, select("#", one:header "None"))
    assert.are.equal("1.1", one.version)
    assert.is_nil(one.whatever)
  end)

  -- Instructions of Lua; the time-out of the spec bounds the work of patterns.
  it("takes little time for text that is made to be slow", function()
    local blanks, steps = (" "):rep(16000), 0
    debug.sethook(function() steps = steps + 1 end, "", 1000)
    for _, text in ipairs { blanks, ("%"):rep(16000), ("&"):rep(16000), ("="):rep(16000), (";"):rep(16000),
      ("a=;"):rep(5000), ('"'):rep(16000) } do
      local one = request("GET / HTTP/1.1\r\nHost: h\r\nCookie: " .. text:sub(1, 16000) .. "\r\n\r\n")
      local _ = one and one.cookies
      http.parameters(text)
      http.decode(text)
      http.time(text)
    end
    debug.sethook()
    assert.is_true(steps < 2000)
  end)

  it("routes by the most exact path, then by the method", function()
    local router = http.router()
    local function handler(name) return function(one) return 200, one.params, name end end
    router:get("/", handler "root"):get("/users/:id", handler "user"):post("/users/new", handler "new")
    router:get("/users/:id/posts/:post", handler "post"):get("/users/me/*rest", handler "rest")
    router:any("/any", handler "any"):put("/users/:name", handler "put"):get("/café", handler "coffee")
    router:get("/slash/", handler "slash")
    local inner = http.router():get("/x", function(one) return 200, { prefix = one.prefix }, one.path end)
    router:use("/in", http.router():use("/deep/", inner))
    local function ask(method, path)
      local one = request(method .. " " .. path .. " HTTP/1.1\r\nHost: h\r\n\r\n")
      local status, headers, body = router(one)
      return status, body or headers and headers.Allow, headers
    end
    local function is(method, path, status, body, headers)
      local a, b, c = ask(method, path)
      assert.are.same({ status, body }, { a, b }, method .. " " .. path)
      if headers then assert.are.same(headers, c) end
    end
    is("GET", "/", 200, "root")
    is("HEAD", "/", 200, "root")
    is("GET", "/users/7", 200, "user", { id = "7" })
    is("GET", "/users/a%2Fb", 200, "user", { id = "a/b" })
    is("GET", "/users/new", 200, "user", { id = "new" })
    is("POST", "/users/new", 200, "new")
    is("PUT", "/users/x", 200, "put", { name = "x" })
    is("GET", "/users/7/posts/8", 200, "post", { id = "7", post = "8" })
    is("GET", "/users/me/posts/8", 200, "rest", { rest = "posts/8" })
    is("GET", "/users/me/", 200, "rest", { rest = "" })
    is("GET", "/caf%C3%A9", 200, "coffee")
    is("GET", "/slash/", 200, "slash")
    is("GET", "/slash", 404, "there is nothing here\n")
    is("GET", "/users/", 404, "there is nothing here\n")
    is("PATCH", "/any", 200, "any")
    is("DELETE", "/users/new", 405, "GET, HEAD, OPTIONS, POST, PUT")
    is("DELETE", "/", 405, "GET, HEAD, OPTIONS")
    is("OPTIONS", "/users/7", 204, "GET, HEAD, OPTIONS, PUT")
    is("GET", "/users/%zz", 400, "bad path\n")
    is("GET", "/in/deep/x", 200, "/x", { prefix = "/in/deep" })
    is("GET", "/in/deepx", 404, "there is nothing here\n")
    router.otherwise = function() return 418 end
    is("GET", "/none", 418)
    is("OPTIONS", "*", 418)
    for _, bad in ipairs { "x", "/:", "/:a/:a", "/*r/x", "/:a b", 5 } do
      assert.has_error(function() router:get(bad, handler "") end)
    end
    assert.has_error(function() router:get("/", handler "twice") end)
    assert.has_error(function() router:get("/handler", 5) end)
    assert.has_error(function() router:get("/handler", {}) end)
  end)

  it("refuses options that it doesn't know, and what is no handler", function()
    for _, misuse in ipairs {
      function() http.server() end, function() http.server({}) end,
      function() http.server(print, { bodyTimes = 5 }) end, function() http.server(print, { body = "5" }) end,
      function() http.server(print, { head = 1 << 20 }) end, function() http.files() end,
      function() http.files(".", { index = 5 }) end, function() http.files(".", { listing = true }) end,
      function() http.files "/nonexistent" end,
    } do
      assert.has_error(misuse)
    end
  end)
end)
