-- What reads return at the end. Three cases differed from Qt, or gave no reason: on a half-open connection
-- whose peer has finished, reads said "not connected" although the state is Connected (no error was set,
-- since there is none). Within errorOccurred(RemoteHostClosedError) they returned "", as if more could come
-- (the state is still Connected there). And skip(0) never failed.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local sockets = require "spec.qt.sockets"

-- Each of these as a call that fails: nil, and a code.
local reads = {
  read = function(socket) return socket:read(1) end,
  peek = function(socket) return socket:peek(1) end,
  readLine = function(socket) return socket:readLine() end,
  skip = function(socket) return socket:skip(1) end,
  ["skip(0)"] = function(socket) return socket:skip(0) end,
  getChar = function(socket) return socket:getChar() end,
}

local waiting = {
  receive = function(socket) return socket:receive(1, 1000) end,
  ["receive line"] = function(socket) return socket:receive("line", 1000) end,
  waitForReadyRead = function(socket) return socket:waitForReadyRead(1000) end,
}

local function assertEnded(name, value, message, code)
  assert.is_nil(value, name)
  assert.equal("RemoteHostClosedError", code, name)
  assert.truthy(message:find("The remote host closed the connection", 1, true), name)
end

describe("At the end of what a peer sends", function()
  after_each(sockets.close)

  it("each read on a half-open connection says that the peer has finished", function()
    local socket, plain = sockets.withPlain()
    local finished = false
    socket:setAllowHalfOpen(true)
    function socket.readChannelFinished() finished = true end
    plain:send "x"
    plain:shutdown()
    helper.eventually(function() return finished end)
    assert.equal("ConnectedState", socket:state())
    assert.equal("x", socket:readAll())
    for name, read in pairs(reads) do assertEnded(name, read(socket)) end
    for name, read in pairs(waiting) do assertEnded(name, read(socket)) end
    assert.equal("", socket:receive "all")
    assert.is_nil(socket:lines()())
    assert.equal("", socket:read(0))
    assert.equal("", socket:readAll())
    assert.equal("ConnectedState", socket:state())
    socket:write "answer"
    assert.equal("answer", plain:receive(6))
    socket:close()
    assert.equal("OperationError", (select(3, socket:read(1)))) -- not open
  end)

  it("each read says so also after a wait of its own has timed out", function()
    local socket, plain = sockets.withPlain()
    socket:setAllowHalfOpen(true)
    assert.equal("SocketTimeoutError", (select(3, socket:waitForReadyRead(1))))
    local finished = false
    function socket.readChannelFinished() finished = true end
    plain:shutdown()
    helper.eventually(function() return finished end)
    for name, read in pairs(waiting) do assertEnded(name, read(socket)) end
  end)

  it("errorOccurred's handler finds the end once nothing is left to read", function()
    local socket, plain = sockets.withPlain()
    local seen
    function socket:errorOccurred()
      assert(self:state() == "ConnectedState")
      local left = self:readAll()
      seen = { left = left }
      for name, read in pairs(reads) do seen[name] = table.pack(read(self)) end
      seen.none = self:read(0)
      seen.empty = self:readAll()
    end
    plain:send "rest"
    plain:close()
    helper.eventually(function() return seen and socket:state() == "UnconnectedState" end)
    assert.equal("rest", seen.left)
    assert.equal("", seen.none)
    assert.equal("", seen.empty)
    for name in pairs(reads) do assertEnded(name, table.unpack(seen[name], 1, 3)) end
  end)

  it("errorOccurred's handler first reads what is left", function()
    local socket, plain = sockets.withPlain()
    local seen
    function socket:errorOccurred() seen = { self:skip(0), self:peek(2), self:skip(2), self:read(9) } end
    plain:send "abcd"
    plain:close()
    helper.eventually(function() return seen end)
    assert.same({ 0, "ab", 2, "cd" }, seen)
  end)

  it("skip(0) is 0 on a connection, and fails where skip(1) does", function()
    local socket = sockets.socket()
    assert.equal("OperationError", (select(3, socket:skip(0))))
    local server = sockets.server()
    socket:connectToHost("127.0.0.1", server:serverPort())
    assert.equal("UnknownSocketError", (select(3, socket:skip(0))))
    assert.equal("UnknownSocketError", (select(3, socket:skip(1))))
    assert(socket:waitForConnected(helper.timeout))
    assert.equal(0, socket:skip(0))
    local peer = sockets.accept(server)
    peer:write "ab"
    sockets.eventuallyAvailable(socket, 2)
    assert.equal(0, socket:skip(0))
    peer:close()
    sockets.eventuallyState(socket, "UnconnectedState")
    assert.equal(0, socket:skip(0))
    assert.equal(2, socket:skip(9))
    assertEnded("skip(0)", socket:skip(0))
  end)
end)
