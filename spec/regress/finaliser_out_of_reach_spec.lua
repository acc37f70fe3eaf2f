-- getmetatable gave a script the finalisers of the classes. They trust their argument: calling one with any
-- other value, or with a connection from its own handler, crashed. Now getmetatable returns the class's name.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local ssl = require "spec.ssl"

describe("getmetatable of an object", function()
  it("returns the name of its class, and no access to its finaliser", function()
    local socket, task = moonport.TcpSocket(), moonport.spawn(function() end)
    for name, object in pairs {
      TcpServer = moonport.TcpServer(), TcpSocket = socket, Timer = moonport.Timer(), Task = task,
      Connection = moonport.connect(socket, "readyRead", print), HostAddress = moonport.HostAddress "::1",
      SslCertificate = moonport.SslCertificate(ssl.certificate), SslKey = moonport.SslKey(ssl.key),
      SslServer = moonport.SslServer(), SslSocket = moonport.SslSocket(),
      SslConfiguration = moonport.SslConfiguration {}, LocalServer = moonport.LocalServer(),
      LocalSocket = moonport.LocalSocket(),
    } do
      assert.equal(name, getmetatable(object))
    end
    task:join()
  end)

  it("does so for a connection, with and without own fields", function()
    local server, seen = moonport.TcpServer(), {}
    function server.connection:readyRead()
      self:readAll()
      seen[#seen + 1] = getmetatable(self)
      self.field = true
      seen[#seen + 1] = getmetatable(self)
      self:disconnectFromHost()
    end
    assert(server:listen "127.0.0.1")
    local client = moonport.TcpSocket()
    client:connectToHost("127.0.0.1", server:serverPort())
    client:write "x"
    client:waitForDisconnected(5000)
    server:close()
    assert.same({ "TcpSocket", "TcpSocket" }, seen)
  end)
end)
