-- SPDX-License-Identifier: MIT
-- scripts/kv.lua: what is saved and loaded, while clients are served, and what remains after a crash or a
-- reload.

local helper = require "spec.helper"

local folders = {}

local function storePath()
  local folder = os.tmpname()
  os.remove(folder)
  assert.are.equal(0, (helper.run { "mkdir", folder }))
  folders[#folders + 1] = folder
  return folder .. "/kv.resp"
end

local function start(path, interval, script, grace)
  local program = helper.program { script = script or "scripts/kv.lua", args = { 0, "127.0.0.1", path, interval or 0 },
    options = { "--grace", grace or 60000 } }
  return program, program:waitForLine "kv: listening on 127.0.0.1 port (%d+)"
end

local function stop(program, status)
  program:signal "TERM"
  assert.are.equal(status or 0, program:wait(60000))
end

local function cli(port, ...)
  local _, out, err = helper.run({ "redis-cli", "-p", port, ... }, nil, 60000)
  return out .. err
end

local function contents(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

-- Sets key:1 … key:count to their numbers.
local function fill(port, count)
  local client, parts = helper.connect(port), {}
  for i = 1, count do
    local key, value = "key:" .. i, tostring(i)
    parts[i] = ("*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"):format(#key, key, #value, value)
  end
  client:send(table.concat(parts), 60000)
  client:receive(5 * count, 60000)
  return client
end

local function says(client, text)
  assert.are.equal(text, client:receive(#text, 20000))
end

describe("scripts/kv.lua", function()
  after_each(function()
    for _, folder in ipairs(folders) do helper.run { "rm", "-r", folder } end
    folders = {}
  end)

  it("has the same keys after a stop and a start: any bytes, and their times to expire", function()
    local path = storePath()
    local program, port = start(path)
    local client = helper.connect(port)
    client:send("*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$5\r\n\0\1\r\n\255\r\nSET long x EX 1000\r\nSET short x PX 1\r\n")
    client:receive(15)
    client:close()
    helper.settle(5)
    stop(program)
    assert.is_truthy(program:stderr():find("info kv: 2 keys saved to " .. path, 1, true), program:stderr())
    program, port = start(path)
    assert.is_truthy(program:stderr():find("info kv: 2 keys from " .. path, 1, true))
    client = helper.connect(port)
    client:send "*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\nDBSIZE\r\nTTL a\r\n"
    says(client, "$5\r\n\0\1\r\n\255\r\n:2\r\n:-2\r\n")
    client:send "TTL long\r\n"
    local left = tonumber(client:receiveLine():match ":(%d+)")
    assert.is_true(left > 900 and left <= 1001, left)
    client:close()
    stop(program)
    assert.is_nil(program:stderr():find("saved", 1, true)) -- nothing had changed
  end)

  it("writes a file that redis-cli --pipe can load elsewhere", function()
    local path = storePath()
    local program, port = start(path)
    fill(port, 100)
    assert.are.equal("OK\n", cli(port, "SET", "volatile", "x", "EX", "1000"))
    assert.are.equal("OK\n", cli(port, "SAVE"))
    local other, otherPort = start(storePath())
    local _, out = helper.run({ "redis-cli", "-p", otherPort, "--pipe" }, contents(path), 20000)
    assert.is_truthy(out:find("errors: 0, replies: 102", 1, true), out)
    assert.are.equal("101\n", cli(otherPort, "DBSIZE"))
    assert.are.equal("77\n", cli(otherPort, "GET", "key:77"))
    assert.is_truthy(cli(otherPort, "TTL", "volatile"):find "^[19]%d%d+\n$")
    stop(program)
    stop(other)
  end)

  it("saves the keys that exist when the save begins, and serves clients meanwhile", function()
    local path = storePath()
    local program, port = start(path)
    local count = 60000
    local client = fill(port, count)
    client:send "BGSAVE\r\n"
    assert.are.equal("+Background saving started\r\n", client:receiveLine())
    client:send "SET key:5 new\r\nDEL key:6\r\nSET added x\r\nGET key:5\r\nGET key:6\r\nEXISTS key:7 added\r\n"
    client:send "DBSIZE\r\nBGSAVE\r\n"
    says(client, "+OK\r\n:1\r\n+OK\r\n$3\r\nnew\r\n$-1\r\n:2\r\n:" .. count .. "\r\n")
    says(client, "-ERR Background save already in progress\r\n") -- so the save was still running
    program:waitForLine("info kv: " .. count .. " keys saved", 60000)
    local saved = contents(path)
    assert.is_truthy(saved:find("$5\r\nkey:5\r\n$1\r\n5\r\n", 1, true))
    assert.is_truthy(saved:find("$5\r\nkey:6\r\n$1\r\n6\r\n", 1, true))
    assert.is_nil(saved:find("added", 1, true))
    client:send "GET key:5\r\nGET key:6\r\nDBSIZE\r\nSAVE\r\n"
    says(client, "$3\r\nnew\r\n$-1\r\n:" .. count .. "\r\n")
    assert.are.equal("+OK\r\n", client:receiveLine(60000))
    saved = contents(path)
    assert.is_truthy(saved:find("$5\r\nkey:5\r\n$3\r\nnew\r\n", 1, true))
    assert.is_nil(saved:find("$5\r\nkey:6\r\n", 1, true))
    client:close()
    stop(program)
  end)

  it("FLUSHALL during a save leaves no keys, and the save still has the earlier ones", function()
    local path = storePath()
    local program, port = start(path)
    local client = fill(port, 30000)
    client:send "BGSAVE\r\n"
    client:receiveLine()
    client:send "SET x 1\r\nFLUSHALL\r\nSET y 2\r\nDBSIZE\r\nBGSAVE\r\n"
    says(client, "+OK\r\n+OK\r\n+OK\r\n:1\r\n")
    assert.is_truthy(client:receiveLine():find "already in progress")
    program:waitForLine("info kv: 30000 keys saved", 60000)
    assert.are.equal("y\n", cli(port, "KEYS", "*"))
    client:close()
    stop(program)
    assert.is_truthy(program:stderr():find "kv: 1 keys saved")
  end)

  it("loses in a crash only what was written after the last save", function()
    local path = storePath()
    local program, port = start(path)
    cli(port, "SET", "kept", "1")
    cli(port, "SAVE")
    fill(port, 30000)
    local client = helper.connect(port)
    client:send "BGSAVE\r\n"
    client:receiveLine()
    program:signal "KILL"
    program:wait()
    program, port = start(path)
    assert.are.equal("1\n", cli(port, "DBSIZE"))
    assert.are.equal("1\n", cli(port, "GET", "kept"))
    stop(program)
  end)

  it("saves by itself when something has changed", function()
    local path = storePath()
    local program, port = start(path, 0.05)
    helper.settle(120)
    assert.is_nil(contents(path))
    cli(port, "SET", "a", "1")
    program:waitForLine "info kv: 1 keys saved"
    stop(program)
  end)

  it("refuses to start with a file that is cut or isn't a store, and leaves it unchanged", function()
    local path = storePath()
    for text, words in pairs {
      ["*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n"] = "its end is missing",
      ["*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1"] = "its end is missing",
      ["*2\r\n$4\r\nECHO\r\n$6\r\n7 keys\r\n"] = "not all keys are there",
      ["*1\r\n:1\r\n"] = "expected '$', got ':'",
    } do
      helper.rewrite(path, text)
      local program = helper.program { script = "scripts/kv.lua", args = { 0, "127.0.0.1", path } }
      assert.are.equal(1, program:wait())
      assert.is_truthy(program:stderr():find(path .. ": " .. words, 1, true), program:stderr())
      assert.are.equal(text, contents(path))
    end
  end)

  it("refuses to start with a file that it can't read, since its next save would replace it", function()
    local path = storePath()
    assert.are.equal(0, (helper.run { "ln", "-s", "kv.resp", path })) -- a loop of links, which not even root can follow
    local program = helper.program { script = "scripts/kv.lua", args = { 0, "127.0.0.1", path } }
    assert.are.equal(1, program:wait())
    assert.is_truthy(program:stderr():find(path .. ": Too many levels of symbolic links", 1, true), program:stderr())
  end)

  it("says why it can't save, goes on, and ends with status 1", function()
    local path = storePath():gsub("kv.resp", "nothing/kv.resp")
    local program, port = start(path)
    cli(port, "SET", "a", "1")
    assert.is_truthy(cli(port, "SAVE"):find "^ERR .*nothing/kv.resp.tmp: No such file or directory")
    cli(port, "BGSAVE")
    program:waitForLine "error kv: not saved: .*No such file or directory"
    assert.are.equal("1\n", cli(port, "GET", "a"))
    assert.is_truthy(cli(port, "INFO", "persistence"):find("rdb_last_bgsave_status:err", 1, true))
    stop(program, 1)
    assert.are.equal(2, select(2, program:stderr():gsub("error kv: not saved", "")))
  end)

  it("ends with status 1 when the grace time is too short for the save, and leaves the file as it was", function()
    local path = storePath()
    local program, port = start(path, 0, nil, 0)
    cli(port, "SET", "kept", "1")
    cli(port, "SAVE")
    local before = contents(path)
    cli(port, "SET", "lost", "1")
    stop(program, 1)
    assert.are.equal(before, contents(path))
    program, port = start(path)
    assert.is_nil(contents(path .. ".tmp"))
    assert.are.equal("1\n", cli(port, "DBSIZE"))
    stop(program)
  end)

  it("keeps keys, connections and subscriptions when the code is reloaded, also during a save", function()
    local path = storePath()
    local folder = path:match "^(.*)/"
    local files = { "kv.lua", "tls_option.lua", "where.lua" }
    for _, name in ipairs(files) do
      helper.rewrite(folder .. "/" .. name, contents("scripts/" .. name))
    end
    local program, port = start(path, 0, folder .. "/kv.lua")
    local client, subscriber = fill(port, 60000), helper.connect(port)
    subscriber:send "SUBSCRIBE news\r\n"
    subscriber:receive(33)
    client:send "BGSAVE\r\n"
    client:receiveLine()
    client:send "SET key:5 new\r\nBGSAVE\r\n"
    assert.are.equal("+OK\r\n", client:receiveLine())
    assert.is_truthy(client:receiveLine():find "already in progress")
    helper.rewrite(folder .. "/kv.lua", contents(folder .. "/kv.lua") .. "\nlog.info 'and again'\n")
    program:signal "HUP"
    program:waitForLine("reloaded kv.lua: generation 2", 20000)
    client:send "PING\r\nGET key:5\r\nDBSIZE\r\nSET key:6 newer\r\nPUBLISH news hello\r\n"
    says(client, "+PONG\r\n$3\r\nnew\r\n:60000\r\n+OK\r\n:1\r\n")
    assert.is_truthy(subscriber:receiveLine():find "^%*3")
    client:send "SAVE\r\n"
    assert.are.equal("+OK\r\n", client:receiveLine(60000))
    local saved = contents(path)
    assert.are.equal(60000, select(2, saved:gsub("\r\nSET\r\n", "")))
    assert.is_truthy(saved:find("$5\r\nkey:5\r\n$3\r\nnew\r\n", 1, true))
    assert.is_truthy(saved:find("$5\r\nkey:6\r\n$5\r\nnewer\r\n", 1, true))
    client:close()
    subscriber:close()
    stop(program)
    assert.is_nil(program:stderr():find(" error ", 1, true), program:stderr())
  end)
end)
