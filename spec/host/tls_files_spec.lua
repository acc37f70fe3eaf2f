-- Files of certificates and keys that are of no use: the message of each, at a start and at a reload, which leaves what
-- serves as it is.
--
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"
local tls = require "spec.tls"

-- What the folder's options.lua says, with paths in the folder.
local script = [[
  local moonport = require "moonport"
  local folder = arg[1]
  local server = moonport.SslServer()
  assert(server:setSslConfiguration(dofile(folder .. "/options.lua")))
  function server.connection:readyRead() self:write(("%d\n"):format(moonport.generation())) end
  assert(server:listen("127.0.0.1", 0))
  moonport.log.info("listening on %d", server:serverPort())
]]

describe("Files of TLS:", function()
  local authority, good, folder, user, spent, early

  local function read(path)
    local file <close> = assert(io.open(path, "rb"))
    return file:read "a"
  end

  local function path(name) return folder .. "/" .. name end

  -- All that the cases name, readable for anybody but for what is for nobody. Root reads everything: so the program is
  -- nobody's.
  setup(function()
    authority = tls.authority()
    folder = helper.folder()
    local _, id = helper.run { "id", "-u" }
    user = id == "0\n" and { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" } or {}
    local below = authority:intermediate():certificate()
    local other, secret = authority:certificate { names = { "other.example" } },
      authority:certificate { names = { "secret.example" }, passphrase = "right" }
    good = authority:certificate()
    spent, early = authority:certificate { expired = true }, authority:certificate { notYetValid = true }
    local leaf, issuer = read(below.certificate):match "(%-.-END CERTIFICATE%-%-%-%-%-\n)(.*)"
    local encrypted = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n"
    for name, text in pairs {
      ["good.pem"] = read(good.certificate), ["good.key"] = read(good.key), ["other.key"] = read(other.key),
      ["secret.pem"] = read(secret.certificate), ["secret.key"] = read(secret.key),
      ["spent.pem"] = read(spent.certificate), ["spent.key"] = read(spent.key),
      ["early.pem"] = read(early.certificate), ["early.key"] = read(early.key),
      ["below.key"] = read(below.key), ["disordered.pem"] = issuer .. leaf,
      ["gap.pem"] = leaf .. read(other.certificate), ["none"] = "nothing of the kind\n", ["empty"] = "",
      ["cut.pem"] = read(good.certificate):sub(1, 300), ["cut.key"] = read(good.key):sub(1, 100),
      ["damaged.pem"] = (read(good.certificate):gsub("\n%a%a%a", "\nAAAA", 1)),
      ["damaged.crl"] = (read(authority:crl()):gsub("\n%a%a%a", "\nAAAA", 1)),
      ["encrypted.pem"] = (read(good.certificate):gsub("\n", "\n" .. encrypted, 1)),
      ["encrypted.crl"] = (read(authority:crl()):gsub("\n", "\n" .. encrypted, 1)),
      ["closed.pem"] = read(good.certificate), ["closed.key"] = read(good.key), ["main.lua"] = script,
    } do helper.rewrite(path(name), text) end
    assert(os.execute(("mkfifo '%s' && chmod 000 '%s' '%s'"):format(path "fifo", path "closed.pem", path "closed.key")))
  end)

  teardown(function()
    os.execute(("rm -rf '%s'"):format(folder))
    authority:close()
  end)

  after_each(sockets.close)

  -- The options, whose files are in the folder, but for names that begin with "/".
  local function choose(options)
    local lines = {}
    for name, value in pairs(options) do lines[#lines + 1] = ("%s = %q"):format(name, value) end
    local text = table.concat(lines, ", "):gsub('"@', '"' .. folder .. "/")
    helper.rewrite(path "options.lua.new", "return { " .. text .. " }\n")
    assert(os.rename(path "options.lua.new", path "options.lua"))
  end

  local function start()
    local words = table.move(user, 1, #user, 1, {})
    for _, word in ipairs { os.getenv "MOONPORT" or "build/asan/moonport", path "main.lua", folder } do
      words[#words + 1] = word
    end
    return helper.spawn(words)
  end

  local function ask(port)
    local socket = sockets.closing(moonport.SslSocket())
    assert(socket:setSslConfiguration { caCertificates = authority.caCertificates, peerVerifyMode = "QueryPeer" })
    assert(socket:connectToHostEncrypted("localhost", tonumber(port)))
    socket:write "?"
    local answer = socket:receive("line", helper.timeout)
    local certificate = socket:peerCertificate()
    socket:abort()
    return answer, certificate
  end

  local fine = { certificate = "@good.pem", key = "@good.key" }
  local out_of_order = "certificate: '@%s' has its chain out of order: each certificate must have issued the one "
    .. "before it"
  -- What differs from those options; the message; whether it is tried at a start, too.
  local cases = {
    { { certificate = "@nowhere.pem" }, "certificate: '@nowhere.pem' can't be read: No such file or directory", true },
    { { key = "@nowhere.key" }, "key: '@nowhere.key' can't be read: No such file or directory" },
    { { certificate = "@closed.pem" }, "certificate: '@closed.pem' can't be read: Permission denied", true },
    { { key = "@closed.key" }, "key: '@closed.key' can't be read: Permission denied" },
    { { certificate = "/tmp" }, "certificate: '/tmp' can't be read: Is a directory" },
    { { key = "@good.key/more" }, "key: '@good.key/more' can't be read: Not a directory" },
    { { certificate = "@fifo" }, "certificate: '@fifo' can't be read: No such device or address" },
    { { certificate = "@none" }, "certificate: '@none' has no certificate in PEM", true },
    { { key = "@none" }, "key: '@none' has no private key in PEM" },
    { { certificate = "@empty" }, "certificate: '@empty' has no certificate in PEM" },
    { { key = "@empty" }, "key: '@empty' has no private key in PEM" },
    { { certificate = "@good.key" }, "certificate: '@good.key' has no certificate in PEM" },
    { { certificate = "@cut.pem" }, "certificate: '@cut.pem' has a certificate that can't be read" },
    { { certificate = "@damaged.pem" }, "certificate: '@damaged.pem' has a certificate that can't be read" },
    { { key = "@cut.key" }, "key: '@cut.key' has a private key that can't be read" },
    { { certificate = "@secret.pem", key = "@secret.key" }, "key: '@secret.key' needs a passphrase" },
    { { certificate = "@secret.pem", key = "@secret.key", passphrase = "wrong" },
      "key: '@secret.key' can't be opened with this passphrase", true },
    { { key = "@other.key" }, "key: '@other.key' is not the key of the certificate in '@good.pem'", true },
    { { certificate = "@disordered.pem", key = "@below.key" }, out_of_order:format "disordered.pem", true },
    { { certificate = "@gap.pem", key = "@below.key" }, out_of_order:format "gap.pem" },
    { { caCertificates = "@nowhere.pem" }, "caCertificates: '@nowhere.pem' can't be read: No such file or directory" },
    { { caCertificates = "@none" }, "caCertificates: '@none' has no certificate in PEM" },
    { { caCertificates = "@damaged.pem" }, "caCertificates: '@damaged.pem' has a certificate that can't be read" },
    { { crl = "@none" }, "crl: '@none' has no list of revoked certificates in PEM" },
    { { crl = "@damaged.crl" }, "crl: '@damaged.crl' has a list that can't be read" },
    { { ocspResponse = "@none" }, "ocspResponse: '@none' has no OCSP response in DER" },
    { { ticketKeys = "@none" }, "ticketKeys: '@none' must have 1 to 8 keys of 80 bytes" },
  }

  local function changed(case)
    local options = {}
    for name, value in pairs(fine) do options[name] = value end
    for name, value in pairs(case[1]) do options[name] = value end
    return options, (case[2]:gsub("@", folder .. "/"))
  end

  it("each fault ends a start with its message", function()
    for _, case in ipairs(cases) do
      if case[3] then
        local options, message = changed(case)
        choose(options)
        local program = start()
        assert.equal(1, program:wait())
        assert.truthy(program:stderr():find("setSslConfiguration: " .. message .. "\n", 1, true), program:stderr())
      end
    end
  end)

  it("each fault fails a reload with its message, and the old certificate serves on", function()
    choose(fine)
    local program = start()
    local port = program:waitForLine "listening on (%d+)$"
    for _, case in ipairs(cases) do
      local options, message = changed(case)
      choose(options)
      program:signal "HUP"
      assert.equal(path "main.lua:4: setSslConfiguration: " .. message,
        (program:waitForLine "reload of main%.lua failed, generation 1 goes on: (.*)$"))
      assert.equal("1", (ask(port)))
    end
    choose(fine)
    program:signal "HUP"
    assert.equal(program:waitForLine "reloaded main%.lua: generation (%d+)", (ask(port)))
    -- What is only late or early is said, and serves.
    for _, case in ipairs {
      { "spent", "has expired, it was valid until", spent }, { "early", "is not valid before", early },
    } do
      choose { certificate = "@" .. case[1] .. ".pem", key = "@" .. case[1] .. ".key" }
      program:signal "HUP"
      program:waitForLine("warning TLS: localhost, 127%.0%.0%.1, ::1: the certificate " .. case[2]
        .. " %d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$")
      local generation, answer, shown = program:waitForLine "reloaded main%.lua: generation (%d+)", ask(port)
      assert.equal(generation, answer)
      assert.is_true(shown == moonport.SslCertificate(case[3].file))
    end
  end)

  it("nothing that is encrypted has OpenSSL ask for a passphrase on the terminal", function()
    if helper.noTerminal() then return pending(helper.noTerminal()) end
    local file = helper.file(([[
      local moonport = require "moonport"
      for _, options in ipairs {
        { certificate = "@encrypted.pem", key = "@good.key" }, { certificate = "@good.pem", key = "@secret.key" },
        { caCertificates = "@encrypted.pem" }, { crl = "@encrypted.crl" },
      } do print((select(2, moonport.SslConfiguration(options)))) end
    ]]):gsub("@", folder .. "/"), "ask.lua")
    local program = os.getenv "MOONPORT" or "build/asan/moonport"
    local status, out = helper.run { "script", "-qec", program .. " " .. file, "/dev/null" }
    assert.equal(0, status)
    assert.equal(([[
SslConfiguration: certificate: '@encrypted.pem' has a certificate that can't be read
SslConfiguration: key: '@secret.key' needs a passphrase
SslConfiguration: caCertificates: '@encrypted.pem' has a certificate that can't be read
SslConfiguration: crl: '@encrypted.crl' has a list that can't be read
]]):gsub("@", folder .. "/"), (out:gsub("\r", "")))
  end)
end)
