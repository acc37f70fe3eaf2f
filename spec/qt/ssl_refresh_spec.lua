-- SslConfiguration:refresh(): new files for new handshakes, whatever else goes on.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

local authority, first, second

setup(function()
  authority = tls.authority()
  first = authority:certificate { names = { "localhost", "a.example" } }
  second = authority:certificate { names = { "localhost", "b.example" } }
end)

teardown(function() authority:close() end)

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

-- A configuration of files of its own. -> it, function that puts another certificate, or its parts, there
local function files(changes)
  local options = { certificate = helper.file(read(first.certificate)), key = helper.file(read(first.key)) }
  for name, value in pairs(changes or {}) do options[name] = value end
  local function put(certificate, key)
    if certificate then helper.rewrite(options.certificate, read(certificate.certificate)) end
    if key then helper.rewrite(options.key, read(key.key)) end
  end
  return assert(moonport.SslConfiguration(options)), put
end

local function sslServer(configuration)
  local server = sockets.closing(moonport.SslServer())
  assert(server:setSslConfiguration(configuration))
  server.connection.readyRead = function(self) self:write(self:readAll()) end
  assert(server:listen "127.0.0.1")
  return server
end

local function client(server, options, ticket)
  local socket = sockets.closing(moonport.SslSocket())
  local all = { caCertificates = authority.caCertificates }
  for name, value in pairs(options or {}) do all[name] = value end
  assert(socket:setSslConfiguration(all))
  if ticket then socket:setSessionTicket(ticket) end
  socket:connectToHostEncrypted("localhost", server:serverPort())
  return socket, socket:waitForEncrypted(30000)
end

local function shown(server)
  local socket = client(server)
  local names = socket:peerCertificate():subjectAlternativeNames().DnsEntry
  socket:abort()
  return table.concat(names, " "):match "(%a)%.example"
end

describe("configuration:refresh", function()
  after_each(sockets.close)

  it("returns true where nothing has changed, and for PEM texts", function()
    assert.is_true((files():refresh()))
    local configuration = assert(moonport.SslConfiguration {
      certificate = read(first.certificate), key = read(first.key),
    })
    assert.is_true(configuration:refresh())
  end)

  it("has each server that uses an equal one show the new certificate", function()
    local configuration, put = files()
    local server, other = sslServer(configuration), sslServer(configuration)
    put(second, second)
    assert.equal("a", shown(server))
    assert.is_true(configuration:refresh())
    assert.equal("b", shown(server))
    assert.equal("b", shown(other))
  end)

  it("waits for a key that comes after its certificate", function()
    local configuration, put = files()
    local server, result = sslServer(configuration), nil
    put(second, nil)
    moonport.spawn(function() result = { configuration:refresh() } end)
    assert.is_nil(result)
    assert.equal("a", shown(server))
    put(nil, second)
    helper.eventually(function() return result end)
    assert.same({ true }, result)
    assert.equal("b", shown(server))
  end)

  it("says what is wrong with files that never fit, and the old ones serve", function()
    local configuration, put = files()
    local server = sslServer(configuration)
    put(nil, second)
    local none, message, code = configuration:refresh()
    assert.is_nil(none)
    assert.truthy(message:find "^refresh: key: '.-' is not the key of the certificate in '")
    assert.equal("SslInvalidUserDataError", code)
    assert.equal("a", shown(server))
  end)

  it("says so at once where it can't wait", function()
    local configuration, put = files()
    put(nil, second)
    local none, message
    moonport.spawn(function()
      table.sort({ 1, 2 }, function()
        if not message then none, message = configuration:refresh() end
        return false
      end)
    end)
    helper.eventually(function() return message end)
    assert.is_nil(none)
    assert.truthy(message:find "is not the key of the certificate")
  end)

  it("reads those of names too, and says of which one a file is bad", function()
    local inner, put = files()
    local configuration = files { serverNames = { ["b.example"] = inner } }
    put(second, second)
    assert.is_true(configuration:refresh())
    assert.equal("a", shown(sslServer(configuration)))
    assert.equal("b", shown(sslServer(inner)))
    put(nil, first)
    local _, message = configuration:refresh()
    assert.truthy(message:find("refresh: serverNames['b.example']: key: '", 1, true))
  end)

  it("twenty under busy connections fail no handshake, and end no connection", function()
    local configuration, put = files()
    local server, stopped, running, done, wrong = sslServer(configuration), false, 4, 0, {}
    local old = client(server)
    for i = 1, running do
      moonport.spawn(function()
        while not stopped do
          local socket, encrypted = client(server, { maximumProtocol = i == 1 and "TlsV1_2" or "TlsV1_3" })
          if not encrypted then wrong[#wrong + 1] = socket:errorString() end
          socket:write "echo"
          if socket:receive(4, 30000) ~= "echo" then wrong[#wrong + 1] = "no answer: " .. socket:errorString() end
          socket:abort()
          done = done + 1
        end
        running = running - 1
      end)
    end
    for i = 1, 20 do
      local before = done
      local certificate = i % 2 == 1 and second or first
      put(certificate, certificate)
      assert.is_true(configuration:refresh())
      assert.equal(i % 2 == 1 and "b" or "a", shown(server))
      helper.eventually(function() return done > before + 2 end, "handshakes", 20000)
    end
    stopped = true
    helper.eventually(function() return running == 0 end, "the end of the tasks", 20000)
    assert.same({}, wrong)
    old:write "old"
    assert.equal("old", old:receive(3, helper.timeout))
  end)

  it("a ticket from before resumes, unless other authorities count since then", function()
    local mine, theirs = authority:certificate { client = true }, tls.authority()
    local authorities = helper.file(read(authority.caCertificates))
    local configuration, put = files { caCertificates = authorities, peerVerifyMode = "VerifyPeer" }
    local server = sslServer(configuration)
    local shows = { certificate = mine.certificate, key = mine.key }
    local function ticketOf(socket)
      return helper.eventually(function() return socket:sessionTicket() ~= "" and socket:sessionTicket() end)
    end
    local ticket = ticketOf((client(server, shows)))
    put(second, second)
    assert.is_true(configuration:refresh())
    local socket = client(server, shows, ticket)
    assert.is_true(socket:isSessionResumed())
    ticket = ticketOf(socket)
    helper.rewrite(authorities, read(theirs.caCertificates))
    assert.is_true(configuration:refresh())
    local refused = client(server, shows, ticket)
    helper.eventually(function() return refused:state() == "UnconnectedState" end)
    assert.truthy(refused:error():find "^Ssl") -- with TLS 1.3 the alert comes behind the handshake
    theirs:close()
  end)
end)
