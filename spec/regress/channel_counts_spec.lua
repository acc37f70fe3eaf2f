-- The numbers of channels ignored the open mode: a read-only socket had a channel to write, and one that
-- open() had opened without a connection had none. The expected values are what Qt 6.4 printed.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

local function assertChannels(read, write, socket, when)
  assert.same({ read, write }, { socket:readChannelCount(), socket:writeChannelCount() }, when)
end

describe("readChannelCount and writeChannelCount", function()
  after_each(sockets.close)

  local modes = { ReadWrite = { 1, 1 }, ReadOnly = { 1, 0 }, WriteOnly = { 0, 1 } }

  for mode, of in pairs(modes) do
    it("count the open channels, " .. mode .. ": of a connection, and after it", function()
      local server, socket = sockets.server(), sockets.socket()
      assertChannels(0, 0, socket, "fresh")
      socket:connectToHost("127.0.0.1", server:serverPort(), mode)
      assertChannels(0, 0, socket, "connecting")
      assert(socket:waitForConnected(helper.timeout))
      assertChannels(of[1], of[2], socket, "connected")
      sockets.accept(server):close()
      sockets.eventuallyState(socket, "UnconnectedState")
      assertChannels(of[1], 0, socket, "after its end")
      socket:close()
      assertChannels(0, 0, socket, "closed")
    end)

    it("count the open channels, " .. mode .. ": of an adopted descriptor", function()
      local listener, socket = helper.listen(), sockets.socket()
      local posix = helper.posix
      local fd = assert(posix.connect("127.0.0.1", listener:port()))
      local plain = listener:accept()
      assert(socket:setSocketDescriptor(fd, "ConnectedState", mode))
      assertChannels(of[1], of[2], socket, "adopted")
      plain:close()
      listener:close()
    end)

    it("count the open channels, " .. mode .. ": by open alone", function()
      local server, socket = sockets.server(), sockets.socket()
      socket:open(mode)
      assertChannels(of[1], of[2], socket, "opened")
      assert(socket:bind "127.0.0.1")
      assertChannels(of[1], of[2], socket, "bound")
      socket:connectToHost("127.0.0.1", server:serverPort())
      assertChannels(0, 0, socket, "connecting")
      assert(socket:waitForConnected(helper.timeout))
      assertChannels(1, 1, socket, "connected")
      socket:open(mode)
      assertChannels(of[1], of[2], socket, "opened again while connected")
      socket:disconnectFromHost()
      assertChannels(of[1], 0, socket, "disconnected")
      socket:open(mode)
      assertChannels(of[1], of[2], socket, "opened again behind the end")
      socket:abort()
      assertChannels(0, 0, socket, "aborted")
    end)
  end

  it("are 0 after a connect has failed, until open", function()
    local socket = sockets.socket()
    socket:open()
    socket:connectToHost("127.0.0.1", helper.unusedPort())
    assert.is_nil(socket:waitForConnected(helper.timeout))
    assertChannels(0, 0, socket, "refused")
    socket:open()
    assertChannels(1, 1, socket, "opened")
  end)
end)
