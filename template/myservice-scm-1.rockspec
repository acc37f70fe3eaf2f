rockspec_format = "3.0"
package = "myservice"
version = "scm-1"

-- `luarocks make` asks for no source; where the project is published, say so here.
source = { url = "git+file:///usr/src/myservice" }

description = {
  summary = "Answers commands, a line each",
  license = "MIT",
}

dependencies = { "lua >= 5.4, < 5.5", "moonport" }

build = {
  type = "builtin",
  modules = {},
  install = { bin = { ["myservice"] = "myservice.lua" } },
}
deploy = { wrap_bin_scripts = false } -- its first line has moonport run it
