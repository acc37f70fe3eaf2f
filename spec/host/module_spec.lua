-- SPDX-License-Identifier: MIT
-- The module in a plain lua5.4, without the program.

local helper = require "spec.helper"

local function start(source)
  return helper.spawn({ "lua5.4", helper.file(source, "plain.lua") }, { LD_PRELOAD = os.getenv "LD_PRELOAD" or false })
end

describe("moonport in a plain lua5.4", function()
  it("serves by run, which returns the status that quit gave", function()
    local lua = start [[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        local line = self:readAll()
        self:write(line)
        if line == "quit\n" then moonport.quit(6) end
      end
      assert(server:listen "127.0.0.1")
      moonport.log.info("port %d", server:serverPort())
      os.exit(moonport.run(), true)
    ]]
    local client = helper.connect(lua:waitForLine "port (%d+)")
    client:send "hello\n"
    assert.are.equal("hello\n", client:receiveLine())
    client:send "quit\n"
    assert.are.equal("quit\n", client:receiveLine())
    assert.are.equal(6, lua:wait())
  end)

  it("waits in the main chunk without run, and leaves nothing when it just ends", function()
    local echo = helper.program { script = "scripts/echo.lua", args = { 0 } }
    local port = echo:waitForLine "port (%d+)"
    local lua = start(([[
      local moonport = require "moonport"
      local socket = moonport.TcpSocket()
      socket:connectToHost("127.0.0.1", %d)
      assert(socket:waitForConnected(5000))
      socket:write "hello\n"
      print(socket:receive("line", 5000))
      moonport.TcpServer():listen "127.0.0.1"
    ]]):format(port))
    assert.are.same({ 0, "hello\n", "" }, { lua:wait(), lua:stdout(), lua:stderr() })
  end)

  it("returns from run when nothing is left", function()
    local lua = start "local m = require 'moonport' m.singleShot(1, function() print 'once' end) print(m.run())"
    assert.are.same({ 0, "once\n0\n", "" }, { lua:wait(), lua:stdout(), lua:stderr() })
  end)
end)
