-- SPDX-License-Identifier: MIT
-- LocalServer and LocalSocket among processes: the rest of Qt's cases, and those that its tests lack
-- (docs/qt-parity.md).

local helper = require "spec.helper"
local lfs = require "lfs"
local reload = require "spec.host.reload"
local sockets = require "spec.qt.sockets"

local locals = require("spec.qt.local_sockets").use()

-- The program with a server at the path, which says what became of listen.
local function service(path, body)
  return helper.program { args = { path }, source = [[
    local moonport = require "moonport"
    local server = moonport.LocalServer()
    function server.connection:readyRead() self:write(self:readAll()) end
  ]] .. (body or "") .. [[
    print(server:listen(arg[1]) or server:serverError())
    io.stdout:flush()
  ]] }
end

local function isRoot()
  local socket, peer = locals.pair()
  local root = socket:peerCredentials().uid == 0
  peer:abort()
  sockets.close()
  return root
end

-- The program as somebody who owns nothing here.
local function asNobody(source)
  return helper.spawn { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
    os.getenv "MOONPORT" or "build/asan/moonport", "-e", source }
end

describe("Local sockets", function()
  after_each(sockets.close)

  it("N11 skip what they have received, also when the peer has closed", function()
    local socket, peer = locals.pair()
    peer:write(("x"):rep(20000))
    peer:close()
    assert.are.equal(1, #assert(socket:receive(1)))
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.are.equal(19999, socket:skip(20001))
  end)

  it("N18 serve clients that are processes", function()
    local server = locals.server()
    function server.connection:readyRead()
      while self:canReadLine() do self:write("re " .. self:readLine()) end
    end
    local clients = {}
    for i = 1, 5 do clients[i] = helper.spawn { "nc", "-U", locals.path() } end
    for i, client in ipairs(clients) do
      client:write(i .. "\n")
      assert.are.equal("re " .. i, client:waitForLine "^re %d$")
    end
    server:close()
    for socket in server:connections() do socket:disconnectFromHost() end
    for _, client in ipairs(clients) do assert.are.equal(0, client:wait()) end
  end)

  it("N32 of a killed server are replaced by the next one", function()
    local first = service(locals.path())
    first:waitForLine "^true$"
    first:signal "KILL"
    first:wait()
    assert.is_true(locals.exists(locals.path()))
    local second = service(locals.path())
    second:waitForLine "^true$"
    local socket = locals.connect()
    socket:write "hello"
    assert.are.equal("hello", socket:receive(5))
    service(locals.path()):waitForLine "^AddressInUseError$"
    socket:write "again"
    assert.are.equal("again", socket:receive(5))
  end)

  it("N33 of two servers that start at the same moment: one has the name, the other says so", function()
    for _ = 1, 3 do
      local path = locals.stale()
      local programs, got = {}, {}
      for i = 1, 4 do programs[i] = service(path) end
      for _, program in ipairs(programs) do
        local line = program:waitForLine "^(%a+)$"
        got[line] = (got[line] or 0) + 1
      end
      assert.are.same({ ["true"] = 1, AddressInUseError = 3 }, got)
      for _, program in ipairs(programs) do
        program:signal "TERM"
        program:wait()
      end
      assert.is_false(locals.exists(path))
    end
  end)

  for how, body in pairs {
    ["the end of the script"] = "moonport.singleShot(10, function() server:close() end)",
    ["os.exit"] = "moonport.singleShot(10, function() os.exit(0) end)",
    ["an os.exit that closes"] = "moonport.singleShot(10, function() os.exit(0, true) end)",
    ["moonport.quit"] = "moonport.singleShot(10, function() moonport.quit(0) end)",
  } do
    it("N34 leave no file behind " .. how, function()
      local program = service(locals.path(), body)
      program:waitForLine "^true$"
      assert.are.equal(0, program:wait())
      assert.is_false(locals.exists(locals.path()))
    end)
  end

  it("N34 leave the file of an adopted listener", function()
    local listener = locals.server()
    local carrier = locals.server(locals.path "carrier")
    local socket = locals.connect(locals.path "carrier")
    local peer = sockets.accept(carrier)
    peer:setReceiveDescriptors(1)
    socket:sendDescriptor(listener, "x")
    local adopting = locals.server(false)
    assert.is_true(adopting:listen(assert(peer:receiveDescriptor(helper.timeout))))
    assert.are.equal("socket", adopting:serverName())
    assert.are.equal(locals.path(), adopting:fullServerName())
    adopting:close()
    assert.is_true(locals.exists(locals.path()))
  end)

  it("N35 without free descriptors go on listening", function()
    local script = helper.file [[
      local moonport = require "moonport"
      local server, held, count = moonport.LocalServer(), {}, 0
      function server:newConnection()
        local socket = self:nextPendingConnection()
        if held then held[#held + 1] = socket else socket:disconnectFromServer() end
        count = count + 1
        if count == 30 then print "all served" self:close() end
      end
      function server:acceptError(code)
        print(code)
        local all = held
        held = nil
        for _, socket in ipairs(all) do socket:disconnectFromServer() end
      end
      print(server:listen(arg[1]))
    ]]
    local program = helper.spawn { "sh", "-c", 'ulimit -n 24; exec "$0" "$1" "$2"',
      os.getenv "MOONPORT" or "build/asan/moonport", script, locals.path() }
    program:waitForLine "^true$"
    for _ = 1, 30 do locals.connect() end
    program:waitForLine "^SocketResourceError$"
    program:waitForLine "^all served$"
    assert.are.equal(0, program:wait())
  end)

  it("N37 are never more open than they should be, and not at all without the right to say so", function()
    if not isRoot() then return pending "needs root" end
    local program = helper.spawn { "sh", "-c", 'umask 0; exec "$0" -e "$1"',
      os.getenv "MOONPORT" or "build/asan/moonport", ([[
        local server = require "moonport".LocalServer()
        assert(server:setSocketPermissions("0600", "daemon"))
        print(server:listen %q)
      ]]):format(locals.path()) }
    program:waitForLine "^true$"
    assert.are.equal("rw-------", locals.permissions(locals.path()))
    assert(os.execute(("chmod 777 %q"):format(locals.folder)))
    local nobody = asNobody(([[
      local server = require "moonport".LocalServer()
      assert(server:setSocketPermissions("0666", 0))
      local _, message, code = server:listen %q
      print(code, message)
    ]]):format(locals.path "group"))
    nobody:waitForLine "^SocketAccessError\tlisten unix:.*/group: "
    assert.is_false(locals.exists(locals.path "group"))
  end)

  it("N38 refuse who may not write to the file, or not get through its folder", function()
    if not isRoot() then return pending "needs root" end
    local function tries(folder, file)
      assert(os.execute(("chmod %s %q"):format(folder, locals.folder)))
      assert(os.execute(("chmod %s %q"):format(file, locals.path())))
      local nobody = asNobody(([[
        local socket = require "moonport".LocalSocket()
        socket:connectToServer %q
        local ok, _, code = socket:waitForConnected(5000)
        print(ok or code)
      ]]):format(locals.path()))
      return (nobody:waitForLine "^(%a+)$")
    end
    locals.server()
    assert.are.equal("true", tries("0755", "0666"))
    assert.are.equal("SocketAccessError", tries("0755", "0660"))
    assert.are.equal("SocketAccessError", tries("0700", "0666"))
    local nobody = asNobody(([[
      print(select(3, require "moonport".LocalServer():listen %q))
    ]]):format(locals.path "theirs"))
    nobody:waitForLine "^SocketAccessError$"
  end)

  it("N39 know the process, the user and the group of a client", function()
    if not isRoot() then return pending "needs root" end
    local server = locals.server(locals.path(), "WorldAccessOption")
    assert(os.execute(("chmod 755 %q"):format(locals.folder)))
    local client = asNobody(([[
      local socket = require "moonport".LocalSocket()
      socket:connectToServer %q
      socket:waitForDisconnected()
    ]]):format(locals.path()))
    local peer = sockets.accept(server)
    assert.are.same({ pid = client.pid, uid = 65534, gid = 65534 }, peer:peerCredentials())
    peer:abort()
    assert.are.equal(0, client:wait())
  end)
end)

describe("A reload of a service at a Unix-domain socket #gc", function()
  local running

  after_each(function()
    if running then running:remove() end
    running = nil
    sockets.close()
  end)

  -- Each generation listens at the path of `name`, or where `body` says.
  local function script(word, name, body)
    return ([[
      local moonport = require "moonport"
      local server = moonport.%s()
      function server.connection:readyRead() self:write("%s " .. self:readAll()) end
      %s
      assert(server:listen "unix:%s")
      moonport.log.info "listening on 1"
    ]]):format(word == "tcp" and "TcpServer" or "LocalServer", word, body or "", locals.path(name))
  end

  local function start(text)
    running = reload.start(text, { plain = true })
    return running
  end

  local function reloads(text)
    running:write("main.lua", text)
    running.program:signal "HUP"
    return running:reloaded()
  end

  local function fails(text)
    running:write("main.lua", text)
    running.program:signal "HUP"
    return running:failed()
  end

  local function ask(socket, text)
    socket:write(text)
    assert(socket:waitForReadyRead(helper.timeout))
    return socket:readAll()
  end

  it("N43 keeps the file, the listener and the connections", function()
    start(script("old", "socket"))
    local before = lfs.attributes(locals.path "socket", "ino")
    local socket = locals.connect(locals.path "socket")
    assert.are.equal("old 1", ask(socket, "1"))
    assert.is_truthy(reloads(script("new", "socket")):find("1 listener kept, 0 added, 0 closed", 1, true))
    assert.are.equal("new 2", ask(socket, "2"))
    assert.are.equal("new 3", ask(locals.connect(locals.path "socket"), "3"))
    assert.is_truthy(reloads(script("tcp", "socket")):find("1 listener kept", 1, true)) -- as another class
    assert.are.equal("tcp 4", ask(locals.connect(locals.path "socket"), "4"))
    assert.are.equal(before, lfs.attributes(locals.path "socket", "ino"))
    running.program:signal "TERM"
    running.program:wait()
    assert.is_false(locals.exists(locals.path "socket"))
  end)

  it("N43 changes the permissions of the file if the new script wants others", function()
    start(script("old", "socket", 'server:setSocketPermissions "0600"'))
    assert.are.equal("rw-------", locals.permissions(locals.path "socket"))
    reloads(script("new", "socket", 'server:setSocketPermissions "0660"'))
    assert.are.equal("rw-rw----", locals.permissions(locals.path "socket"))
  end)

  it("N43 makes another file only when it takes over, and removes the old one", function()
    start(script("old", "socket"))
    locals.stale "other"
    local stale = lfs.attributes(locals.path "other", "ino")
    fails(script("new", "other") .. " error 'no'")
    assert.are.equal(stale, lfs.attributes(locals.path "other", "ino"))
    assert.is_truthy(reloads(script("new", "other")):find("0 listeners kept, 1 added, 1 closed", 1, true))
    assert.are.equal("new 1", ask(locals.connect(locals.path "other"), "1"))
    assert.is_false(locals.exists(locals.path "socket"))
  end)

  it("N43 fails where the new script can't listen, and the old one goes on", function()
    start(script("old", "socket"))
    helper.rewrite(locals.path "file", "precious")
    assert.is_truthy(fails(script("new", "file")):find("There is a file that is no socket", 1, true))
    assert.is_truthy(fails(script("new", "missing/socket")):find("There is no such folder", 1, true))
    local taken = locals.server(locals.path "taken")
    assert.is_truthy(fails(script("new", "taken")):find("already in use", 1, true))
    taken:close()
    local late = script("new", "late", ([[
      moonport.singleShot(0, function() end)
      io.open(%q, "w"):close()
    ]]):format(locals.path "late"))
    assert.is_truthy(fails(late):find("no socket", 1, true))
    assert.are.equal("old 1", ask(locals.connect(locals.path "socket"), "1"))
  end)

  it("N43 fails if the name is taken between listen and the change", function()
    start(script("old", "socket"))
    local late = script("new", "late") .. ([[
      io.open(%q, "w"):close()
    ]]):format(locals.path "late")
    assert.is_truthy(fails(late):find("listen unix:" .. locals.path "late", 1, true))
    assert.are.equal("old 1", ask(locals.connect(locals.path "socket"), "1"))
    assert.are.equal("file", lfs.symlinkattributes(locals.path "late", "mode"))
  end)
end)
