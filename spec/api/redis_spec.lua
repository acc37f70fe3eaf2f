-- SPDX-License-Identifier: MIT
-- moonport.redis with a real redis-server: commands, transactions, connections of one's own, messages, URLs.

local moonport = require "moonport"
local helper = require "spec.helper"
local redis = require "moonport.redis"
local servers = require "spec.redis"
local tls = require "spec.tls"

local port, store

local function open(url, options)
  store = assert(redis.connect(url or "redis://127.0.0.1:" .. port, options))
  return store
end

-- All of them at once. -> their results
local function together(count, fn)
  local tasks, results = {}, {}
  for i = 1, count do tasks[i] = moonport.spawn(fn, i) end
  for i, task in ipairs(tasks) do results[i] = task:join(helper.timeout) end
  return results
end

describe("moonport.redis", function()
  before_each(function() port = select(2, servers.start()) end)
  after_each(function()
    if store then store:close() end
    store = nil
  end)

  it("gives strings, integers, lists, nil for null, false for null in a list, and errors with their kind", function()
    open()
    assert.equal("OK", store:set("key", "value\r\n\0"))
    assert.equal("value\r\n\0", store:get "key")
    assert.equal(1, select("#", store:get "none"))
    assert.is_nil(store:get "none")
    assert.equal(41, store:incrby("number", 41))
    assert.same({ "value\r\n\0", false, "41" }, store:mget("key", "none", "number"))
    assert.same({ nil, "lpush: WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE" },
      { store:lpush("key", 1) })
    assert.same({ nil, "nonsense: ERR unknown command 'NONSENSE', with args beginning with: 'a' ", "ERR" },
      { store:command("nonsense", "a") })
    assert.equal("0.5", store:command("incrbyfloat", "float", 0.5))
    assert.has_error(function() store:set("key", {}) end)
    assert.has_error(function() store:set("key", nil) end)
  end)

  it("takes every command of its methods, in the server's words", function()
    open()
    local commands = require "moonport.redis.commands"
    for _, names in ipairs { commands.methods, commands.blocking, commands.guarding } do
      for name in pairs(names) do
        local known = store:command("command", "info", name)
        assert.is_truthy(known[1] or name == "waitaof", name) -- that one came with Redis 7.2
      end
    end
  end)

  it("refuses what would change or block the connection that all share", function()
    open()
    for _, words in ipairs { { "BLPOP", "a", 0 }, { "blmove", "a", "b", "LEFT", "LEFT", 0 }, { "brpop", "a", 0 },
      { "bzpopmin", "a", 0 }, { "XREAD", "BLOCK", 0, "STREAMS", "a", "0" },
      { "xread", "count", 1, "block", 0, "streams", "a", 0 },
      { "WAIT", 1, 0 }, { "MONITOR" }, { "SUBSCRIBE", "a" }, { "psubscribe", "a" }, { "SELECT", 1 }, { "auth", "x" },
      { "HELLO", 3 }, { "RESET" }, { "quit" }, { "CLIENT", "REPLY", "OFF" }, { "client", "reply", "skip" },
      { "CLIENT", "TRACKING", "ON" }, { "MULTI" }, { "exec" }, { "WATCH", "a" } } do
      assert.error_matches(function() store:command(table.unpack(words)) end, "^%u+ %l+ ")
    end
    assert.error_matches(function() store:xread("BLOCK", 0, "STREAMS", "a", "0") end, "XREAD would block everybody")
    assert.is_nil(store:xread("STREAMS", "BLOCK", "0"))
    assert.equal("OK", store:command("CLIENT", "SETNAME", "moonport"))
    for _, name in ipairs { "subscribe", "QUIT", "hello", "MONITOR" } do
      assert.has_error(function() store:dedicated(function(own) own:command(name) end) end)
    end
    assert.equal("1", store:command("ECHO", 1))
  end)

  it("has one connection for all commands, in the order of the calls", function()
    open()
    local results = together(200, function() return store:incr "count" end)
    for i = 1, 200 do assert.equal(i, results[i]) end
    local other = assert(redis.connect("redis://127.0.0.1:" .. port))
    assert.equal("200", other:get "count")
    assert.equal("2", servers.cli(port, "info", "clients"):match "connected_clients:(%d+)")
    other:close()
    assert.equal("200", store:get "count")
  end)

  it("sends a transaction as a whole, with its answers in a list", function()
    open()
    store:set("text", "x")
    local answers = assert(store:multi(function(t)
      t:incr "n"
      t:incrby("n", 4)
      t:lpush("text", 1)
      t:get "none"
      t:command("mget", "n", "none")
    end))
    assert.same({ 1, 5, { error = "WRONGTYPE Operation against a key holding the wrong kind of value" }, false,
      { "5", false } }, answers)
    local _, message, code = store:multi(function(t)
      t:incr "n"
      t:command "nonsense"
    end)
    assert.equal("EXECABORT", code)
    assert.matches("The first: ERR unknown command 'NONSENSE'", message)
    assert.same({}, store:multi(function() end))
    assert.equal("5", store:get "n")
    assert.has_error(function() store:multi(function(t) t:command("BLPOP", "a", 0) end) end)
    assert.has_error(function() store:multi(function() error "x" end) end)
  end)

  it("lends up to eight connections for what blocks, and takes clean ones back", function()
    open()
    local most = 0
    local tasks = {}
    for i = 1, 12 do
      tasks[i] = moonport.spawn(function() return store:dedicated(function(own) return own:blpop("list", 0) end) end)
    end
    helper.eventually(function()
      local blocked = tonumber(servers.cli(port, "info", "clients"):match "blocked_clients:(%d+)")
      most = math.max(most, blocked)
      return blocked == 8
    end)
    for i = 1, 12 do store:rpush("list", i) end
    local sum = 0
    for _, task in ipairs(tasks) do sum = sum + task:join(helper.timeout)[2] end
    assert.equal(78, sum)
    assert.equal(8, most)
    local same = store:dedicated(function(own) return own:command("CLIENT", "ID") end)
    assert.equal("integer", math.type(same))
  end)

  it("drops a borrowed connection with state, or with an answer outstanding, and keeps others", function()
    open()
    local function id()
      return store:dedicated(function(own) return own:eval("return redis.call('incr','n')", 0) end)
    end
    local function connections()
      return tonumber((servers.cli(port, "info", "stats"):match "total_connections_received:(%d+)"))
    end
    assert.equal(1, id())
    local before = connections()
    assert.equal(2, id())
    assert.equal(before + 1, connections()) -- redis-cli's own
    local kept
    store:dedicated(function(own)
      kept = own
      own:command("SELECT", 3)
    end)
    assert.same({ nil, "get: the connection was given back", "OperationError" }, { kept:get "n" })
    assert.equal(3, id())                   -- in database 0
    store:dedicated(function(own) own:watch "n" end)
    local task = moonport.spawn(function() store:dedicated(function(own) own:blpop("never", 0) end) end)
    helper.eventually(function() return servers.cli(port, "info", "clients"):match "blocked_clients:1" end)
    task:cancel()
    helper.eventually(function() return servers.cli(port, "info", "clients"):match "blocked_clients:0" end)
    assert.error_matches(function() store:dedicated(function() error "mine" end) end, "mine")
    assert.equal(4, id())
  end)

  it("watches keys, and gives nil for a transaction that was overtaken", function()
    open()
    local function add(disturbed)
      return store:dedicated(function(own)
        assert(own:watch "sum")
        local sum = tonumber(own:get "sum" or 0)
        if disturbed then store:set("sum", 10) end
        return own:multi(function(t) t:set("sum", sum + 1) end)
      end)
    end
    assert.is_nil(add(true))
    assert.same({ "OK" }, add(false))
    assert.equal("11", store:get "sum")
  end)

  it("does a command whose caller was cancelled, and gives the next one its own answer", function()
    open()
    store:set("key", "mine")
    local tasks = {}
    for i = 1, 20 do tasks[i] = moonport.spawn(function() return store:incr "n" end) end
    moonport.sleep(0)
    for i = 1, 20, 2 do tasks[i]:cancel() end
    for i = 2, 20, 2 do assert.equal(i, (tasks[i]:join(helper.timeout))) end
    assert.equal("mine", store:get "key")
  end)

  it("raises where it can't wait, and sends nothing then", function()
    open()
    store:set("n", 0)
    local task = moonport.spawn(function()
      return pcall(string.gsub, "x", "x", function() store:incr "n" end)
    end)
    local ok, message = task:join(helper.timeout)
    assert.is_false(ok)
    assert.matches("cannot wait here", message)
    assert.equal("0", store:get "n")
  end)

  it("brings messages in order, one at a time, to each subscription", function()
    open()
    local got, inside, most = {}, 0, 0
    local one = assert(store:subscribe("room", function(message, channel)
      inside = inside + 1
      most = math.max(most, inside)
      moonport.sleep(0)
      got[#got + 1] = channel .. " " .. message
      inside = inside - 1
    end))
    local patterns = {}
    local two = assert(store:psubscribe("ro*", function(message, channel)
      patterns[#patterns + 1] = channel .. message
    end))
    for i = 1, 50 do assert.equal(2, store:publish("room", i)) end
    helper.eventually(function() return #got == 50 and #patterns == 50 end)
    for i = 1, 50 do assert.equal("room " .. i, got[i]) end
    assert.equal(1, most)
    one:close()
    two:close()
    helper.eventually(function() return store:publish("room", "nobody") == 0 end)
    local again = {}
    assert(store:subscribe("room", function(message) again[#again + 1] = message end))
    store:publish("room", "somebody")
    helper.eventually(function() return again[1] == "somebody" end)
    assert.equal(50, #got)
  end)

  it("goes on with the next message when a handler fails", function()
    open()
    local got, errors = {}, 0
    moonport.onError(function() errors = errors + 1 end)
    assert(store:subscribe("room", function(message)
      if message == "2" then error "a bad message" end
      got[#got + 1] = message
    end))
    for i = 1, 3 do store:publish("room", i) end
    helper.eventually(function() return got[2] end)
    moonport.onError(nil)
    assert.same({ "1", "3" }, got)
    assert.equal(1, errors)
  end)

  it("bounds the queue of a slow handler", function()
    open(nil, { queue = 5 })
    local got, slow = {}, moonport.Condition()
    local subscription = assert(store:subscribe("room", function(message)
      got[#got + 1] = message
      slow:wait()
    end))
    for i = 1, 20 do store:publish("room", i) end
    helper.eventually(function() return subscription:dropped() == 14 end)
    assert.equal(5, subscription:pending())
    helper.eventually(function()
      slow:notifyAll()
      return #got == 6 and subscription:pending() == 0
    end)
    slow:notifyAll()
    assert.same({ "1", "2", "3", "4", "5", "6" }, got)
  end)

  it("takes database, password and user from the URL, and says what the server refuses", function()
    open "redis://127.0.0.1:1" -- only to be replaced
    store:close()
    store = nil
    local _, locked = servers.start(nil, "--requirepass", "se:c/r@t", "--user", "ann", "on", ">p", "~a*", "+@all",
      "-publish", "&room")
    local host = "127.0.0.1:" .. locked
    open("redis://:se%3Ac%2Fr%40t@" .. host .. "/3")
    assert.equal("OK", store:set("a", "three"))
    assert.matches("db=3", store:command("CLIENT", "INFO"))
    assert.is_nil(tostring(store):find("se", 1, true))
    local plain = assert(redis.connect("redis://:se%3Ac%2Fr%40t@" .. host))
    assert.is_nil(plain:get "a")
    plain:close()
    local ann = assert(redis.connect("redis://ann:p@" .. host))
    assert.same({ nil, "NOPERM" }, { ann:publish("room", "x"), (select(3, ann:publish("room", "x"))) })
    assert.equal("NOPERM", (select(3, ann:get "b")))
    assert.equal("NOPERM", (select(3, ann:subscribe("other", print))))
    assert(ann:subscribe("room", print)):close()
    ann:close()
    for url, expected in pairs {
      ["redis://:wrong@" .. host] = "WRONGPASS", ["redis://nobody:p@" .. host] = "WRONGPASS",
      ["redis://" .. host] = "NOAUTH", ["redis://ann:p@" .. host .. "/999"] = "ERR",
    } do
      local bad = assert(redis.connect(url))
      assert.equal(expected, (select(3, bad:get "a")), url)
      assert.equal(expected, (select(3, bad:subscribe("room", print))), url)
      assert.equal(expected, (select(3, bad:dedicated(function(own) return own:get "a" end))), url)
      bad:close()
    end
  end)

  it("connects to a Unix-domain socket", function()
    local path = os.tmpname()
    os.remove(path)
    servers.start(nil, "--unixsocket", path)
    for _, url in ipairs { "unix:" .. path, "unix://" .. path .. "?db=2" } do
      open(url)
      assert.equal("OK", store:set("a", url))
      assert.equal(url, store:get "a")
      store:close()
    end
    os.remove(path)
  end)

  it("connects with TLS, to a server whose certificate is good", function()
    local authority <close> = tls.authority()
    local made = authority:certificate { names = { "localhost", "127.0.0.1" } }
    local mine = authority:certificate { client = true }
    local listener = helper.listen()
    local secure = listener:port()
    listener:close()
    servers.start(nil, "--tls-port", secure, "--tls-cert-file", made.certificate, "--tls-key-file", made.key,
      "--tls-ca-cert-file", authority.caCertificates, "--tls-auth-clients", "yes")
    open(("rediss://127.0.0.1:%d/1?ca=%s&certificate=%s&key=%s"):format(secure, authority.caCertificates,
      mine.certificate, mine.key))
    assert.equal("OK", store:set("a", ("x"):rep(100000)))
    assert.equal(100000, #store:get "a")
    store:close()
    open("rediss://127.0.0.1:" .. secure, { ssl = { caCertificates = authority.caCertificates,
      certificate = mine.certificate, key = mine.key } })
    assert.equal("PONG", store:ping())
    local stranger = assert(redis.connect("rediss://127.0.0.1:" .. secure, { timeout = 2000 }))
    local _, message, code = stranger:ping()
    assert.equal("SocketTimeoutError", code)
    assert.matches("is self%-signed, and untrusted", message)
    stranger:close()
  end)

  it("says which URLs it can't read", function()
    for url, why in pairs {
      ["http://a"] = "no URL of redis, rediss or unix", ["redis:a"] = "no URL of redis, rediss or unix",
      ["redis://a:0"] = "no port", ["redis://a:70000"] = "no port", ["redis://a/x"] = "the database is no number",
      ["redis://a b"] = "a character that must be percent-encoded",
      ["redis://a?x=1"] = "an unknown field in the query, 'x'",
      ["redis://ann@a"] = "a user without a password", ["unix:"] = "no URL of redis, rediss or unix",
      ["redis://a?ca=x"] = "certificates are for rediss", ["redis://[::1"] = "no host",
    } do
      assert.same({ nil, "connect: " .. why, "ProtocolUnknownError" }, { redis.connect(url) }, url)
    end
    assert.equal("SslInvalidUserDataError", (select(3, redis.connect "rediss://a?ca=/nowhere.pem")))
    assert.has_error(function() redis.connect("redis://a", { timout = 1 }) end)
    assert.has_error(function() redis.connect("redis://a", { timeout = "1" }) end)
  end)

  it("ends with close: commands and subscriptions are refused, and the connections close", function()
    open()
    assert(store:subscribe("room", function() end))
    store:get "a"
    store:close()
    store:close()
    for _, call in ipairs { function() return store:get "a" end, function() return store:subscribe("a", print) end,
      function() return store:multi(function() end) end, function() return store:dedicated(print) end } do
      assert.equal("OperationError", (select(3, call())))
    end
    helper.eventually(function() return servers.cli(port, "info", "clients"):match "connected_clients:1\r" end)
  end)

  it("takes an answer of 100,000 keys, and one that others wait behind", function()
    open()
    store:eval("for i = 1, 100000 do redis.call('set', 'key' .. i, i) end", 0)
    local keys = assert(store:keys "*")
    assert.equal(100000, #keys)
    assert.equal("7", store:get "key7")
  end)
end)
