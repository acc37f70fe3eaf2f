-- A connection that its peer ends in each step of a handshake and right behind it: in order (close_notify), by the end
-- of its stream, within a message, or by a reset. Every signal, and the error. Our own ways to end one are in
-- ssl_close_spec.lua.
--
-- SPDX-License-Identifier: MIT
-- #nogc: what the peers send is the point

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"
local trace = require "spec.qt.trace"

local ssl = require("spec.qt.ssl_sockets").use()
local patience = 4 * helper.timeout -- for a program that a busy machine starts slowly

local gone = "The peer closed the connection during the handshake"
local reset = "The remote host closed the connection"
local unexpected = "SslHandshakeFailedError: Error during SSL handshake: unexpected message"
local hung = "The connection ended before TLS did"

-- What a peer does with what it would send next.
local ways = {
  fin = { "cut=0", "fin", "end" }, half = { "cut=30", "send", "fin", "end" }, rst = { "cut=0", "rst" },
  notify = { "cut=0", "raw=15030300020100", "send", "fin", "end" }, -- in the clear
}
local suspended = { fin = { "fin", "end" }, rst = { "rst" }, notify = { "raw=15030300020100", "send", "fin", "end" } }
local behind = { fin = { "fin", "end" }, rst = { "rst" }, notify = { "notify", "send", "fin", "end" } }

-- The actions of one that begins with `first`, and ends it in that way behind some steps.
local function actions(first, steps, way)
  local list = { table.unpack(first) }
  list[#list + 1] = steps and "steps=" .. steps
  return table.unpack(table.move(way, 1, #way, #list + 1, list))
end

-- Waits for the end of a connection. Its signals, from one on, must be these, and those of an end by that error.
local function expectEnd(what, log, code, ...)
  local signals, from = { ... }, 1
  helper.eventually(function() return log[#log] == "disconnected [Unconnected]" end, what)
  helper.settle(2)
  while from < #log and log[from] ~= signals[1] do from = from + 1 end
  for _, one in ipairs { ("errorOccurred(%s) [Connected]"):format(code), "stateChanged(Closing) [Closing]",
    "stateChanged(Unconnected) [Unconnected]", "readChannelFinished [Unconnected]", "disconnected [Unconnected]" } do
    signals[#signals + 1] = one
  end
  assert.same({ what, table.unpack(signals) }, { what, table.unpack(log, from) })
end

local connected, encrypted, written = "connected [Connected]", "encrypted [Connected]", "bytesWritten(1) [Connected]"

describe("A connection that is cut", function()
  after_each(sockets.close)

  it("by the server, in each step of a client's handshake", function()
    local cert, key = "cert=" .. ssl.certificate.certificate, "key=" .. ssl.certificate.key
    local peers = tls.peers()
    local function attempt(what, error, code, last, ...)
      peers:start("server", cert, key, ...)
      local socket = ssl.socket()
      local log = trace.record(socket, trace.state)
      socket:connectToHostEncrypted("127.0.0.1", peers:port(patience), "localhost")
      expectEnd(what, log, code, last)
      assert.same({ what, error }, { what, socket:errorString() })
      peers.program:waitForLine("^done$", patience)
    end
    for _, version in ipairs { "0x0303", "0x0304" } do
      for way, last in pairs(ways) do
        local error = way == "rst" and reset or gone
        local what = ("%s, by %s, "):format(version, way)
        attempt(what .. "behind its hello", error, "RemoteHostClosed", connected,
          actions({ "max=" .. version }, 0, last))
        if version == "0x0303" then
          attempt(what .. "behind the server's", error, "RemoteHostClosed", connected,
            actions({ "max=" .. version }, 1, last))
        elseif way ~= "notify" then -- the tickets are the next
          attempt(what .. "behind the server's", hung, "SslTruncated", encrypted,
            actions({ "max=" .. version }, 1, last))
        else -- nobody who isn't the server can say so
          attempt(what .. "behind the server's", "Error while reading: bad record type", "SslInternal", encrypted,
            actions({ "max=" .. version }, 1, last))
        end
      end
      for way, last in pairs(behind) do
        attempt(("%s, by %s, encrypted"):format(version, way), way == "notify" and reset or hung,
          way == "notify" and "RemoteHostClosed" or "SslTruncated", encrypted,
          actions({ "max=" .. version, "handshake" }, nil, last))
      end
    end
  end)

  it("by the client, in each step of a server's handshake", function()
    local peers, server, told, log = tls.peers(), ssl.server(), nil, nil
    function server:startedEncryptionHandshake() told[#told + 1] = "started" end
    function server:errorOccurred(peer, code) told[#told + 1] = code .. ": " .. peer:errorString() end
    function server:newConnection()
      local peer = sockets.closing(self:nextPendingConnection())
      log = trace.record(peer, trace.state)
      told[#told + 1] = "new"
      peer:write "x"
    end
    local function attempt(what, expected, ...)
      told, log = {}, {}
      peers:start("client", server:serverPort(), ...):waitForLine("^done$", patience)
      helper.eventually(function() return #told == #expected end, what)
      assert.same({ what, table.unpack(expected) }, { what, table.unpack(told) })
    end
    for _, version in ipairs { "0x0303", "0x0304" } do
      for way, last in pairs(ways) do
        local what = ("%s, by %s, "):format(version, way)
        local closed = "RemoteHostClosedError: " .. (way == "rst" and reset or gone)
        local first = { "max=" .. version, "hello" }
        attempt(what .. "before its hello", way == "half" and { "started", closed }
          or way == "notify" and { "started", unexpected }
          or { "RemoteHostClosedError: " .. reset }, actions(first, nil, last))
        attempt(what .. "behind the server's", { "started", closed }, actions({ "max=" .. version }, 1, last))
      end
      for way, last in pairs(behind) do
        local what = ("%s, by %s, encrypted"):format(version, way)
        attempt(what, { "started", "new" }, actions({ "max=" .. version, "handshake", "read=1" }, nil, last))
        expectEnd(what, log, way == "notify" and "RemoteHostClosed" or "SslTruncated", encrypted, written)
      end
    end
    -- All of it in one piece, behind the last message of the handshake.
    attempt("with its last message", { "started", "new" }, "steps=1", "notify", "send", "end")
    expectEnd("with its last message", log, "RemoteHostClosed", encrypted, written)
  end)

  it("while serverNameRequested or sslErrors suspends the handshake", function()
    local peers, server, told, asked = tls.peers(), ssl.server(), nil, nil
    function server:errorOccurred(peer, code) told[#told + 1] = code .. ": " .. peer:errorString() end
    function server:serverNameRequested()
      asked = true
      repeat moonport.sleep(1) until not asked
      return { certificate = ssl.certificate.certificate, key = ssl.certificate.key }
    end
    -- What is asked has its answer behind the end, which is seen then.
    local function answer(what, way)
      helper.eventually(function() return asked end, what, patience)
      peers.program:write "\n"
      if way == "rst" then peers.program:waitForLine("^done$", patience) else helper.settle(10) end
      asked = false
    end
    for way, last in pairs(suspended) do
      told = {}
      peers:start("client", server:serverPort(), "name=late.test", "hello", "send", "line", table.unpack(last))
      answer(way, way)
      helper.eventually(function() return #told > 0 and server:handshakeCount() == 0 end, way)
      assert.same({ "RemoteHostClosedError: " .. (way == "rst" and reset or gone) }, told)
      if way ~= "rst" then peers.program:waitForLine("^done$", patience) end
    end
    local function refused(socket)
      asked = true
      repeat moonport.sleep(1) until not asked
      socket:ignoreSslErrors()
    end
    for way, last in pairs(suspended) do
      for _, version in ipairs { "0x0303", "0x0304" } do
        local what = version .. ", by " .. way
        peers:start("server", "cert=" .. ssl.certificate.certificate, "key=" .. ssl.certificate.key, "max=" .. version,
          "steps=0", "send", "line", table.unpack(last))
        local socket = ssl.socket()
        local log = trace.record(socket, trace.state)
        socket.sslErrors = refused
        socket:connectToHostEncrypted("127.0.0.1", peers:port(patience), "other.example")
        answer(what, way)
        -- In TLS 1.3 that was all that the server has to say in a handshake.
        if version == "0x0303" or way == "rst" then
          expectEnd(what, log, "RemoteHostClosed", log[7])
        elseif way == "notify" then
          expectEnd(what, log, "SslInternal", encrypted)
        else
          expectEnd(what, log, "SslTruncated", encrypted)
        end
        assert.matches("^sslErrors", log[7])
        if way ~= "rst" then peers.program:waitForLine("^done$", patience) end
      end
    end
  end)

  it("by close_notify while data is unread, and while data is written", function()
    local peers, server, peer, log = tls.peers(), ssl.server(), nil, nil
    local size, sent = 4 << 20, 0
    function server:newConnection()
      peer = sockets.closing(self:nextPendingConnection())
      peer:setReadBufferSize(2)
      function peer:bytesWritten(n) sent = sent + n end
      log = trace.record(peer, trace.device)
      peer:write "x"
    end
    peers:start("client", server:serverPort(), "handshake", "read=1", "write=hello", "notify", "send", "end")
    helper.eventually(function() return peer and peer:bytesAvailable() == 2 end, nil, patience)
    helper.settle(10)
    assert.same({ "encrypted [Connected, open, 0]", "bytesWritten(1) [Connected, open, 0]",
      "readyRead [Connected, open, 2]" }, log)
    local got, before = "", #log
    helper.eventually(function()
      got = got .. peer:read(2)
      return got == "hello" and peer:state() == "UnconnectedState"
    end)
    helper.settle(2)
    while log[before]:find "^readyRead" do before = before + 1 end
    assert.same({ "errorOccurred(RemoteHostClosed)", "stateChanged(Closing)", "stateChanged(Unconnected)",
      "readChannelFinished", "disconnected" }, trace.names(table.move(log, before, #log, 1, {})))
    peers.program:waitForLine("^done$", patience)
    -- What is queued is sent first, and our own close_notify behind it.
    peer, sent = nil, 0
    peers:start("client", server:serverPort(), "small", "handshake", "read=1", "notify", "send", "line", "end")
    helper.eventually(function() return peer end, nil, patience)
    peer:write(("x"):rep(size))
    helper.settle(20)
    assert.is_true(peer:bytesToWrite() > 0)
    peers.program:write "\n"
    peers.program:waitForLine("^closed$", patience)
    helper.eventually(function() return log[#log]:find "^disconnected" end)
    assert.equal(size + 1, sent)
    local names = table.concat(trace.names(log), " "):gsub("bytesWritten%S+ ", "")
    assert.equal("encrypted errorOccurred(RemoteHostClosed) stateChanged(Closing) stateChanged(Unconnected) "
      .. "readChannelFinished disconnected", names)
  end)
end)
