-- The exact orders of the signals of SslSocket and SslServer where a connection fails or ends, as in Qt but for what
-- docs/differences.md says: D1 (a handler sees the state behind the call), D19, D22, D30. Ends by the peer are in
-- ssl_cut_spec.lua.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local trace = require "spec.qt.trace"

local ssl = require("spec.qt.ssl_sockets").use()

-- All signals of a socket, the alerts too.
local function record(socket)
  local log = trace.record(socket, trace.state)
  for _, signal in ipairs { "alertSent", "alertReceived" } do
    moonport.connect(socket, signal, function(_, level, number)
      log[#log + 1] = ("%s(%d, %d)"):format(signal, level, number)
    end)
  end
  return log
end

local function recordServer(server)
  local log = trace.record(server)
  moonport.connect(server, "startedEncryptionHandshake", function() log[#log + 1] = "startedEncryptionHandshake" end)
  moonport.connect(server, "errorOccurred", function(_, _, code)
    log[#log + 1] = ("errorOccurred(%s)"):format(code:gsub("Error$", ""))
  end)
  return log
end

local function client(handlers)
  local socket = ssl.socket()
  for name, handler in pairs(handlers or {}) do socket[name] = handler end
  return socket, record(socket)
end

-- Compares a log from the line that begins with `first` on.
local function expect(what, lines, log, first)
  pcall(helper.eventually, function() return #lines == 0 or log[#log] == lines[#lines] end)
  helper.settle(2)
  local from = 1
  while first and from <= #log and log[from]:sub(1, #first) ~= first do from = from + 1 end
  assert.same({ what, table.unpack(lines) }, { what, table.unpack(log, from) })
end

-- Lines in one text, "·" between them.
local function lines(text)
  local list = {}
  for line in (text .. " · "):gmatch "%s*(.-)%s*·%s*" do
    if line ~= "" then list[#list + 1] = line end
  end
  return list
end

local ended = "stateChanged(Unconnected) [Unconnected] · readChannelFinished [Unconnected] · disconnected [Unconnected]"
local failed = " [Connected] · stateChanged(Closing) [Closing] · " .. ended

for _, version in ipairs { "TlsV1_2", "TlsV1_3" } do
  describe("Signals of TLS in " .. version .. ":", function()
    after_each(sockets.close)

    it("a certificate is refused, or a handler of sslErrors decides", function()
      local refused = "sslErrors [Connected] · alertSent(2, 42) · errorOccurred(SslHandshakeFailed)" .. failed
      for what, case in pairs {
        ["nobody decides"] = { nil, refused, "SslHandshakeFailed" },
        ["it ignores nothing"] = { function() end, refused, "SslHandshakeFailed" },
        ["it ignores all"] = { function(self) self:ignoreSslErrors() end,
          "sslErrors [Connected] · encrypted [Connected]" },
        -- Qt signals an error behind abort.
        ["it aborts"] = { function(self) self:abort() end,
          "sslErrors [Unconnected] · aboutToClose [Unconnected] · " .. ended, "RemoteHostClosed" },
        ["it disconnects"] = { function(self) self:disconnectFromHost() end,
          "sslErrors [Unconnected] · stateChanged(Closing) [Unconnected] · " .. ended, "RemoteHostClosed" },
        ["it closes"] = { function(self) self:close() end,
          "sslErrors [Unconnected] · aboutToClose [Unconnected] · stateChanged(Closing) [Unconnected] · " .. ended,
          "RemoteHostClosed" },
      } do
        local server = ssl.server { maximumProtocol = version }
        function server:newConnection() sockets.closing(self:nextPendingConnection()) end
        local ofServer = recordServer(server)
        local socket, log = client { sslErrors = case[1] }
        assert(socket:connectToHostEncrypted("127.0.0.1", server:serverPort(), "other.example"))
        helper.eventually(function() return (log[#log] or ""):find "^disc" or (log[#log] or ""):find "^encr" end)
        for i, line in ipairs(log) do log[i] = line:gsub("%(table: .*%)", "") end
        expect(what, lines(case[2]), log, "sslErrors")
        expect(what, lines("startedEncryptionHandshake · " .. (case[3] and "errorOccurred(" .. case[3] .. ")"
          or "pendingConnectionAvailable · newConnection")), ofServer)
      end
    end)

    it("a client without a certificate is refused: in TLS 1.3 behind its own handshake", function()
      local server = ssl.server { maximumProtocol = version, peerVerifyMode = "VerifyPeer",
        caCertificates = ssl.authority.caCertificates }
      local ofServer, socket, log = recordServer(server), client()
      assert(socket:connectToHostEncrypted("127.0.0.1", server:serverPort(), "localhost"))
      expect("client", lines("connected [Connected] · " .. (version == "TlsV1_2"
        and "alertReceived(2, 40) · errorOccurred(SslHandshakeFailed)"
        or "encrypted [Connected] · alertReceived(2, 116) · errorOccurred(SslInternal)") .. failed), log, "connected")
      expect("server", lines "startedEncryptionHandshake · errorOccurred(SslHandshakeFailed)", ofServer)
    end)

    it("this end closes, and the peer sees it", function()
      local told = "alertReceived(1, 0) · errorOccurred(RemoteHostClosed) [Connected] · "
        .. "stateChanged(Closing) [Closing] · alertSent(1, 0) · " .. ended
      local function queued(close)
        return function(socket)
          socket:write "queued"
          socket[close](socket)
        end
      end
      local sent = " [Closing] · bytesWritten(6) [Closing] · alertSent(1, 0) · " .. ended
      local closes = " [Unconnected] · alertSent(1, 0) · " .. ended
      local server = ssl.server { maximumProtocol = version }
      for what, case in pairs {
        disconnectFromHost = { function(socket) socket:disconnectFromHost() end, "stateChanged(Closing)" .. closes,
          told },
        ["disconnectFromHost, queued"] = { queued "disconnectFromHost", "stateChanged(Closing)" .. sent,
          "readyRead [Connected] · " .. told },
        -- As in Qt 6.11: what is queued is sent, and the peer is told.
        close = { function(socket) socket:close() end,
          "aboutToClose [Unconnected] · stateChanged(Closing)" .. closes, told },
        ["close, queued"] = { queued "close", "aboutToClose [Closing] · stateChanged(Closing)" .. sent,
          "readyRead [Connected] · " .. told },
        -- aboutToClose first, as of a TcpSocket.
        abort = { function(socket) socket:abort() end, "aboutToClose [Unconnected] · " .. ended,
          "errorOccurred(SslTruncated)" .. failed },
      } do
        local socket, log = client()
        assert(socket:connectToHostEncrypted("127.0.0.1", server:serverPort(), "localhost"))
        local peer = sockets.accept(server)
        local ofPeer = record(peer)
        assert(socket:waitForEncrypted(helper.timeout))
        helper.eventually(function() return log[#log] == "encrypted [Connected]" end)
        log[#log] = "here"
        case[1](socket)
        expect(what, lines("here · " .. case[2]), log, "here")
        expect(what .. ", the peer", lines(case[3]), ofPeer)
      end
    end)

    it("STARTTLS on both sides: nobody is connected anew", function()
      local server = ssl.server { maximumProtocol = version }
      server:setImplicitEncryption(false)
      local ofServer, socket, log = recordServer(server), client()
      assert(socket:connectToHost("127.0.0.1", server:serverPort()))
      local peer = sockets.accept(server)
      local ofPeer = record(peer)
      assert(socket:waitForConnected(helper.timeout))
      assert(socket:startClientEncryption())
      assert(peer:startServerEncryption())
      expect("client", lines("connected [Connected] · modeChanged(SslClientMode) [Connected] · encrypted [Connected]"),
        log, "connected")
      expect("peer", lines "modeChanged(SslServerMode) [Connected] · encrypted [Connected]", ofPeer)
      expect("server", lines "pendingConnectionAvailable · newConnection", ofServer)
    end)
  end)
end

describe("Signals of TLS:", function()
  after_each(sockets.close)

  it("a handshake takes too long, on either side", function()
    local listener, socket, log = helper.listen(), client()
    socket:setHandshakeTimeout(20)
    assert(socket:connectToHostEncrypted("127.0.0.1", listener:port(), "localhost"))
    expect("client", lines("connected [Connected] · errorOccurred(SocketTimeout)" .. failed), log, "connected")
    for bytes, expected in pairs { [""] = "errorOccurred(SocketTimeout)",
      ["\x16\x03"] = "startedEncryptionHandshake · errorOccurred(SocketTimeout)" } do
      local server = ssl.server()
      local ofServer = recordServer(server)
      server:setHandshakeTimeout(50)
      helper.connect(server:serverPort()):send(bytes)
      expect("server", lines(expected), ofServer)
    end
  end)
end)
