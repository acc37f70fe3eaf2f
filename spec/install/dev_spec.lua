-- SPDX-License-Identifier: MIT
-- ./dev in a clone.

local helper = require "spec.helper"
local installed = require "spec.install.installed"

-- A project of two files, as it takes a minute to build all of this one.
local small = [[
cmake_minimum_required(VERSION 3.25)
project(small LANGUAGES C)
add_executable(small first.c second.c)
]]

local function clone()
  local folder = installed.clone()
  helper.rewrite(folder .. "/CMakeLists.txt", small)
  helper.rewrite(folder .. "/first.c", "int main(void) { return 0; }\n")
  helper.rewrite(folder .. "/second.c", "int second;\n")
  return folder
end

describe("./dev build", function()
  after_each(installed.remove)

  -- CMake refuses a build folder that knows the sources by another path.
  it("builds in a copy of a clone that has been built, and through a link without building again", function()
    local folder = clone()
    installed.shell('cd "$1" && cmake -S . -B build && mv "$1" "$1 copied" && cd "$1 copied" && ./dev build', folder)
    local copy = folder .. " copied"
    local built = installed.read(copy .. "/build/CMakeCache.txt")
    assert.truthy(built:find("\nCMAKE_HOME_DIRECTORY:INTERNAL=" .. copy .. "\n", 1, true))
    assert.equal("", installed.shell('ln -s "$1" "$2" && cd "$2" && ./dev build 2>&1', copy, folder .. " link"))
  end)

  it("writes start and end as whole lines to a log", function()
    local folder = clone()
    local log = installed.shell('cd "$1" && ./dev build 2>&1', folder)
    assert.matches("^Building release: 2 files\nBuilt release: 2 files in [^\27\r]+\n$", log)
    assert.equal("", installed.shell('cd "$1" && ./dev build 2>&1', folder))
  end)

  it("writes each file to a terminal", function()
    if helper.noTerminal() then return pending(helper.noTerminal()) end
    local folder = clone()
    local shown = installed.shell([[cd "$1"
      TERM=xterm script -qec "./dev build" /dev/null]], folder)
    assert.truthy(shown:find("\r\27[KBuilding release: 1 of 2 files, ", 1, true), shown)
    assert.truthy(shown:find("\r\27[KBuilding release: 2 of 2 files, ", 1, true), shown)
    assert.truthy(shown:find "\27%[KBuilt release: 2 files in %d+ s\r\n", shown)
  end)
end)
