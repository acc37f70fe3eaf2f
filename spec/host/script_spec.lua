-- SPDX-License-Identifier: MIT
-- The script: where it is read from, its arguments, where require searches, and when the program ends by
-- itself.

local helper = require "spec.helper"
local lfs = require "lfs"

local moonport = os.getenv "MOONPORT" or "build/asan/moonport"
moonport = moonport:sub(1, 1) == "/" and moonport or lfs.currentdir() .. "/" .. moonport

local function run(...)
  return helper.run { moonport, ... }
end

-- Runs a shell command line with $MOONPORT, in the spec's own folder.
local function shell(folder, command)
  return helper.run { "sh", "-c", ("cd '%s' && MOONPORT='%s' && %s"):format(folder, moonport, command) }
end

describe("The script", function()
  local folder

  local function write(name, text)
    local file <close> = assert(io.open(folder .. "/" .. name, "w"))
    assert(file:write(text))
  end

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    folder = folder .. " with a space"
    assert(lfs.mkdir(folder))
    assert(lfs.mkdir(folder .. "/parts"))
    write("beside.lua", "return 'beside'")
    write("parts/init.lua", "return 'parts'")
    write("main.lua", "print(require 'beside', require 'parts', ...)")
  end)

  after_each(function()
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  it("gets arg and ... as in lua", function()
    write("arg.lua", [[
      print(select("#", ...), ...)
      print(#arg, arg[0], arg[1], arg[2], arg[3])
      print(arg[-1], arg[-2], arg[-3], arg[-4])
    ]])
    local status, out = shell(folder, "exec \"$MOONPORT\" --grace 10 arg.lua 'a b' '' c")
    assert.are.same({ 0, ("3\ta b\t\tc\n3\targ.lua\ta b\t\tc\n10\t--grace\t%s\tnil\n"):format(moonport) },
      { status, out })
  end)

  it("finds modules beside itself, from its own folder and from another, with a space in the path", function()
    local expected = { 0, "beside\tparts\tx\n", "" }
    assert.are.same(expected, { shell(folder, 'exec "$MOONPORT" main.lua x') })
    assert.are.same(expected, { shell(folder, 'exec "$MOONPORT" ./main.lua x') })
    assert.are.same(expected, { shell(folder, 'cd parts && exec "$MOONPORT" ../main.lua x') })
    assert.are.same(expected, { run(folder .. "/main.lua", "x") })
  end)

  it("finds modules beside the file that a link points to, after those beside the link", function()
    assert(lfs.mkdir(folder .. "/bin"))
    assert(lfs.link("../main.lua", folder .. "/bin/main", true))
    assert.are.same({ 0, "beside\tparts\n", "" }, { run(folder .. "/bin/main") })
    write("bin/beside.lua", "return 'beside the link'")
    assert.are.same({ 0, "beside the link\tparts\n", "" }, { run(folder .. "/bin/main") })
  end)

  it("runs by its first line, #!/usr/bin/env moonport", function()
    write("tool", "#!/usr/bin/env moonport\nprint(arg[0], require 'beside', ...)")
    local status, out = shell(folder, 'chmod +x tool && PATH="${MOONPORT%/*}:$PATH" && exec ./tool x')
    assert.are.same({ 0, "./tool\tbeside\tx\n" }, { status, out })
  end)

  it("is read from standard input for -", function()
    local status, out = helper.run({ moonport, "-", "x" }, "#!/usr/bin/env moonport\nprint(arg[0], ...)")
    assert.are.same({ 0, "-\tx\n" }, { status, out })
  end)

  it("may be a pipe", function()
    local status, out = helper.run { "bash", "-c", ('exec "%s" <(echo "print(7)")'):format(moonport) }
    assert.are.same({ 0, "7\n" }, { status, out })
  end)

  it("loads C modules, which find Lua in the program", function()
    write("c.lua", [[
      local cjson, lfs = require "cjson", require "lfs"
      print(cjson.encode { 1, "a" }, cjson.decode('{"k": [true]}').k[1], lfs.attributes(".", "mode"))
    ]])
    assert.are.same({ 0, '[1,"a"]\ttrue\tdirectory\n', "" }, { run(folder .. "/c.lua") })
  end)

  it("has moonport as a global, the same one as by require in a module", function()
    write("module.lua", "return require 'moonport'")
    write("same.lua", "print(require 'module' == require 'moonport', moonport)")
    assert.are.same({ 0, "true\tnil\n", "" }, { run(folder .. "/same.lua") })
  end)
end)

describe("The program", function()
  local function source(text)
    return run(helper.file(text))
  end

  it("ends at once when the script has left nothing that could happen", function()
    assert.are.same({ 0, "", "" }, { source "" })
    assert.are.same({ 0, "", "" }, { source "require 'moonport'.TcpServer()" })
  end)

  it("ends when the main chunk, which may wait, ends", function()
    assert.are.same({ 0, "true\ndone\n", "" }, { source [[
      local moonport = require "moonport"
      print(moonport.sleep(20))
      local server = moonport.TcpServer()
      assert(server:listen("127.0.0.1"))
      local socket = moonport.TcpSocket()
      socket:connectToHost("127.0.0.1", server:serverPort())
      assert(server:waitForNewConnection(5000))
      local other = server:nextPendingConnection()
      assert(socket:waitForConnected(5000))
      socket:write("line\n")
      assert(other:receive("line", 5000) == "line")
      socket:disconnectFromHost()
      server:close()
      print "done"
    ]] })
  end)

  it("ends when the last timer, task and connection have ended", function()
    assert.are.same({ 0, "task\ntimer\nconnection\n", "" }, { source [[
      local moonport = require "moonport"
      io.stdout:setvbuf "line"
      local server = moonport.TcpServer()
      assert(server:listen("127.0.0.1"))
      local socket = moonport.TcpSocket()
      function server:newConnection()
        local other = self:nextPendingConnection()
        self:close()
        moonport.sleep(40)
        print "connection"
        other:close()
      end
      socket:connectToHost("127.0.0.1", server:serverPort())
      moonport.spawn(function() moonport.sleep(5) print "task" end)
      moonport.singleShot(20, function() print "timer" end)
    ]] })
  end)

  it("goes on while a listener listens", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      assert(server:listen("127.0.0.1"))
      server = nil
      collectgarbage() collectgarbage()
      moonport.log.info "collected"
    ]] }
    program:waitForLine "collected"
    helper.settle(50)
    assert.is_true(program:running())
  end)

  it("exits with quit's status, also from the main chunk, from a handler, and with os.exit", function()
    assert.are.equal(0, (source "require 'moonport'.quit()"))
    assert.are.equal(9, (source "require 'moonport'.quit(9)"))
    assert.are.equal(11, (source "local m = require 'moonport' m.TcpServer():listen() m.sleep(1) m.quit(11)"))
    assert.are.equal(13, (source "local m = require 'moonport' m.singleShot(1, function() m.quit(13) end)"))
    assert.are.equal(5, (source "local m = require 'moonport' m.singleShot(1, function() os.exit(5, true) end)"))
    assert.are.equal(1, (source "require 'moonport'.quit(256)"))
  end)
end)
