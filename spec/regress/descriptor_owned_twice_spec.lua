-- Two objects with one descriptor could close it while the other used it: libev found a closed descriptor
-- among its watchers and aborted the process. Now a descriptor that an object owns is refused.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local posix = require "spec.posix"

local function refused(object, fd, ...)
  local ok, message, code = object:setSocketDescriptor(fd, ...)
  assert.is_nil(ok)
  assert.is_string(message)
  assert.are.equal("UnsupportedSocketOperationError", code)
end

describe("A descriptor that an object owns", function()
  it("is refused by another server, and the owner goes on", function()
    local server, other = moonport.TcpServer(), moonport.TcpServer()
    assert(server:listen("127.0.0.1"))
    refused(other, server:socketDescriptor())
    other:close()
    moonport.sleep(1)
    helper.connect(server:serverPort())
    assert(server:waitForNewConnection(5000))
    server:close()
  end)

  it("is refused by another socket, whether it was accepted, connected, adopted or bound, and by itself", function()
    local server, client, other = moonport.TcpServer(), moonport.TcpSocket(), moonport.TcpSocket()
    assert(server:listen("127.0.0.1"))
    client:connectToHost("127.0.0.1", server:serverPort())
    assert(client:waitForConnected(5000))
    assert(server:waitForNewConnection(5000))
    local accepted, adopted, bound = server:nextPendingConnection(), moonport.TcpSocket(), moonport.TcpSocket()
    assert(adopted:setSocketDescriptor((posix.socketPair()), "UnconnectedState"))
    assert(bound:bind("127.0.0.1"))
    for _, owner in ipairs { client, accepted, adopted, bound } do
      for _, state in ipairs { "ConnectedState", "UnconnectedState" } do
        refused(other, owner:socketDescriptor(), state)
        refused(owner, owner:socketDescriptor(), state)
      end
    end
    other:close()
    moonport.sleep(1)
    client:write "still here"
    assert.are.equal("still here", accepted:receive(10, 5000))
    for _, object in ipairs { server, client, accepted, adopted, bound } do object:close() end
  end)

  it("can be adopted again once its owner has closed", function()
    local server, first, second = moonport.TcpServer(), moonport.TcpServer(), moonport.TcpServer()
    assert(server:listen("127.0.0.1"))
    server:close()
    local fd = posix.listen("127.0.0.1", 0)
    assert(first:setSocketDescriptor(fd))
    first:close()
    local again = posix.listen("127.0.0.1", 0)
    assert.are.equal(fd, again)
    assert(second:setSocketDescriptor(again))
    second:close()
  end)
end)
