-- SPDX-License-Identifier: MIT
rockspec_format = "3.0"
package = "moonport"
version = "scm-1"

-- `luarocks make` uses the folder in which it runs and needs no source; `./dev rock` packs a rock with the source in it.
source = { url = "git+file:///usr/src/moonport" }

description = {
  summary = "A network host driven by Lua",
  detailed = [[
moonport runs network services written in Lua. A C program owns the event loop and the sockets (libev, c-ares, OpenSSL). The script
says what happens on them, with the classes of Qt's network module. Handlers may wait. Save the script, and the running
service changes without losing a connection.]],
  license = "MIT",
}

supported_platforms = { "linux" }
dependencies = { "lua >= 5.4, < 5.5" }
external_dependencies = {
  LIBEV = { header = "ev.h", library = "ev" },
  CARES = { header = "ares.h", library = "cares" },
  OPENSSL = { header = "openssl/ssl.h", library = "ssl" },
}

-- Not the type "cmake", which uses what an earlier build left in the folder: CMake keeps the libraries that it found
-- then, and refuses a folder that was moved.
build = {
  type = "command",
  build_command = [[$(CMAKE) --fresh -S . -B build.luarocks ]] ..
    [[-D CMAKE_PREFIX_PATH="$(LIBEV_DIR);$(CARES_DIR);$(OPENSSL_DIR)" -D EV_INCLUDE_DIR="$(LIBEV_INCDIR)" ]] ..
    [[-D CMAKE_INSTALL_PREFIX="$(PREFIX)" -D CMAKE_INSTALL_BINDIR="$(BINDIR)" -D CMAKE_INSTALL_DOCDIR="$(PREFIX)/doc" ]] ..
    [[-D MOONPORT_MODULE_DIR="$(LIBDIR)" ]] ..
    [[-D MOONPORT_PROGRAM_DIR="$(PREFIX)/../../../../../bin" ]] .. -- of the tree: LuaRocks runs a copy there
    [[&& $(CMAKE) --build build.luarocks]],
  install_command = "$(CMAKE) --install build.luarocks",
}
test = { type = "command", command = "./dev test" }
deploy = { wrap_bin_scripts = false }
