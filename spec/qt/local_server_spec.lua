-- SPDX-License-Identifier: MIT
-- LocalServer: names, files, permissions, and what is at the path already. The numbers
-- are those of docs/qt-parity.md.

local helper = require "spec.helper"
local lfs = require "lfs"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

local locals = require("spec.qt.local_sockets").use()

describe("A LocalServer", function()
  after_each(sockets.close)

  it("N1 that is new listens nowhere, and closing it does nothing", function()
    local server = locals.server(false)
    server:close()
    assert.are.equal("", server:serverName())
    assert.are.equal("", server:fullServerName())
    assert.is_nil(server:serverAddress())
    assert.are.equal(0, server:serverPort())
    assert.are.equal(-1, server:socketDescriptor())
    assert.is_false(server:isListening())
    assert.is_false(server:hasPendingConnections())
    assert.is_nil(server:nextPendingConnection())
    assert.are.equal(30, server:maxPendingConnections())
    assert.are.equal("UnknownSocketError", server:serverError())
    assert.are.equal("", server:errorString())
    assert.are.equal("NoOptions", server:socketOptions())
    assert.is_nil(server:socketPermissions())
    sockets.fails("OperationError", server:waitForNewConnection(3000))
    assert.are.equal("LocalServer(not listening)", tostring(server))
  end)

  it("N2 keeps the limit of pending connections that it is given", function()
    local server = locals.server(false)
    server:setMaxPendingConnections(10)
    assert.are.equal(10, server:maxPendingConnections())
  end)

  it("N4 has names while it listens, and listens once", function()
    local server = locals.server()
    assert.is_true(server:isListening())
    assert.are.equal(locals.path(), server:serverName())
    assert.are.equal(locals.path(), server:fullServerName())
    assert.are.equal("unix:" .. locals.path(), server:serverAddress())
    assert.are.equal(0, server:serverPort())
    assert.is_true(server:socketDescriptor() >= 0)
    assert.are.equal("socket", lfs.symlinkattributes(locals.path(), "mode"))
    sockets.fails("OperationError", server:listen(locals.path "other"))
    assert.are.equal("UnknownSocketError", server:serverError())
    assert.are.equal(locals.path(), server:serverName())
    sockets.fails("SocketTimeoutError", server:waitForNewConnection(1))
    assert.are.equal(("LocalServer(unix:%s, listening)"):format(locals.path()), tostring(server))
  end)

  it("N4 can't listen at an empty name", function()
    local server = locals.server(false)
    sockets.fails("HostNotFoundError", server:listen "")
    assert.is_false(server:isListening())
    assert.are.equal("HostNotFoundError", server:serverError())
    assert.are_not.equal("", server:errorString())
  end)

  it("puts a name without a slash into the temporary folder", function()
    local name = "moonport-spec-" .. locals.folder:match "[^/]+$"
    local server = locals.server(name)
    assert.are.equal(name, server:serverName())
    assert.are.equal((os.getenv "TMPDIR" or "/tmp") .. "/" .. name, server:fullServerName())
    local socket = locals.connect(name)
    assert.are.equal(name, socket:serverName())
    assert.are.equal(server:fullServerName(), socket:fullServerName())
    assert.are.equal(name, sockets.accept(server):serverName())
  end)

  it("N24 removes its file when it closes, and can listen again elsewhere", function()
    local server = locals.server()
    server:close()
    assert.is_false(locals.exists(locals.path()))
    assert.are.equal("", server:serverName())
    assert.is_true(server:listen(locals.path "again"))
    locals.connect(locals.path "again")
    sockets.accept(server)
  end)

  it("N31 has the part of an adopted path after the last slash as its name", function()
    local first = locals.server()
    local second = locals.server(false)
    sockets.fails("UnsupportedSocketOperationError", second:listen(first:socketDescriptor())) -- it has an owner
    local tcp = sockets.server()
    sockets.fails("UnsupportedSocketOperationError", second:listen(tcp:socketDescriptor()))
    sockets.fails("UnsupportedSocketOperationError", second:listen(-5))
    assert.is_false(second:isListening())
  end)
end)

describe("The file of a LocalServer", function()
  after_each(sockets.close)

  for options, permissions in pairs {
    UserAccessOption = "rwx------",
    GroupAccessOption = "---rwx---",
    OtherAccessOption = "------rwx",
    WorldAccessOption = "rwxrwxrwx",
    ["UserAccessOption|GroupAccessOption"] = "rwxrwx---",
  } do
    it(("N30 has exactly the permissions of %s"):format(options), function()
      local server = locals.server(locals.path(), options)
      assert.are.equal(permissions, locals.permissions(locals.path()))
      assert.are.equal(options, server:socketOptions())
    end)
  end

  it("has the permissions and the group that were set, whatever the umask says", function()
    local server = locals.server(false)
    assert.is_true(server:setSocketPermissions("0660", 1))
    assert.is_true(server:listen(locals.path()))
    assert.are.equal("rw-rw----", locals.permissions(locals.path()))
    assert.are.equal(1, lfs.attributes(locals.path(), "gid"))
    assert.are.same({ "0660", 1 }, { server:socketPermissions() })
    server:close()
    assert.is_true(server:setSocketPermissions())
    assert.is_true(server:listen(locals.path()))
    assert.are_not.equal("rw-rw----", locals.permissions(locals.path()))
  end)

  it("takes a group by its name, and no name that is unknown", function()
    local server = locals.server(false)
    assert.is_true(server:setSocketPermissions("660", "root"))
    assert.are.same({ "0660", 0 }, { server:socketPermissions() })
    sockets.fails("UnsupportedSocketOperationError", server:setSocketPermissions("0660", "no such group"))
    for _, bad in ipairs { "660rw", "9", "", "1777" } do
      assert.has_error(function() server:setSocketPermissions(bad) end)
    end
    assert.has_error(function() server:setSocketPermissions(660) end)
    assert.has_error(function() server:setSocketPermissions(nil, "root") end)
  end)

  it("N32 is replaced if nobody listens there any more", function()
    locals.stale()
    local server = locals.server()
    locals.connect()
    sockets.accept(server)
  end)

  it("N32 of a live server is left alone", function()
    local live, second = locals.server(), locals.server(false)
    local result = { second:listen(locals.path()) }
    sockets.fails("AddressInUseError", table.unpack(result))
    assert.is_truthy(result[2]:find("listen unix:" .. locals.path(), 1, true))
    second:close()
    second:setSocketOptions "WorldAccessOption"
    sockets.fails("AddressInUseError", second:listen(locals.path()))
    locals.connect()
    sockets.accept(live)
    assert.is_false(live:hasPendingConnections()) -- it has seen nothing of the attempts
  end)

  it("N32 is never made in the place of another kind of file", function()
    local server = locals.server(false)
    helper.rewrite(locals.path "file", "precious")
    assert(lfs.mkdir(locals.path "folder"))
    locals.stale "stale"
    assert(lfs.link(locals.path "stale", locals.path "link", true))
    assert(lfs.link(locals.path "nothing", locals.path "dangling", true))
    for _, name in ipairs { "file", "folder", "link", "dangling" } do
      local kind = lfs.symlinkattributes(locals.path(name), "mode")
      for _, options in ipairs { "NoOptions", "WorldAccessOption" } do
        server:setSocketOptions(options)
        local result = { server:listen(locals.path(name)) }
        sockets.fails("AddressInUseError", table.unpack(result))
        assert.is_truthy(result[2]:find("no socket", 1, true))
      end
      sockets.fails("AddressInUseError", moonport.LocalServer.removeServer(locals.path(name)))
      assert.are.equal(kind, lfs.symlinkattributes(locals.path(name), "mode"))
    end
    local file <close> = io.open(locals.path "file")
    assert.are.equal("precious", file:read "a")
  end)

  it("N34 stays if another file has taken its place", function()
    local first = locals.server()
    assert(os.remove(locals.path()))
    local second = locals.server()
    first:close()
    assert.is_true(locals.exists(locals.path()))
    locals.connect()
    sockets.accept(second)
    assert(os.remove(locals.path()))
    helper.rewrite(locals.path(), "precious")
    second:close()
    assert.are.equal("file", lfs.symlinkattributes(locals.path(), "mode"))
  end)

  it("N42 is found again although the working folder has changed", function()
    local before = lfs.currentdir()
    finally(function() lfs.chdir(before) end)
    assert(lfs.chdir(locals.folder))
    local server = locals.server "./relative"
    assert.is_true(locals.exists(locals.path "relative"))
    assert(lfs.chdir "/")
    server:close()
    assert.is_false(locals.exists(locals.path "relative"))
  end)

  it("N23 is removed by removeServer only if nobody listens", function()
    local remove = moonport.LocalServer.removeServer
    assert.is_true(remove(locals.path()))
    locals.stale()
    assert.is_true(remove(locals.path()))
    assert.is_false(locals.exists(locals.path()))
    local server = locals.server()
    sockets.fails("AddressInUseError", remove(locals.path()))
    locals.connect()
    sockets.accept(server)
  end)
end)

describe("A name of a local socket", function()
  after_each(sockets.close)

  local function ofSize(n)
    return locals.path(("n"):rep(n - #locals.folder - 1))
  end

  it("N19 may have 107 bytes, and the message for a longer one says so", function()
    for _, size in ipairs { 106, 107 } do
      local server = locals.server(ofSize(size))
      assert.are.equal(size, #server:fullServerName())
      locals.connect(ofSize(size))
      sockets.accept(server)
    end
    for _, size in ipairs { 108, 109, 256 } do
      helper.rewrite(ofSize(109), "precious") -- and no shorter name is used instead
      local server, socket = locals.server(false), locals.socket()
      local result = { server:listen(ofSize(size)) }
      sockets.fails("HostNotFoundError", table.unpack(result))
      assert.is_truthy(result[2]:find("107", 1, true))
      sockets.fails("HostNotFoundError", socket:connectToServer(ofSize(size)))
      assert.are.equal("UnconnectedState", socket:state())
      sockets.fails("HostNotFoundError", sockets.socket():connectToHost("unix:" .. ofSize(size)))
      assert.is_false(locals.exists(ofSize(108)))
    end
  end)

  it("N40 may be any text in UTF-8, but has no zero byte", function()
    local server = locals.server(locals.path "Grüße")
    locals.connect(locals.path "Grüße")
    sockets.accept(server)
    sockets.fails("HostNotFoundError", locals.server(false):listen(locals.path "a\0b"))
    sockets.fails("HostNotFoundError", locals.socket():connectToServer(locals.path "a\0b"))
  end)

  it("in a folder that is missing, or that is a file, can't be used", function()
    helper.rewrite(locals.path "file", "")
    for _, path in ipairs { locals.path "missing/socket", locals.path "file/socket" } do
      local server, socket = locals.server(false), locals.socket()
      sockets.fails("HostNotFoundError", server:listen(path))
      assert.is_true(socket:connectToServer(path))
      sockets.fails("HostNotFoundError", socket:waitForConnected(helper.timeout))
      assert.is_true(moonport.LocalServer.removeServer(path))
    end
  end)
end)

describe("An abstract name", function()
  after_each(sockets.close)

  local function name(suffix) return "moonport" .. locals.folder .. (suffix or "") end

  local function connects(asked, abstract)
    local socket = locals.socket()
    socket:setSocketOptions(abstract and "AbstractNamespaceOption" or "NoOptions")
    assert(socket:connectToServer(asked))
    return socket:waitForConnected(helper.timeout) == true
  end

  it("N6 is another one than that of a file", function()
    local abstract = locals.server(name(), "AbstractNamespaceOption")
    assert.are.equal("AbstractNamespaceOption", abstract:socketOptions())
    assert.are.equal(name(), abstract:serverName())
    assert.are.equal(name(), abstract:fullServerName())
    assert.are.equal("unix:@" .. name(), abstract:serverAddress())
    assert.is_true(connects(name(), true))
    assert.is_false(connects(name(), false))
    locals.server()
    assert.is_true(connects(locals.path(), false))
    assert.is_false(connects(locals.path(), true))
    assert.is_true(connects("unix:@" .. name(), false))
    assert.is_false(locals.exists(name()))
  end)

  it("N7 may end with zero bytes, which count", function()
    locals.server(name "\0", "AbstractNamespaceOption")
    assert.is_true(connects(name "\0", true))
    assert.is_false(connects(name(), true))
    assert.is_false(connects(name "\0\0", true))
  end)

  it("is in use as long as a server listens", function()
    local first = locals.server(name(), "AbstractNamespaceOption")
    local second = locals.server(false, "AbstractNamespaceOption")
    sockets.fails("AddressInUseError", second:listen(name()))
    sockets.fails("AddressInUseError", moonport.LocalServer.removeServer("unix:@" .. name()))
    first:close()
    assert.is_true(moonport.LocalServer.removeServer("unix:@" .. name()))
    assert.is_true(second:listen(name()))
  end)
end)
