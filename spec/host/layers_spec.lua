-- spec/layers.py must find faults: a broken checker would find nothing either. So these specs show it trees
-- that are wrong on purpose.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local lfs = require "lfs"

local cmake = [[
cmake_minimum_required(VERSION 3.25)
project(fixture LANGUAGES C)
file(GLOB_RECURSE sources host/*.c bindings/*.c)
add_library(fixture OBJECT ${sources})
target_compile_options(fixture PRIVATE "-iquote${CMAKE_CURRENT_SOURCE_DIR}/host")
]]

-- Makes the files, and checks them. -> the exit status, the lines of the output, sorted
local function look(tree, ...)
  local root = os.tmpname()
  os.remove(root)
  lfs.mkdir(root)
  local _ <close> = setmetatable({}, { __close = function() helper.run { "rm", "-rf", root } end })
  tree["CMakeLists.txt"] = cmake
  for path, text in pairs(tree) do
    local folder = root
    for name in path:gmatch "([^/]+)/" do
      folder = folder .. "/" .. name
      lfs.mkdir(folder)
    end
    helper.rewrite(root .. "/" .. path, text)
  end
  local status, out, err = helper.run({ "python3", "spec/layers.py", "--root", root, ... }, nil, 60000)
  assert.equal("", err)
  local lines = {}
  for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line end
  table.sort(lines)
  return status, lines
end

describe("spec/layers.py", function()
  it("finds nothing in a tree where all calls go downwards, and upwards through a table", function()
    local status, lines = look {
      ["host/data/ring.h"] = "int ring_first(void);\n",
      ["host/data/ring.c"] = '#include "data/ring.h"\nint ring_first(void) { return 1; }\n',
      ["host/system/socket.c"] = "#include <unistd.h>\nint system_close(int fd) { return close(fd); }\n",
      ["host/loop/loop.h"] = '#include "data/ring.h"\ntypedef struct phase { int (*run)(void); } phase;\n' ..
        "int loop(phase *);\n",
      ["host/loop/loop.c"] = '#include "loop.h"\nint loop(phase *p) { return p->run() + ring_first(); }\n',
      ["host/net/network.c"] = '#include "loop/loop.h"\nstatic int run(void) { return 0; }\n' ..
        "int network(void) { phase p = {run}; return loop(&p); }\n",
      ["bindings/open.c"] = "int network(void);\nint open_all(void) { return network(); }\n",
      ["lua/moonport/a.lua"] = '-- require "moonport.b" is what others do\n',
      ["lua/moonport/b.lua"] = 'require "moonport.a"\n',
    }
    assert.same({}, lines)
    assert.equal(0, status)
  end)

  it("finds circles of calls, of data, of includes and of require", function()
    local status, lines = look({
      ["host/net/a.c"] = "int b(void);\nint a(void) { return b(); }\n",
      ["host/net/b.c"] = "int c(void);\nint b(void) { return c(); }\n",
      ["host/net/c.c"] = "int a(void);\nint c(void) { return a(); }\n",
      ["host/net/uses.c"] = "int a(void);\nint uses(void) { return a(); }\n",
      ["bindings/run/table.c"] = "int called(void);\nint (*const rows[])(void) = {called};\n",
      ["bindings/run/called.c"] = "extern int (*const rows[])(void);\nint called(void) { return rows[1](); }\n",
      ["bench/load/main.c"] = "int work(void);\nint now;\nint main(void) { return work(); }\n",
      ["bench/load/work.c"] = "extern int now;\nint work(void) { return now; }\n",
      ["host/loop/x.h"] = "#pragma once\n#include <loop/y.h>\n",
      ["host/loop/y.h"] = '#pragma once\n#include "x.h"\n',
      ["lua/moonport/a.lua"] = 'require "moonport.b"\n',
      ["lua/moonport/b.lua"] = 'local function later() return require("moonport.a") end\n',
      ["scripts/one.lua"] = 'local two = require "two"\n',
      ["scripts/two.lua"] = "local one = require 'one'\n",
    }, "--circles")
    assert.equal(1, status)
    assert.same({
      "circle of calls: bench/load/main.c -> (work) -> bench/load/work.c -> (now) -> bench/load/main.c",
      "circle of calls: bindings/run/called.c -> (rows) -> bindings/run/table.c -> (called) -> bindings/run/called.c",
      "circle of calls: host/net/a.c -> (b) -> host/net/b.c -> (c) -> host/net/c.c -> (a) -> host/net/a.c",
      "circle of includes: host/loop/x.h -> (#include) -> host/loop/y.h -> (#include) -> host/loop/x.h",
      "circle of require: lua/moonport/a.lua -> (moonport.b) -> lua/moonport/b.lua -> (moonport.a) -> " ..
        "lua/moonport/a.lua",
      "circle of require: scripts/one.lua -> (two) -> scripts/two.lua -> (one) -> scripts/one.lua",
      "layers: 6 complaints",
    }, { select(-7, table.unpack(lines)) })
  end)

  it("finds what a folder must not use or call, and files that are too long", function()
    local status, lines = look {
      ["host/loose.c"] = "int loose(void) { return 0; }\n",
      ["host/loop/loop.h"] = "int loop(void);\n",
      ["host/loop/loop.c"] = "#include <sys/wait.h>\nint loop(void) { return waitpid(1, 0, 0); }\n",
      ["host/data/data.c"] = "int loop(void);\nint data(void) { return loop(); }\n",
      ["host/system/system.c"] = '#include "../loop/loop.h"\nint system_call(void) { return 0; }\n',
      ["host/net/tcp_server.c"] = "int tcp_server(void) { return 0; }\n",
      ["host/net/tcp_socket_limits.c"] = "int tcp_server(void);\nint limits(void) { return tcp_server(); }\n",
      ["host/net/lua.c"] = "void lua_close(void *);\nvoid net(void *L) { lua_close(L); }\n",
      ["bindings/class/timer.c"] = "int timer(void) { return 0; }\n",
      ["bindings/object/box.c"] = "int timer(void);\nint box(void) { return timer(); }\n",
      ["bindings/run/task.c"] = "void ev_suspend(void *);\nint task(void *loop) { ev_suspend(loop); return 0; }\n",
      ["lua/moonport/long.lua"] = ("\n"):rep(401),
      ["lua/moonport/table.lua"] = "-- Longer than 400 lines: it is one table.\n" .. ("\n"):rep(401),
    }
    assert.equal(1, status)
    assert.same({
      "bindings/object/box.c: bindings/object never uses bindings/class: bindings/class/timer.c (timer)",
      "bindings/run/task.c: no libev here: ev_suspend",
      "host/data/data.c: host/data never uses host/loop: host/loop/loop.c (loop)",
      "host/loop/loop.c: a system call outside host/system: waitpid",
      "host/loose.c: is in no folder of the layers",
      "host/net/lua.c: host/ knows no Lua: lua_close",
      "host/net/tcp_socket_limits.c: a connection knows no server: host/net/tcp_server.c (tcp_server)",
      "host/system/system.c: an include with ../: ../loop/loop.h",
      "host/system/system.c: host/system never uses host/loop: host/loop/loop.h (#include)",
      "layers: 10 complaints",
      'lua/moonport/long.lua: 401 lines; 400 at most, or "Longer than 400 lines: …" in its head',
    }, lines)
  end)
end)
