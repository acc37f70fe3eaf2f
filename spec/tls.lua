-- TLS for specs: throw-away certificates by moonport.test, and openssl as a client and as a server. Nothing
-- of it is left after a spec. docs/reference/test.md lists what an authority can do.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local test = require "moonport.test"

local tls = {}

--- test.authority without the libasan of this process, which slows openssl down.
function tls.authority(options)
  local changed = { environment = { LD_PRELOAD = false } }
  for name, value in pairs(options or {}) do changed[name] = value end
  return test.authority(changed)
end

--- Starts openssl as a client that trusts the authority, or any table with caCertificates, and ends with
--- status 1 if the certificate isn't good for "localhost". More arguments are openssl's, such as "-alpn",
--- "h2". -> the program: its output says what came about, then what the peer sends; write and closeInput
--- send.
function tls.client(port, authority, ...)
  return helper.spawn { "openssl", "s_client", "-connect", "127.0.0.1:" .. port, "-CAfile", authority.caCertificates,
    "-servername", "localhost", "-verify_hostname", "localhost", "-verify_return_error", "-nocommands", ... }
end

--- Starts openssl as a server with the certificate. Without "-rev" or the like it writes what it gets to its
--- output, and sends what is written to it. -> the program, its port
function tls.server(certificate, ...)
  local server = helper.spawn { "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certificate.file,
    "-cert_chain", certificate.certificate, "-key", certificate.key, ... }
  return server, tonumber((server:waitForLine "^ACCEPT .*:(%d+)$"))
end

--- Starts spec/tls_peer.py, which says what it can do: tls.peer("client", port, action, ...) or tls.peer("server",
--- action, ...). -> the program
function tls.peer(...) return helper.spawn { "python3", "spec/tls_peer.py", ... } end

local Peers = {}
Peers.__index = Peers

--- Peers of tls.peer, one after the other in one process, which starts much slower than they do. start takes what
--- tls.peer takes.
function tls.peers() return setmetatable({ program = tls.peer "many" }, Peers) end

--- Starts the next. -> the process, for waitForLine and write; "done" is its last line
function Peers:start(...)
  self.program:write(table.concat({ ... }, "\t") .. "\n")
  return self.program
end

--- The port of a server that has started.
function Peers:port(msec) return tonumber((self.program:waitForLine("^port (%d+)$", msec))) end

return tls
