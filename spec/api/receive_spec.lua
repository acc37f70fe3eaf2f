-- SPDX-License-Identifier: MIT
-- All forms of receive, and lines.

local moonport = require "moonport"
local helper = require "spec.helper"

local function pair()
  local server <close> = moonport.TcpServer()
  local socket
  assert(server:listen "127.0.0.1")
  function server:newConnection() socket = self:nextPendingConnection() end
  local client = helper.connect(server:serverPort())
  return helper.eventually(function() return socket end), client
end

describe("receive", function()
  it("returns exactly n bytes, a line without its end, or everything until the end", function()
    local socket, client = pair()
    client:send "12345line\r\nother\n\nrest\nof it"
    client:close()
    assert.equal("", socket:receive(0))
    assert.equal("123", socket:receive(3))
    assert.equal("45", socket:receive(2))
    assert.equal("line", socket:receive "line")
    assert.equal("other", socket:receive "line")
    assert.equal("", socket:receive "line")
    assert.equal("rest\nof it", socket:receive "all")
  end)

  it("returns nil, message, code and the bytes so far when the end comes too early", function()
    local socket, client = pair()
    client:send "part"
    client:close()
    local ok, message, code, partial = socket:receive(10)
    assert.is_nil(ok)
    assert.matches("^receive: ", message)
    assert.equal("RemoteHostClosedError", code)
    assert.equal("part", partial)
    assert.equal("", select(4, socket:receive "line"))
  end)

  it("returns nil, message, code and the bytes so far after a time-out, and the connection stays", function()
    local socket, client = pair()
    client:send "part"
    helper.eventually(function() return socket:bytesAvailable() == 4 end)
    local ok, _, code, partial = socket:receive("line", 1)
    assert.is_nil(ok)
    assert.equal("SocketTimeoutError", code)
    assert.equal("part", partial)
    assert.equal("ConnectedState", socket:state())
    client:send "next\n"
    assert.equal("next", socket:receive("line", -1))
    socket:abort()
  end)

  it("fails at once for more than the read buffer can hold, instead of waiting for ever", function()
    local socket, client = pair()
    socket:setReadBufferSize(4)
    client:send "123456"
    local expected = { n = 4, nil, "receive: The requested data is larger than the read buffer",
      "ReadBufferFullError", "1234" }
    assert.same(expected, table.pack(socket:receive(6)))
    socket:abort()
  end)
end)

describe("lines", function()
  it("iterates over lines without or with their ends; the last line needs none", function()
    for _, keepEnd in ipairs { false, true } do
      local socket, client = pair()
      client:send "a\r\nb\n\nlast"
      client:close()
      local got = {}
      for line in socket:lines(keepEnd) do got[#got + 1] = line end
      assert.same(keepEnd and { "a\r\n", "b\n", "\n", "last" } or { "a", "b", "", "last" }, got)
    end
  end)
end)
