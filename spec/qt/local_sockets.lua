-- What the specs of LocalServer and LocalSocket share: a folder of their own, servers and pairs in it.
--
--   local locals = require("spec.qt.local_sockets").use() -- at the top of a file, or in a describe
--   after_each(sockets.close)
--
-- SPDX-License-Identifier: MIT

local busted = require "busted"
local helper = require "spec.helper"
local lfs = require "lfs"
local moonport = require "moonport"
local posix = require "spec.posix"
local sockets = require "spec.qt.sockets"

local localSockets = {}

--- -> a table with the functions below; while the specs run it has `folder`, too.
function localSockets.use()
  local locals = {}

  busted.before_each(function() locals.folder = helper.folder() end)

  busted.after_each(function()
    for name in lfs.dir(locals.folder) do
      if name ~= "." and name ~= ".." then os.remove(locals.folder .. "/" .. name) end
    end
    lfs.rmdir(locals.folder)
  end)

  --- A path in the folder.
  function locals.path(name) return locals.folder .. "/" .. (name or "socket") end

  --- A server, that listens unless `name` is false.
  function locals.server(name, options)
    local server = sockets.closing(moonport.LocalServer())
    if options then server:setSocketOptions(options) end
    if name ~= false then assert(server:listen(name or locals.path())) end
    return server
  end

  function locals.socket() return sockets.closing(moonport.LocalSocket()) end

  --- A connected client.
  function locals.connect(name)
    local socket = locals.socket()
    assert(socket:connectToServer(name or locals.path()))
    assert(socket:waitForConnected(helper.timeout))
    return socket
  end

  --- -> client, peer, server
  function locals.pair()
    local server = locals.server()
    local socket = locals.connect()
    return socket, sockets.accept(server), server
  end

  --- Leaves a file at the path on which nobody listens any more.
  function locals.stale(name)
    local path = locals.path(name)
    local server = locals.server(path .. ".was")
    assert(os.rename(path .. ".was", path)) -- close leaves a file that isn't where it was
    server:close()
    assert(lfs.symlinkattributes(path, "mode") == "socket")
    return path
  end

  function locals.permissions(path) return lfs.attributes(path, "permissions") end

  function locals.exists(path) return lfs.symlinkattributes(path, "mode") ~= nil end

  locals.close = posix.close
  return locals
end

return localSockets
