-- SPDX-License-Identifier: MIT
-- What an installation must have, wherever it is, and folders that are removed at the end of a spec.

local helper = require "spec.helper"
local lfs = require "lfs"

local installed = { timeout = 300000 } -- luarocks compiles everything
local folders = {}

--- Makes a folder that remove() removes.
function installed.folder()
  local path = os.tmpname()
  os.remove(path)
  assert(lfs.mkdir(path))
  folders[#folders + 1] = path
  return path
end

function installed.remove()
  for _, path in ipairs(folders) do installed.run { "rm", "-rf", path } end
  folders = {}
end

--- Runs a command that must succeed; `environment` as for helper.spawn. -> its output
function installed.run(arguments, environment)
  local program = helper.spawn(arguments, environment)
  program:closeInput()
  local status = program:wait(installed.timeout)
  assert(status == 0, ("%s: exit status %d\n%s%s"):format(program.name, status, program:stdout(), program:stderr()))
  return program:stdout()
end

--- The same for a shell command; its $1, $2, … are the further arguments.
function installed.shell(line, ...)
  return installed.run { "sh", "-ec", line, "sh", ... }
end

-- Where a clone finds what is committed already, instead of writing it once more.
local function objects()
  return installed.shell "git rev-parse --path-format=absolute --git-path objects":match "[^\n]+"
end

--- Makes a clone of the files in this folder, committed or not. -> its path
function installed.clone()
  local folder = installed.folder() .. "/a clone"
  installed.shell([[mkdir "$1"
    git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'ls -d "$@" 2>/dev/null' - |
      tar -cf - -T - | tar -xf - -C "$1"
    cd "$1"
    git init -q
    echo "$2" >.git/objects/info/alternates
    git add -A
    git -c user.name=spec -c user.email=spec@localhost commit -qm spec]], folder, objects())
  return folder
end

--- The paths of all files below a folder, sorted.
function installed.files(folder)
  local list = {}
  local text = installed.run { "find", folder, "!", "-type", "d", "-printf", "%P\n" }
  for path in text:gmatch "[^\n]+" do list[#list + 1] = path end
  table.sort(list)
  return list
end

function installed.read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

--- The version of the sources.
function installed.version()
  return installed.read "CMakeLists.txt":match "\nproject%(moonport VERSION (%S+)"
end

--- Fails unless the program at this path works, and finds its installed files in the folder `share`. The man
--- pages may be compressed.
function installed.check(program, share)
  assert(installed.run { program, "--version" } == ("moonport %s (Lua 5.4.%s)\n"):format(installed.version(),
    installed.run({ "lua5.4", "-v" }):match "^Lua 5%.4%.(%d+)"))
  assert(installed.run { program, "--share" } == share .. "\n")
  for _, name in ipairs { "moonport", "moonport-ctl" } do
    local man = installed.shell("cat $1/man/man1/$2.1 || zcat $1/man/man1/$2.1.gz", share, name)
    assert(man:find(('.TH %s 1 "" "moonport %s"'):format(name:upper(), installed.version()), 1, true))
  end
  assert(installed.read(share .. "/bash-completion/completions/moonport"):find "\ncomplete [^\n]+ moonport\n$")
  assert(installed.read(share .. "/zsh/site-functions/_moonport"):find "^#compdef moonport\n")
  assert(installed.read(share .. "/moonport/types/moonport.lua") == installed.read "docs/types/moonport.lua")
  assert(installed.read(share .. "/moonport/systemd/moonport@.service"):find "\nExecStart=moonport ")

  local echo = helper.spawn { program, share .. "/moonport/scripts/echo.lua", "0" }
  local client = helper.connect(echo:waitForLine "listening on 127%.0%.0%.1 port (%d+)")
  client:send "hello\n"
  assert(client:receiveLine() == "hello\n")
  echo:signal "TERM"
  assert(echo:wait() == 0)
end

--- Fails unless systemd accepts the unit in the folder `share`, and man the page that the unit names, if it
--- names one. The program is searched at this path, pages of the manual in the folder `manual`.
function installed.checkUnit(program, share, manual)
  local instance = installed.folder() .. "/moonport@chat.service"
  local text = installed.read(share .. "/moonport/systemd/moonport@.service")
  helper.rewrite(instance, (text:gsub("%f[^\n=]moonport ", program .. " ")))
  -- It asks man(1), if there is one, for the page.
  local pages = os.execute "command -v man >/dev/null" and "yes" or "no"
  local out = installed.run({ "systemd-analyze", "verify", "--man=" .. pages, instance }, { MANPATH = manual })
  assert(out == "", out)
end

--- Fails unless the program or module at this path has all of cmake/hardening.cmake. `optimised`: it was built so.
function installed.checkHardened(path, optimised)
  local facts = installed.run { "readelf", "-W", "--file-header", "--segments", "--dynamic", "--notes", "--dyn-syms",
    path }
  assert(facts:find "Type: +DYN", "it isn't position-independent: " .. path)
  assert(facts:find "GNU_RELRO", "no RELRO: " .. path)
  assert(facts:find "FLAGS[^\n]*BIND_NOW", "not bound at start: " .. path)
  assert(facts:find "GNU_STACK[^\n]* RW +0x", "the stack may be run: " .. path)
  assert(facts:find " UND __stack_chk_fail", "no stack protector: " .. path)
  assert(not optimised or facts:find " UND __v?snprintf_chk", "no checked calls: " .. path)
  if not facts:find "Machine:[^\n]*X86%-64" then return end
  assert(facts:find "x86 feature:[^\n]*SHSTK", "no mark of shadow stacks: " .. path)
  local begins = installed.shell("objdump -d $1 | grep -c endbr64", path)
  assert(tonumber(begins) > 1000, "functions aren't marked for indirect jumps: " .. path)
end

--- Fails unless a plain lua5.4 finds the module in the folder, and the modules in Lua inside it.
function installed.checkModule(folder)
  local code = 'print(type(require "moonport.test".start), require "moonport".version)'
  local out = installed.run({ "lua5.4", "-e", code },
    { LUA_CPATH = folder .. "/?.so", LUA_CPATH_5_4 = false, LUA_PATH = "", LUA_PATH_5_4 = false })
  assert(out == "function\t" .. installed.version() .. "\n", out)
end

return installed
