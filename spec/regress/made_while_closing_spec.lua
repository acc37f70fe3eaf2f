-- Lua never finalises what a finaliser makes while the Lua state is being closed. So its memory, and a
-- connect that it had started, leaked. Now the state's own finaliser, which runs last, ends such objects.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local ssl = require "spec.ssl"

describe("Objects that are made while the program ends", function()
  for what, code in pairs {
    ["a server"] = 'moonport.TcpServer():listen "127.0.0.1"',
    ["a connecting socket"] = 'moonport.TcpSocket():connectToHost("127.0.0.1", 1)',
    ["a socket with a handler"] = 'local s = moonport.TcpSocket() s.readyRead = print',
    ["a socket with a further handler"] = 'moonport.connect(moonport.TcpSocket(), "connected", print)',
    ["a timer"] = "moonport.singleShot(1, print)",
    ["a task"] = "moonport.spawn(function() moonport.sleep(1000) end)",
    ["an address"] = 'moonport.HostAddress "::1"',
    ["a certificate"] = ("moonport.SslCertificate(%q):publicKey()"):format(ssl.certificate),
    ["a key"] = ("moonport.SslKey(%q)"):format(ssl.key),
    ["a configuration"] = ("moonport.SslConfiguration { certificate = %q, key = %q }"):format(ssl.certificate, ssl.key),
    ["a server that encrypts"] = ([[local server = moonport.SslServer()
      server:setSslConfiguration { certificate = %q, key = %q }
      server:listen "127.0.0.1"]]):format(ssl.certificate, ssl.key),
    ["a socket that begins to encrypt"] = 'moonport.SslSocket():connectToHostEncrypted("127.0.0.1", 1)',
  } do
    it("end with it: " .. what, function()
      local program = helper.program { source = ([[
        local moonport = require "moonport"
        keep = setmetatable({}, { __gc = function() %s print "made" end })
      ]]):format(code) }
      assert.are.equal(0, program:wait(10000))
      assert.are.equal("made\n", program:stdout())
      assert.are.equal("", program:stderr())
    end)
  end

  it("may also be made in an earlier finaliser, and serve", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      setmetatable({}, { __gc = function()
        server = moonport.TcpServer()
        function server.connection:readyRead() self:write(self:readAll()) server:close() end
        assert(server:listen "127.0.0.1")
      end })
      collectgarbage() collectgarbage()
      local socket = moonport.TcpSocket()
      socket:connectToHost("127.0.0.1", server:serverPort())
      socket:write "echoed"
      print(socket:receive(6, 5000))
      socket:close()
    ]] }
    assert.are.equal(0, program:wait(10000))
    assert.are.equal("echoed\n", program:stdout())
    assert.are.equal("", program:stderr())
  end)
end)
