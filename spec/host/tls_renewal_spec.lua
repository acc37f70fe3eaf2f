-- Certificates that are exchanged while the program serves: by SIGHUP, by --watch, and what of it the log tells.
--
-- SPDX-License-Identifier: MIT
-- Longer than 400 lines: cases beside each other, read one at a time.

local helper = require "spec.helper"
local lfs = require "lfs"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

local authority, first, second, other

setup(function()
  authority = tls.authority()
  first = authority:certificate { names = { "localhost", "a.example" } }
  second = authority:certificate { names = { "localhost", "b.example" }, days = 60 }
  other = authority:certificate { names = { "localhost", "c.example" }, days = 90 }
end)

teardown(function() authority:close() end)

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local script = [[
  local moonport = require "moonport"
  local folder = arg[1]
  local more = %s
  local server = moonport.SslServer()
  local options = { certificate = folder .. "/cert.pem", key = folder .. "/key.pem" }
  for name, value in pairs(more) do options[name] = value end
  assert(server:setSslConfiguration(options))
  function server.connection:readyRead()
    self:readAll()
    self:write(("%%d"):format(moonport.generation()))
  end
  assert(server:listen("127.0.0.1", 0))
  moonport.log.info("listening on %%d", server:serverPort())
]]

local folder

-- Puts a certificate and its key where the service reads them, each by renaming.
local function put(certificate, where)
  where = where or folder
  for name, from in pairs { ["cert.pem"] = certificate.certificate, ["key.pem"] = certificate.key } do
    helper.rewrite(where .. "/.new", read(from))
    assert(os.rename(where .. "/.new", where .. "/" .. name))
  end
end

local function start(options)
  options = options or {}
  put(options.certificate or first)
  helper.rewrite(folder .. "/main.lua", options.plain or script:format(options.more or "{}"))
  local program = helper.program { options = options.options, script = folder .. "/main.lua", args = { folder } }
  return program, program:waitForLine "listening on (%d+)$"
end

local function client(port, options)
  local socket = sockets.closing(moonport.SslSocket())
  local all = { caCertificates = authority.caCertificates }
  for name, value in pairs(options or {}) do all[name] = value end
  assert(socket:setSslConfiguration(all))
  return socket, tonumber(port)
end

-- A connection that is encrypted.
local function connect(port, options)
  local socket, number = client(port, options)
  assert(socket:connectToHostEncrypted("localhost", number))
  assert(socket:waitForEncrypted(helper.timeout))
  return socket
end

-- The second name of the certificate that the server shows to new clients: "a.example".
local function shown(port)
  local socket = connect(port)
  local names = socket:peerCertificate():subjectAlternativeNames().DnsEntry
  socket:abort()
  return table.concat(names, " "):match "(%a)%.example"
end

local function ask(socket)
  socket:write "?"
  return socket:receive(1, helper.timeout)
end

local function count(program, pattern) return select(2, program:stderr():gsub(pattern, "")) end

describe("Certificates of a running program #gc:", function()
  before_each(function() folder = helper.folder() end)
  after_each(function()
    sockets.close()
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  it("SIGHUP has new handshakes use the new files, and open connections go on", function()
    local program, port = start()
    local before = connect(port)
    assert.equal("1", ask(before))
    put(second)
    program:signal "HUP"
    local names, date = program:waitForLine "info TLS: (.-): new certificate, valid until (%d+%-%d+%-%d+)$"
    assert.equal("localhost, b.example", names)
    assert.equal(os.date("!%Y-%m-%d", os.time() + 60 * 86400), date)
    program:waitForLine "reloaded main%.lua"
    assert.equal("b", shown(port))
    assert.equal("2", ask(before))
    assert.equal(1, count(program, "TLS: "))
    assert.equal(0, count(program, "warning"))
  end)

  it("SIGHUP with files that have not changed says nothing of them", function()
    local program, port = start()
    program:signal "HUP"
    program:waitForLine "reloaded main%.lua"
    assert.equal("a", shown(port))
    assert.equal(0, count(program, "TLS: "))
  end)

  it("SIGHUP reads those of names, too", function()
    assert(lfs.mkdir(folder .. "/b"))
    put(second, folder .. "/b")
    local program, port = start { more = [[{ serverNames = { ["b.example"] =
      { certificate = folder .. "/b/cert.pem", key = folder .. "/b/key.pem" } } }]] }
    put(other, folder .. "/b")
    program:signal "HUP"
    assert.equal("localhost, c.example", program:waitForLine "info TLS: (.-): new certificate")
    local socket, number = client(port, { peerVerifyMode = "QueryPeer" })
    socket:setPeerVerifyName "b.example"
    assert(socket:connectToHostEncrypted("localhost", number))
    assert(socket:waitForEncrypted(helper.timeout))
    assert.truthy(socket:peerCertificate():toText():find("c.example", 1, true))
  end)

  it("--watch reads links that certbot exchanges, and the script goes on", function()
    assert(lfs.mkdir(folder .. "/archive"))
    assert(lfs.mkdir(folder .. "/live"))
    local function archive(number, certificate)
      helper.rewrite(("%s/archive/cert%d.pem"):format(folder, number), read(certificate.certificate))
      helper.rewrite(("%s/archive/key%d.pem"):format(folder, number), read(certificate.key))
      for _, name in ipairs { "cert", "key" } do
        os.remove(("%s/live/%s.pem"):format(folder, name))
        assert(lfs.link(("../archive/%s%d.pem"):format(name, number), ("%s/live/%s.pem"):format(folder, name), true))
      end
    end
    archive(1, first)
    local program, port = start { options = { "--watch" }, more =
      '{ certificate = folder .. "/live/cert.pem", key = folder .. "/live/key.pem" }' }
    for i = 2, 5 do
      local certificate = i % 2 == 0 and second or first
      archive(i, certificate)
      program:waitForLine(("TLS: localhost, %s.example: new certificate"):format(i % 2 == 0 and "b" or "a"))
      assert.equal(i % 2 == 0 and "b" or "a", shown(port))
    end
    assert.equal("1", ask(connect(port)))
    assert.equal(0, count(program, "reloaded"))
    assert.equal(0, count(program, "warning"))
  end)

  it("--watch finds files of configurations that are made later, and forgets those that are gone", function()
    local program, port = start { options = { "--watch" }, plain = [[
      local moonport = require "moonport"
      local folder, server = arg[1], moonport.SslServer()
      moonport.spawn(function()
        moonport.sleep(1)
        server:setSslConfiguration { certificate = folder .. "/cert.pem", key = folder .. "/key.pem" }
        function server.connection:readyRead() self:write(self:readAll()) end
        assert(server:listen("127.0.0.1", 0))
        moonport.log.info("listening on %d", server:serverPort())
      end)
    ]] }
    put(second)
    program:waitForLine "TLS: localhost, b.example: new certificate"
    assert.equal("b", shown(port))
  end)

  it("a reload after a renewal takes the renewed configuration, not a second one", function()
    local program, port = start { options = { "--watch" } }
    put(second)
    program:waitForLine "b.example: new certificate"
    helper.rewrite(folder .. "/main.lua", script:format "{}" .. "-- changed\n")
    program:waitForLine "reloaded main%.lua"
    put(other)
    program:waitForLine "c.example: new certificate"
    assert.equal("c", shown(port))
    assert.equal(2, count(program, "new certificate"))
  end)

  it("files that are half written are read again before anybody is told", function()
    local program, port = start()
    local chain = read(second.certificate)
    helper.rewrite(folder .. "/cert.pem", chain:sub(1, #chain // 2))
    program:signal "HUP"
    local socket = connect(port) -- behind the signal, which the program has seen by then or sees later
    helper.rewrite(folder .. "/cert.pem", chain)
    helper.rewrite(folder .. "/key.pem", read(second.key))
    program:waitForLine "b.example: new certificate"
    program:waitForLine "reloaded main%.lua"
    assert.equal("b", shown(port))
    assert.equal("2", ask(socket))
    assert.equal(0, count(program, "warning"))
  end)

  it("files that don't fit each other are told of, the old ones serve, and the reload of the script fails", function()
    local program, port = start()
    helper.rewrite(folder .. "/key.pem", read(second.key))
    program:signal "HUP"
    local text = program:waitForLine
      "warning TLS: localhost, a.example: the new files can't be used, the old ones stay: (.*)$"
    assert.truthy(text:find("/key.pem' is not the key of the certificate in '", 1, true))
    assert.truthy(program:waitForLine("reload of main%.lua failed, generation 1 goes on: (.*)$")
      :find "key.pem' is not the key of the certificate in '")
    assert.equal("a", shown(port))
    helper.rewrite(folder .. "/cert.pem", read(second.certificate))
    program:signal "HUP"
    program:waitForLine "b.example: new certificate"
    program:waitForLine "reloaded main%.lua"
    assert.equal("b", shown(port))
  end)

  it("a missing file is told of, and the old one serves; --watch takes the next that comes", function()
    local program, port = start { options = { "--watch" } }
    os.remove(folder .. "/cert.pem")
    program:waitForLine "warning TLS: localhost, a.example: .- certificate: '.-/cert.pem' can't be read: No such file"
    assert.equal("a", shown(port))
    put(second)
    program:waitForLine "b.example: new certificate"
    assert.equal("b", shown(port))
    assert.equal(0, count(program, "reload"))
  end)

  it("a handshake that has begun before a reload ends after it", function()
    local program, port = start()
    local relay, ends = sockets.server(), {}
    local socket = client(port)
    assert(socket:connectToHostEncrypted("localhost", relay:serverPort()))
    ends.client = sockets.accept(relay)
    local hello = ends.client:receive(200, helper.timeout) -- a part of the client's first message
    ends.server = sockets.closing(moonport.TcpSocket())
    ends.server:connectToHost("127.0.0.1", tonumber(port))
    assert(ends.server:waitForConnected(helper.timeout))
    ends.server:write(hello)
    connect(port) -- the program has had time for what came before
    put(second)
    program:signal "HUP"
    program:waitForLine "b.example: new certificate"
    program:waitForLine "reloaded main%.lua"
    function ends.client:readyRead() ends.server:write(self:readAll()) end
    function ends.server:readyRead() ends.client:write(self:readAll()) end
    ends.server:write(ends.client:readAll())
    assert(socket:waitForEncrypted(helper.timeout))
    assert.truthy(socket:peerCertificate():toText():find("b.example", 1, true))
    assert.equal("2", ask(socket))
  end)

  it("twenty exchanges under busy connections fail no handshake", function()
    local program, port = start { options = { "--watch" } }
    local stopped, done, wrong = false, 0, {}
    for _ = 1, 4 do
      moonport.spawn(function()
        while not stopped do
          local socket, number = client(port)
          socket:connectToHostEncrypted("localhost", number)
          if not socket:waitForEncrypted(30000) then wrong[#wrong + 1] = socket:errorString() end
          if ask(socket) ~= "1" then wrong[#wrong + 1] = "no answer: " .. socket:errorString() end
          socket:abort()
          done = done + 1
        end
      end)
    end
    for i = 1, 20 do
      local before = done
      put(i % 2 == 1 and second or first)
      program:waitForLine(("%s.example: new certificate"):format(i % 2 == 1 and "b" or "a"), 20000)
      helper.eventually(function() return done > before + 2 end, "handshakes", 20000)
    end
    stopped = true
    helper.settle(1)
    assert.same({}, wrong)
    assert.equal(0, count(program, "warning"))
  end)

  it("certificates that have expired, come later or end soon are warned of, and serve", function()
    for _, case in ipairs {
      { { expired = true }, "has expired, it was valid until %d+%-%d+%-%d+T" },
      { { notYetValid = true }, "is not valid before %d+%-%d+%-%d+T" },
      { { days = 10 }, "is valid only until %d+%-%d+%-%d+T" },
    } do
      local program, port = start { certificate = authority:certificate(case[1]) }
      assert.truthy(program:stderr():find("warning TLS: localhost, .-: the certificate " .. case[2]))
      assert.equal("1", ask(connect(port, { peerVerifyMode = "QueryPeer" })))
      program:signal "HUP"
      program:waitForLine "reloaded main%.lua"
      assert.equal(1, count(program, "warning TLS"))
    end
  end)

  it("a configuration keeps no program running", function()
    put(first)
    local program = helper.program { options = { "--watch" }, args = { folder }, source = [[
      configuration = assert(require "moonport".SslConfiguration { certificate = arg[1] .. "/cert.pem",
        key = arg[1] .. "/key.pem" })
    ]] }
    assert.equal(0, program:wait())
  end)

  it("a key whose passphrase is asked for stays as long as its file, and refresh asks again", function()
    local secret = authority:certificate { names = { "localhost", "d.example" }, passphrase = "one" }
    local again = authority:certificate { names = { "localhost", "e.example" }, passphrase = "two" }
    local program, port = start { certificate = secret, plain = [[
      local moonport = require "moonport"
      local folder, asked = arg[1], 0
      local server = moonport.SslServer()
      local configuration = assert(moonport.SslConfiguration { certificate = folder .. "/cert.pem",
        key = folder .. "/key.pem", passphrase = function() asked = asked + 1 return asked == 1 and "one" or "two" end })
      server:setSslConfiguration(configuration)
      function server.connection:readyRead()
        self:readAll()
        self:write(configuration:refresh() and tostring(asked) or "-")
      end
      assert(server:listen("127.0.0.1", 0))
      moonport.log.info("listening on %d", server:serverPort())
    ]], options = { "--watch" } }
    assert.equal("d", shown(port))
    helper.rewrite(folder .. "/cert.pem", read(secret.certificate) .. "# more\n")
    program:waitForLine "d.example: new files"
    put(again)
    program:waitForLine "d.example: the new files can't be used, the old ones stay: key: .- needs a passphrase"
    assert.equal("2", ask(connect(port)))
    assert.equal("e", shown(port))
  end)
end)

describe("Ticket keys in a file #gc:", function()
  local path

  local function keys(...)
    local list = {}
    for i, letter in ipairs { ... } do list[i] = letter:rep(80) end
    helper.rewrite(path .. ".new", table.concat(list))
    assert(os.rename(path .. ".new", path))
  end

  -- A ticket that the server has given.
  local function ticket(port)
    local socket = connect(port)
    assert.equal("1", ask(socket))
    local bytes = socket:sessionTicket()
    assert.truthy(#bytes > 0)
    socket:abort()
    return bytes
  end

  local function resumes(port, bytes)
    local later, number = client(port)
    later:setSessionTicket(bytes)
    assert(later:connectToHostEncrypted("localhost", number))
    assert(later:waitForEncrypted(helper.timeout))
    local resumed = later:isSessionResumed()
    later:abort()
    return resumed
  end

  before_each(function()
    folder = helper.folder()
    path = folder .. "/tickets"
  end)
  after_each(function()
    sockets.close()
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  it("one program's tickets resume at another, as long as the file has their key", function()
    keys "a"
    local more = "{ ticketKeys = folder .. '/tickets' }"
    local _, port = start { more = more }
    local neighbour, there = start { more = more, options = { "--watch" } }
    local bytes = ticket(port)
    assert.is_true(resumes(there, bytes))
    keys("b", "a")
    neighbour:waitForLine "TLS: localhost, a.example: new files"
    assert.is_true(resumes(there, bytes))
    keys "b"
    neighbour:waitForLine "TLS: localhost, a.example: new files"
    assert.is_false(resumes(there, bytes))
    assert.is_true(resumes(there, ticket(there)))
  end)

  it("a file of another size is refused when it is made", function()
    for _, size in ipairs { 0, 48, 81, 9 * 80 } do
      local file = helper.file(("x"):rep(size))
      local none, message = moonport.SslConfiguration { ticketKeys = file }
      assert.is_nil(none)
      assert.equal(("SslConfiguration: ticketKeys: '%s' must have 1 to 8 keys of 80 bytes"):format(file), message)
    end
  end)
end)

describe("--keylog #gc", function()
  before_each(function() folder = helper.folder() end)
  after_each(function()
    sockets.close()
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  it("adds the secrets of connections to a file of the owner's, and warns of it", function()
    local path = folder .. "/keys"
    helper.rewrite(path .. ".before", "")
    local program, port = start { options = { "--keylog", path } }
    assert.truthy(program:stderr():find("warning --keylog: '" .. path .. "' gets the secrets of all TLS", 1, true))
    assert.equal("1", ask(connect(port)))
    local text = read(path)
    for _, label in ipairs { "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET" } do
      local random, secret = text:match("\n?" .. label .. " (%x+) (%x+)\n")
      assert.equal(64, random and #random, label)
      assert.truthy(#secret == 64 or #secret == 96)
    end
    assert.equal("rw-------", lfs.attributes(path, "permissions"))
    connect(port)
    assert.equal(text, read(path):sub(1, #text))
  end)

  it("a file that can't be written ends the program at its start", function()
    local status, _, err = helper.run { os.getenv "MOONPORT" or "build/asan/moonport", "--keylog", folder .. "/no/file",
      "-e", "print 'runs'" }
    assert.equal(1, status)
    assert.truthy(err:find("--keylog: '" .. folder .. "/no/file' can't be written: No such file or directory", 1, true))
  end)
end)
