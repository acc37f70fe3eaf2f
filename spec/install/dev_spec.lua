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

  it("tells a log its start and end in whole lines, and a terminal each file", function()
    local folder = installed.clone()
    local log = installed.shell('cd "$1" && ./dev build 2>&1', folder)
    local count = log:match "^Building release: (%d+) files\nBuilt release: %1 files in [^\27\r]+\n$"
    assert.truthy(count, log)
    assert.equal("", installed.shell('cd "$1" && ./dev build 2>&1', folder))
    local shown = installed.shell([[cd "$1" && touch host/net/idle.c host/net/linger.c
      TERM=xterm script -qec "./dev build" /dev/null]], folder)
    assert.truthy(shown:find("\r\27[KBuilding release: 1 of 2 files, host/net/", 1, true), shown)
    assert.truthy(shown:find("\r\27[KBuilding release: 2 of 2 files, host/net/", 1, true), shown)
    assert.truthy(shown:find "\27%[KBuilt release: 2 files in %d+ s\r\n", shown)
  end)
end)
