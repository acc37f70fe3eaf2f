-- SPDX-License-Identifier: MIT
-- LuaSocket's own modules on moonport.compat.socket: socket.smtp with scripts/mail.lua, socket.ftp with a small server.
-- Both rest on socket.tp and LTN12, and call socket.select with an object that only has a socket's getfd.

local helper = require "spec.helper"

local head = [[
  local moonport = require "moonport"
  local socket = require "moonport.compat.socket".install()
  local ticks, timer = 0, moonport.Timer()
  function timer:timeout() ticks = ticks + 1 end
  timer:start(1)
]]

-- Runs Lua text behind the head in a program. -> what it prints
local function run(text, ...)
  local program = helper.program { source = head .. text .. "\nmoonport.quit(0)", args = { ... } }
  assert.are.equal(0, program:wait(), program:stderr())
  return program:stdout()
end

describe("On moonport.compat.socket", function()
  it("socket.smtp sends messages, also of parts and in small pieces, and says what the server refuses", function()
    local mail = helper.program { script = "scripts/mail.lua", args = { 0, "127.0.0.1" } }
    local port = mail:waitForLine "mail: listening on 127.0.0.1 port (%d+)"
    local out = run([[
      local smtp = require "socket.smtp"
      local function pieces(text)
        return coroutine.wrap(function()
          for piece in text:gmatch "..?.?" do coroutine.yield(piece) end
        end)
      end
      local function send(recipient, source)
        return smtp.send { from = "<me@a.example>", rcpt = recipient, source = source, server = "127.0.0.1", port = arg[1] }
      end
      print(send("<you@b.example>", smtp.message {
        headers = { subject = "first" }, body = { { body = ".a line with a dot\r\n" }, { body = "second part" } },
      }))
      print(send({ "<you@b.example>", "<she@b.example>" }, pieces("Subject: x\r\n\r\n" .. ("y"):rep(70) .. "\r\n")))
      print(send("no address", smtp.message { body = "x" }))
    ]], port)
    local first, second, third = out:match "^(.-)\n(.-)\n(.-)\n$"
    assert.are.same({ "1", "1" }, { first, second }, out)
    assert.matches("^nil\t5%d%d ", third)
    mail:waitForLine "%.a line with a dot"
    mail:waitForLine "second part"
    mail:waitForLine(("y"):rep(70))
  end)

  it("socket.ftp gets and puts, by a connection of data each, and says what the server refuses", function()
    local out = run [[
      local ftp = require "socket.ftp"
      local files, server, log = { ["a.txt"] = ("line\r\n"):rep(20000) }, moonport.TcpServer(), {}
      function server:newConnection()
        local control, data, path = self:nextPendingConnection(), nil, nil
        control:write "220-hello\r\n220 there\r\n"
        for line in control:lines() do
          local command, argument = line:upper():match "^(%u+)", line:match "^%a+ (.*)$"
          log[#log + 1] = command
          if command == "USER" then control:write "331 who?\r\n"
          elseif command == "PASS" then control:write "230 fine\r\n"
          elseif command == "TYPE" then control:write "200 fine\r\n"
          elseif command == "CWD" then control:write "250 fine\r\n"
          elseif command == "EPSV" or command == "PASV" then
            data = moonport.TcpServer()
            function data.newConnection() end -- taken below
            assert(data:listen("127.0.0.1", 0))
            local at = data:serverPort()
            if command == "EPSV" then control:write(("229 here (|||%d|)\r\n"):format(at))
            else control:write(("227 here (127,0,0,1,%d,%d)\r\n"):format(at // 256, at % 256)) end
          elseif command == "RETR" and not files[argument] then control:write "550 no such file\r\n"
          elseif command == "RETR" or command == "STOR" then
            control:write "150 it begins\r\n"
            data:waitForNewConnection(-1)
            local peer = data:nextPendingConnection()
            if command == "RETR" then
              peer:write(files[argument])
              peer:disconnectFromHost()
            else
              files[argument] = peer:receive "all"
              peer:close()
            end
            data:close()
            control:write "226 done\r\n"
          elseif command == "QUIT" then
            control:write "221 bye\r\n"
            control:disconnectFromHost()
          else control:write "502 unknown\r\n" end
        end
      end
      assert(server:listen("127.0.0.1", 0))
      local base = ("ftp://somebody:secret@127.0.0.1:%d/"):format(server:serverPort())
      local got, problem = ftp.get(base .. "a.txt;type=a")
      print(got == files["a.txt"], problem)
      print(ftp.put(base .. "b.bin;type=i", ("z"):rep(300000)))
      print(files["b.bin"] == ("z"):rep(300000))
      print(ftp.get(base .. "missing"))
      local command = { host = "127.0.0.1", port = server:serverPort(), command = "noop", check = 502 }
      print(ftp.command(command))
      print(ticks > 0, table.concat(log, " "))
    ]]
    assert.are.equal("true\tnil\n300000\ntrue\nnil\t550 no such file\n1\ntrue\t"
      .. "USER PASS TYPE EPSV RETR QUIT USER PASS TYPE EPSV STOR QUIT USER PASS EPSV RETR USER PASS NOOP QUIT\n", out)
  end)
end)
