-- SPDX-License-Identifier: MIT
-- C modules beside the script were found only while that folder was the working directory, and a replaced one
-- kept its old code without a warning. In a folder with ";" or "?" in its name, which no template of
-- package.path can name, the script found no module at all. A package.path that isn't a string went
-- unnoticed, or the error blamed searchpath.

local helper = require "spec.helper"
local lfs = require "lfs"

local function copy(from, to)
  local file <close> = assert(io.open(from, "rb"))
  local bytes = file:read "a"
  local other <close> = assert(io.open(to, "wb"))
  assert(other:write(bytes))
end

-- "-" and what is before it isn't part of the function's name: it is luaopen_lfs.
local library = assert(package.searchpath("lfs", package.cpath))

describe("A module beside the script", function()
  local folder

  before_each(function() folder = helper.folder() end)

  after_each(function() os.execute(("rm -rf '%s'"):format(folder)) end)

  for _, name in ipairs { "plain", "semi;colon", "question?mark", "both;?", "per%cent" } do
    it("is found in any folder: " .. name, function()
      local own = folder .. "/" .. name
      assert(lfs.mkdir(own))
      assert(lfs.mkdir(own .. "/deep"))
      copy(library, own .. "/own-lfs.so")
      copy(library, own .. "/deep/own-lfs.so")
      helper.rewrite(own .. "/first.lua", "return { name = ..., path = select(2, ...) }")
      helper.rewrite(own .. "/deep/init.lua", "return 'deep'")
      helper.rewrite(own .. "/main.lua", [[
        local first = require "first"
        assert(first == require "first" and first.name == "first")
        print(first.path:match "[^/]+$", require "deep", require "own-lfs".currentdir and "C")
        assert(require "own-lfs" == package.loaded["own-lfs"])
        assert(select(2, pcall(require, "none")):find "module 'none' not found")
      ]])
      for _, options in ipairs { {}, { "--check" } } do
        local program = helper.program { options = options, script = own .. "/main.lua" }
        assert.are.equal(0, program:wait(), program:stderr())
        assert.are.equal(options[1] and own .. "/main.lua: ok\n" or "first.lua\tdeep\tC\n", program:stdout())
      end
    end)

    it("is reloaded in any folder: " .. name, function()
      local own = folder .. "/" .. name
      assert(lfs.mkdir(own))
      helper.rewrite(own .. "/part.lua", "return 1")
      helper.rewrite(own .. "/main.lua", [[
        local moonport = require "moonport"
        moonport.log.info("part %d", require "part")
        moonport.spawn(function() moonport.sleep(-1) end)
      ]])
      local program = helper.program { options = { "--watch" }, script = own .. "/main.lua" }
      program:waitForLine "part 1"
      helper.rewrite(own .. "/part.lua", "return 2")
      program:waitForLine "part 2"
    end)
  end

  it("that is written in C stays as it was loaded when its file changes, and a reload says so", function()
    copy(library, folder .. "/own-lfs.so")
    helper.rewrite(folder .. "/main.lua", [[
      local moonport = require "moonport"
      local lfs = require "own-lfs"
      moonport.log.info("runs %d", moonport.generation())
      moonport.spawn(function() moonport.sleep(-1) end)
    ]])
    local program = helper.program { options = { "--watch" }, script = folder .. "/main.lua" }
    program:waitForLine "runs 1"
    program:signal "HUP"
    program:waitForLine "runs 2"
    assert.is_nil(program:stderr():find "warning")
    copy(library, folder .. "/.new")
    assert(os.rename(folder .. "/.new", folder .. "/own-lfs.so"))
    program:waitForLine("warning " .. folder ..
      "/own%-lfs%.so has changed: a C module stays as it was loaded until a restart$")
    program:waitForLine "runs 3"
  end)

  it("is only found if package.path is a string, as in Lua", function()
    for value, fits in pairs { ["{}"] = false, ["nil"] = false, ["1"] = true, ["''"] = true } do
      helper.rewrite(folder .. "/main.lua", ("package.path = %s\nprint(pcall(require, 'none'))"):format(value))
      local program = helper.program { script = folder .. "/main.lua" }
      assert.are.equal(0, program:wait())
      assert.are.equal(not fits, program:stdout():find("'package.path' must be a string", 1, true) ~= nil,
        program:stdout())
    end
  end)
end)

