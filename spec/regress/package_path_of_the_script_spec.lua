-- SPDX-License-Identifier: MIT
-- Cause: a run has its own package table, but Lua's own require, which loads modules outside of the script's
-- folder, uses the state's. So package.path or package.cpath, as set by the script, applied only to its own
-- folder, and a module elsewhere was "not found". Fix: while Lua's own require runs for a script, the state's
-- paths are the script's.

local helper = require "spec.helper"
local lfs = require "lfs"

-- Runs a script in its own folder, beside a module `mine`; `elsewhere` is the folder of a module `other`.
local function run(source)
  local folder = os.tmpname()
  os.remove(folder)
  assert(lfs.mkdir(folder))
  assert(lfs.mkdir(folder .. "/app"))
  assert(lfs.mkdir(folder .. "/lib"))
  helper.rewrite(folder .. "/app/mine.lua", "return 'mine'")
  helper.rewrite(folder .. "/lib/other.lua", "return { name = ..., deeper = require 'deeper' }")
  helper.rewrite(folder .. "/lib/deeper.lua", "return 'deeper'")
  helper.rewrite(folder .. "/lib/broken.lua", "error 'out of tea'")
  helper.rewrite(folder .. "/lib/wants.lua", "return pcall(require, 'mine')")
  helper.rewrite(folder .. "/app/script.lua", source)
  local program = helper.program { script = folder .. "/app/script.lua", args = { folder .. "/lib" } }
  local status = program:wait()
  os.execute(("rm -rf '%s'"):format(folder))
  return status, program:stdout(), program:stderr()
end

describe("package.path", function()
  it("is used as the script has set it, also for modules outside of the script's folder", function()
    local status, out, err = run [[
      package.path = arg[1] .. "/?.lua;" .. package.path
      local other = require "other"
      print(other.name, other.deeper, require "mine", require "other" == other)
    ]]
    assert.are.same({ 0, "other\tdeeper\tmine\ttrue\n", "" }, { status, out, err })
  end)

  it("doesn't give an installed module the script's own modules, and is restored after a failure", function()
    local status, out, err = run [[
      package.path = arg[1] .. "/?.lua;" .. package.path
      print(require "wants")
      print((select(2, pcall(require, "broken")):match "broken.lua:1: out of tea"))
      package.path = "/nowhere/?.lua"
      print(pcall(require, "deeper"))
    ]]
    assert.are.equal(0, status, err)
    assert.is_truthy(out:find "^false\t")
    assert.is_truthy(out:find "\nbroken.lua:1: out of tea\nfalse\tmodule 'deeper' not found:")
  end)

  it("applies to C modules as well", function()
    local status, out = run [[
      package.cpath = "/nowhere/?.so"
      print((select(2, pcall(require, "lpeg_of_mine")):match "no file '(/nowhere/lpeg_of_mine.so)'"))
    ]]
    assert.are.same({ 0, "/nowhere/lpeg_of_mine.so\n" }, { status, out })
  end)
end)
