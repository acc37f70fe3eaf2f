-- SPDX-License-Identifier: MIT
-- What DEL and FLUSHALL had removed counted as used until it was freed, some of it each millisecond. So a store at its
-- bound refused writes for a while after everything was gone.

local helper = require "spec.helper"
local resp = require "moonport.resp"
local stores = require "spec.store"

local command = resp.command

-- Adds members until the store has no room for more.
local function fill(client)
  local i = 0
  repeat
    local words = {}
    for n = 1, 500 do words[n] = i * 500 + n end
    i = i + 1
    client:send(command("SADD", "set", table.unpack(words)))
  until client:receiveLine():find "^%-OOM"
end

describe("moonport.store at its bound", function()
  it("takes writes at once when large keys were removed", function()
    local _, port = stores.start "maxMemory = 4 << 20"
    local client = helper.connect(port)
    for _, removing in ipairs { command("DEL", "set"), command "FLUSHALL" } do
      fill(client)
      client:send(removing .. command("SET", "key", "value"))
      client:receiveLine()
      assert.equal("+OK\r\n", client:receiveLine())
    end
    fill(client)
    -- The new name could be longer.
    client:send(command("RENAME", "key", ("x"):rep(100000)) .. command("RENAMENX", "key", "other"))
    for _ = 1, 2 do assert.matches("^%-OOM ", client:receiveLine()) end
    client:close()
  end)
end)
