-- The roots that the system trusts: a service sees it when they change, and no ticket lives on from before.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local lfs = require "lfs"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

local ssl = require("spec.qt.ssl_sockets").use()

-- Connects to a port for each line, which says what else it does, and answers what happened.
local client = [[
  local moonport = require "moonport"
  local folder, kept = arg[1], moonport.persist("kept", { ticket = "" })
  local server = moonport.TcpServer()
  function server:newConnection()
    local peer = self:nextPendingConnection()
    for line in peer:lines() do
      local port, more = line:match "^(%d+) ?(.*)$"
      local socket <close> = moonport.SslSocket()
      if more == "crl" then assert(socket:setSslConfiguration { crl = folder .. "/crl.pem" }) end
      if more == "refresh" then assert(moonport.SslConfiguration({}):refresh()) end
      if more == "resume" then assert(socket:setSessionTicket(kept.ticket)) end
      socket:connectToHostEncrypted("localhost", tonumber(port))
      local ok = socket:waitForEncrypted(5000)
      if ok then socket:receive(1, 5000) end
      if more == "keep" then kept.ticket = socket:sessionTicket() end
      peer:write(("%s %s\n"):format(ok or socket:sslHandshakeErrors()[1].code, socket:isSessionResumed()))
    end
  end
  assert(server:listen("127.0.0.1", 0))
  moonport.log.info("listening on %d", server:serverPort())
]]

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

describe("The system's roots #gc", function()
  local folder, program, plain, other

  setup(function() other = tls.authority() end)
  teardown(function() other:close() end)

  local function put(name, text)
    helper.rewrite(folder .. "/.new", text)
    assert(os.rename(folder .. "/.new", folder .. "/" .. name))
  end

  -- Has the system trust the authority, or none.
  local function trust(authority) put("roots.pem", authority and read(authority.caCertificates) or "") end

  local function start(source)
    program = helper.program { source = source or client, args = { folder, ssl.certificate.certificate,
      ssl.certificate.key }, environment = { SSL_CERT_FILE = folder .. "/roots.pem", SSL_CERT_DIR = folder .. "/none::"
      .. folder .. "/hashed" } }
    local port = tonumber((program:waitForLine "listening on (%d+)"))
    if not source then plain = helper.connect(port) end
    return port
  end

  local function ask(text)
    plain:send(text .. "\n")
    return (plain:receiveLine():gsub("\n", ""))
  end

  local function hangUp()
    program:signal "HUP"
    program:waitForLine "reloaded"
  end

  local function speaking(changes)
    local server = ssl.server(changes)
    function server:newConnection() sockets.closing(self:nextPendingConnection()):write "x" end
    return server:serverPort()
  end

  before_each(function()
    folder = helper.folder()
    assert(lfs.mkdir(folder .. "/hashed"))
  end)
  after_each(function()
    sockets.close()
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  it("are read again at SIGHUP, and by the next verification after a second", function()
    local port = speaking()
    trust(other)
    start()
    assert.equal("UnableToGetLocalIssuerCertificate false", ask(port))
    trust(ssl.authority)
    hangUp()
    assert.equal("true false", ask(port))
    trust(nil)
    helper.eventually(function() return ask(port) == "UnableToGetLocalIssuerCertificate false" end)
    trust(ssl.authority)
    assert.equal("true false", ask(port .. " refresh"))
  end)

  it("in a folder are seen when they come and go", function()
    local port = speaking()
    start()
    assert.equal("UnableToGetLocalIssuerCertificate false", ask(port))
    local status, hash = helper.run { "openssl", "x509", "-hash", "-noout", "-in", ssl.authority.caCertificates }
    assert.equal(0, status)
    local link = ("%s/hashed/%s.0"):format(folder, hash:match "%x+")
    assert(lfs.link(ssl.authority.caCertificates, link, true))
    hangUp()
    assert.equal("true false", ask(port))
    os.remove(link)
    hangUp()
    assert.equal("UnableToGetLocalIssuerCertificate false", ask(port))
  end)

  it("that aren't trusted any more let no server resume; unchanged ones do, over a reload", function()
    local port = speaking()
    trust(ssl.authority)
    start()
    assert.equal("true false", ask(port .. " keep"))
    assert.equal("true true", ask(port .. " resume"))
    hangUp()
    assert.equal("true true", ask(port .. " resume"))
    trust(nil)
    hangUp()
    assert.equal("UnableToGetLocalIssuerCertificate false", ask(port .. " resume"))
  end)

  it("that aren't trusted any more let no client come back with a ticket", function()
    trust(ssl.authority)
    local port = start [[
      local moonport = require "moonport"
      local server = moonport.SslServer()
      assert(server:setSslConfiguration { certificate = arg[2], key = arg[3], peerVerifyMode = "VerifyPeer",
        caCertificates = "system" })
      function server:newConnection() self:nextPendingConnection():write "x" end
      assert(server:listen("127.0.0.1", 0))
      moonport.log.info("listening on %d", server:serverPort())
    ]]
    local certificate = ssl.authority:certificate { client = true }
    local function attempt(ticket)
      local socket = ssl.socket { certificate = certificate.certificate, key = certificate.key }
      socket:setSessionTicket(ticket)
      socket:connectToHostEncrypted("localhost", port)
      local got = socket:receive(1, helper.timeout)
      return got and socket:sessionTicket(), socket:isSessionResumed()
    end
    local ticket, resumed = attempt ""
    assert.is_truthy(ticket)
    assert.is_false(resumed)
    assert.is_true((select(2, attempt(ticket))))
    hangUp()
    assert.is_true((select(2, attempt(ticket))))
    put("roots.pem", read(ssl.authority.caCertificates) .. read(other.caCertificates))
    hangUp()
    local again
    again, resumed = attempt(ticket)
    assert.is_truthy(again)
    assert.is_false(resumed)
    trust(other)
    hangUp()
    assert.is_nil((attempt(ticket)))
    assert.is_nil((attempt(again)))
  end)

  it("are the same for configurations with lists of revoked certificates", function()
    local port = speaking()
    trust(other)
    put("crl.pem", read(ssl.authority:crl()))
    start()
    assert.equal("UnableToGetLocalIssuerCertificate false", ask(port .. " crl"))
    trust(ssl.authority)
    hangUp()
    assert.equal("true false", ask(port .. " crl"))
  end)
end)
