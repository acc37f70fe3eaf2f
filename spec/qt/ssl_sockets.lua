-- What the specs of SslSocket and SslServer share: an authority, a certificate of it for "localhost", and servers and
-- sockets that use them.
--
--   local ssl = require("spec.qt.ssl_sockets").use() -- at the top of a file, or in a describe
--   after_each(sockets.close)
--
-- SPDX-License-Identifier: MIT

local busted = require "busted"
local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

local sslSockets = {}

local function merged(options, changes)
  for name, value in pairs(changes or {}) do options[name] = value end
  return options
end

--- -> a table with the functions below; while the specs run it has `authority` and `certificate`, too.
function sslSockets.use()
  local ssl = {}

  busted.setup(function()
    ssl.authority = tls.authority()
    ssl.certificate = ssl.authority:certificate()
  end)

  busted.teardown(function() ssl.authority:close() end)

  --- A server that is configured, and listens. `changes` are options besides certificate and key.
  function ssl.server(changes)
    local server = sockets.closing(moonport.SslServer())
    local options = { certificate = ssl.certificate.certificate, key = ssl.certificate.key }
    assert(server:setSslConfiguration(merged(options, changes)))
    assert(server:listen("127.0.0.1"))
    return server
  end

  --- A socket that trusts the authority.
  function ssl.socket(changes)
    local socket = sockets.closing(moonport.SslSocket())
    assert(socket:setSslConfiguration(merged({ caCertificates = ssl.authority.caCertificates }, changes)))
    return socket
  end

  --- A client that is encrypted, and its peer.
  function ssl.pair(server, socket)
    server, socket = server or ssl.server(), socket or ssl.socket()
    assert(socket:connectToHostEncrypted("localhost", server:serverPort()))
    assert(socket:waitForEncrypted(helper.timeout))
    return socket, sockets.accept(server)
  end

  return ssl
end

return sslSockets
