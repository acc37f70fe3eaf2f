-- SPDX-License-Identifier: MIT
-- moonport ctl: the command line, how answers look, and what it says when nobody answers.

local cjson = require "cjson"
local control = require "spec.host.control"
local helper = require "spec.helper"
local lfs = require "lfs"

local moonport = os.getenv "MOONPORT" or "build/asan/moonport"

-- -> exit status, stdout, stderr
local function ctl(...) return helper.run({ moonport, "ctl", ... }) end

describe("moonport ctl", function()
  after_each(control.close)

  it("shows its commands, none of them wider than a terminal", function()
    local status, out = ctl "--help"
    assert.equal(0, status)
    for line in out:gmatch "[^\n]+" do assert.is_true(#line <= 80, line) end
    for name in pairs { status = 1, connections = 1, waits = 1, console = 1, rollback = 1, drain = 1 } do
      assert.matches("\n  " .. name, out)
    end
  end)

  it("explains each command in as many columns", function()
    local _, all = ctl "--help"
    local commands = 0
    for name in all:gmatch "\n  (%l+) " do
      local status, out = ctl(name, "--help")
      assert.equal(0, status)
      assert.matches("^moonport ctl %[PROGRAM%] " .. name .. "[%s\n]", out)
      for line in out:gmatch "[^\n]+" do assert.is_true(#line <= 80, line) end
      commands = commands + 1
    end
    assert.equal(16, commands)
  end)

  it("asks by a path or by the number of the process", function()
    local program, _, path = control.start(control.echo)
    local status, out = ctl(path, "status")
    assert.equal(0, status)
    assert.matches("process " .. program.pid, out)
    local other = helper.program { source = control.echo }
    other:waitForLine "listening"
    status, out = ctl(tostring(other.pid), "status")
    assert.equal(0, status)
    assert.matches("process " .. other.pid, out)
  end)

  it("shows connections as fields between tabs where nobody reads tables, chosen and in order", function()
    local _, _, path, port = control.start(control.echo)
    local first, second = helper.connect(port), helper.connect(port)
    second:send(("x"):rep(20000))
    second:receive(20000)
    first:send "\27]0;evil\7"
    first:receive(9)
    local status, out = ctl(path, "connections")
    assert.equal(0, status)
    local rows = {}
    for line in out:gmatch "[^\n]+" do rows[#rows + 1] = line end
    assert.equal(2, #rows)
    assert.matches("^1\t127%.0%.0%.1:" .. port .. "\t127%.0%.0%.1:%d+\t[%w.]+\t[%w.]+\tConnected\t0\t0\t9\t9\t1\t$",
      rows[1])
    _, out = ctl(path, "connections", "--sort", "read")
    assert.matches("^2\t", out)
    _, out = ctl(path, "connections", "--sort=sent", "--server", tostring(port))
    assert.matches("^2\t", out)
    _, out = ctl(path, "connections", "no such text")
    assert.equal("", out)
    for _, chosen in ipairs { { tostring(first:port()) }, { "--server", tostring(port) } } do
      _, out = ctl(path, "connections", "--json", table.unpack(chosen))
      assert.equal(#chosen, select(2, out:gsub("\n", "")))
    end
    _, out = ctl(path, "connections", "--json", "--server", tostring(port):sub(2))
    assert.equal("", out)
  end)

  it("gives what peers and scripts have sent without control characters, and as JSON", function()
    local _, _, path, port = control.start(control.echo .. [[
      function server.connection:readyRead()
        self.name = self:readAll()
        self:write "x"
      end
    ]])
    local person = helper.connect(port)
    person:send "\27[2Jann\nbob\xff"
    person:receive(1)
    local _, out = ctl(path, "connections")
    assert.matches("name=\\x1b%[2Jann\\nbob", out)
    assert.is_nil(out:find "\27")
    _, out = ctl(path, "connections", "--json")
    assert.equal("\27[2Jann\nbob\u{fffd}", cjson.decode(out).fields.name)
  end)

  it("shows errors with their tracebacks, handlers and waits", function()
    local _, _, path, port = control.start [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead() error "it fails" end
      moonport.spawn(function() moonport.sleep(60000) end)
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())
    ]]
    local person = helper.connect(port)
    person:send "x"
    person:waitForEnd()
    local _, out = ctl(path, "errors")
    assert.matches("1 time since .- generation 1\n  readyRead handler of .-script%.lua:3: it fails\n", out)
    assert.matches("\n    %[C%]: in function 'error'\n", out)
    _, out = ctl(path, "handlers")
    assert.matches("^1\t1\treadyRead\t127%.0%.0%.1:%d+\t%S+script%.lua:3\n$", out)
    _, out = ctl(path, "waits")
    assert.matches("\tsleep\t[%w.]+\ttask\t", out)
  end)

  it("names the connection that a handler waits for, so that it can be closed", function()
    local _, _, path, port = control.start [[
      local moonport = require "moonport"
      local silent, server = moonport.TcpServer(), moonport.TcpServer()
      function silent.connection:readyRead() end
      assert(silent:listen "127.0.0.1")
      function server.connection:readyRead()
        local upstream = moonport.TcpSocket()
        upstream:connectToHost("127.0.0.1", silent:serverPort())
        upstream:waitForReadyRead(-1)
        self:write "over"
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())
    ]]
    local person = helper.connect(port)
    person:send "x"
    local wait = helper.eventually(function()
      local _, out = ctl(path, "waits", "--json")
      return out ~= "" and cjson.decode(out).awaited and cjson.decode(out)
    end)
    assert.not_equal(wait.connection, wait.awaited)
    local _, out = ctl(path, "waits")
    assert.matches((", id %d\n$"):format(wait.awaited), out)
    assert.equal(0, (ctl(path, "close", ("%d"):format(wait.awaited))))
    assert.equal("over", person:receive(4))
  end)

  it("knows the longest turn exactly, also if it was one of thousands", function()
    local _, _, path, port = control.start [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        local began = moonport.now()
        if self:readAll() == "long" then repeat until moonport.now() - began >= 60 end
        self:write "x"
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %d", server:serverPort())
    ]]
    local person = helper.connect(port)
    for i = 1, 200 do
      person:send(i == 77 and "long" or "short")
      assert.equal("x", person:receive(1))
    end
    local _, out = ctl(path, "status", "--json")
    assert.is_true(cjson.decode(out).lag.longest >= 50, out) -- by another clock than the script's
  end)

  it("reloads, and prints a mistake", function()
    local _, _, path, _, script = control.start(control.echo)
    local status, out = ctl(path, "reload")
    assert.equal(0, status)
    assert.matches("^generation 2, in [%d.]+ ms\n$", out)
    helper.rewrite(script, "error 'no'")
    local err
    status, _, err = ctl(path, "reload")
    assert.equal(1, status)
    assert.matches("^moonport ctl: .*script%.lua:1: no", err)
    assert.equal(0, (ctl(path, "rollback")))
  end)

  it("runs Lua that comes from a pipe: values on stdout, errors on stderr, and in the exit status", function()
    local _, _, path = control.start(control.echo)
    local status, out, err = helper.run({ moonport, "ctl", path, "console" },
      "local n = 3\nn * 2\nfor i = 1, 2 do\n  print(i)\nend\nserver:serverPort() > 0\n")
    assert.same({ 0, "6\n1\n2\ntrue\n", "" }, { status, out, err })
    status, out, err = helper.run({ moonport, "ctl", path, "console" }, "error 'oh'\n7\n")
    assert.same({ 1, "7\n" }, { status, out })
    assert.matches("^console:1: oh\n", err)
    status, _, err = helper.run({ moonport, "ctl", path, "console" }, "for")
    assert.same({ 1, "the last entry is incomplete\n" }, { status, err })
  end)

  it("says in one line what is wrong, with the exit status for it", function()
    local _, _, path = control.start(control.echo)
    local nobody = helper.folder()
    for _, case in ipairs {
      { { "nonsense" }, 2, "nonsense: there is no such command" },
      { { path, "nonsense" }, 2, "nonsense: there is no such command" },
      { { path, "status", "--wrong" }, 2, "--wrong: unknown option" },
      { { path, "status", "more" }, 2, "more: too many arguments" },
      { { path, "close" }, 2, "close needs ID" },
      { { path, "close", "7" }, 1, "there is no such connection" },
      { { path, "close", "abc" }, 2, "close needs the id of a connection" },
      { { path, "log", "loud" }, 2, "log needs debug, info, warning, error or none" },
      { { path, "connections", "--sort", "age2" }, 2, "--sort needs id, age" },
      { { path, "connections", "--server", "x" }, 2, "--server needs the port of a server" },
      { { path, "waits", "--sort", "age" }, 2, "--sort is an option of connections" },
      { { path, "console", "--timeout", "0" }, 2, "--timeout needs milliseconds" },
      { { path, "console", "--json" }, 2, "--json is no option of console" },
      { { path }, 2, "a command is missing" },
      { { nobody .. "/none", "status" }, 1, nobody .. "/none: there is no such socket" },
      { { "999999999", "status" }, 1, "no program 999999999" },
      { { "nosuchunit", "status" }, 1, "nosuchunit: there is no such service" },
    } do
      local status, out, err = ctl(table.unpack(case[1]))
      assert.same({ case[2], "" }, { status, out })
      assert.is_true(err:find(case[3], 1, true) ~= nil, err)
      assert.equal(1, select(2, err:gsub("\n", "\n")), err)
    end
    lfs.rmdir(nobody)
  end)
end)
