-- SPDX-License-Identifier: MIT
-- Cause: Lua calls a finaliser wherever the collector is at work. In the innermost of many nested calls of C
-- functions its stack has no room for one more: it warned, and freed the object in its next cycle, while the
-- loop still referred to it. Now the allocator keeps what has not been finalised, and the loop finalises it.

local moonport = require "moonport"
local helper = require "spec.helper"

-- Locals: busted looks globals up by a function, which would be one call more.
local collect, gsub = collectgarbage, string.gsub

describe("Objects that are collected where no finaliser can be called", function()
  it("leave the loop all the same", function()
    local before = helper.objects()
    for _, make in ipairs { moonport.TcpServer, moonport.TcpSocket, moonport.Timer } do
      local function deeper()
        for _ = 1, 20 do make() end
        collect()
        gsub("x", "x", deeper)
      end
      local ok, message = pcall(deeper)
      assert.is_false(ok)
      assert.matches("C stack overflow", message)
    end
    helper.eventually(function() return helper.objects() == before end)
    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
  end)
end)
