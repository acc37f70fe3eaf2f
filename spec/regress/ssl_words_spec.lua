-- SPDX-License-Identifier: MIT
-- What was unclear in messages of TLS. A configuration that is unusable within serverNames raised "invalid
-- key to 'next'". receive said "TLS error" where errorString knew the reason. A server without a
-- configuration for a name showed '' for it, or "callback failed". A certificate in place of the key was "a
-- private key that can't be read". The versions of TLS could exclude each other, and a depth of 256 was one
-- of 0. serverNameRequested without an answer was an internal error where requireServerName has the name
-- refused.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local ssl = require "spec.ssl"

local options = { certificate = ssl.certificate, key = ssl.key }

local function with(changes)
  local changed = {}
  for name, value in pairs(options) do changed[name] = value end
  for name, value in pairs(changes) do changed[name] = value end
  return changed
end

local function refused(changes)
  local configuration, message, code = moonport.SslConfiguration(changes)
  assert.is_nil(configuration)
  assert.equal("SslInvalidUserDataError", code)
  return message
end

describe("The message of an SslConfiguration says", function()
  it("which of several names has an unusable one", function()
    for _, more in ipairs { {}, { ["b.example"] = options }, { ["b.example"] = {}, ["c.example"] = {} } } do
      more["a.example"] = { certificate = ssl.certificate }
      assert.equal("SslConfiguration: serverNames['a.example']: key: a certificate needs its key",
        refused { serverNames = more })
    end
  end)

  it("that the key is none", function()
    assert.equal("SslConfiguration: key: the text has no private key in PEM", refused(with { key = ssl.certificate }))
  end)

  it("that no version is left", function()
    assert.equal("SslConfiguration: minimumProtocol: it is above maximumProtocol",
      refused { minimumProtocol = "TlsV1_3", maximumProtocol = "TlsV1_2" })
  end)

  it("and a large depth is a large one", function()
    assert.equal(255, moonport.SslConfiguration({ peerVerifyDepth = 256 }):peerVerifyDepth())
  end)
end)

describe("The message of a connection says", function()
  after_each(sockets.close)

  local function server(changes)
    local made = sockets.closing(moonport.SslServer())
    assert(made:setSslConfiguration(with(changes or {})))
    function made:newConnection() sockets.closing(self:nextPendingConnection()) end
    assert(made:listen "127.0.0.1")
    return made
  end

  local function client(to, name, changes)
    local socket = sockets.closing(moonport.SslSocket())
    assert(socket:setSslConfiguration(changes or { caCertificates = ssl.certificate }))
    assert(socket:connectToHostEncrypted("127.0.0.1", to:serverPort(), name))
    return socket
  end

  it("why the peer ended it, also in the words of receive", function()
    local to = server { peerVerifyMode = "VerifyPeer", caCertificates = ssl.certificate }
    local socket, alert = client(to), nil
    function socket:alertReceived(level, number, text) alert = ("%d %d %s"):format(level, number, text) end
    local got, message, code = socket:receive("line", helper.timeout)
    assert.is_nil(got)
    assert.equal("receive: Error while reading: tlsv13 alert certificate required", message)
    assert.equal("SslInternalError", code)
    helper.eventually(function() return alert end)
    assert.equal("2 116 certificate required", alert)
  end)

  local function told(to, name)
    local text
    function to:errorOccurred(peer) text = peer:errorString() end
    local _, message = client(to, name):waitForEncrypted(helper.timeout)
    helper.eventually(function() return text end)
    return text, message
  end

  it("which name nobody answers to", function()
    local to = server { requireServerName = true }
    local text, message = told(to, "a.test")
    assert.equal("Nobody answers to the name 'a.test'", text)
    assert.truthy(message:find("unrecognized name", 1, true), message)
    assert.equal("The client asks for no name", (told(to, nil)))
  end)

  it("that of what serverNameRequested leaves to the default, too", function()
    local to = server { requireServerName = true }
    function to.serverNameRequested() return nil end
    local text, message = told(to, "a.test")
    assert.equal("Nobody answers to the name 'a.test'", text)
    assert.truthy(message:find("unrecognized name", 1, true), message)
  end)

  it("that serverNameRequested gave nothing usable", function()
    local to = server()
    function to.serverNameRequested() return 5 end
    assert.equal("serverNameRequested gave no configuration for the name 'a.test'", (told(to, "a.test")))
    function to.serverNameRequested() return {} end
    assert.equal("The configuration for the name 'a.test' has no certificate", (told(to, "a.test")))
  end)
end)
