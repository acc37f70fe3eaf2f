-- SPDX-License-Identifier: MIT
-- Key-value server for the clients of Redis: strings, hashes and sets that may expire, publish and subscribe.
--   moonport kv.lua [PORT [ADDRESS [FILE [SAVE]]]] [--tls CERTIFICATE KEY [--clients AUTHORITY]]
-- The defaults are port 6379 of 127.0.0.1, the file kv.resp, and 60 seconds; unix:/path may take the place of both PORT
-- and ADDRESS. Then talk to it:
--   redis-cli set greeting hello
-- The next start reads FILE again. kv.lua saves it every SAVE seconds if something changed (0: never), by the commands
-- SAVE and BGSAVE, and when the program is told to stop. A crash loses what came after the last save.
-- Whoever can connect may read and write everything: keep it on an address that only friends reach, or let --clients
-- admit only those with a certificate of your authority.
local moonport = require "moonport"
local store = require "moonport.store"
local where = require "where"

local given, listener = require "tls_option" (arg)
local place, others = where.from(given, 6379)
local path, interval = others[1] or "kv.resp", tonumber(others[2] or 60)
if not interval or interval < 0 then error("not a number of seconds: " .. others[2], 0) end

local log = moonport.log
local server = store.server { name = "kv", server = listener, file = path, saveEvery = interval, maxMemory = 0 }

moonport.onQuit(function()
  moonport.quit(1) -- unless the save is done within the grace time
  local count, why = server:finish()
  if not count then return log.error("kv: not saved: %s", why) end
  if count ~= true then log.info("kv: %d keys saved to %s", count, path) end
  moonport.quit(0)
end)

assert(server:listen(table.unpack(place)))
log.info("kv: listening on %s", where.of(server))
