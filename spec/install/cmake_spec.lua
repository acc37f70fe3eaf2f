-- SPDX-License-Identifier: MIT
-- cmake --install and the Debian package, both made from the release build.

local installed = require "spec.install.installed"

describe("cmake --install", function()
  after_each(installed.remove)

  it("puts all files below a prefix, which may be moved", function()
    local folder = installed.folder()
    installed.run { "cmake", "--install", "build", "--prefix", folder .. "/first" }
    assert(os.rename(folder .. "/first", folder .. "/second"))
    installed.check(folder .. "/second/bin/moonport", folder .. "/second/share")
    installed.checkModule(folder .. "/second/lib/lua/5.4")
    installed.checkHardened(folder .. "/second/bin/moonport", true)
    installed.checkHardened(folder .. "/second/lib/lua/5.4/moonport.so", true)
  end)

  it("puts all files below DESTDIR", function()
    local folder = installed.folder()
    installed.run({ "cmake", "--install", "build" }, { DESTDIR = folder })
    local program, share = folder .. "/usr/local/bin/moonport", folder .. "/usr/local/share"
    installed.check(program, share)
    installed.checkUnit(program, share, share .. "/man")
    installed.checkModule(folder .. "/usr/local/lib/lua/5.4")
  end)
end)

describe("The Debian package", function()
  after_each(installed.remove)

  -- A chroot with the packages of this system, as far as dpkg can tell.
  local function system()
    local root = installed.folder()
    installed.shell([[mkdir -p $1/var/lib/dpkg/info $1/var/lib/dpkg/updates $1/var/log
      cp /var/lib/dpkg/status $1/var/lib/dpkg]], root)
    return root
  end

  local function dpkg(root, ...)
    return installed.run { "fakeroot", "dpkg", "--root=" .. root, "--log=/dev/null", ... }
  end

  local function package()
    local folder = installed.folder()
    installed.run { "cpack", "-G", "DEB", "--config", "build/CPackConfig.cmake", "-B", folder }
    local arch = installed.shell "dpkg --print-architecture":match "%S+"
    return ("%s/moonport_%s_%s.deb"):format(folder, installed.version(), arch)
  end

  it("installs with dpkg -i, works, and leaves nothing after dpkg -r", function()
    local root, deb = system(), package()
    dpkg(root, "-i", deb)
    installed.check(root .. "/usr/bin/moonport", root .. "/usr/share")
    installed.checkModule(root .. "/usr/lib/lua/5.4")
    installed.checkHardened(root .. "/usr/bin/moonport", true)
    installed.checkHardened(root .. "/usr/lib/lua/5.4/moonport.so", true)
    dpkg(root, "-r", "moonport")
    assert.equal("", installed.run { "find", root, "-path", root .. "/var", "-prune", "-o", "-type", "f", "-print" })
  end)

  it("depends on the libraries it is linked with, and names its author and licence", function()
    local deb, root = package(), installed.folder()
    local control = installed.run { "dpkg-deb", "-f", deb }
    for _, library in ipairs { "libev4", "libc%-ares2", "liblua5%.4%-0", "libssl3", "libc6" } do
      assert.matches("\nDepends:[^\n]*" .. library .. " %(>= [%d.:]+%)", "\n" .. control)
    end
    assert.matches("\nVersion: " .. installed.version():gsub("%p", "%%%0") .. "\n", control)
    installed.run { "dpkg-deb", "-x", deb, root }
    local copyright = installed.read(root .. "/usr/share/doc/moonport/copyright")
    assert.matches("\nCopyright: 2026 the moonport authors\nLicense: Expat\n Permission is hereby granted", copyright)
    assert.matches(" SOFTWARE%.\n$", copyright)
    local changelog = root .. "/usr/share/doc/moonport/changelog.gz"
    assert.equal("# Changelog\n", installed.shell("zcat $1 | head -n 1", changelog))
    assert.equal("", installed.run { "find", root .. "/usr", "!", "-perm", "-444" }) -- files that not everyone may read
    assert.equal("", installed.run { "find", root .. "/usr", "-type", "d", "!", "-perm", "755" })
  end)

  it("puts the module where Debian's lua5.4 searches", function()
    local environment = { LUA_CPATH = false, LUA_CPATH_5_4 = false }
    local paths = installed.run({ "lua5.4", "-e", "print(package.cpath)" }, environment)
    assert.truthy((";" .. paths):find(";/usr/lib/lua/5.4/?.so", 1, true))
  end)
end)
