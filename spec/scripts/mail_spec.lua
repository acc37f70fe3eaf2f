-- SPDX-License-Identifier: MIT
-- scripts/mail.lua with curl, openssl, Python's smtplib and plain sockets.

local helper = require "spec.helper"
local lfs = require "lfs"
local tls = require "spec.tls"

local authority, certificate

setup(function()
  authority = tls.authority()
  certificate = authority:certificate()
end)

teardown(function() authority:close() end)

local folder

local function start(...)
  local program = helper.program { script = "scripts/mail.lua", args = { 0, "127.0.0.1", ... } }
  return program, tonumber((program:waitForLine "mail: listening on 127.0.0.1 port (%d+)"))
end

local function startEncrypted() return start(folder, "--tls", certificate.certificate, certificate.key) end

local function stop(program)
  program:signal "TERM"
  assert.equal(0, program:wait())
  assert.is_nil(program:stderr():find(" error ", 1, true), program:stderr())
end

-- The messages that have been kept, in order.
local function messages()
  local names, list = {}, {}
  for name in lfs.dir(folder) do
    if name ~= "." and name ~= ".." then names[#names + 1] = name end
  end
  table.sort(names)
  for i, name in ipairs(names) do
    assert.matches("%.eml$", name)
    local file <close> = assert(io.open(folder .. "/" .. name, "rb"))
    list[i] = file:read "a"
  end
  return list
end

-- A client that has read the greeting. ask(line) sends it and returns the last line of the reply.
local function client(port)
  local self = helper.connect(port)
  self:receiveLine()
  function self.reply()
    local line
    repeat line = self:receiveLine():gsub("\r\n$", "") until line:sub(4, 4) == " "
    return line
  end
  function self.ask(line)
    self:send(line .. "\r\n")
    return self.reply()
  end
  return self
end

local function begin(self)
  self:send "EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n"
  for _, code in ipairs { "250", "250", "250", "354" } do assert.equal(code, self.reply():sub(1, 3)) end
end

describe("scripts/mail.lua #gc", function()
  before_each(function() folder = helper.folder() end)
  after_each(function() helper.run { "rm", "-rf", folder } end)

  it("keeps what curl sends, in the clear and with --ssl-reqd, dots and all", function()
    local program, port = startEncrypted()
    local letter = "Subject: dots\r\n\r\n.\r\n..two\r\nand more.\r\n"
    local path = helper.file(letter, "letter.txt")
    for _, secret in ipairs { false, true } do
      local command = { "curl", "-sS", "--max-time", "20", ("smtp://localhost:%d/me"):format(port), "--mail-from",
        "me@a.example", "--mail-rcpt", "one@b.example", "--mail-rcpt", "two@b.example", "-T", path }
      if secret then table.move({ "--ssl-reqd", "--cacert", authority.caCertificates }, 1, 3, #command + 1, command) end
      local status, _, err = helper.run(command, nil, 25000)
      assert.equal(0, status, err)
    end
    local kept = messages()
    assert.equal(2, #kept)
    for i, how in ipairs { "ESMTP", "ESMTPS %(TlsV1_3%)" } do
      local head, text = kept[i]:match "^(.-\r\n)(Subject.*)$"
      assert.equal(letter, text)
      assert.matches("^Return%-Path: <me@a.example>\r\nDelivered%-To: one@b.example,\r\n two@b.example\r\nReceived: "
        .. "from me %(%[127.0.0.1%]%) with " .. how .. ";\r\n ", head)
    end
    stop(program)
  end)

  it("is verified by curl", function()
    local program, port = startEncrypted()
    local other = authority:certificate { selfSigned = true }
    local status = helper.run({ "curl", "-sS", "--max-time", "20", "smtp://localhost:" .. port, "--ssl-reqd",
      "--cacert", other.file, "--mail-from", "a@b", "--mail-rcpt", "c@d", "-T", helper.file "x\r\n" }, nil, 25000)
    assert.equal(60, status)
    assert.same({}, messages())
    stop(program)
  end)

  it("speaks with Python's smtplib: STARTTLS, several messages, and what it refuses", function()
    local program, port = startEncrypted()
    local status, out, err = helper.run({ "python3", "-c", [[
import smtplib, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
with smtplib.SMTP(timeout=20) as smtp:
    smtp.connect("127.0.0.1", int(sys.argv[1])) # a bare system may not know localhost
    smtp._host = "localhost"
    smtp.starttls(context=context)
    smtp.ehlo()
    assert not smtp.has_extn("starttls")
    for i in range(3):
        smtp.sendmail("me@a.example", ["you@b.example"], "Subject: number %d\r\n\r\n.\r\n\r\n" % i + "x" * 900)
    print(smtp.verify("somebody")[0], smtp.noop()[0], smtp.rset()[0], smtp.mail("a@b", ["size=99999999"])[0])
    try:
        smtp.sendmail("me@a.example", ["you@b.example"], b"y" * 2000)
    except smtplib.SMTPDataError as error:
        print(error.smtp_code)
    smtp.sendmail("me@a.example", ["you@b.example"], "Subject: the last\r\n\r\n")
]], port, authority.caCertificates }, nil, 30000)
    assert.equal(0, status, err)
    assert.equal("252 250 250 552\n554\n", out)
    local kept = messages()
    assert.equal(4, #kept)
    assert.matches("Subject: number 0\r\n\r\n%.\r\n\r\nx+\r\n$", kept[1])
    assert.matches("Subject: the last\r\n\r\n$", kept[4])
    stop(program)
  end)

  it("forgets all that came before STARTTLS, and offers it once: openssl s_client -starttls smtp", function()
    local program, port = startEncrypted()
    local secret = tls.client(port, authority, "-starttls", "smtp", "-crlf", "-ign_eof")
    secret:waitForLine "^250 VRFY"
    secret:write "MAIL FROM:<a@x>\n"
    secret:waitForLine "^503 5.5.1 EHLO first"
    secret:write "EHLO again\n"
    local line
    repeat
      line = secret:waitForLine "^250.*"
      assert.falsy(line:find "STARTTLS")
    until line:find "^250 VRFY"
    secret:write "STARTTLS\n"
    secret:waitForLine "^503 5.5.1 it is encrypted already"
    secret:write "QUIT\n"
    secret:waitForLine "^221 "
    secret:wait()
    stop(program)
  end)

  it("refuses what was sent behind STARTTLS, and never obeys it", function()
    local program, port = startEncrypted()
    local peer = client(port)
    peer:send "EHLO me\r\nSTARTTLS\r\nMAIL FROM:<evil@x>\r\n"
    peer.reply()
    assert.equal("554 5.5.1 nothing may follow STARTTLS", peer.reply())
    assert.equal("", peer:receiveAll())

    peer = client(port)
    assert.equal("220 2.0.0 begin", peer.ask "STARTTLS")
    peer:send "MAIL FROM:<evil@x>\r\n"
    peer:waitForEnd()
    assert.falsy(peer:receiveAll():find "250")
    program:waitForLine "mail: 127.0.0.1: "
    stop(program)
  end)

  it("answers each command as SMTP says, and in its order", function()
    local program, port = start(folder)
    local peer = client(port)
    for _, step in ipairs {
      { "MAIL FROM:<a@x>", "503" }, { "RCPT TO:<a@x>", "503" }, { "DATA", "503" }, { "HELO", "501" },
      { "HELO a b", "501" }, { "helo me", "250" }, { "STARTTLS", "502" }, { "MAIL a@x", "501" },
      { "MAIL FROM:<a@x> SIZE=99999999", "552" }, { "MAIL FROM:<a@x> AUTH=b", "555" }, { "MAIL FROM:<a b>", "501" },
      { "mail from:<> body=8bitmime size=10", "250" }, { "MAIL FROM:<a@x>", "503" }, { "DATA", "503" },
      { "RCPT TO:<>", "501" }, { "RCPT TO:<b@y> x", "555" }, { "RCPT TO:<b@y>", "250" }, { "DATA now", "501" },
      { "RSET", "250" }, { "DATA", "503" }, { "NOOP", "250" }, { "VRFY b", "252" }, { "EXPN b", "500" },
      { ("x"):rep(600), "500" }, { "NOOP", "250" },
    } do
      assert.equal(step[2], peer.ask(step[1]):sub(1, 3), step[1])
    end
    peer:send "NOOP\nNOOP\r\n"
    assert.equal("500", peer.reply():sub(1, 3))
    assert.equal("250", peer.reply():sub(1, 3))
    assert.equal("221", peer.ask("QUIT"):sub(1, 3))
    assert.equal("", peer:receiveAll())
    stop(program)
  end)

  it("ends a message only at CR LF . CR LF, and refuses what others could read differently", function()
    local program, port = start(folder)
    for _, smuggled in ipairs { "\n.\r\n", "\n.\n", "\r\n.\n", "\r.\r\n", "\r.\r" } do
      local peer = client(port)
      begin(peer)
      peer:send("text" .. smuggled .. "MAIL FROM:<evil@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n\r\n.\r\nNOOP\r\n")
      assert.matches("^554 5.6.0 ", peer.reply(), ("%q"):format(smuggled))
      assert.equal("250 2.0.0 ok", peer.reply())
      peer:close()
    end
    for length = 999, 1010 do
      local peer = client(port)
      begin(peer)
      assert.equal(length <= 999 and "250" or "554", peer.ask(("x"):rep(length) .. "\r\n."):sub(1, 3))
      peer:close()
    end
    assert.equal(1, #messages())
    stop(program)
  end)

  it("limits recipients, sizes and mistakes, and keeps nothing that is incomplete", function()
    local program, port = start(folder)
    local peer = client(port)
    peer.ask "EHLO me"
    peer.ask "MAIL FROM:<a@x>"
    for _ = 1, 100 do peer.ask "RCPT TO:<b@y>" end
    assert.equal("452", peer.ask("RCPT TO:<b@y>"):sub(1, 3))
    peer.ask "DATA"
    local line = ("x"):rep(900) .. "\r\n"
    for _ = 1, 12 do peer:send(line:rep(1000)) end
    assert.equal("552", peer.ask("."):sub(1, 3))
    begin(peer)
    peer:send "half a message\r\n"
    peer:close()
    helper.eventually(function() return (pcall(messages)) end) -- nothing but whole ones
    assert.same({}, messages())
    peer = client(port)
    for _ = 1, 20 do assert.equal("500", peer.ask("WHAT"):sub(1, 3)) end
    assert.equal("421", peer.ask("WHAT"):sub(1, 3))
    assert.equal("", peer:receiveAll())
    stop(program)
  end)

  it("writes messages to the log if there is no folder, and no control characters", function()
    local program, port = start()
    local peer = client(port)
    begin(peer)
    peer:send("Subject: hello\r\n\r\nred: \27[31m\r\n" .. ("line\r\n"):rep(100) .. ".\r\n")
    assert.equal("250", peer.reply():sub(1, 3))
    program:waitForLine "mail: from <a@x> to b@y: %d+ bytes$"
    program:waitForLine "mail: | Subject: hello$"
    program:waitForLine "mail: | red: %?%[31m$"
    program:waitForLine "mail: | and 57 more lines"
    peer:close()
    stop(program)
  end)

  it("keeps a message that is on its way, and encryption, over a reload", function()
    local program, port = startEncrypted()
    local secret = tls.client(port, authority, "-starttls", "smtp", "-crlf", "-quiet")
    secret:write "EHLO me\nMAIL FROM:<a@x>\nRCPT TO:<b@y>\nDATA\n"
    secret:waitForLine "^354"
    secret:write "before\n"
    program:signal "HUP"
    program:waitForLine " reloaded "
    secret:write "after\n.\nQUIT\n"
    secret:waitForLine "^250 2.0.0 kept"
    secret:waitForLine "^221"
    secret:wait()
    assert.matches("before\r\nafter\r\n$", messages()[1])
    stop(program)
  end)

  it("says in one line what is wrong with its arguments", function()
    local program = helper.program { script = "scripts/mail.lua", args = { "x" } }
    assert.equal(1, program:wait())
    assert.truthy(program:stderr():find("not a port: x", 1, true))
  end)
end)
