-- SPDX-License-Identifier: MIT
-- scripts/http.lua in real use: curl and Python as clients, a folder of files, ranges, caches, names that
-- lead out of the folder, big files, and a code change while clients are connected.

local helper = require "spec.helper"
local web = require "spec.scripts.web"
local json = require "cjson"
local lfs = require "lfs"

local changed = "Sun, 09 Sep 2001 01:46:40 GMT" -- the time of change of web.folder's files

local function curl(port, path, ...)
  local url = "http://127.0.0.1:" .. port .. path
  return helper.run({ "curl", url, "--silent", "--show-error", "--path-as-is", ... }, nil, 20000)
end

local function descriptors(program)
  local count = 0
  for _ in lfs.dir(("/proc/%d/fd"):format(program.pid)) do count = count + 1 end
  return count
end

describe("scripts/http.lua", function()
  after_each(web.clean)

  it("serves wrk's twenty connections without an error, also while its code changes", function()
    local program, port = web.serve(web.folder { ["index.html"] = ("<p>home</p>"):rep(1000) })
    local wrk = helper.spawn { "wrk", "-t1", "-c20", "-d1s", "--timeout", "10s", "http://127.0.0.1:" .. port .. "/" }
    helper.eventually(function() return descriptors(program) > 20 end)
    program:signal "HUP"
    program:waitForLine "reloaded http%.lua: generation 2"
    assert.are.equal(0, wrk:wait(20000))
    local report = wrk:stdout()
    assert.is_true(tonumber(report:match "(%d+) requests in") > 0, report)
    assert.is_nil(report:find "Socket errors", report)
    assert.is_nil(report:find "Non%-2xx", report)
    program:signal "TERM"
    assert.are.equal(0, program:wait())
  end)

  it("serves files to curl with their types, a folder's index.html, and 404 for what doesn't exist", function()
    local folder = web.folder {
      ["index.html"] = "<h1>home</h1>", ["a b.TXT"] = "text", ["style.css"] = "css", ["data"] = "\0\1",
      sub = true, ["sub/index.html"] = "sub", empty = true, ["none.txt"] = "",
    }
    local program, port = web.serve(folder)
    local client = helper.connect(port)
    for path, expected in pairs {
      ["/"] = { 200, "text/html; charset=utf-8", "<h1>home</h1>" },
      ["/index.html?x=/../y"] = { 200, "text/html; charset=utf-8", "<h1>home</h1>" },
      ["/a%20b.TXT"] = { 200, "text/plain; charset=utf-8", "text" },
      ["/style.css"] = { 200, "text/css; charset=utf-8", "css" },
      ["/data"] = { 200, "application/octet-stream", "\0\1" },
      ["//sub///"] = { 200, "text/html; charset=utf-8", "sub" },
      ["/none.txt"] = { 200, "text/plain; charset=utf-8", "" },
      ["/empty/"] = { 404, "text/plain; charset=utf-8", "no such file\n" },
      ["/style.css/"] = { 404, "text/plain; charset=utf-8", "no such file\n" },
      ["/style.css/x"] = { 404, "text/plain; charset=utf-8", "no such file\n" },
      ["/nothing"] = { 404, "text/plain; charset=utf-8", "no such file\n" },
    } do
      local status, headers, body = web.request(client, "GET", path)
      assert.are.same(expected, { status, headers["content-type"], body }, path)
      assert.is_truthy(headers.date:find "^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$")
      local length = headers["content-length"]
      status, headers, body = web.request(client, "HEAD", path)
      assert.are.same({ expected[1], length, "" }, { status, headers["content-length"], body })
    end
    local status, out = curl(port, "/")
    assert.are.same({ 0, "<h1>home</h1>" }, { status, out })
    status, out = curl(port, "/sub", "--location")
    assert.are.same({ 0, "sub" }, { status, out })
    program:signal "TERM"
    assert.are.equal(0, program:wait())
  end)

  it("redirects a request for a folder to the name with a slash, on this server only", function()
    local _, port = web.serve(web.folder { sub = true, ["s p"] = true })
    local client = helper.connect(port)
    for path, expected in pairs { ["/sub?a=b"] = "/sub/?a=b", ["//sub"] = "/sub/", ["/s%20p"] = "/s%20p/" } do
      local status, headers = web.request(client, "GET", path)
      assert.are.same({ 301, expected }, { status, headers.location })
    end
  end)

  it("serves nothing outside of the folder, nothing hidden, and no link, pipe or device", function()
    local folder = web.folder {
      ["in"] = true, ["in/page.html"] = "page", [".git"] = true, [".git/config"] = "hidden", [".env"] = "hidden",
      [".well-known"] = true, [".well-known/x"] = "known", ["in/secret.html"] = "page",
    }
    local outside = web.folder { ["secret.html"] = "secret" }
    assert(lfs.link(outside .. "/secret.html", folder .. "/link.html", true))
    assert(lfs.link(outside, folder .. "/linked", true))
    assert(lfs.link(folder .. "/in", folder .. "/within", true))
    assert.are.equal(0, (helper.run { "mkfifo", folder .. "/pipe" }))
    local name = outside:match "[^/]+$"
    local _, port = web.serve(folder .. "/in/..")
    local client = helper.connect(port)
    for path, expected in pairs {
      ["/in/page.html"] = 200, ["/.well-known/x"] = 200,
      ["/../" .. name .. "/secret.html"] = 404, ["/in/../../" .. name .. "/secret.html"] = 404,
      ["/%2e%2e/" .. name .. "/secret.html"] = 404, ["/.%2E/" .. name .. "/secret.html"] = 404,
      ["/..%2f" .. name .. "/secret.html"] = 404, ["/%2e%2e%2f" .. name .. "%2fsecret.html"] = 404,
      ["/in/%2e%2e/in/page.html"] = 404, ["/./in/page.html"] = 404,
      ["/..\\" .. name .. "\\secret.html"] = 404, ["/%252e%252e/" .. name .. "/secret.html"] = 404,
      ["/" .. outside .. "/secret.html"] = 404, ["//etc/passwd"] = 404,
      ["/in/page.html%00.txt"] = 400, ["/%00"] = 400, ["/%zz"] = 400, ["/%"] = 400,
      ["/.git/config"] = 404, ["/.env"] = 404, ["/%2eenv"] = 404, ["/.git"] = 404,
      ["/link.html"] = 404, ["/linked/secret.html"] = 404, ["/linked/"] = 404, ["/within/page.html"] = 404,
      ["/pipe"] = 404, ["/" .. ("x"):rep(300)] = 404, ["/" .. ("x/"):rep(3000)] = 404,
    } do
      assert.are.equal(expected, (web.request(client, "GET", path)), path)
    end
  end)

  it("serves ranges of a file", function()
    local _, port = web.serve(web.folder { ["a.txt"] = "0123456789", ["none.txt"] = "" })
    local client = helper.connect(port)
    local function get(range, path, lines)
      lines = ("Range: %s\r\n%s"):format(range, lines or "")
      local status, headers, body = web.request(client, "GET", path or "/a.txt", lines)
      return { status, headers["content-range"], body }
    end
    for range, expected in pairs {
      ["bytes=0-0"] = { 206, "bytes 0-0/10", "0" }, ["bytes=2-4"] = { 206, "bytes 2-4/10", "234" },
      ["bytes=7-"] = { 206, "bytes 7-9/10", "789" }, ["bytes=7-99"] = { 206, "bytes 7-9/10", "789" },
      ["bytes=-3"] = { 206, "bytes 7-9/10", "789" }, ["bytes=-99"] = { 206, "bytes 0-9/10", "0123456789" },
      ["Bytes= 1-1"] = { 206, "bytes 1-1/10", "1" },
      ["bytes=0-99999999999999999999999"] = { 206, "bytes 0-9/10", "0123456789" },
      ["bytes=10-"] = { 416, "bytes */10", "" }, ["bytes=99999999999999999999999-"] = { 416, "bytes */10", "" },
      ["bytes=-0"] = { 416, "bytes */10", "" },
    } do
      assert.are.same(expected, get(range), range)
    end
    for _, range in ipairs { "bytes=4-2", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-0,2-2", "bytes=1", "bytes" } do
      assert.are.same({ 200, nil, "0123456789" }, { table.unpack(get(range), 1, 3) }, range)
    end
    assert.are.same({ 416, "bytes */0", "" }, get("bytes=0-", "/none.txt"))
    local tag = select(2, web.request(client, "GET", "/a.txt")).etag
    for condition, status in pairs {
      [tag] = 206, [changed] = 206, ['"other"'] = 200, ["W/" .. tag] = 200, ["Sun, 09 Sep 2001 01:46:41 GMT"] = 200,
    } do
      assert.are.equal(status, get("bytes=0-0", nil, "If-Range: " .. condition .. "\r\n")[1], condition)
    end
    local status, headers = web.request(client, "HEAD", "/a.txt", "Range: bytes=0-0\r\n")
    assert.are.same({ 200, "10" }, { status, headers["content-length"] })
    assert.are.equal("234", (select(2, curl(port, "/a.txt", "--range", "2-4"))))
  end)

  it("tells a cache what is still valid", function()
    local folder = web.folder { ["a.txt"] = "0123456789" }
    local _, port = web.serve(folder)
    local client = helper.connect(port)
    local _, headers = web.request(client, "GET", "/a.txt")
    local tag = headers.etag
    assert.are.equal(changed, headers["last-modified"])
    for lines, expected in pairs {
      ["If-None-Match: " .. tag] = 304, ['If-None-Match: "x", W/' .. tag] = 304, ["If-None-Match: *"] = 304,
      ['If-None-Match: "x"'] = 200, ["If-None-Match: " .. tag:sub(2, -2)] = 200,
      ["If-Modified-Since: " .. changed] = 304, ["If-Modified-Since: Monday, 10-Sep-01 01:46:40 GMT"] = 304,
      ["If-Modified-Since: Sun Sep  9 01:46:40 2001"] = 304,
      ["If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT"] = 200, ["If-Modified-Since: now"] = 200,
      ["If-None-Match: \"x\"\r\nIf-Modified-Since: " .. changed] = 200,
      ["If-Match: " .. tag] = 200, ["If-Match: W/" .. tag] = 412, ['If-Match: "x"'] = 412, ["If-Match: *"] = 200,
      ["If-Unmodified-Since: " .. changed] = 200,
      ["If-Unmodified-Since: Sun, 09 Sep 2001 01:46:39 GMT"] = 412,
    } do
      local status, answer, body = web.request(client, "GET", "/a.txt", lines .. "\r\n")
      assert.are.equal(expected, status, lines)
      if status == 304 then assert.are.same({ tag, changed, "" }, { answer.etag, answer["last-modified"], body }) end
    end
    helper.rewrite(folder .. "/a.txt", "9876543210") -- dated now: a file could change again within the same second
    _, headers = web.request(client, "GET", "/a.txt")
    assert.is_nil(headers.etag)
    assert.is_nil(headers["last-modified"])
    assert(lfs.touch(folder .. "/a.txt", 1000000001, 1000000001))
    assert.are.equal(200, (web.request(client, "GET", "/a.txt", "If-None-Match: " .. tag .. "\r\n")))
  end)

  it("answers OPTIONS and refused methods with the allowed ones", function()
    local _, port = web.serve(web.folder { ["a.txt"] = "text" })
    local client = helper.connect(port)
    for request, expected in pairs {
      ["POST /a.txt"] = { 405, "GET, HEAD" }, ["DELETE /nothing"] = { 405, "GET, HEAD" },
      ["DELETE /api/notes"] = { 405, "GET, HEAD, OPTIONS, POST" },
      ["OPTIONS /api/notes"] = { 204, "GET, HEAD, OPTIONS, POST" },
      ["POST /api/status"] = { 405, "GET, HEAD, OPTIONS" },
    } do
      local method, path = request:match "(%u+) (.*)"
      local status, headers = web.request(client, method, path)
      assert.are.same(expected, { status, headers.allow })
    end
  end)

  it("accepts notes in JSON from curl, and no others", function()
    local _, port = web.serve(web.folder {})
    assert.are.equal('{"notes":[]}\n', (select(2, curl(port, "/api/notes"))))
    assert.are.equal("one", json.decode((select(2, curl(port, "/api/notes", "--json", '{"text":"one"}')))).text)
    assert.are.equal("one", json.decode((select(2, curl(port, "/api/notes")))).notes[1].text)
    local client = helper.connect(port)
    local kind = "Content-Type: application/json\r\n"
    for body, expected in pairs {
      ["{"] = 400, [""] = 400, ["[]"] = 400, ['"text"'] = 400, ['{"text":1}'] = 400, ['{"text":"\255"}'] = 400,
      [("["):rep(5000)] = 400, [json.encode { text = ("x"):rep(1001) }] = 400, ['{"text":"two"}'] = 201,
    } do
      local lines = kind .. "Content-Length: " .. #body .. "\r\n"
      assert.are.equal(expected, (web.request(client, "POST", "/api/notes", lines, body)), body)
    end
    assert.are.equal(415, (web.request(client, "POST", "/api/notes", "Content-Length: 2\r\n", "{}")))
    for i = 1, 120 do
      local body = ('{"text":"%d"}'):format(i)
      web.request(client, "POST", "/api/notes", kind .. "Content-Length: " .. #body .. "\r\n", body)
    end
    local notes = json.decode((select(3, web.request(client, "GET", "/api/notes")))).notes
    assert.are.same({ 100, "21", "120" }, { #notes, notes[1].text, notes[100].text })
  end)

  it("serves Python's http.client on one connection: caches, ranges, a body in chunks", function()
    local _, port = web.serve(web.folder { ["hello.txt"] = "hello world\n" })
    local status, out, err = helper.run({ "python3", "spec/scripts/http_client.py", port }, nil, 20000)
    assert.are.same({ 0, "all on one connection\n", "" }, { status, out, err })
  end)

  it("sends a big file as fast as the client reads, and never holds it as a whole", function()
    local folder = web.folder {}
    local size = 200 << 20
    local file <close> = assert(io.open(folder .. "/big.bin", "w"))
    file:seek("set", size - 4) -- the rest is a hole
    file:write "end\n"
    file:close()
    local program, port = web.serve(folder)
    local before = web.memory(program)
    local slow = helper.connect(port, nil, { receiveBuffer = 4096 })
    slow:send "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\nGET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n"
    slow:receive(1000)
    local status, out = curl(port, "/big.bin", "--output", "/dev/null", "--write-out", "%{http_code} %{size_download}")
    assert.are.same({ 0, "200 " .. size }, { status, out })
    assert.are.equal("end\n", (select(2, curl(port, "/big.bin", "--range", "-4"))))
    assert.is_true(web.memory(program) - before < 20000)
    slow:close()
  end)

  it("ends the connection early when a file shrinks while it is sent, so that no part passes for the whole", function()
    local folder = web.folder { ["a.bin"] = ("x"):rep(8 << 20) }
    local _, port = web.serve(folder)
    local client = helper.connect(port, nil, { receiveBuffer = 4096 })
    client:send "GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n"
    client:receive(1000)
    helper.rewrite(folder .. "/a.bin", "")
    client:waitForEnd()
    assert.is_true(#client.unread < 8 << 20)
  end)

  it("answers 503 without descriptors, and serves files again when there are some", function()
    local folder = web.folder { ["a.txt"] = "text" }
    local program = helper.spawn { "sh", "-c", "ulimit -n 24; exec " .. (os.getenv "MOONPORT" or "build/asan/moonport")
      .. " scripts/http.lua 0 127.0.0.1 " .. folder }
    local port = program:waitForLine "http: listening on .* port (%d+)"
    local clients = {}
    for i = 1, 24 do clients[i] = helper.connect(port) end
    program:waitForLine "descriptors"
    assert.are.equal(503, (web.request(clients[1], "GET", "/a.txt")))
    for i = 2, 24 do clients[i]:close() end
    helper.eventually(function() return web.request(clients[1], "GET", "/a.txt") == 200 end)
  end)

  it("serves new code on the open connections, keeps the notes, and interrupts no download", function()
    local folder, edit = web.copy()
    helper.rewrite(folder .. "/big.txt", ("x"):rep(8 << 20))
    local program = helper.program { script = folder .. "/http.lua", args = { 0, "127.0.0.1", folder } }
    local port = program:waitForLine "http: listening on .* port (%d+)"
    local client, slow = helper.connect(port), helper.connect(port, nil, { receiveBuffer = 4096 })
    local lines = 'Content-Type: application/json\r\nContent-Length: 14\r\n'
    assert.are.equal(201, (web.request(client, "POST", "/api/notes", lines, '{"text":"old"}')))
    slow:send "GET /big.txt HTTP/1.1\r\nHost: a\r\n\r\n"
    helper.eventually(function() return slow:fill() end)

    edit("http.lua", "local routes = http.router()",
      'local routes = http.router():get("/new", function() return answer(200, "new") end)')
    edit("http.lua", "routes.otherwise = files", 'routes.otherwise = function() return 404, {}, "nothing here\\n" end')
    program:signal "HUP"
    program:waitForLine "reloaded http.lua: generation 2"
    assert.are.equal("new\n", (select(3, web.request(client, "GET", "/new"))))
    assert.are.equal("nothing here\n", (select(3, web.request(client, "GET", "/nothing"))))
    assert.are.equal("old", json.decode((select(3, web.request(client, "GET", "/api/notes")))).notes[1].text)

    edit("http.lua", "local routes", "local routes local") -- a mistake
    program:signal "HUP"
    program:waitForLine "reload of http.lua failed, generation 2 goes on"
    assert.are.equal("new\n", (select(3, web.request(client, "GET", "/new"))))
    local received = 0
    helper.eventually(function()
      while slow:fill() or slow.unread ~= "" do received, slow.unread = received + #slow.unread, "" end
      return received > 8 << 20
    end)
  end)

  it("finishes the answers that it has begun when it is stopped", function()
    local program, port = web.serve(web.folder { ["big.txt"] = ("x"):rep(8 << 20) })
    local client, idle = helper.connect(port, nil, { receiveBuffer = 4096 }), helper.connect(port)
    assert.are.equal(404, (web.request(idle, "GET", "/x")))
    client:send "GET /big.txt HTTP/1.1\r\nHost: a\r\n\r\n"
    helper.eventually(function() return client:fill() end)
    program:signal "TERM"
    program:waitForLine "stopping"
    local received = 0
    helper.eventually(function()
      while client:fill() or client.unread ~= "" do received, client.unread = received + #client.unread, "" end
      return client.ended
    end)
    assert.is_true(received > 8 << 20)
    assert.are.equal(0, program:wait())
  end)

  it("says in one line what is wrong with its arguments", function()
    for arguments, expected in pairs {
      ["abc"] = "not a port: abc", ["70000"] = "not a port: 70000", ["-1"] = "not a port: %-1",
      ["1.5"] = "not a port: 1.5",
      ["0 127.0.0.1 /nonexistent"] = "not a folder: /nonexistent", ["0 300.1.1.1"] = "not an address: 300.1.1.1",
    } do
      local list = {}
      for one in arguments:gmatch "%S+" do list[#list + 1] = one end
      local program = helper.program { script = "scripts/http.lua", args = list }
      assert.are.equal(1, program:wait())
      local text = program:stderr()
      assert.is_truthy(text:find("^moonport: scripts/%w+%.lua:%d+: " .. expected .. "\n$"), text)
    end
  end)
end)
