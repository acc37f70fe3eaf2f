-- SPDX-License-Identifier: MIT
-- http.router's adders, one a method, with what they answer to the others; and that matching takes steps in proportion
-- to a path. What of an http.server no other spec sees: a server of one's own, finish, connections of this host.

local moonport = require "moonport"
local helper = require "spec.helper"
local http = require "moonport.http"
local head = require "moonport.http.head"
local message = require "moonport.http.message"

local all = { "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT" }

local function request(method, path)
  local text = ("%s %s HTTP/1.1\r\nHost: h\r\n\r\n"):format(method, path)
  return (head.parser("request", message.limits, message.request)(text, 1))
end

local function handler(name) return function() return 200, nil, name end end

describe("http.router", function()
  it("has an adder for each method, and answers 405 with Allow to the others", function()
    for _, own in ipairs(all) do
      local router = http.router()
      local add = router[own:lower()]
      assert.are.equal(router, add(router, "/a", handler(own)))
      add(router, "/b/:c", handler(own))
      for _, path in ipairs { "/a", "/b/c", "/%61" } do
        for _, method in ipairs(all) do
          local status, headers, body = router(request(method, path))
          if method == own or method == "HEAD" and own == "GET" then
            assert.are.same({ 200, own }, { status, body }, method .. " " .. path)
          else
            local allowed = { OPTIONS = true, [own] = true, HEAD = own == "GET" or nil }
            if own == "HEAD" then allowed.HEAD = true end
            local names = {}
            for name in pairs(allowed) do names[#names + 1] = name end
            table.sort(names)
            assert.are.same({ method == "OPTIONS" and 204 or 405, table.concat(names, ", ") },
              { status, headers.Allow }, method .. " " .. path)
            assert.is_nil(body)
          end
        end
      end
    end
  end)

  it("answers all methods by any, but those that have a route of their own; names all in Allow", function()
    local router = http.router():any("/any", handler "any"):post("/any", handler "post"):head("/any", handler "head")
    for _, method in ipairs(all) do
      local expected = method == "POST" and "post" or method == "HEAD" and "head" or "any"
      assert.are.equal(expected, (select(3, router(request(method, "/any")))), method)
    end
    router:get("/some", handler "get"):put("/some", handler "put"):delete("/some", handler "delete")
    router:patch("/some", handler "patch"):patch("/*rest", handler "rest")
    local status, headers = router(request("POST", "/some"))
    assert.are.same({ 405, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT" }, { status, headers.Allow })
    assert.are.equal("get", (select(3, router(request("HEAD", "/some")))))
    assert.are.equal("rest", (select(3, router(request("PATCH", "/other")))))
    assert.are.same({ 405, "OPTIONS, PATCH" }, { (router(request("GET", "/other"))),
      (select(2, router(request("GET", "/other")))).Allow })
  end)

  it("prefers what is written to :name and that to *rest, at each part, also behind a dead end", function()
    local router = http.router():get("/a/b/c", handler "written"):get("/a/:x/d", handler "name")
      :get("/:x/b/e", handler "first"):get("/*rest", handler "rest"):get("/a/*rest", handler "a")
    for path, expected in pairs {
      ["/a/b/c"] = "written", ["/a/b/d"] = "name", ["/a/b/e"] = "a", ["/z/b/e"] = "first", ["/z/b/f"] = "rest",
      ["/a/"] = "a", ["/a"] = "rest", ["/"] = "rest", ["//"] = "rest", ["/a//d"] = "a", ["/a/b/c/"] = "a",
    } do
      assert.are.equal(expected, (select(3, router(request("GET", path)))), path)
    end
  end)

  it("hands what no route fits to the longest prefix, with what is behind it, to routers and functions", function()
    local function told(one) return 200, nil, (one.prefix or "-") .. " " .. one.path end
    local router = http.router():use("/a", told):use("/a/b/", told):get("/a/own", handler "own")
    for path, expected in pairs {
      ["/a"] = "/a ", ["/a/x"] = "/a /x", ["/a/b"] = "/a/b ", ["/a/b/c%20d"] = "/a/b /c%20d", ["/a/bc"] = "/a /bc",
      ["/a/own"] = "own",
    } do
      local one = request("GET", path)
      assert.are.equal(expected, (select(3, router(one))), path)
      assert.are.same({ nil, path }, { one.prefix, one.path })
    end
    assert.are.equal(405, (router(request("PUT", "/a/own")))) -- the path is known
    for _, misuse in ipairs { "a", "", 5 } do assert.has_error(function() router:use(misuse, told) end) end
  end)

  it("takes steps in proportion to the path, with routes of many names and rests", function()
    local router, path = http.router(), ""
    for _ = 1, 8 do
      path = path .. "/a"
      for _, last in ipairs { "/a/x", "/:p/x", "/*rest" } do router:get(path .. last, handler "x") end
      router:post(path:gsub("a", ":n", 1):gsub("/:n", "/:first") .. "/:second/y", handler "y")
    end
    local function steps(text)
      local count, one = 0, request("GET", text)
      debug.sethook(function() count = count + 1 end, "", 10)
      router(one)
      debug.sethook()
      return count
    end
    for _, part in ipairs { "/a", "/", "/%61", "/:n" } do
      local once, twice = steps(part:rep(1000)), steps(part:rep(2000))
      assert.is_true(twice < 2.2 * once, ("%s: %d, %d"):format(part, once, twice))
    end
  end)
end)

describe("http.server", function()
  it("uses the server that it is given, counts no connection of this host, and finishes what it answers", function()
    local own = moonport.TcpServer()
    local began, go = 0, false
    local server <close> = http.server(function(one)
      began = began + 1
      if one.path == "/slow" then helper.eventually(function() return go end) end
      return 200, nil, one.peer .. " " .. one.version .. tostring(one.secure)
    end, { server = own })
    assert.are.equal(own, server)
    assert(server:listen("127.0.0.1", 0))
    local clients = {}
    for i = 1, 255 do clients[i] = helper.connect(server:serverPort()) end -- perAddress is 250
    helper.eventually(function() return server:connectionCount() == 255 end)
    clients[255]:send "GET / HTTP/1.0\r\n\r\n"
    assert.matches("\r\n\r\n127.0.0.1 1.0false$", clients[255]:receiveAll())
    server:finish() -- nothing to wait for
    clients[1]:send "GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    helper.eventually(function() return began == 2 end)
    local finished
    local task = moonport.spawn(function()
      server:finish()
      finished = true
    end)
    helper.settle(30)
    assert.is_nil(finished)
    go = true
    task:join()
    assert.matches("^HTTP/1.1 200 ", clients[1]:receiveAll())
    server:close()
  end)
end)
