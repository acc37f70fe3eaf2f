-- SPDX-License-Identifier: MIT
-- The command line of the program: what each option does, and the message for a wrong one.

local helper = require "spec.helper"

local moonport = os.getenv "MOONPORT" or "build/asan/moonport"

local function run(...)
  return helper.run { moonport, ... }
end

describe("The command line", function()
  it("prints the help on one screen for --help and -h", function()
    for _, option in ipairs { "--help", "-h" } do
      local status, out, err = run(option)
      assert.are.same({ 0, "" }, { status, err })
      assert.is_truthy(out:find("usage: moonport [options] script.lua", 1, true))
      local lines = 0
      for line in out:gmatch "[^\n]*\n" do
        lines = lines + 1
        assert.is_true(#line - 1 <= 80, line)
      end
      assert.is_true(lines < 24)
    end
  end)

  it("names in the help every option that it accepts", function()
    local out = helper.help()
    for _, option in ipairs { "-e", "--check", "--grace", "--log-level", "--version", "--help" } do
      assert.is_truthy(out:find("  " .. option .. " ", 1, true), option)
    end
  end)

  it("prints the version for --version", function()
    local status, out, err = run "--version"
    assert.are.same({ 0, "" }, { status, err })
    assert.is_truthy(out:find "^moonport %d+%.%d+%.%d+ %(Lua 5%.4%.%d+%)\n$")
  end)

  it("prints for --share where its files are installed, or that they aren't", function()
    local status, out, err = run "--share" -- spec/install tests installed ones
    assert.are.same({ 1, "" }, { status, out })
    assert.matches("^moonport: not installed: [^\n]+/share/moonport: No such file or directory\n$", err)
  end)

  it("says in one line what is wrong with the usage, and exits with 2", function()
    local script = helper.file "print 'ran'"
    for _, case in ipairs {
      { { "--bogus", script }, "moonport: --bogus: unknown option" },
      { { "-x" }, "moonport: -x: unknown option" },
      { { "--grace=5", script }, "moonport: --grace=5: unknown option" },
      { {}, "moonport: no script given" },
      { { "--check" }, "moonport: no script given" },
      { { "-e" }, "moonport: -e: needs a value" },
      { { "--grace" }, "moonport: --grace: needs a value" },
      { { "--grace", "soon", script }, "moonport: --grace: needs a time in milliseconds" },
      { { "--grace", "-1", script }, "moonport: --grace: needs a time in milliseconds" },
      { { "--grace", "", script }, "moonport: --grace: needs a time in milliseconds" },
      { { "--grace", "nan", script }, "moonport: --grace: needs a time in milliseconds" },
      { { "--grace", "inf", script }, "moonport: --grace: needs a time in milliseconds" },
      { { "--log-level" }, "moonport: --log-level: needs a value" },
      { { "--log-format" }, "moonport: --log-format: needs a value" },
      { { "--log-format", "xml", script }, "moonport: --log-format: needs text or json" },
      { { "--log-level", "loud", script }, "moonport: --log-level: needs debug, info, warning, error or none" },
    } do
      local status, out, err = run(table.unpack(case[1]))
      assert.are.same({ 2, "", case[2] .. " (see moonport --help)\n" }, { status, out, err })
    end
  end)

  it("passes what follows the script to the script", function()
    local status, out = run(helper.file "print(...)", "--help", "-e", "--bogus")
    assert.are.same({ 0, "--help\t-e\t--bogus\n" }, { status, out })
  end)

  it("ends the options at --", function()
    local status, out = run("--", helper.file "print(...)", "x")
    assert.are.same({ 0, "x\n" }, { status, out })
  end)

  it("writes log lines of --log-level and above", function()
    local script = helper.file [[
      local log = require "moonport".log
      log.debug "a" log.info "b" log.warning "c" log.error "d"
    ]]
    for level, expected in pairs { debug = "abcd", info = "bcd", warning = "cd", error = "d", none = "" } do
      local status, _, err = run("--log-level", level, script)
      assert.are.same({ 0, expected }, { status, (err:gsub("%d%d%d%d%-[^\n]*%a+ (%a)\n", "%1")) })
    end
  end)
end)

describe("-e", function()
  it("runs code without a script, with an arg that has no script", function()
    local status, out = run("-e", "print(#arg, arg[0], arg[-1] == '-e' or arg[-2])")
    assert.are.same({ 0, "0\tnil\t-e\n" }, { status, out })
  end)

  it("runs all code in order, before the script", function()
    local status, out = run("-e", "x = 1", "-e", "x = x + 1", helper.file "print(x, ...)", "y")
    assert.are.same({ 0, "2\ty\n" }, { status, out })
  end)

  it("may wait, and listens like a script", function()
    local status, out = run("-e", "local m = require 'moonport' print(m.sleep(1)) print(m.TcpServer():listen())"
      .. " m.quit(7)")
    assert.are.same({ 7, "true\ntrue\n" }, { status, out })
  end)

  it("exits with 1 and one line if the code isn't Lua, and runs no script", function()
    local status, out, err = run("-e", "x = = 1", helper.file "print 'ran'")
    assert.are.same({ 1, "", "moonport: (-e):1: unexpected symbol near '='\n" }, { status, out, err })
  end)

  it("exits with 1 if the code fails, and runs no script", function()
    local status, out, err = run("-e", "error 'no'", helper.file "print 'ran'")
    assert.are.same({ 1, "" }, { status, out })
    assert.is_truthy(err:find("^moonport: %(%-e%):1: no\nstack traceback:"))
  end)
end)

describe("--check", function()
  it("says that a sound script is ok, and runs nothing of it", function()
    local script = helper.file "print 'ran' error 'ran'"
    local status, out, err = run("--check", script)
    assert.are.same({ 0, script .. ": ok\n", "" }, { status, out, err })
  end)

  it("runs no -e either", function()
    local status, out = run("-e", "print 'ran'", "--check", helper.file "return")
    assert.are.same({ 0, nil }, { status, out:match "ran" })
  end)

  it("names file and line of a syntax error, and exits with 1", function()
    local script = helper.file "x = 1\nlocal = 2\n"
    local status, out, err = run("--check", script)
    assert.are.same({ 1, "", ("moonport: %s:2: <name> expected near '='\n"):format(script) }, { status, out, err })
  end)

  describe("of a script that requires modules", function()
    local folder

    local function check(files)
      for name, text in pairs(files) do helper.rewrite(folder .. "/" .. name, text) end
      local status, out, err = run("--check", folder .. "/main.lua")
      return status, ((out .. err):gsub(folder, "."))
    end

    before_each(function()
      folder = os.tmpname()
      os.remove(folder)
      assert(os.execute(("mkdir -p '%s/parts'"):format(folder)))
    end)

    after_each(function() os.execute(("rm -r '%s'"):format(folder)) end)

    it("says so when all are sound, also those that require each other", function()
      local status, told = check {
        ["main.lua"] = "#!/usr/bin/env moonport 'it'\nlocal one = require('one') local json = require \"cjson\"",
        ["one.lua"] = 'local m, two = require "moonport", require "parts.two" local test = require "string"',
        ["parts/two.lua"] = 'local one = require "one" error "ran"',
      }
      assert.are.same({ 0, "./main.lua: ok\n" }, { status, told })
    end)

    it("names file and line of a syntax error in a module that a module requires", function()
      local status, told = check {
        ["main.lua"] = "-- [[ \nlocal one = require 'one'",
        ["one.lua"] = "return { two = require [[x]], require ( 'parts.two' ) }",
        ["parts/two.lua"] = "return {\n}}\n",
      }
      assert.are.same({ 1, "moonport: ./parts/two.lua:2: <eof> expected near '}'\n" }, { status, told })
    end)

    it("names the line that requires a missing module", function()
      local status, told = check { ["main.lua"] = "local a = 'it\\'s' --[==[\n]] ]==]\n\nrequire 'gone.away'" }
      assert.are.same({ 1, "moonport: ./main.lua:4: module 'gone.away' not found\n" }, { status, told })
    end)

    it("ignores names in comments and strings, computed ones, other functions, paths that the script sets",
      function()
        local status, told = check { ["main.lua"] = [==[
          -- require "a"
          --[[ require "a" ]] local text = "require 'a'" .. [=[ require "a" ]=]
          local name = pcall(require, "a") and require("a" .. name) and it.require "a" and it:require "a"
          package.path = "elsewhere/?.lua;" .. package.path
          require "b"
        ]==] }
        assert.are.same({ 0, "./main.lua: ok\n" }, { status, told })
      end)
  end)

  it("checks standard input", function()
    assert.are.equal(0, (helper.run({ moonport, "--check", "-" }, "return 1")))
    local status, _, err = helper.run({ moonport, "--check", "-" }, "return return")
    assert.are.equal(1, status)
    assert.is_truthy(err:find "^moonport: stdin:1: [^\n]*\n$")
  end)

  it("says why a missing file can't be opened", function()
    local status, _, err = run("--check", "/nonexistent/script.lua")
    assert.are.same({ 1, "moonport: cannot open /nonexistent/script.lua: No such file or directory\n" },
      { status, err })
  end)
end)
