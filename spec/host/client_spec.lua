-- SPDX-License-Identifier: MIT
-- Clients written with the API, in the program: by name, IPv4 and IPv6, to a closed port, and many that wait
-- at once.

local helper = require "spec.helper"

local function lines(source, ...)
  local program = helper.program { source = source, args = { ... } }
  assert.are.equal(0, program:wait(20000))
  return program:stdout()
end

local connecting = [[
  local moonport = require "moonport"
  local socket = moonport.TcpSocket()
  socket:connectToHost(arg[1], tonumber(arg[2]))
  local ok, _, code = socket:waitForConnected(10000)
  print(ok or code, socket:state())
  if ok then
    socket:write "hello\n"
    print(socket:receive("line", 5000))
    socket:disconnectFromHost()
  end
]]

describe("a client of moonport", function()
  it("connects by name, IPv4 and IPv6 #valgrind", function()
    local echo = helper.program { script = "scripts/echo.lua", args = { 0, "any" } }
    local port = echo:waitForLine "listening on .* port (%d+)"
    for _, host in ipairs { "localhost", "127.0.0.1", "::1" } do
      assert.are.equal("true\tConnectedState\nhello\n", lines(connecting, host, port))
    end
  end)

  it("is refused at a closed port, and gets an error for a name that doesn't exist", function()
    for _, host in ipairs { "127.0.0.1", "::1" } do
      assert.are.equal("ConnectionRefusedError\tUnconnectedState\n",
        lines(connecting, host, helper.unusedPort(host)))
    end
    assert.are.equal("HostNotFoundError\tUnconnectedState\n", lines(connecting, "no.such.host.invalid", 7))
  end)

  it("can wait in ten handlers at once, while an echo service on the same loop keeps answering", function()
    local silent = helper.listen()
    local program = helper.program { args = { silent:port() }, source = [[
      local moonport = require "moonport"
      local echo, front, waiting = moonport.TcpServer(), moonport.TcpServer(), 0
      function echo.connection:readyRead() self:write(self:readAll()) end
      function front.connection:readyRead()
        self:readAll()
        local out = moonport.TcpSocket()
        out:connectToHost("localhost", tonumber(arg[1]))
        waiting = waiting + 1
        moonport.log.info("waiting %d", waiting)
        self:write(out:receive("line", -1) .. "\n")
      end
      assert(echo:listen "127.0.0.1")
      assert(front:listen "127.0.0.1")
      moonport.log.info("ports %d %d", echo:serverPort(), front:serverPort())
    ]] }
    local echoPort, frontPort = program:waitForLine "ports (%d+) (%d+)"
    local waiting, backends = {}, {}
    for i = 1, 10 do
      waiting[i] = helper.connect(frontPort)
      waiting[i]:send "x"
      backends[i] = silent:accept()
    end
    program:waitForLine "waiting 10"
    local client = helper.connect(echoPort)
    for _ = 1, 20 do
      client:send "quick"
      assert.are.equal("quick", client:receive(5))
    end
    for i, backend in ipairs(backends) do backend:send("answer " .. i .. "\n") end
    for i, other in ipairs(waiting) do assert.are.equal("answer " .. i .. "\n", other:receiveLine()) end
    program:signal "TERM"
    assert.are.equal(0, program:wait())
  end)
end)
