-- Adopting an invalid descriptor failed with "Unsupported socket operation". Qt says "Invalid socket
-- descriptor", and refuses -1 without an error.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

local function refused(object, fd)
  local ok, message, code = object:setSocketDescriptor(fd)
  assert.is_nil(ok)
  assert.equal("setSocketDescriptor: Invalid socket descriptor", message)
  assert.equal("UnsupportedSocketOperationError", code)
end

describe("An invalid descriptor", function()
  for _, class in ipairs { "TcpSocket", "TcpServer" } do
    it("fails with Qt's text in a " .. class, function()
      for _, fd in ipairs { -5, 999, 2 ^ 31, math.mininteger } do
        local object = moonport[class]()
        refused(object, math.tointeger(fd))
        assert.equal("Invalid socket descriptor", object:errorString())
        assert.equal("UnsupportedSocketOperationError", (object.error or object.serverError)(object))
      end
    end)

    it("sets no error if it is -1: " .. class, function()
      local object = moonport[class]()
      local before = object:errorString()
      refused(object, -1)
      assert.equal(before, object:errorString())
      assert.equal("UnknownSocketError", (object.error or object.serverError)(object))
    end)
  end

  it("fails the same way if it is valid but unsuitable", function()
    local socket, server = moonport.TcpSocket(), moonport.TcpServer()
    local listener = helper.listen()
    refused(socket, listener.fd)
    listener:close()
    local unsuited = assert(helper.posix.socket())
    refused(server, unsuited)
    helper.posix.close(unsuited)
  end)
end)
