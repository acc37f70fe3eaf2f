-- Any bytes from a peer of TLS: to a server and to a client, in the place of a handshake, or between the two ends of a
-- real one, whose bytes this passes on and spoils. Nobody gets a byte that the other end hasn't written, both end, and
-- the server goes on.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local ssl = require "spec.ssl_pair"
local choices = require "spec.fuzz.choices"

local eventually, expect = choices.eventually, choices.expect

local names = { server = "127.0.0.1" }
local server = moonport.SslServer()
assert(server:setSslConfiguration { certificate = ssl.certificate, key = ssl.key })
assert(server:listen(names.server))

local errors = {}

local function watch(socket, record)
  socket:setReadBufferSize(0)
  function socket:readyRead() record.got = record.got .. self:readAll() end
  function socket.encrypted() record.encrypted = true end
  function socket.disconnected() record.ended = true end
  function socket.errorOccurred(_, code) errors[#errors + 1] = code end
  return socket
end

local function ends(socket) return socket:state() == "UnconnectedState" end

-- To the server.
local function toServer(from)
  local accepted, record = nil, { got = "" }
  local client = moonport.TcpSocket()
  client:connectToHost(names.server, server:serverPort())
  client:setReadBufferSize(0)
  assert(client:waitForConnected(5000))
  local text, size = from:rest(), from:below(4) * 40
  for at = 1, #text, size > 0 and size or math.max(#text, 1) do
    if not client:write(text:sub(at, size > 0 and at + size - 1 or #text)) then break end
    if size > 0 then moonport.sleep(0) end
  end
  moonport.sleep(0)
  client:disconnectFromHost()
  eventually("the end of a client without a handshake", function()
    accepted = accepted or server:nextPendingConnection()
    if accepted then record.got = record.got .. accepted:readAll() end
    return ends(client)
  end)
  expect("whether it has come in", nil, accepted)
  expect("bytes", "", record.got)
end

-- To a client.
local function toClient(from)
  local listener <close>, record = moonport.TcpServer(), { got = "" }
  assert(listener:listen "127.0.0.1")
  local client = watch(moonport.SslSocket(), record)
  client:setSslConfiguration { caCertificates = ssl.certificate }
  client:connectToHostEncrypted("127.0.0.1", listener:serverPort())
  client:write "this is for nobody"
  local peer = eventually("a connection", function() return listener:nextPendingConnection() end)
  peer:setReadBufferSize(0)
  eventually("a hello", function() return peer:bytesAvailable() > 5 or ends(client) end)
  peer:write(from:rest())
  moonport.sleep(0)
  assert(not peer:readAll():find("this is for nobody", 1, true), "it has sent something in the clear")
  peer:disconnectFromHost()
  eventually("the end of a client", function() peer:readAll() return ends(client) end)
  expect("whether it is encrypted", nil, record.encrypted)
  expect("bytes", "", record.got)
  peer:abort()
end

-- Between both ends: the k-th byte of a direction becomes another one, is left out, or comes twice, or bytes are added.
local function spoil(from)
  local where, how, with = from:below(256) | from:below(8) << 8, from:below(5), from:text(20)
  local at = 0
  return function(bytes)
    local first = where - at
    at = at + #bytes
    if first < 0 or first >= #bytes then return bytes end
    local before, byte, after = bytes:sub(1, first), bytes:sub(first + 1, first + 1), bytes:sub(first + 2)
    if how == 0 then return bytes end
    if how == 1 then return before .. string.char(byte:byte() ~ 1 << #with % 8) .. after end
    if how == 2 then return before .. after end
    if how == 3 then return before .. byte .. with .. after end
    return before .. with .. after:sub(#with)
  end
end

local function isPrefix(what, whole, got) expect(what, whole:sub(1, #got), got) end

local function between(from)
  local listener <close> = moonport.TcpServer()
  assert(listener:listen "127.0.0.1")
  local up, down = spoil(from), spoil(from)
  local mine, theirs = { got = "" }, { got = "" }
  local client = watch(moonport.SslSocket(), mine)
  client:setSslConfiguration { caCertificates = ssl.certificate }
  client:connectToHostEncrypted("127.0.0.1", listener:serverPort(), "example.org")
  local question, reply = ("question "):rep(1 + from:below(40)), ("reply "):rep(1 + from:below(200))
  client:write(question)
  local left = eventually("a connection", function() return listener:nextPendingConnection() end)
  local right, accepted = moonport.TcpSocket(), nil
  right:connectToHost(names.server, server:serverPort())
  left:setReadBufferSize(0)
  right:setReadBufferSize(0)
  local quiet = 0
  eventually("silence", function()
    local one, other = left:readAll(), right:readAll()
    if one ~= "" then right:write(up(one)) end
    if other ~= "" then left:write(down(other)) end
    if not accepted then
      accepted = server:nextPendingConnection()
      if accepted then
        watch(accepted, theirs)
        theirs.got = accepted:readAll()
        accepted:write(reply)
      end
    end
    quiet = one == "" and other == "" and quiet + 1 or 0
    if quiet > 2 then moonport.sleep(1) end
    return quiet > 6
  end)
  isPrefix("what the server gets", question, theirs.got)
  isPrefix("what the client gets", reply, mine.got)
  for _, socket in ipairs { left, right, client, accepted } do socket:abort() end
end

-- An honest client is served.
local function honest()
  local client = moonport.SslSocket()
  client:setSslConfiguration { caCertificates = ssl.certificate }
  client:connectToHostEncrypted(names.server, server:serverPort(), "example.org")
  assert(client:waitForEncrypted(20000), "an honest client isn't served")
  local accepted = eventually("an accepted one", function() return server:nextPendingConnection() end)
  accepted:abort()
  client:abort()
end

local count = 0

return function(bytes)
  local from = choices.of(bytes)
  local way = from:below(4);
  ({ toServer, toClient, between, between })[way + 1](from)
  count = count + 1
  if count % 32 == 1 then honest() end
  moonport.sleep(0)
  choices.check()
end
