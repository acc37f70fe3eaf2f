-- SPDX-License-Identifier: MIT
-- moonport.store: its options, RESP3, transactions, bounds, what isn't Redis' protocol, and saves that fail.

local helper = require "spec.helper"
local resp = require "moonport.resp"
local stores = require "spec.store"

local command = resp.command

local start = stores.start

local function stop(program, status)
  program:signal "TERM"
  assert.are.equal(status or 0, program:wait())
end

local function says(client, request, reply)
  client:send(request)
  assert.are.equal(reply, client:receive(#reply, 20000))
end

describe("moonport.store", function()
  it("speaks RESP3 with who asks for it", function()
    local program, port = start()
    local client = helper.connect(port)
    client:send(command("HELLO", 3, "SETNAME", "me"))
    local hello = resp.map({ "server", "redis", "version", "7.0.0", "proto", 3, "id", 1, "mode", "standalone", "role",
      "master", "modules", {} }, 3)
    assert.are.equal(hello, client:receive(#hello))
    says(client, command("HSET", "h", "f", "v"), ":1\r\n")
    says(client, command("HGETALL", "h"), "%1\r\n$1\r\nf\r\n$1\r\nv\r\n")
    says(client, command("SADD", "s", "x"), ":1\r\n")
    says(client, command("SMEMBERS", "s"), "~1\r\n$1\r\nx\r\n")
    says(client, command("MGET", "nothing"), "*1\r\n_\r\n")
    says(client, command("GET", "nothing"), "_\r\n")
    says(client, command("CONFIG", "GET", "databases"), "%1\r\n$9\r\ndatabases\r\n$1\r\n1\r\n")
    says(client, command("SUBSCRIBE", "c"), ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
    says(client, command("PUBLISH", "c", "x"), ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n:1\r\n")
    says(client, command "RESET" .. command("GET", "nothing"), "+RESET\r\n$-1\r\n")
    stop(program)
  end)

  it("asks for a password", function()
    local program, port = start "password = 'secret'"
    local client = helper.connect(port)
    says(client, command("GET", "a"), "-NOAUTH Authentication required.\r\n")
    says(client, command("AUTH", "wrong"), "-WRONGPASS invalid username-password pair or user is disabled.\r\n")
    says(client, command("AUTH", ""), "-WRONGPASS invalid username-password pair or user is disabled.\r\n")
    says(client, command("AUTH", "secret") .. command("GET", "a"), "+OK\r\n$-1\r\n")
    says(client, command "RESET" .. command "PING", "+RESET\r\n-NOAUTH Authentication required.\r\n")
    says(client, command("HELLO", 2, "AUTH", "default", "secret"), "*14\r\n")
    client:close()
    client = helper.connect(port)
    client:send(command("HELLO", 3))
    assert.is_truthy(client:receiveLine():find "^%-NOAUTH HELLO must be called")
    client:close()
    stop(program)
  end)

  it("has a bound for its memory: what may need more fails, the rest goes on", function()
    local program, port = start "maxMemory = 100000"
    local client, text = helper.connect(port), ("x"):rep(10000)
    local count = 0
    repeat
      client:send(command("SET", "key:" .. count, text))
      local reply = client:receiveLine()
      count = count + 1
      assert.is_true(count < 20)
      if reply ~= "+OK\r\n" then
        assert.are.equal("-OOM command not allowed when used memory > 'maxmemory'.\r\n", reply)
      end
    until reply ~= "+OK\r\n"
    says(client, command("MULTI") .. command("INCR", "n") .. command("EXEC"),
      "+OK\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n" ..
      "-EXECABORT Transaction discarded because of previous errors.\r\n")
    says(client, command("STRLEN", "key:0") .. command("DEL", "key:0", "key:1") .. command("INCR", "n"),
      ":10000\r\n:2\r\n:1\r\n")
    client:close()
    stop(program)
  end)

  it("ends a connection that speaks HTTP, before it does anything of it", function()
    local program, port = start()
    for _, head in ipairs {
      "POST / HTTP/1.1\r\n", "post x\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "x y\r\nHOST: a\r\n",
    } do
      local client = helper.connect(port)
      client:send(head .. "\r\nSET a 1\r\n")
      assert.is_nil(client:receiveAll():find("+OK", 1, true))
      client:close()
    end
    local client = helper.connect(port)
    says(client, command("EXISTS", "a"), ":0\r\n")
    client:close()
    stop(program)
  end)

  it("keeps subscribers that read, however large a message is", function()
    local program, port = start()
    local reader, writer = helper.connect(port), helper.connect(port)
    says(reader, command("SUBSCRIBE", "c"), "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
    local text = ("x"):rep(12 << 20)
    for _ = 1, 2 do
      writer:send(command("PUBLISH", "c", text), 20000)
      local message = resp.array { "message", "c", text }
      assert.is_true(message == reader:receive(#message, 20000))
      assert.are.equal(":1\r\n", writer:receiveLine(20000))
    end
    reader:close()
    writer:close()
    stop(program)
  end)

  it("runs a transaction as one, or not at all", function()
    local program, port = start()
    local client = helper.connect(port)
    says(client, command("MULTI") .. command("SET", "a", 1) .. command("INCR", "a") .. command("HGET", "a", "x") ..
      command("EXEC"), "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n:2\r\n" ..
      "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")
    says(client, command("MULTI") .. command("SET", "a", 5) .. command("WATCH", "a") .. command("EXEC") ..
      command("GET", "a"), "+OK\r\n+QUEUED\r\n-ERR unknown command 'WATCH', with args beginning with: 'a' \r\n" ..
      "-EXECABORT Transaction discarded because of previous errors.\r\n$1\r\n2\r\n")
    says(client, command("MULTI") .. command("INCR", "a") .. command("DISCARD") .. command("GET", "a"),
      "+OK\r\n+QUEUED\r\n+OK\r\n$1\r\n2\r\n")
    client:close()
    stop(program)
  end)

  it("serves whole commands only, wherever a connection is cut", function()
    local program, port = start()
    local text = command("INCR", "n") .. "INCR n\r\n" .. command("INCRBY", "n", 100)
    local first, second = #command("INCR", "n"), #command("INCR", "n") + #"INCR n\r\n"
    local sum = 0
    for size = 0, #text do
      local client = helper.connect(port)
      client:send(text:sub(1, size))
      client:shutdown()
      client:receiveAll()
      client:close()
      sum = sum + (size >= first and 1 or 0) + (size >= second and 1 or 0) + (size == #text and 100 or 0)
    end
    local client = helper.connect(port)
    local digits = tostring(sum)
    says(client, command("GET", "n"), ("$%d\r\n%s\r\n"):format(#digits, digits))
    client:close()
    stop(program)
  end)

  it("says that a save has failed, leaves nothing of it, and keeps the file", function()
    local path = helper.file("", "snapshot")
    os.remove(path)
    local program, port = start(("file = %q, saveEvery = 0"):format(path))
    local client = helper.connect(port)
    says(client, command("SET", "a", 1) .. command("SAVE"), "+OK\r\n+OK\r\n")
    local before = io.open(path):read "a"
    assert.are.equal(0, (helper.run { "ln", "-s", "/dev/full", path .. ".tmp" }))
    says(client, command("SET", "a", 2), "+OK\r\n")
    client:send(command "SAVE")
    assert.is_truthy(client:receiveLine():find "^%-ERR .*No space left on device")
    assert.is_nil(io.open(path .. ".tmp"))
    assert.are.equal(before, io.open(path):read "a")
    assert.are.equal(0, (helper.run { "ln", "-s", "/dev/full", path .. ".tmp" }))
    client:close()
    stop(program, 1)
    assert.is_nil(io.open(path .. ".tmp"))
    assert.is_truthy(program:stderr():find "error not saved: .*No space left on device")
  end)

  it("has hashes, sets and times again after a stop and a start", function()
    local path = helper.file("", "snapshot")
    os.remove(path)
    local options = ("file = %q"):format(path)
    local program, port = start(options)
    local client = helper.connect(port)
    says(client, command("HSET", "h", "f", "1", "g", "\r\n\0") .. command("SADD", "s", "x", "y") ..
      command("PEXPIREAT", "h", 9999999999999), ":2\r\n:2\r\n:1\r\n")
    client:close()
    stop(program)
    program, port = start(options)
    client = helper.connect(port)
    says(client, command("HMGET", "h", "f", "g") .. command("PEXPIRETIME", "h") ..
      command("SMISMEMBER", "s", "x", "y", "z"),
      "*2\r\n$1\r\n1\r\n$3\r\n\r\n\0\r\n:9999999999999\r\n*3\r\n:1\r\n:1\r\n:0\r\n")
    client:close()
    stop(program)
  end)

  it("keeps no program running that has closed it, and serves its last clients until they leave", function()
    local program, port = start("saveEvery = 1, file = arg[0] .. '.saved'", [[
      local admin = moonport.TcpServer()
      function admin:newConnection() self:close() server:close() moonport.log.info "closed" end
      admin:listen("127.0.0.1")
      moonport.log.info("admin %d", admin:serverPort())]])
    local client = helper.connect(port)
    says(client, command("SET", "a", "b"), "+OK\r\n")
    helper.connect((program:waitForLine "admin (%d+)")):close()
    program:waitForLine "closed"
    says(client, command("GET", "a"), "$1\r\nb\r\n")
    client:close()
    assert.are.equal(0, program:wait())
  end)

  it("serves redis-py as it is by default", function()
    local program, port = start "saveEvery = 0"
    local status, out, err = helper.run({ "/usr/bin/python3", "spec/scripts/store_redis.py", port }, nil, 60000)
    assert.are.equal("all is well\n", out, err)
    assert.are.equal(0, status)
    stop(program)
  end)

  it("refuses options that it doesn't know", function()
    local store = require "moonport.store"
    assert.error_matches(function() store.server { maxmemory = 1 } end, "unknown option maxmemory")
    assert.error_matches(function() store.server { maxMemory = "1" } end, "bad option maxMemory")
    assert.error_matches(function() store.server { saveEvery = -1 } end, "bad option saveEvery")
  end)
end)
