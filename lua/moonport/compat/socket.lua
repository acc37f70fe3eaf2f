-- LuaSocket's interface on moonport's waits: a call suspends its handler or task, never the loop.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"

local socket = { _VERSION = "LuaSocket 3.1.0 (moonport " .. moonport.version .. ")" }

local epoch = os.time() - moonport.now() / 1000

--- Seconds since 1970, as a number with a fraction: exact as a difference, else to a second.
function socket.gettime()
  return epoch + moonport.now() / 1000
end

--- Suspends the caller for so many seconds.
function socket.sleep(seconds)
  moonport.sleep(math.max(seconds, 0) * 1000)
end

return socket
