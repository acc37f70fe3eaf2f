-- The store's own process: it serves until its owner ends the channel, or is gone; then it saves its keys once more.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local store = require "moonport.store"

-- The socket's file goes first: whoever takes its place then finds none, or one on which somebody listens.
local function finish(server, path)
  os.remove(path)
  local done, why = server.finish()
  if not done then moonport.log.error("the last changes are lost: %s", why) end
  os.exit(done and 0 or 1)
end

--- `options`: socket, a descriptor that listens, and its path; channel, a descriptor; file (or nil) and maxMemory as of
--- moonport.store.
return function(options)
  local channel, server = moonport.LocalSocket(), moonport.LocalServer()
  function channel.disconnected() moonport.spawn(finish, server, options.path) end
  assert(channel:setSocketDescriptor(options.channel))
  store.server { server = server, file = options.file, maxMemory = options.maxMemory }
  assert(server:setSocketDescriptor(options.socket))
end
