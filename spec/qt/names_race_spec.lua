-- Names (D15) as RFC 8305 says, with a name server that answers late, partly or not at all, and with
-- addresses that lose all packets. Each case is a run of the program in its own network namespace.
--
-- The specs assert order and outcome. c-ares asks a silent server three times and gives up after nine
-- seconds. So a connection that is made before the third question didn't wait for the time-out.
--
-- SPDX-License-Identifier: MIT
-- #nogc: programs in namespaces do the work

local namespace = require "spec.qt.namespace"

-- listen(host…) opens a server on each, all with one port; connect(name[, protocol]) -> peer or error name,
-- signals
local prelude = [[
  local moonport = require "moonport"
  local port, servers = 0, {}
  local function listen(...)
    for _, host in ipairs { ... } do
      local server = moonport.TcpServer()
      assert(server:listen(host, port))
      port = server:serverPort()
      servers[#servers + 1] = server
    end
  end
  local function begin(name, protocol)
    local socket, signals = moonport.TcpSocket(), {}
    function socket:hostFound() signals[#signals + 1] = "hostFound" end
    function socket:connected() signals[#signals + 1] = "connected" end
    function socket:errorOccurred() signals[#signals + 1] = "errorOccurred" end
    socket:connectToHost(name, port, "ReadWrite", protocol)
    return socket, signals
  end
  local function connect(name, protocol)
    local socket, signals = begin(name, protocol)
    local ok, _, code = socket:waitForConnected(15000)
    moonport.sleep(0)
    local peer = ok and socket:peerAddress() or code
    socket:abort()
    return peer, table.concat(signals, " ")
  end
]]

local function run(records, source, options)
  return namespace.run(records, prelude .. source .. "\nmoonport.quit()", options)
end

-- How often a question was asked.
local function count(questions, wanted)
  local n = 0
  for _, question in ipairs(questions) do
    if question == wanted then n = n + 1 end
  end
  return n
end

describe("A name", function()
  local missing = namespace.missing()
  if missing then
    it("is looked up and raced in its own network", function() pending(missing) end)
    return
  end

  it("whose IPv6 question gets no answer is reached by IPv4, without waiting for the question's time-out", function()
    local lines, questions = run({ "half.test/A=127.0.0.1", "half.test/AAAA=never" }, [[
      listen("127.0.0.1", "::1")
      print(connect "half.test")
    ]])
    assert.same({ "127.0.0.1\thostFound connected" }, lines)
    assert.is_true(count(questions, "AAAA half.test") < 3)
    assert.equal("AAAA half.test", questions[1]) -- the order that the RFC wants
  end)

  it("whose IPv4 question gets no answer is reached by IPv6", function()
    local lines, questions = run({ "half.test/A=never", "half.test/AAAA=::1" }, [[
      listen("127.0.0.1", "::1")
      print(connect "half.test")
    ]])
    assert.same({ "::1\thostFound connected" }, lines)
    assert.is_true(count(questions, "A half.test") < 3)
  end)

  it("is looked up for the wanted protocol only", function()
    local records = { "both.test/A=127.0.0.1", "both.test/AAAA=::1" }
    for protocol, kind in pairs { IPv4Protocol = "AAAA", IPv6Protocol = "A" } do
      local lines, questions = run(records, ([[
        listen("127.0.0.1", "::1")
        print((connect("both.test", %q)))
      ]]):format(protocol))
      assert.same({ kind == "A" and "::1" or "127.0.0.1" }, lines)
      assert.equal(0, count(questions, kind .. " both.test"))
    end
  end)

  it("is reached by IPv6 when its IPv4 addresses arrive slightly earlier", function()
    local records = {}
    for i = 1, 5 do
      records[#records + 1] = ("n%d.test/A=127.0.0.1@pair"):format(i)
      records[#records + 1] = ("n%d.test/AAAA=::1@pair"):format(i)
    end
    -- The server sends both answers at once. There are five names, in case the second answer is once 50 ms
    -- late.
    assert.same({ "true" }, (run(records, [[
      listen("127.0.0.1", "::1")
      local six = 0
      for i = 1, 5 do
        if connect("n" .. i .. ".test") == "::1" then six = six + 1 end
      end
      print(six > 0)
    ]])))
  end)

  it("is reached by an address that arrives while the first attempt hangs", function()
    local records = { "late.test/A=" .. namespace.lost, "late.test/AAAA=::1@600" }
    assert.same({ "::1\thostFound connected" }, (run(records, [[
      listen "::1"
      print(connect "late.test")
    ]])))
  end)

  it("is reached by an address that arrives after all others have refused", function()
    local records = {
      "four.test/A=127.0.0.1@600", "four.test/AAAA=::1", "six.test/A=127.0.0.2", "six.test/AAAA=::1@600",
    }
    local refused = "ConnectionRefusedError\thostFound errorOccurred"
    assert.same({ "127.0.0.1\thostFound connected", refused }, (run(records, [[
      listen "127.0.0.1"
      print(connect "four.test")
      print(connect "six.test") -- nothing listens at either
    ]])))
  end)

  it("is HostNotFoundError only when neither family has an address", function()
    local records = {
      "empty.test/A=", "failing.test/A=failure", "failing.test/AAAA=failure", "four.test/AAAA=failure",
      "four.test/A=127.0.0.1", "six.test/A=failure", "six.test/AAAA=::1", "late.test/A=127.0.0.1@600",
    }
    local notFound = "HostNotFoundError\terrorOccurred"
    assert.same({
      notFound, notFound, notFound, "127.0.0.1\thostFound connected", "::1\thostFound connected",
      "127.0.0.1\thostFound connected",
    }, (run(records, [[
      listen("127.0.0.1", "::1")
      for _, name in ipairs { "missing", "empty", "failing", "four", "six", "late" } do
        print(connect(name .. ".test"))
      end
    ]])))
  end)

  it("without IPv6 addresses is asked for once, as long as its IPv4 addresses are kept", function()
    local lines, questions = run({ "four.test/A=127.0.0.1" }, [[
      listen "127.0.0.1"
      for _ = 1, 3 do print((connect "four.test")) end
    ]])
    assert.same({ "127.0.0.1", "127.0.0.1", "127.0.0.1" }, lines)
    assert.equal(1, count(questions, "A four.test"))
    assert.equal(1, count(questions, "AAAA four.test"))
  end)

  it("in the hosts file has only that file's addresses; servers are asked first if nsswitch.conf says so", function()
    local records = { "here.test/A=127.0.0.2", "here.test/AAAA=::1", "other.test/A=127.0.0.2" }
    local hosts = "127.0.0.1 here.test only.test\n"
    local source = [[
      listen("127.0.0.1", "127.0.0.2", "::1")
      for _, name in ipairs { "here", "only", "other" } do print((connect(name .. ".test"))) end
      print((connect("here.test", "IPv6Protocol")))
    ]]
    local lines, questions = run(records, source, { hosts = hosts })
    assert.same({ "127.0.0.1", "127.0.0.1", "127.0.0.2", "HostNotFoundError" }, lines)
    assert.equal(0, count(questions, "AAAA here.test") + count(questions, "A here.test"))
    lines = run(records, source, { hosts = hosts, order = "dns files" })
    assert.same({ "::1", "127.0.0.1", "127.0.0.2", "::1" }, lines)
  end)

  it("that gets no answer delays no other name", function()
    local lines, questions = run({ "mute.test/A=never", "mute.test/AAAA=never", "good.test/A=127.0.0.1" }, [[
      listen "127.0.0.1"
      local stuck = begin "mute.test"
      print((connect "good.test"))
      print(stuck:state())
      stuck:abort()
    ]])
    assert.same({ "127.0.0.1", "HostLookupState" }, lines)
    assert.is_true(count(questions, "A mute.test") < 3)
  end)

  it("whose first address loses every packet is reached by the next; all of them together have 30 s #slow", function()
    local records = {
      "six.test/AAAA=" .. namespace.lost6, "six.test/A=127.0.0.1",
      "lost.test/AAAA=" .. namespace.lost6, "lost.test/A=" .. namespace.lost,
    }
    assert.same({
      "127.0.0.1\thostFound connected", "SocketTimeoutError\tSocketTimeoutError\thostFound errorOccurred\ttrue",
    }, (run(records, [[
      listen "127.0.0.1"
      local lost, signals = begin "lost.test"
      local from = moonport.now()
      print(connect "six.test")
      local _, _, code = lost:waitForConnected(60000)
      moonport.sleep(0)
      print(code, lost:error(), table.concat(signals, " "), moonport.now() - from >= 29000)
    ]], { timeout = 90000 })))
  end)
end)
