-- SPDX-License-Identifier: MIT
-- LuaRocks: made from a clean clone, and from a source rock, without the network.

local helper = require "spec.helper"
local installed = require "spec.install.installed"

local jobs = io.popen("nproc"):read "n"

-- Without network: each download would go to a proxy that doesn't exist. And not optimised, which takes longest.
local function environment(home, generator)
  local nowhere = "http://127.0.0.1:9"
  return { CMAKE_BUILD_TYPE = "None", CMAKE_GENERATOR = generator,
    HOME = home, XDG_CACHE_HOME = home .. "/.cache", MAKEFLAGS = "-j" .. jobs, http_proxy = nowhere,
    https_proxy = nowhere, ftp_proxy = nowhere, all_proxy = nowhere, LUA_CPATH = false, LUA_CPATH_5_4 = false }
end

-- Runs luarocks in a folder.
local function luarocks(folder, tree, ...)
  local line = 'cd "$1" && shift && exec luarocks --lua-version 5.4 --tree "$@"'
  return installed.run({ "sh", "-c", line, "sh", folder, tree, ... }, environment(folder))
end

local function check(tree)
  local share = luarocks(tree, tree, "show", "moonport", "--rock-dir"):match "%S+" .. "/share"
  installed.check(tree .. "/bin/moonport", share)
  installed.checkUnit(tree .. "/bin/moonport", share, false) -- man doesn't look into a rock
  installed.checkModule(tree .. "/lib/lua/5.4")
  installed.checkHardened(tree .. "/bin/moonport", false)
  installed.checkHardened(tree .. "/lib/lua/5.4/moonport.so", false)
end

-- A project of `moonport new` passes its tests, and is installed as a command.
local function checkProject(tree)
  local folder = installed.folder()
  local path = tree .. "/bin:" .. os.getenv "PATH"
  installed.shell('cd "$1" && PATH=$2 && moonport new teapot && cd teapot && busted', folder, path)
  luarocks(folder .. "/teapot", tree, "make")
  local teapot = helper.spawn({ tree .. "/bin/teapot", "0" }, { PATH = path })
  local client = helper.connect(teapot:waitForLine "teapot: listening on 127%.0%.0%.1 port (%d+)")
  client:send "hello ann\n"
  assert.equal("ok hello ann\n", client:receiveLine())
  luarocks(folder, tree, "remove", "teapot")
end

-- LuaRocks keeps its own list of what it has installed.
local function checkGone(tree)
  assert.are.same({ "lib/luarocks/rocks-5.4/manifest" }, installed.files(tree))
end

describe("The rock", function()
  after_each(installed.remove)

  -- Of a copy of a clone in which it was made: CMake refuses a build folder that knows the sources by another path, and
  -- LuaRocks leaves its own in the clone, with settings of then.
  it("is made from a clone, which stays clean, serves projects, and is removed without a trace", function()
    local first, tree = installed.clone(), installed.folder()
    installed.shell('cd "$1" && cmake -S . -B build.luarocks -D CMAKE_INSTALL_MANDIR=/nowhere', first)
    local folder = first .. " copied"
    installed.shell('mv "$1" "$2"', first, folder)
    luarocks(folder, tree, "make")
    assert.equal("", installed.shell('cd "$1" && git status --porcelain', folder))
    check(tree)
    checkProject(tree)
    luarocks(folder, tree, "remove", "moonport")
    checkGone(tree)
  end)

  it("is tested by LuaRocks as by hand", function()
    local line = 'cd "$1" && exec luarocks --lua-version 5.4 test -- no-such-ring'
    local program = helper.spawn({ "sh", "-c", line, "sh", installed.clone() }, environment(installed.folder()))
    assert.equal(1, program:wait(installed.timeout))
    assert.truthy(program:stderr():find("dev: no such ring or file: no-such-ring", 1, true), program:stderr())
  end)

  it("is packed with its sources, and can be installed without a clone", function()
    local folder, tree, other = installed.clone(), installed.folder(), installed.folder()
    local packed = installed.shell('cd "$1" && ./dev rock | tail -n 1', folder):match "[^\n]+"
    assert.equal(folder .. "/build/rock/moonport-scm-1.src.rock", packed)
    installed.run { "mv", packed, other }
    installed.run { "rm", "-rf", folder }
    local rock = other .. "/moonport-scm-1.src.rock" -- made with Ninja, and the other with make
    installed.run({ "luarocks", "--lua-version", "5.4", "--tree", tree, "install", rock }, environment(other, "Ninja"))
    check(tree)
    luarocks(other, tree, "remove", "moonport")
    checkGone(tree)
  end)

  it("is a release's if the version of CMakeLists.txt is tagged", function()
    local folder, version = installed.clone(), installed.version()
    installed.shell('cd "$1" && git tag "v$2" && ./dev rock https://example.org/files/', folder, version)
    local name = "moonport-" .. version
    local text = installed.shell('unzip -p "$1/build/rock/$2-1.src.rock" "$2-1.rockspec"', folder, name)
    local rockspec = {}
    assert(load(text, "=rockspec", "t", rockspec))()
    assert.equal(version .. "-1", rockspec.version)
    assert.are.same({ url = ("https://example.org/files/%s.tar.gz"):format(name), dir = name }, rockspec.source)
    local original = {}
    assert(loadfile("rockspec/moonport-scm-1.rockspec", "t", original))()
    original.version, original.source = rockspec.version, rockspec.source
    assert.are.same(original, rockspec)
  end)

  it("says which library is missing, and how to give its place", function()
    local folder, tree = installed.clone(), installed.folder()
    for name, header in pairs { LIBEV = "ev.h", CARES = "ares.h", OPENSSL = "openssl/ssl.h" } do
      local line = 'cd "$1" && exec luarocks --lua-version 5.4 --tree "$2" make "$3"'
      local arguments = { "sh", "-c", line, "sh", folder, tree, name .. "_DIR=/nowhere" }
      local program = helper.spawn(arguments, environment(folder))
      assert.equal(1, program:wait(installed.timeout))
      local err = program:stderr()
      assert.truthy(err:find("Could not find header file for " .. name, 1, true), err)
      assert.truthy(err:find("No file " .. header .. " in /nowhere/include", 1, true), err)
      assert.truthy(err:find("install " .. name .. " in your system and/or pass " .. name .. "_DIR", 1, true), err)
    end
    assert.are.same({}, installed.files(tree))
  end)
end)
