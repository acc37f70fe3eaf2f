-- SPDX-License-Identifier: MIT
-- What handlers of moonport.http return, and what clients get: bodies of all kinds, nonsense, streams, reloads between
-- two requests of a connection, clients that are slow or many.

local helper = require "spec.helper"
local web = require "spec.scripts.web"

local hosted = "Host: a\r\n"

-- The whole answer to a request after which the server closes.
local function ask(port, text)
  local client = helper.connect(port)
  client:send(text)
  return client:receiveAll()
end

local function get(path) return ("GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n"):format(path, hosted) end

describe("A handler of moonport.http", function()
  after_each(web.clean)

  it("answers with a status alone, headers, repeated fields, long strings", function()
    local program, port = web.server([[
      if request.path == "/204" then return 204 end
      if request.path == "/none" then return 200 end
      if request.path == "/list" then return 200, { ["Set-Cookie"] = { "a=1", "b=2" }, N = 5 }, "x" end
      return 200, nil, ("x"):rep(3000000)
    ]], nil, nil, { "--log-level", "debug" })
    assert.is_nil(ask(port, get "/204"):find "Content%-Length")
    program:waitForLine "127%.0%.0%.1 GET /204 204"
    assert.is_truthy(ask(port, get "/none"):find "\r\nContent%-Length: 0\r\n")
    local list = ask(port, get "/list")
    assert.is_truthy(list:find "\r\nSet%-Cookie: a=1\r\nSet%-Cookie: b=2\r\n")
    assert.is_truthy(list:find "\r\nN: 5\r\n")
    local long = ask(port, get "/long")
    assert.is_truthy(long:find "\r\nContent%-Length: 3000000\r\n")
    assert.are.equal(3000000, #long:match "\r\n\r\n(.*)$")
  end)

  it("answers with a function that writes: in chunks, with a known length, until the end in HTTP/1.0", function()
    local _, port = web.server [[
      local headers = request.path == "/known" and { ["content-length"] = 6 } or nil
      return 200, headers, function(write)
        write "one"
        write ""
        moonport.sleep(5)
        assert(write "two")
      end
    ]]
    local chunked = ask(port, get "/")
    assert.is_truthy(chunked:find "\r\nTransfer%-Encoding: chunked\r\n")
    assert.are.equal("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n", chunked:match "\r\n\r\n(.*)$")
    local known = ask(port, get "/known")
    assert.is_truthy(known:find "\r\nContent%-Length: 6\r\n")
    assert.are.equal("onetwo", known:match "\r\n\r\n(.*)$")
    local old = ask(port, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert.is_nil(old:find "chunked")
    assert.is_truthy(old:find "\r\nConnection: close\r\n")
    assert.are.equal("onetwo", old:match "\r\n\r\n(.*)$")
    local head = ask(port, "HEAD / HTTP/1.1\r\nConnection: close\r\n" .. hosted .. "\r\n")
    assert.are.equal("", head:match "\r\n\r\n(.*)$")
  end)

  it("waits in write until the client has read, and ends when the client goes", function()
    local program, port = web.server [[
      return 200, nil, function(write)
        local text = ("x"):rep(100000)
        while true do write(text) end
      end
    ]]
    local deaf = helper.connect(port, nil, { receiveBuffer = 4096 })
    deaf:send(get "/")
    helper.eventually(function() return deaf:fill() end)
    assert.is_true(web.memory(program) < 400000)
    deaf:close()
    program:waitForLine "the client disconnected, and more was written"
  end)

  it("breaks off, so that nobody mistakes the part for the whole, when the function fails or miscounts", function()
    local program, port = web.server [[
      local headers = request.path ~= "/fails" and { ["Content-Length"] = request.path == "/more" and 2 or 9 } or nil
      return 200, headers, function(write)
        write "abc"
        if request.path == "/fails" then error "out of tea" end
      end
    ]]
    assert.is_nil(ask(port, get "/fails"):find "0\r\n\r\n$")
    program:waitForLine "out of tea"
    assert.is_nil(ask(port, get "/more"):find "\r\n\r\nabc")
    program:waitForLine "more is written than Content%-Length says"
    ask(port, get "/less")
    program:waitForLine "the body has 3 bytes, Content%-Length says 9"
  end)

  it("answers with a file: its path or an open one, and a part of it", function()
    local folder = web.folder { ["a.txt"] = "0123456789" }
    local _, port = web.server(([[
      local path = "%s/a.txt"
      if request.path == "/open" then return 200, nil, { file = io.open(path), offset = 8 } end
      return 200, nil, { file = path, offset = 2, length = request.path == "/part" and 3 or nil }
    ]]):format(folder))
    for path, expected in pairs { ["/"] = "23456789", ["/part"] = "234", ["/open"] = "89" } do
      local text = ask(port, get(path))
      assert.is_truthy(text:find(("\r\nContent%%-Length: %d\r\n"):format(#expected)))
      assert.are.equal(expected, text:match "\r\n\r\n(.*)$")
    end
  end)

  it("gets 500 for nonsense and for line ends in headers, and a line in the log says which", function()
    local cases = {
      { "return", "returned no status but nil" }, { 'return "yes"', "returned no status but yes" },
      { "return 99", "returned no status but 99" }, { "return 200.5", "returned no status but 200.5" },
      { 'return 200, "text"', "table expected" }, { "return 200, {}, true", "the body is a boolean value" },
      { "return 200, {}, {}", "the body is a table value" },
      { 'return 200, { A = "b\\r\\nc: d" }, "x"', "line end or control character in header field A" },
      { 'return 200, { ["A\\nB"] = "c" }, "x"', "bad name of a header field" },
      { 'return 200, { A = { "a", "b\\0" } }, "x"', "control character in header field A" },
      { 'return 200, { ["Transfer-Encoding"] = "chunked" }, "x"', "Transfer%-Encoding is for the server" },
      { 'return 200, { ["Content-Length"] = 7 }, "x"', "Content%-Length is 7, and the body has 1 bytes" },
      { 'return 200, {}, { file = "/nonexistent" }', "No such file" }, { 'error "tea"', "tea" },
    }
    local texts = {}
    for i, case in ipairs(cases) do texts[i] = ('if request.path == "/%d" then %s end'):format(i, case[1]) end
    local program, port = web.server(table.concat(texts, "\n"))
    for i, case in ipairs(cases) do
      local text = ask(port, get("/" .. i))
      assert.is_truthy(text:find "^HTTP/1.1 500 Internal Server Error\r\n", case[1])
      assert.is_nil(text:find "c: d", 1, true)
      program:waitForLine(case[2])
    end
  end)

  it("closes when it says Connection: close", function()
    local _, port = web.server 'return 200, { ["connection"] = "Close" }, "x"'
    local text = ask(port, "GET / HTTP/1.1\r\n" .. hosted .. "\r\n")
    local _, count = text:gsub("[cC]onnection:", "")
    assert.are.equal(1, count)
  end)

  it("reads a body as it comes, with options.stream, and closes if it leaves some of it", function()
    local _, port = web.server([[
      if request.path == "/leave" then return 403, nil, "no" end
      local count, pieces = 0, {}
      for piece in request:read() do count, pieces[#pieces + 1] = count + 1, piece end
      return 200, nil, count .. " " .. table.concat(pieces)
    ]], "stream = true")
    local client = helper.connect(port)
    local start = "POST / HTTP/1.1\r\n" .. hosted .. "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    client:send(start)
    assert.are.equal(100, (web.receive(client)))
    client:send "3\r\nabc\r\n"
    client:send "2\r\nde\r\n0\r\n\r\n"
    assert.are.equal("abcde", (select(3, web.receive(client))):match " (.*)")
    client:send("POST / HTTP/1.1\r\nContent-Length: 3\r\n" .. hosted .. "\r\nxyzGET / HTTP/1.1\r\n" .. hosted .. "\r\n")
    assert.are.equal("1 xyz", (select(3, web.receive(client))))
    assert.are.equal("0 ", (select(3, web.receive(client))))
    local text = ask(port, "POST /leave HTTP/1.1\r\nContent-Length: 300000\r\n" .. hosted .. "\r\nabc")
    assert.is_truthy(text:find "^HTTP/1.1 403 Forbidden\r\n.*Connection: close\r\n.*no$")
    text = ask(port, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" .. hosted .. "\r\nx\r\n")
    assert.is_truthy(text:find "^HTTP/1.1 400 ")
  end)

  it("leaves the connection to another protocol after request:upgrade(), with what had come behind", function()
    local _, port = web.server [[
      request:upgrade()
      function socket:readyRead() self:write(self:readAll():upper()) end
      socket:write("rest " .. socket:readAll())
      return "ignored"
    ]]
    local client = helper.connect(port)
    client:send("GET / HTTP/1.1\r\nUpgrade: x\r\n" .. hosted .. "\r\nbehind")
    assert.are.equal("rest behind", client:receive(11))
    client:send "more"
    assert.are.equal("MORE", client:receive(4))
  end)

  it("answers the next request of a kept connection as the new code says, also one that has begun to come", function()
    local program, port, folder = web.server 'return 200, nil, "old"'
    local kept, begun = helper.connect(port), helper.connect(port)
    assert.are.equal("old", (select(3, web.request(kept, "GET", "/"))))
    begun:send "GET / HTTP/1.1\r\nHo"
    helper.settle(20)
    local path = folder .. "/server.lua"
    local file = assert(io.open(path))
    local text = file:read "a"
    file:close()
    helper.rewrite(path, (text:gsub('"old"', '"new"'):gsub('"127.0.0.1", 0', '"127.0.0.1", ' .. port)))
    program:signal "HUP"
    program:waitForLine "reloaded .* generation 2"
    begun:send "st: a\r\n\r\n"
    assert.are.equal("new", (select(3, web.receive(begun))))
    assert.are.equal("new", (select(3, web.request(kept, "GET", "/"))))
  end)

  it("lets 200 refused clients read their answer, who go on sending in pieces", function()
    local _, port = web.server('return 200', "body = 100")
    for _ = 1, 200 do
      local client = helper.connect(port)
      client:send("POST / HTTP/1.1\r\nContent-Length: 100000\r\n" .. hosted .. "\r\n")
      for _ = 1, 5 do client:trySend(("x"):rep(1000)) end
      assert.are.equal(413, (web.receive(client)))
      client:close()
    end
  end)

  it("closes a connection that says nothing in time, and those of one address beyond the bound", function()
    local _, port = web.server('return 200, nil, "x"', "firstTime = 300, idleTime = 60000, perAddress = 2")
    local first, second = helper.connect(port), helper.connect(port)
    assert.are.equal(200, (web.request(first, "GET", "/")))
    assert.are.equal("closed", second:waitForEnd())
    local third, fourth = helper.connect(port), helper.connect(port)
    helper.eventually(function() fourth:fill() return fourth.ended end)
    assert.are.equal(200, (web.request(third, "GET", "/")))
    third:close()
    helper.eventually(function()
      local again = helper.connect(port)
      again:trySend("GET / HTTP/1.1\r\nConnection: close\r\n" .. hosted .. "\r\n")
      return again:waitForEnd() and again.unread:find "^HTTP/1.1 200"
    end)
    assert.are.equal(200, (web.request(first, "GET", "/")))
  end)

  it("closes a connection whose client takes less than sendRate of what waits, and no other", function()
    -- What looks at them every ten seconds does so when the spec asks for it.
    local _, port = web.server([[
      if request.path == "/long" then
        readers = readers + 1
        socket:setSocketOption("SendBufferSizeSocketOption", 1 << 16)
        return 200, nil, function(write)
          repeat until not write(piece)
          readers = readers - 1
        end
      elseif request.path == "/tick" then
        watcher.timeout()
      elseif request.path == "/drip" then
        return 200, { ["Content-Length"] = 2 }, function(write)
          write "x"
          watcher.timeout()
          write "y"
        end
      end
      return 200, nil, tostring(readers)
    ]], "sendRate = 1000, idleTime = 3600000", [[
      readers = 0
      piece = ("x"):rep(1 << 16)
      local function none() end
      function moonport.Timer()
        watcher = { start = none, stop = none, isActive = none }
        return watcher
      end
    ]])
    local asking, dripping, little = helper.connect(port), helper.connect(port), { receiveBuffer = 1 << 16 }
    local slow, quick = helper.connect(port, nil, little), helper.connect(port, nil, little)
    local function readers(path) return (select(3, web.request(asking, "GET", path))) end
    -- However little it is: it has taken all that waited when the others were looked at last.
    for _ = 1, 3 do assert.are.equal("xy", (select(3, web.request(dripping, "GET", "/drip")))) end
    for _, client in ipairs { slow, quick } do client:send("GET /long HTTP/1.1\r\n" .. hosted .. "\r\n") end
    helper.eventually(function() return readers "/" == "2" end)
    helper.eventually(function()
      quick:receive(1 << 20) -- more than the system's buffers hold
      return readers "/tick" == "1"
    end)
    quick:receive(1 << 20)
    assert.are.equal("xy", (select(3, web.request(dripping, "GET", "/drip"))))
  end)

  it("drops a body that comes slower than the least rate", function()
    local _, port = web.server('return 200', "bodyTime = 100, readRate = 1000000")
    local client = helper.connect(port)
    client:send("POST / HTTP/1.1\r\nContent-Length: 100000\r\n" .. hosted .. "\r\n")
    helper.eventually(function()
      client:trySend "x"
      client:fill()
      return client.unread:find "^HTTP/1.1 408 "
    end)
  end)

  it("serves by TLS with options.ssl", function()
    local tls = require "spec.tls"
    local authority <close> = tls.authority()
    local one = authority:certificate { names = { "localhost" } }
    local _, port = web.server('return 200, nil, tostring(request.secure)', ("ssl = { certificate = %q, key = %q }")
      :format(one.certificate, one.key))
    local status, out = helper.run({ "curl", "--silent", "--show-error", "--insecure", "https://127.0.0.1:" .. port })
    assert.are.same({ 0, "true" }, { status, out })
  end)
end)
