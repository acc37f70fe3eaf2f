-- SPDX-License-Identifier: MIT
-- What a program written for LuaSocket may do, case by case: run with LuaSocket itself and with moonport.compat.socket,
-- it must print the same.   lua5.4 socket_cases.lua socket | moonport socket_cases.lua moonport.compat.socket

local socket = require(arg[1])

local ports, seen -- names of the running case

-- A value as text: integral floats and integers are the same number, free ports get names by their order. Two of
-- different addresses may have the same number by chance, and one that another case had may come again.
local function shown(value, address)
  if type(value) == "number" and value == value // 1 then
    value = math.tointeger(value)
    if value < 1024 or value > 65535 then return tostring(value) end
    local key = address .. value
    if not ports[key] then
      seen = seen + 1
      ports[key] = "port " .. seen
    end
    return ports[key]
  elseif type(value) == "string" then
    local port = value:find "^%d%d%d%d%d?$" and shown(tonumber(value), address)
    return port and '"' .. port .. '"' or ("%q"):format(value)
  elseif type(value) == "table" or type(value) == "userdata" then
    return (tostring(value):gsub("0x%x+", "…"):gsub("^table: …$", "a table"))
  end
  return tostring(value)
end

local name

local function show(...)
  local list, address = table.pack(...), ""
  for i = 1, list.n do
    local value = list[i]
    list[i] = shown(value, address)
    local other = type(value) == "string" and value:find "^[%x.:]+[.:]%x+$" and value ~= "127.0.0.1"
    address = other and value or ""
  end
  print(name .. ": " .. table.concat(list, " "))
end

-- What is expected instead, by the message of a misuse.
local function misused(fn, ...)
  local ok, message = pcall(fn, ...)
  show(ok, tostring(message):match "%(([^,)]*)" or message)
end

-- A connected pair, which doesn't wait for ever.
local function pair()
  local server = assert(socket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  local client = assert(socket.connect("127.0.0.1", port))
  local peer = assert(server:accept())
  for _, one in ipairs { server, client, peer } do one:settimeout(5) end
  return client, peer, server
end

local cases = {
  { "names of what is connected", function()
    local client, peer, server = pair()
    show(server:getsockname())
    show(client:getpeername())
    show(client:getsockname())
    show(peer:getpeername())
    show(peer:getsockname())
    show(type(select(2, client:getpeername())), type(select(2, client:getsockname())))
    show(server, client, peer, socket.tcp())
    show(client:close(), peer:close(), server:close(), server:close())
    show(client:getpeername())
    show(client:getsockname())
    show(socket.tcp():getpeername())
    show(socket.tcp():getsockname())
    show(client, client:getfd(), client:dirty())
  end },
  { "lines", function()
    local client, peer = pair()
    show(client:send "one\r\ntwo\n\nfo\rur\r\r\nlast")
    for _ = 1, 4 do show(peer:receive()) end
    client:send "\n"
    show(peer:receive "*l")
    client:send "more\n"
    show(peer:receive("*l", "and "))
    client:send "more\n"
    show(peer:receive("*line", "1\r\n"))
    peer:settimeout(0.02)
    client:send "half\r"
    show(peer:receive())
    show(peer:receive())
    client:send "x"
    show(peer:receive("*l", "kept\r "))
    client:send "the\nend"
    client:close()
    peer:settimeout(5)
    show(peer:receive())
    show(peer:receive())
    show(peer:receive())
  end },
  { "numbers of bytes", function()
    local client, peer = pair()
    client:send(("0123456789"):rep(3))
    show(peer:receive(5))
    show(peer:receive "4")
    show(peer:receive(3.7))
    show(peer:receive(0))
    show(peer:receive(6, "abc"))
    show(peer:receive(3, "abc"))
    show(peer:receive(2, "abc"))
    peer:settimeout(0.02)
    show(peer:receive(1000))
    show(peer:receive(0))
    show(peer:receive(7, "abc"))
    client:send "left"
    client:close()
    peer:settimeout(5)
    show(peer:receive(1000, "what is "))
    show(peer:receive(1))
    show(peer:receive(0))
  end },
  { "all", function()
    local client, peer = pair()
    client:send "some\r\n"
    peer:settimeout(0.02)
    show(peer:receive "*a")
    show(peer:receive("*a", "kept"))
    client:send "text"
    client:close()
    peer:settimeout(5)
    show(peer:receive("*a", "some "))
    show(peer:receive "*a")
    show(peer:receive("*a", "x"))
  end },
  { "large data, both ways, in pieces", function()
    local client, peer = pair()
    local data = ("0123456789abcdef"):rep(40000)
    client:settimeout(0)
    peer:settimeout(0)
    local sent, got, rounds = 0, {}, 0
    repeat
      local all, problem, last = client:send(data, sent + 1)
      assert(all or problem == "timeout", problem)
      sent = all or last
      local bytes, why, partial = peer:receive(100000)
      assert(bytes or why == "timeout", why)
      got[#got + 1] = bytes or partial
      socket.select({ peer }, nil, 0.05)
      rounds = rounds + 1
    until sent == #data and #table.concat(got) == sent or rounds > 10000
    show(sent, table.concat(got) == data)
  end },
  { "send's range", function()
    local client, peer = pair()
    show(client:send("abcdef", 2, 4))
    show(client:send("abcdef", -2))
    show(client:send("abcdef", 5, 4))
    show(client:send("abcdef", -100, -5))
    show(client:send("abc", 2, 100))
    show(client:send "")
    show(client:send(12))
    client:close()
    show(peer:receive "*a")
    show(select("#", peer:send "x"))
  end },
  { "a send that can't end in time", function()
    local client, peer = pair()
    client:settimeout(0.02)
    local data = ("x"):rep(1 << 24)
    local all, problem, last = client:send(data)
    show(all, problem, last > 0 and last < #data)
    client:close()
    local rest = peer:receive "*a"
    show(#rest == last) -- what was told as sent comes, and no more
  end },
  { "a peer that has gone", function()
    local client, peer = pair()
    client:send "unread"
    show(peer:receive(1))
    peer:close()
    show(client:receive())
    local sent, problem, last
    for _ = 1, 100 do
      sent, problem, last = client:send "x"
      if not sent then break end
      socket.sleep(0.01)
    end
    show(sent, problem, last)
    show(client:receive())
    show(client:receive "*a")
    show(client:close())
    show(client:send "x")
    show(client:receive())
    show(client:receive "*a")
  end },
  { "half-closed", function()
    local client, peer = pair()
    client:send "question"
    show(client:shutdown "send")
    show(peer:receive "*a")
    show(peer:receive())
    show(peer:send "answer\n")
    show(client:receive())
    show(client:send "x")
    show(peer:shutdown())
    show(client:receive())
    show(peer:receive())
    client:close()
    show(client:shutdown())
    client, peer = pair()
    show(client:shutdown "both", client:receive())
    show(peer:receive())
    client, peer = pair()
    show(client:shutdown "receive", client:receive())
    show(client:send "still\n", peer:receive())
  end },
  { "time-outs", function()
    local client, peer, server = pair()
    show(client:gettimeout())
    for _, value in ipairs { { 1 }, { 1, "t" }, { 2, "b" }, { 3, "r" }, { nil }, { -1, "t" }, { 0.5 } } do
      show(client:settimeout(value[1], value[2]))
      show(client:gettimeout())
    end
    peer:settimeout(0)
    show(peer:receive())
    server:settimeout(0)
    show(server:accept())
    server:settimeout(0.02)
    show(server:accept())
    peer:settimeout(nil)
    peer:settimeout(0.02, "t")
    show(peer:receive(10))
    client:send "now"
    socket.sleep(0.05)
    peer:settimeout(0, "t")
    show(peer:receive(10))
    misused(peer.settimeout, peer, "x")
    misused(peer.settimeout, peer, 1, "x")
  end },
  { "failures to connect", function()
    local closed = assert(socket.bind("127.0.0.1", 0))
    local _, port = closed:getsockname()
    closed:close()
    show(socket.connect("127.0.0.1", port))
    local tcp = socket.tcp()
    show(tcp:connect("127.0.0.1", port))
    show(tcp)
    show(tcp:receive())
    show(tcp:send "x")
    local _, _, server = pair()
    show(tcp:connect(server:getsockname()))
    show(tcp:send "x")
    show(socket.connect("no.such.host.invalid", 80))
    misused(socket.connect)
    misused(tcp.connect, socket.tcp())
  end },
  { "connecting without waiting", function()
    local _, _, server = pair()
    local _, port = server:getsockname()
    local tcp = socket.tcp()
    tcp:settimeout(0)
    local ok, problem = tcp:connect("127.0.0.1", port)
    show(ok or problem == "timeout" and 1)
    local readable, writable, problem2 = socket.select(nil, { tcp }, 5)
    show(#readable, #writable, writable[1] == tcp, writable[tcp], problem2)
    show(tcp:connect("127.0.0.1", port))
    show(tcp:getpeername())
    show(tcp:send "x")
    tcp = socket.tcp()
    tcp:settimeout(0)
    server:close()
    tcp:connect("127.0.0.1", port)
    socket.select(nil, { tcp }, 5)
    show(tcp:connect("127.0.0.1", port))
  end },
  { "bind and listen", function()
    local master = socket.tcp()
    show(master:listen())
    show(master:bind("127.0.0.1", 0))
    show(master)
    show(master:listen(5))
    show(master)
    local _, port = master:getsockname()
    show(socket.bind("127.0.0.1", port))
    show(socket.tcp():bind("127.0.0.1", port))
    show(socket.tcp():bind("192.0.2.1", 0))
    show(socket.bind("no.such.host.invalid", 0))
    show(socket.bind("*", 0):getsockname())
    show(socket.bind("::1", 0):getsockname())
    local client = socket.tcp()
    show(client:bind("127.0.0.2", 0))
    show(client:connect("127.0.0.1", port))
    show(client:getsockname())
    show(master:accept():getpeername())
    show(socket.connect("127.0.0.1", port, "127.0.0.3", 0):getsockname())
    master:settimeout(1)
    show(master:accept():getpeername())
  end },
  { "calls on the wrong object", function()
    local client, _, server = pair()
    misused(client.accept, client)
    misused(client.listen, client)
    misused(server.send, server, "x")
    misused(server.receive, server)
    misused(server.listen, server)
    misused(socket.tcp().send, socket.tcp(), "x")
    misused(socket.tcp().receive, socket.tcp())
    misused(socket.tcp().accept, socket.tcp())
    misused(client.send, client)
    misused(client.receive, client, "*x")
    misused(client.receive, client, "")
    misused(client.receive, client, -1)
    misused(client.shutdown, client, "x")
    misused(client.setoption, client, "nonsense", 1)
    misused(client.getoption, client, "nonsense")
  end },
  { "options and counts", function()
    local client, peer = pair()
    show(client:setoption("tcp-nodelay", true), client:getoption "tcp-nodelay")
    show(client:setoption("tcp-nodelay", false), client:getoption "tcp-nodelay")
    show(client:setoption("keepalive", true), client:getoption "keepalive")
    show(client:setoption("reuseaddr", true))
    client:send "12345"
    peer:receive(5)
    show(client:getstats() == 0, select(2, client:getstats()), (peer:getstats()))
    show(client:setstats(7, 8), client:getstats() == 7)
    show(client:getfd() >= 0, socket.tcp():getfd())
    client:close()
    show(client:setoption("keepalive", true))
  end },
  { "select", function()
    local client, peer, server = pair()
    local function count(readable, writable, problem) show(#readable, #writable, problem) end
    count(socket.select({ peer, server }, nil, 0))
    count(socket.select({ peer, server }, nil, 0.02))
    client:send "one\ntwo\n"
    local readable, writable, problem = socket.select({ server, peer }, { client, peer }, 5)
    show(#readable, readable[1] == peer, readable[peer], #writable, writable[client], writable[peer], problem)
    peer:receive()
    count(socket.select({ peer }, nil, 5))
    peer:receive()
    local host, port = server:getsockname()
    local other = socket.connect(host, port)
    readable = socket.select({ peer, server }, {}, 5)
    show(readable[1] == server, #readable)
    show(server:accept())
    client:close()
    readable = socket.select({ peer, other }, nil, 5)
    show(readable[1] == peer, #readable)
    show(peer:receive())
    count(socket.select(nil, nil, 0.01))
  end },
  { "try and protect", function()
    local log = {}
    local try = socket.newtry(function() log[#log + 1] = "finalized" end)
    show(socket.protect(function(...) return try(...) end)(1, 2, 3))
    show(socket.protect(function(...) return try(...) end)(nil, "bad", 3))
    show(socket.protect(function(...) return try(...) end)(false, { "any" }))
    show(#log, log[1])
    show(socket.protect(function() socket.try(nil, "oops") end)())
    show(socket.protect(function() socket.sleep(0.01) return "slept" end)())
    misused(socket.protect(function() error("boom", 0) end))
    show(socket.protect(function() socket.protect(function() socket.try(nil, "in") end)() socket.try(nil, "out") end)())
    show((pcall(socket.try, nil, "x")))
    show(socket.skip(2, 1, 2, 3, 4))
    show(socket.skip(0, 1))
  end },
  { "sources and sinks", function()
    local client, peer = pair()
    local sink = socket.sink("keep-open", client)
    show(sink "hello ", sink "there", sink(nil))
    show(socket.sink("close-when-done", client)("!"))
    local source = socket.source("by-length", peer, 8)
    show(source())
    show(source())
    show(socket.sink("close-when-done", client)(nil))
    source = socket.source("until-closed", peer)
    show(source())
    show(source())
    misused(socket.sink, "nonsense", client)
    show(socket.BLOCKSIZE)
  end },
  { "time", function()
    local before = socket.gettime()
    show(socket.sleep(0.01), socket.sleep(-1))
    show(socket.gettime() > before, math.abs(socket.gettime() - os.time()) < 2.5)
  end },
}

for _, case in ipairs(cases) do
  name, ports, seen = case[1], {}, 0
  local ok, problem = pcall(case[2])
  if not ok then print(name .. ": FAILED " .. tostring(problem)) end
end
os.exit(0)
