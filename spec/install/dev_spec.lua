-- SPDX-License-Identifier: MIT
-- ./dev in a clone of its own.

local installed = require "spec.install.installed"

describe("./dev build", function()
  after_each(installed.remove)

  -- CMake refuses a build folder that knows the sources by another path.
  it("builds in a copy of a clone in which it has built, and by way of a link without building afresh", function()
    local folder = installed.clone()
    installed.shell('cd "$1" && cmake -S . -B build && mv "$1" "$1 copied" && cd "$1 copied" && ./dev build', folder)
    local built = installed.read(folder .. " copied/build/CMakeCache.txt")
    assert.truthy(built:find("\nCMAKE_HOME_DIRECTORY:INTERNAL=" .. folder .. " copied\n", 1, true))
    local kept = '"$1 copied/build/CMakeFiles/kept"'
    installed.shell('touch ' .. kept .. '&& ln -s "$1 copied" "$1 link" && cd "$1 link" && ./dev build', folder)
    installed.shell("test -e " .. kept, folder)
  end)
end)
