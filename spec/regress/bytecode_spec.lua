-- SPDX-License-Identifier: MIT
-- A precompiled script without upvalues didn't run, and the exit status was 0. Cause: setting its globals
-- failed, and left another value in the place of the function that was then called. Also, bytecode can do
-- anything to the process, since Lua doesn't check it. Fix: it is accepted only where a script says so.

local helper = require "spec.helper"

local plain = string.dump(load "local a = 1 return a")
local printing = string.dump(load "print 'runs'")

describe("Bytecode", function()
  for name, code in pairs { ["without upvalues"] = plain, ["with its globals"] = printing } do
    it("is refused as a script: " .. name, function()
      local path = helper.file(code, "main.lua")
      for _, options in ipairs { {}, { "--check" } } do
        local program = helper.program { options = options, script = path }
        assert.are.equal(1, program:wait())
        assert.are.equal("", program:stdout())
        assert.are.equal("moonport: " .. path .. ": is bytecode, and only text is run\n", program:stderr())
      end
    end)
  end

  it("is refused as a module, also after a first line that begins with #", function()
    local module = helper.file("#!/usr/bin/lua\n" .. printing, "part.lua")
    local name = module:match "([^/]+)%.lua$"
    local program = helper.program { source = ("print(pcall(require, %q))"):format(name) }
    assert.are.equal(0, program:wait())
    assert.is_truthy(program:stdout():find(module .. ": is bytecode, and only text is run", 1, true), program:stdout())
  end)

  it("is refused from standard input and as -e", function()
    local moonport = os.getenv "MOONPORT" or "build/asan/moonport"
    local status, out, err = helper.run({ moonport, "-" }, printing)
    assert.are.same({ 1, "" }, { status, out })
    assert.is_truthy(err:find "binary chunk", err)
    status, out, err = helper.run { moonport, "-e", (plain:gsub("%z.*", "")) }
    assert.are.same({ 1, "" }, { status, out })
    assert.is_truthy(err:find "binary chunk", err)
  end)

  it("is refused by load, loadfile and dofile, unless load or loadfile is told to accept it", function()
    local path = helper.file(printing, "code.luac")
    local program = helper.program { source = ([[
      local code, path = string.dump(load "print 'runs'"), %q
      print(load(code))
      print(load(code, "code", nil, {}))
      print(loadfile(path))
      print(pcall(dofile, path))
      load(code, "code", "b")()
      load(code, "code", "bt", { print = print })()
      loadfile(path, "b")()
      load("print 'text'")()
      load("print 'text'", "text", "t", { print = print })()
      print(load("print 'text'", "text", "b"))
    ]]):format(path) }
    assert.are.equal(0, program:wait(), program:stderr())
    local refused = "attempt to load a binary chunk (mode is 't')"
    assert.are.equal(("nil\t%s\nnil\t%s\nnil\t%s\nfalse\t%s\nruns\nruns\nruns\ntext\ntext\n"):format(
      refused, refused, refused, refused) .. "nil\tattempt to load a text chunk (mode is 'b')\n", program:stdout())
  end)
end)
