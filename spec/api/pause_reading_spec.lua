-- pauseReading and resumeReading: nothing is received meanwhile, and what is unread is signalled again.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

-- What the program's side of a pair has read by its readyRead handler.
local function reader(socket)
  local read = { text = "", count = 0 }
  function socket:readyRead()
    read.count = read.count + 1
    read.text = read.text .. self:readAll()
  end
  return read
end

describe("A socket that pauses reading", function()
  after_each(sockets.close)

  it("receives nothing until it resumes, and then everything in order", function()
    local socket, peer = sockets.withPlain()
    local read = reader(socket)
    socket:pauseReading()
    assert.is_true(socket:isReadingPaused())
    peer:send "one "
    peer:send "two"
    helper.settle(20)
    assert.equal(0, read.count)
    assert.equal(0, socket:bytesRead())
    socket:resumeReading()
    assert.is_false(socket:isReadingPaused())
    helper.eventually(function() return read.text == "one two" end)
  end)

  it("is signalled again what it has not read, at once and only once", function()
    local socket, peer = sockets.withPlain()
    local seen = 0
    function socket:readyRead()
      seen = seen + 1
      if seen == 1 then self:pauseReading() end
    end
    peer:send "unread"
    helper.eventually(function() return seen == 1 end)
    peer:send " and more"
    helper.settle(20)
    assert.equal(1, seen)
    assert.equal(6, socket:bytesAvailable())
    socket:resumeReading()
    helper.eventually(function() return socket:bytesAvailable() == 15 end)
    local after = seen
    helper.settle(10)
    assert.equal(after, seen)
    socket:resumeReading()
    helper.settle(10)
    assert.equal(after, seen)
  end)

  it("isn't signalled bytes that had arrived when another handler paused it", function()
    local first, firstPeer = sockets.withPlain()
    local second, secondPeer = sockets.withPlain()
    local order = {}
    local function pausing(socket, other)
      function socket:readyRead()
        order[#order + 1] = self:readAll()
        other:pauseReading()
      end
    end
    pausing(first, second)
    pausing(second, first)
    firstPeer:send "first"
    secondPeer:send "second"
    helper.eventually(function() return #order == 1 end)
    helper.settle(20)
    assert.equal(1, #order)
    local paused = order[1] == "first" and second or first
    paused:resumeReading()
    helper.eventually(function() return #order == 2 end)
    table.sort(order)
    assert.same({ "first", "second" }, order)
  end)

  it("learns of the peer's end only when it has resumed, after the bytes before it", function()
    local socket, peer = sockets.withPlain()
    local read = reader(socket)
    local ended
    function socket:disconnected() ended = read.text end
    socket:pauseReading()
    peer:send "last words"
    peer:close()
    helper.settle(20)
    assert.equal("ConnectedState", socket:state())
    socket:resumeReading()
    helper.eventually(function() return ended end)
    assert.equal("last words", ended)
  end)

  it("still sends, and ends by disconnectFromHost", function()
    local socket, peer = sockets.withPlain()
    socket:pauseReading()
    socket:write "out"
    assert.equal("out", peer:receive(3))
    socket:disconnectFromHost()
    helper.eventually(function() return socket:state() == "UnconnectedState" end)
    assert.is_false(socket:isReadingPaused())
  end)

  it("has receive wait until it resumes, or until its time is up", function()
    local socket, peer = sockets.withPlain()
    socket:pauseReading()
    peer:send "line\n"
    assert.equal("SocketTimeoutError", select(3, socket:receive("line", 10)))
    local task = moonport.spawn(function() return socket:receive "line" end)
    helper.settle(5)
    assert.is_true(task:isActive())
    socket:resumeReading()
    assert.equal("line", task:join())
  end)

  it("holds the peer back by TCP's own window", function()
    local socket, peer = sockets.withPlain()
    socket:pauseReading()
    local sent, piece = 0, ("x"):rep(65536)
    repeat
      local n = peer:trySend(piece)
      sent = sent + n
    until n == 0
    assert.equal(0, socket:bytesRead())
    function socket:readyRead() self:skip(self:bytesAvailable()) end
    socket:resumeReading()
    helper.eventually(function() return socket:bytesRead() == sent end)
  end)

  it("isn't idle while bytes wait for it", function()
    local socket, peer = sockets.withPlain()
    socket:setIdleTimeout(20)
    socket:pauseReading()
    peer:send "waits"
    moonport.sleep(60)
    assert.equal("ConnectedState", socket:state())
    socket:resumeReading()
    assert.equal("waits", socket:receive(5))
    helper.eventually(function() return socket:state() == "UnconnectedState" end)
  end)

  it("may be paused while it connects, and again and again", function()
    local server, client = sockets.server(), sockets.socket()
    assert(client:connectToHost("127.0.0.1", server:serverPort()))
    client:pauseReading()
    client:pauseReading()
    assert(server:waitForNewConnection(5000))
    local accepted <close> = server:nextPendingConnection()
    accepted:write "early"
    helper.settle(20)
    assert.equal(0, client:bytesRead())
    for _ = 1, 3 do
      client:resumeReading()
      client:pauseReading()
    end
    client:resumeReading()
    assert.equal("early", client:receive(5))
  end)
end)
