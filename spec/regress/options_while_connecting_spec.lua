-- Setting socket options while connecting failed, since the descriptors of the race don't belong to the
-- socket yet. Qt has one descriptor, and keeps the options. Now they are applied to each descriptor that is
-- made. Also, connecting switched Nagle's algorithm off again on a bound descriptor, whatever the script had
-- set.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local network = require "spec.qt.network"
local sockets = require "spec.qt.sockets"

local values = { KeepAliveOption = 1, LowDelayOption = 0, KeepAliveIdleOption = 77, TypeOfServiceOption = 32,
  LingerOption = 0 }

local function set(socket)
  for name, value in pairs(values) do
    assert(socket:setSocketOption(name, value))
    assert.equal(value, socket:socketOption(name), name)
  end
end

local function assertHeld(socket)
  assert(socket:waitForConnected(helper.timeout))
  for name, value in pairs(values) do assert.equal(value, socket:socketOption(name), name) end
end

describe("A socket option", function()
  after_each(sockets.close)

  for _, host in ipairs { "127.0.0.1", "localhost", "::1" } do
    it("set while connecting to " .. host .. " is in force afterwards", function()
      if host == "::1" and not network.hasIPv6() then return pending "there is no IPv6 here" end
      local server, socket = sockets.server(host == "::1" and "::1" or "127.0.0.1"), sockets.socket()
      socket:connectToHost(host, server:serverPort())
      assert.is_nil(socket:socketOption "KeepAliveOption") -- it has none yet
      set(socket)
      assertHeld(socket)
      sockets.accept(server)
    end)
  end

  it("set in each of the signals of connecting is in force afterwards", function()
    for _, when in ipairs { "HostLookupState", "ConnectingState", "hostFound", "ConnectedState" } do
      local server, socket, done = sockets.server(), sockets.socket(), false
      function socket:stateChanged(state)
        if state == when then
          set(self)
          done = true
        end
      end
      function socket:hostFound()
        if when == "hostFound" then
          set(self)
          done = true
        end
      end
      socket:connectToHost("localhost", server:serverPort())
      assertHeld(socket)
      assert.is_true(done)
      sockets.accept(server)
    end
  end)

  it("set during an attempt is set on that attempt, too", function()
    local hole = network.blackHole()
    local socket = sockets.socket()
    socket:connectToHost("127.0.0.1", hole:port())
    helper.settle(5)
    set(socket)
    -- what the system refuses is reported at once, and isn't kept
    assert.equal("UnsupportedSocketOperationError", (select(3, socket:setSocketOption("KeepAliveIdleOption", -5))))
    assert.equal(77, socket:socketOption "KeepAliveIdleOption")
    hole:close()
  end)

  it("that no socket could have is refused while connecting, as later", function()
    local server, socket = sockets.server(), sockets.socket()
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert.equal("UnsupportedSocketOperationError", (select(3, socket:setSocketOption("LingerOption", 5))))
    assert.is_nil(socket:socketOption "LingerOption")
    assert(socket:waitForConnected(helper.timeout))
    sockets.accept(server)
  end)

  it("that the system refuses on the new descriptor is logged, and the socket connects nevertheless", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      local server, socket = moonport.TcpServer(), moonport.TcpSocket()
      assert(server:listen "127.0.0.1")
      socket:connectToHost("127.0.0.1", server:serverPort())
      assert(socket:setSocketOption("KeepAliveIdleOption", -5))
      print(socket:waitForConnected(5000), socket:socketOption "KeepAliveIdleOption" > 0)
      socket:abort()
      server:close()]] }
    assert.equal(0, program:wait())
    assert.equal("true\ttrue\n", program:stdout())
    assert.matches(" warning KeepAliveIdleOption can't be %-5: Invalid argument\n$", program:stderr())
  end)

  it("is forgotten with the attempt", function()
    local socket = sockets.socket()
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    set(socket)
    assert.is_nil(socket:waitForConnected(helper.timeout))
    assert.is_nil(socket:socketOption "KeepAliveOption")
    assert.equal("UnknownSocketError", (select(3, socket:setSocketOption("KeepAliveOption", 1))))
    local server = sockets.server()
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert(socket:waitForConnected(helper.timeout))
    assert.equal(0, socket:socketOption "KeepAliveOption")
    assert.equal(1, socket:socketOption "LowDelayOption")
    sockets.accept(server)
  end)

  it("of a bound socket stays in force when it connects", function()
    local server, socket = sockets.server(), sockets.socket()
    assert(socket:bind "127.0.0.1")
    assert.equal(1, socket:socketOption "LowDelayOption")
    set(socket)
    socket:connectToHost("127.0.0.1", server:serverPort())
    set(socket)
    assertHeld(socket)
    sockets.accept(server)
  end)
end)
