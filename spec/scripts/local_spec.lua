-- SPDX-License-Identifier: MIT
-- The services at Unix-domain sockets, with the clients that people use for them.

local helper = require "spec.helper"
local lfs = require "lfs"
local moonport = require "moonport"

describe("At a Unix-domain socket #gc", function()
  local folder

  before_each(function() folder = helper.folder() end)

  after_each(function()
    for name in lfs.dir(folder) do
      if name ~= "." and name ~= ".." then os.remove(folder .. "/" .. name) end
    end
    lfs.rmdir(folder)
  end)

  local function path(name) return folder .. "/" .. name end

  -- Starts a script, and waits until it listens at the path of `name`.
  local function start(script, name, ...)
    local program = helper.program { script = "scripts/" .. script, args = { ... } }
    program:waitForLine("listening on .*unix:" .. path(name):gsub("%p", "%%%0"))
    return program
  end

  local function talk(name, text, pattern)
    local client = helper.spawn { "nc", "-U", path(name) }
    client:write(text)
    local line = client:waitForLine(pattern)
    client:signal "TERM"
    client:wait()
    return line
  end

  -- It leaves no file.
  local function stop(program, name)
    program:signal "TERM"
    assert.are.equal(0, program:wait())
    assert.is_nil(lfs.symlinkattributes(path(name), "mode"))
  end

  it("echo.lua and chat.lua serve nc and socat", function()
    local echo = start("echo.lua", "echo", "unix:" .. path "echo")
    assert.are.equal("hello", talk("echo", "hello\n", "^hello$"))
    if os.execute "command -v socat >/dev/null" then
      local socat = { "socat", "-t5", "-", "UNIX-CONNECT:" .. path "echo" }
      assert.are.equal("by socat\n", select(2, helper.run(socat, "by socat\n")))
    end
    stop(echo, "echo")
    local chat = start("chat.lua", "chat", "unix:" .. path "chat")
    talk("chat", "/who\n", "^%* guest1$")
    stop(chat, "chat")
  end)

  it("http.lua serves curl", function()
    helper.rewrite(path "page.txt", "a page\n")
    local http = start("http.lua", "http", "unix:" .. path "http", folder)
    local function get(what) return select(2, helper.run { "curl", "-s", "--unix-socket", path "http",
      "http://localhost" .. what }) end
    assert.are.equal("a page\n", get "/page.txt")
    assert.is_truthy(get "/api/status":find '"connections":1')
    stop(http, "http")
  end)

  it("kv.lua serves redis-cli", function()
    local kv = start("kv.lua", "kv", "unix:" .. path "kv", path "kv.resp", "0")
    local function ask(...) return select(2, helper.run { "redis-cli", "-s", path "kv", ... }) end
    assert.are.equal("OK\n", ask("set", "greeting", "hello"))
    assert.are.equal("hello\n", ask("get", "greeting"))
    stop(kv, "kv")
    assert.is_truthy(lfs.attributes(path "kv.resp"))
  end)

  it("mail.lua serves curl", function()
    local mail = start("mail.lua", "mail", "unix:" .. path "mail", folder)
    helper.rewrite(path "letter", "Subject: x\r\n\r\nhello\r\n")
    assert.are.equal(0, (helper.run { "curl", "-s", "--unix-socket", path "mail", "smtp://localhost", "--mail-from",
      "me@a.example", "--mail-rcpt", "you@b.example", "-T", path "letter" }))
    local found
    for name in lfs.dir(folder) do found = found or name:match "%.eml$" end
    assert.is_truthy(found)
    stop(mail, "mail")
  end)

  it("gateway.lua serves device.lua and curl", function()
    local gateway = start("gateway.lua", "devices", "unix:" .. path "devices", "unix:" .. path "web")
    helper.program { script = "scripts/device.lua", args = { "lamp-7", "unix:" .. path "devices" } }
      :waitForLine "lamp%-7 is connected"
    local _, list = helper.run { "curl", "-s", "--unix-socket", path "web", "http://localhost/devices" }
    assert.is_truthy(list:find('"lamp-7"', 1, true))
    assert.is_truthy(list:find('"address":"unix"', 1, true))
    stop(gateway, "devices")
  end)

  it("proxy.lua passes on from one to another", function()
    local echo = start("echo.lua", "echo", "unix:" .. path "echo")
    local proxy = start("proxy.lua", "proxy", "unix:" .. path "proxy", "unix:" .. path "echo")
    assert.are.equal("through", talk("proxy", "through\n", "^through$"))
    stop(proxy, "proxy")
    stop(echo, "echo")
    local program = helper.program { script = "scripts/proxy.lua", args = { "unix:" .. path "x", "tls://unix:/y" } }
    assert.are.equal(1, program:wait())
    assert.is_truthy(program:stderr():find("TLS needs HOST:PORT", 1, true))
  end)

  it("mock.lua plays its steps", function()
    helper.rewrite(path "steps.lua", 'return { connections = { { { expect = "PING\\n" }, { answer = "PONG\\n" } } } }')
    local mock = start("mock.lua", "mock", "unix:" .. path "mock", path "steps.lua")
    local client = helper.spawn { "nc", "-U", path "mock" }
    client:write "PING\n"
    client:waitForLine "^PONG$"
    client:signal "TERM"
    assert.are.equal(0, mock:wait())
  end)

  it("dns.lua answers there as over TCP, and asks another one there", function()
    helper.rewrite(path "hosts", "192.0.2.77 printer.home\n")
    local inner = start("dns.lua", "inner", "unix:" .. path "inner", "192.0.2.1", path "hosts")
    local outer = start("dns.lua", "outer", "unix:" .. path "outer", "unix:" .. path "inner", path "none")
    -- printer.home A, with the id 7
    local query = string.pack(">I2I2I2I2I2I2s1s1BI2I2", 7, 0x100, 1, 0, 0, 0, "printer", "home", 0, 1, 1)
    for _, name in ipairs { "inner", "outer" } do
      local socket <close> = moonport.LocalSocket()
      socket:connectToServer(path(name))
      assert(socket:waitForConnected(5000))
      for _ = 1, 2 do
        socket:write(string.pack(">s2", query))
        local answer = assert(socket:receive(string.unpack(">I2", assert(socket:receive(2, 5000))), 5000))
        assert.are.same({ 7, 1 }, { (string.unpack(">I2", answer)), (string.unpack(">I2", answer, 7)) })
        assert.are.equal("\192\0\2\77", answer:sub(-4))
      end
    end
    stop(outer, "outer")
    stop(inner, "inner")
    for words, expected in pairs { ["65536"] = "not a port: 65536", ["0 a.b"] = "not an address: a.b",
      ["unix:"] = "listen unix:" } do
      local list = {}
      for one in words:gmatch "%S+" do list[#list + 1] = one end
      local program = helper.program { script = "scripts/dns.lua", args = list }
      assert.are.equal(1, program:wait())
      assert.is_truthy(program:stderr():find(expected, 1, true), program:stderr())
    end
  end)

  it("syslog.lua takes messages there alone", function()
    local log = start("syslog.lua", "log", folder, "unix:" .. path "log")
    local client = helper.spawn { "nc", "-NU", path "log" }
    client:write("<13>Oct 11 22:14:15 box app: by nc\n", true)
    helper.eventually(function()
      local file <close> = io.open(path "messages.log")
      return file and file:read "a":find("box user.notice app: by nc", 1, true)
    end)
    stop(log, "log")
  end)

  it("a service fails to start where another one listens, and says where", function()
    local echo = start("echo.lua", "echo", "unix:" .. path "echo")
    local second = helper.program { script = "scripts/echo.lua", args = { "unix:" .. path "echo" } }
    assert.are.equal(1, second:wait())
    assert.is_truthy(second:stderr():find("listen unix:" .. path "echo" .. ": The bound address is already in use", 1,
      true))
    assert.are.equal("still", talk("echo", "still\n", "^still$"))
    stop(echo, "echo")
  end)
end)
