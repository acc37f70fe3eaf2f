-- A program with a moonport.store, for specs.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

local store = {}

--- Starts a store with these options, as Lua text, and more Lua behind it. -> the program, its port
function store.start(options, more)
  local script = helper.file(([[
    local moonport = require "moonport"
    local server = require "moonport.store".server { %s }
    moonport.onQuit(function()
      local count, why = server:finish()
      if not count then moonport.log.error("not saved: %%s", why) moonport.quit(1) end
    end)
    assert(server:listen("127.0.0.1", 0))
    moonport.log.info("port %%d", server:serverPort())
    %s
  ]]):format(options or "", more or ""), "store.lua")
  local program = helper.program { script = script, options = { "--grace", 20000 } }
  return program, program:waitForLine "port (%d+)"
end

return store
