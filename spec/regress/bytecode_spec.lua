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

  it("is refused by load, loadfile and dofile, whatever mode they are given", function()
    local path = helper.file(printing, "code.luac")
    local program = helper.program { source = ([[
      local code, path = string.dump(load "print 'runs'"), %q
      print(load(code))
      print(load(code, "code", nil, {}))
      print(loadfile(path))
      print(pcall(dofile, path))
      print(load(code, "code", "b"))
      print(load(code, "code", "bt", { print = print }))
      print(loadfile(path, "b"))
      print(loadfile(path, "bt"))
      local _, original = debug.getupvalue(load, 1) -- is it hidden in a closure?
      print(original(code))
      load("print 'text'")()
      load("print 'text'", "text", "t", { print = print })()
      load("print 'text'", "text", "bt", { print = print })()
      print(load("print 'text'", "text", "b"))
    ]]):format(path) }
    assert.are.equal(0, program:wait(), program:stderr())
    local binary, flag = "attempt to load a binary chunk (mode is 't')", "bytecode is refused (see --allow-bytecode)"
    local no = "nil\t%s\n"
    assert.are.equal((no:rep(3) .. "false\t%s\n" .. no:rep(5) .. "text\ntext\ntext\n" .. no):format(binary, binary,
      binary, binary, flag, binary, flag, binary, binary, flag), program:stdout())
  end)

  it("is refused as an installed module, and by the functions of installed modules and of moonport.work", function()
    local folder = helper.folder()
    helper.rewrite(folder .. "/coded.lua", printing)
    helper.rewrite(folder .. "/loads.lua", "return { load, loadfile, dofile }")
    local path = folder .. "/coded.lua"
    local program = helper.program { environment = { LUA_PATH_5_4 = folder .. "/?.lua;;" }, source = ([[
      local code, path = string.dump(load "print 'runs'"), %q
      print(pcall(require, "coded"))
      for _, how in ipairs(require "loads") do print(pcall(how, how == require "loads"[1] and code or path)) end
      print(require "moonport".work(function(binary, file)
        local results = {}
        for _, call in ipairs { { load, binary }, { load, binary, "", "bt" }, { loadfile, file }, { dofile, file },
          { require, "coded" } } do
          local ran, made, why = pcall(table.unpack(call))
          results[#results + 1] = ran and made and "TAKEN" or (why or made):match "binary chunk"
        end
        return table.concat(results, ", ")
      end, code, path))
    ]]):format(path) }
    assert.are.equal(0, program:wait(), program:stderr())
    local out = program:stdout()
    assert.is_nil(out:find "runs", out)
    assert.is_truthy(out:find(path .. ": is bytecode, and only text is run", 1, true), out)
    assert.are.equal(3, select(2, out:gsub("mode is 't'", "")), out)
    assert.is_truthy(out:find("\n" .. ("binary chunk, "):rep(4) .. "binary chunk\n", 1, true), out)
    os.execute("rm -r " .. folder)
  end)

  it("is taken everywhere with --allow-bytecode, as by Lua", function()
    local path = helper.file(printing, "main.lua")
    for _, options in ipairs { { "--allow-bytecode" }, { "--check", "--allow-bytecode" } } do
      local program = helper.program { options = options, script = path }
      assert.are.equal(0, program:wait(), program:stderr())
      assert.are.equal(#options == 1 and "runs\n" or path .. ": ok\n", program:stdout())
    end
    local program = helper.program { options = { "--allow-bytecode" }, source = ([[
      local code, path = string.dump(load "print 'runs'"), %q
      load(code)()
      load(code, "code", "b")()
      loadfile(path)()
      dofile(path)
      print(load("print 'text'", "text", "b"))
      print(require "moonport".work(function(binary) return load(binary) ~= nil end, code))
    ]]):format(path) }
    assert.are.equal(0, program:wait(), program:stderr())
    assert.are.equal("runs\nruns\nruns\nruns\nnil\tattempt to load a text chunk (mode is 'b')\ntrue\n",
      program:stdout())
  end)
end)
