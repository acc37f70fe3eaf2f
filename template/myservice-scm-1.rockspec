rockspec_format = "3.0"
package = "myservice"
version = "scm-1"

-- `luarocks make` needs no source. If you publish the project, say here where it is.
source = { url = "git+file:///usr/src/myservice" }

description = {
  summary = "Answers commands, one per line",
  license = "MIT",
}

dependencies = { "lua >= 5.4, < 5.5", "moonport" }

build = {
  type = "builtin",
  modules = {},
  install = { bin = { ["myservice"] = "myservice.lua" } },
}
deploy = { wrap_bin_scripts = false } -- its first line runs it with moonport
