-- SPDX-License-Identifier: MIT
-- A flood of datagrams: each is received, or counted as dropped by the system.

local helper = require "spec.helper"

local flood = [[
import socket, sys
senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]
for one in senders:
    one.connect(("127.0.0.1", int(sys.argv[1])))
for _ in range(int(sys.argv[2]) // 4):
    for one in senders:
        one.send(b"x" * 64)
]]

describe("A flood of datagrams", function()
  it("has the counts of half a million kept: those handled and those that the system dropped are all", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local socket = moonport.UdpSocket()
      local handled = 0
      function socket:datagramReceived(data) handled = handled + 1 end
      assert(socket:bind "127.0.0.1")
      moonport.log.info("bound to %d", socket:localPort())
      local function count() return socket:datagramsRead() + socket:datagramsDropped() end
      while count() < 500000 do moonport.sleep(10) end
      moonport.sleep(50) -- no more come
      print(handled == socket:datagramsRead(), count(), handled > 1000)
      moonport.quit()
    ]] }
    local port = program:waitForLine "bound to (%d+)"
    local status, _, err = helper.run({ "python3", "-c", flood, port, "500000" }, nil, 60000)
    assert.same({ 0, "" }, { status, err })
    assert.equal(0, program:wait(30000))
    assert.equal("true\t500000\ttrue\n", program:stdout())
  end)

  it("serves others meanwhile, and a handler may close or destroy the socket in the middle of it", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local sender = moonport.UdpSocket()
      local function receiver(what)
        local socket = moonport.UdpSocket()
        function socket:datagramReceived(data)
          if what[data] then what[data](self) end
        end
        assert(socket:bind "127.0.0.1")
        return socket:localPort()
      end
      local function send(to)
        for i = 1, 200 do
          sender:writeDatagram(tostring(i), "127.0.0.1", to)
          if i % 30 == 0 then sender:flush() end
        end
        sender:flush()
      end
      for _, act in ipairs { "close", "abort" } do
        for _, at in ipairs { "1", "32", "33", "64", "100" } do
          local done
          send(receiver { [at] = function(socket) socket[act](socket) collectgarbage() done = true end })
          while not done do moonport.sleep(1) end
          moonport.sleep(2)
        end
      end
      local echoes, last = 0, 0
      local echo = receiver { x = function() echoes = echoes + 1 end }
      local to = receiver { ["200"] = function() last = last + 1 end }
      for i = 1, 10 do
        send(to)
        sender:writeDatagram("x", "127.0.0.1", echo)
        while last < i or echoes < i do moonport.sleep(1) end
      end
      print("served")
      moonport.quit()
    ]] }
    assert.equal(0, program:wait(), program:stderr())
    assert.equal("served\n", program:stdout())
  end)
end)
