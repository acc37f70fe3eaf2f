-- SPDX-License-Identifier: MIT
-- moonport.pipe: the bytes of two streams move into each other without the script.

local helper = require "spec.helper"
local moonport = require "moonport"
local tls = require "spec.tls"

-- A plain client `left` of a socket `a`, and a socket `b` of a plain peer `right`.
local function rig()
  local server <close> = moonport.TcpServer()
  assert(server:listen "127.0.0.1")
  local left = helper.connect(server:serverPort(), nil, { receiveBuffer = 4096 })
  -- By a handler, which is at work on it no longer than it takes (D4); the program's main chunk is until its end.
  local a
  function server:newConnection() a = self:nextPendingConnection() end
  helper.eventually(function() return a end)
  local listener = helper.listen()
  local b = moonport.TcpSocket()
  b:connectToHost("127.0.0.1", listener:port())
  assert(b:waitForConnected(helper.timeout))
  local right = listener:accept()
  listener:close()
  return left, a, b, right
end

local function closing(...)
  for _, one in ipairs { ... } do
    if one.abort then one:abort() else one:close() end
  end
end

-- A task that pipes.
local function piping(...)
  local task = moonport.spawn(moonport.pipe, ...)
  moonport.sleep(0)
  return task
end

local bytes = helper.bytes

describe("moonport.pipe", function()
  it("moves bytes both ways, passes half-closes on, and returns how many", function()
    local left, a, b, right = rig()
    local task = piping(a, b)
    left:send "request"
    assert.equal("request", right:receive(7))
    right:send "an answer"
    assert.equal("an answer", left:receive(9))
    left:shutdown()
    assert.equal("", right:receiveAll())
    right:send ", and more"
    right:shutdown()
    assert.equal(", and more", left:receiveAll())
    assert.same({ 7, 19 }, { task:join(helper.timeout) })
    helper.eventually(function() return a:state() == "UnconnectedState" and b:state() == "UnconnectedState" end)
    closing(left, right)
  end)

  it("moves first what was received and queued before", function()
    local left, a, b, right = rig()
    left:send "one "
    helper.eventually(function() return a:bytesAvailable() == 4 end)
    b:write "zero "
    local task = piping(a, b)
    left:send "two"
    assert.equal("zero one two", right:receive(12))
    closing(left, right)
    assert.same({ 7, 0 }, { task:join(helper.timeout) })
  end)

  it("moves an end that came before", function()
    local left, a, b, right = rig()
    a:setAllowHalfOpen(true)
    left:send "all"
    left:shutdown()
    local finished
    function a:readChannelFinished() finished = true end
    helper.eventually(function() return finished end)
    local task = piping(a, b)
    assert.equal("all", right:receiveAll())
    right:send "answer"
    right:shutdown()
    assert.equal("answer", left:receiveAll())
    assert.same({ 3, 6 }, { task:join(helper.timeout) })
    closing(left, right)
  end)

  it("moves megabytes unchanged, both ways at once, as fast as each side takes them", function()
    local left, a, b, right = rig()
    local task = piping(a, b)
    local there, back = bytes(8 << 20), bytes(3 << 20)
    local sending = moonport.spawn(function() left:send(there, 60000) left:shutdown() end)
    local answering = moonport.spawn(function() right:send(back, 60000) right:shutdown() end)
    local got = moonport.spawn(function() return left:receiveAll(60000) end)
    assert.is_true(right:receiveAll(60000) == there)
    assert.is_true(got:join(60000) == back)
    sending:join()
    answering:join()
    assert.same({ #there, #back }, { task:join(helper.timeout) })
    closing(left, right)
  end)

  it("reads from a side only as fast as the other takes it, and loses nothing", function()
    local left, a, b, right = rig()
    local task = piping(a, b)
    local data = bytes(1 << 20)
    local taken, at = 0, 1
    helper.eventually(function()
      local n = left:trySend(data:sub(at, at + 65535))
      at, taken = at + n, n > 0 and taken + n or taken
      if at > #data - 65536 then at = 1 end
      return n == 0 and left:trySend "" == 0 and taken > 0
    end)
    helper.settle(50)
    assert.is_true(a:bytesRead() < 64 << 20)
    assert.is_true(b:bytesToWrite() <= 1 << 20)
    left:shutdown()
    assert.equal(taken, #right:receiveAll(60000))
    right:close()
    assert.equal(taken, (task:join(helper.timeout)))
    closing(left, right)
  end)

  it("returns what is wrong when a side fails, and leaves the other side as it is", function()
    local left, a, b, right = rig()
    local task = piping(a, b)
    left:send "abc"
    assert.equal("abc", right:receive(3))
    left:reset()
    local ok, message, code, there, back = task:join(helper.timeout)
    assert.is_nil(ok)
    assert.equal("pipe: The remote host closed the connection", message)
    assert.same({ "RemoteHostClosedError", 3, 0 }, { code, there, back })
    assert.equal("ConnectedState", b:state())
    b:write "still here"
    assert.equal("still here", right:receive(10))
    closing(a, b, right)
  end)

  it("ends when both sides fail while neither takes anything", function()
    local left, a, b, right = rig()
    local task = piping(a, b)
    -- Until nothing moves any more: each side's peer has sent what it could, and reads nothing.
    local block, sent, still = bytes(65536), 0, 0
    while still < 30 do
      local more = 0
      for _, peer in ipairs { left, right } do more = more + (helper.posix.write(peer.fd, block) or 0) end
      still = more == 0 and still + 1 or 0
      sent = sent + more
      moonport.sleep(1)
    end
    assert.is_true(sent > 100000)
    left:reset()
    moonport.sleep(5)
    right:reset()
    assert.equal("RemoteHostClosedError", (select(3, task:join(helper.timeout))))
    closing(a, b)
  end)

  it("ends when the script closes a side, and hands over what the other has not sent", function()
    local left, a, b, right = rig()
    local task = piping(a, b)
    left:send "abc"
    assert.equal("abc", right:receive(3))
    a:disconnectFromHost()
    assert.same({ "UnknownSocketError", 3, 0 }, { select(3, task:join(helper.timeout)) })
    b:write "x"
    assert.equal("x", right:receive(1))
    closing(a, b, left, right)
  end)

  it("ends after an idle time, when no byte moves either way", function()
    local left, a, b, right = rig()
    local task = piping(a, b, { idle = 30 })
    local _, message, code = task:join(helper.timeout)
    assert.equal("pipe: The connection was idle for too long", message)
    assert.equal("SocketTimeoutError", code)
    assert.equal("ConnectedState", a:state())
    closing(a, b, left, right)
  end)

  it("ends by a deadline, and gives the streams back", function()
    local left, a, b, right = rig()
    local _, message, code, there, back = moonport.deadline(20, moonport.pipe, a, b)
    assert.same({ "pipe: Network operation timed out", "SocketTimeoutError", 0, 0 }, { message, code, there, back })
    left:send "abc"
    assert.equal("abc", a:receive(3, helper.timeout))
    closing(a, b, left, right)
  end)

  it("doesn't read from a paused stream", function()
    local left, a, b, right = rig()
    local task = piping(a, b)
    a:pauseReading()
    left:send "abc"
    right:send "def"
    assert.equal("def", left:receive(3))
    helper.settle()
    assert.equal(0, a:bytesRead())
    a:resumeReading()
    assert.equal("abc", right:receive(3))
    closing(left, right)
    task:join(helper.timeout)
  end)

  it("gives the streams back when its task is cancelled", function()
    local left, a, b, right = rig()
    local task = piping(a, b)
    left:send "abc"
    assert.equal("abc", right:receive(3))
    task:cancel()
    left:send "def"
    assert.equal("def", a:receive(3, helper.timeout))
    b:write "ghi"
    assert.equal("ghi", right:receive(3))
    closing(a, b, left, right)
  end)

  it("raises where the script reads from a piped stream, writes to it or pipes it again", function()
    local left, a, b, right = rig()
    local task = piping(a, b)
    for _, name in ipairs { "read", "readAll", "readLine", "peek", "write", "receive", "lines", "waitForReadyRead",
      "closeWriteChannel", "skip", "getChar", "putChar", "ungetChar", "startTransaction", "sendFile" } do
      local argument = ({ read = 1, peek = 1, write = "x", receive = 1, skip = 1, putChar = "x", ungetChar = "x",
        sendFile = "/dev/null" })[name]
      if name ~= "startTransaction" then
        assert.error_matches(function() a[name](a, argument) end, "the stream is piped", nil, nil, name)
      end
    end
    assert.error_matches(function() moonport.pipe(a, b) end, "the stream is piped")
    assert.equal("ReadWrite", a:openMode())
    closing(left, right)
    task:join(helper.timeout)
  end)

  it("raises for what is no stream, for a stream with itself, and for unknown options", function()
    local left, a, b, right = rig()
    assert.error_matches(function() moonport.pipe(a, "x") end, "TcpSocket expected, got string")
    assert.error_matches(function() moonport.pipe(a, a) end, "a stream can't be piped to itself")
    assert.error_matches(function() moonport.pipe(a, b, { idel = 1 }) end, "unknown option 'idel'")
    assert.error_matches(function() moonport.pipe(a, b, { idle = "x" }) end, "idle: milliseconds expected")
    assert.error_matches(function() moonport.pipe(a, b, { idle = -1 }) end, "idle: milliseconds expected")
    closing(a, b, left, right)
  end)

  it("fails for a stream that isn't connected", function()
    local left, a, b, right = rig()
    local other = moonport.TcpSocket()
    assert.same({ "pipe: Socket is not connected", "UnknownSocketError", 0, 0 },
      { select(2, moonport.pipe(a, other)) })
    b:abort()
    assert.equal("UnknownSocketError", (select(3, moonport.pipe(a, b))))
    assert.equal("ConnectedState", a:state())
    closing(a, left, right)
  end)

  it("sends no readyRead, no bytesWritten, but the end of a connection", function()
    local left, a, b, right = rig()
    local seen = {}
    for _, socket in ipairs { a, b } do
      function socket:readyRead() seen.readyRead = true end
      function socket:bytesWritten() seen.bytesWritten = true end
      function socket:disconnected() seen.disconnected = true end
    end
    local task = piping(a, b)
    left:send(bytes(1 << 20))
    left:shutdown()
    right:receiveAll()
    right:shutdown()
    task:join(helper.timeout)
    helper.eventually(function() return seen.disconnected end)
    assert.same({ disconnected = true }, seen)
    closing(left, right)
  end)

  it("has a handler of a connection wait, whose connection it is", function()
    local server <close> = moonport.TcpServer()
    local listener = helper.listen()
    local results
    function server:newConnection()
      local client = self:nextPendingConnection()
      local upstream = moonport.TcpSocket()
      upstream:connectToHost("127.0.0.1", listener:port())
      results = upstream:waitForConnected(helper.timeout) and table.pack(moonport.pipe(client, upstream))
    end
    assert(server:listen "127.0.0.1")
    local left = helper.connect(server:serverPort())
    left:send "early"
    left:shutdown() -- without half-open mode, before there is a pipe
    local right = listener:accept()
    assert.equal("early", right:receiveAll())
    right:send "answer"
    right:shutdown()
    assert.equal("answer", left:receiveAll())
    helper.eventually(function() return results end)
    assert.same({ 5, 6, n = 2 }, results)
    closing(left, right, listener)
  end)
end)

describe("moonport.pipe of encrypted streams", function()
  local authority, certificate

  setup(function()
    authority = tls.authority()
    certificate = authority:certificate()
  end)
  teardown(function() authority:close() end)

  -- An encrypted client, and its peer.
  local function pair()
    local server <close> = moonport.SslServer()
    assert(server:setSslConfiguration { certificate = certificate.certificate, key = certificate.key })
    assert(server:listen "127.0.0.1")
    local client = moonport.SslSocket()
    assert(client:setSslConfiguration { caCertificates = authority.caCertificates })
    client:connectToHostEncrypted("localhost", server:serverPort())
    assert(client:waitForEncrypted(helper.timeout))
    assert(server:waitForNewConnection(helper.timeout))
    return client, server:nextPendingConnection()
  end

  it("moves bytes and ends between an encrypted and a plain one, and between two encrypted ones", function()
    local data = bytes(2 << 20)
    for _, plain in ipairs { true, false } do
      local left, a = pair()
      local b, right
      if plain then
        local l, x
        l, x, b, right = rig()
        closing(l, x)
      else
        b, right = pair()
      end
      local task = piping(a, b)
      left:setAllowHalfOpen(true)
      left:write(data)
      left:closeWriteChannel()
      if plain then
        assert.is_true(right:receiveAll(60000) == data)
        right:send(data, 60000)
        right:shutdown()
      else
        right:setAllowHalfOpen(true)
        assert.is_true(right:receive(#data, 60000) == data)
        right:write(data)
        right:closeWriteChannel()
      end
      assert.is_true(left:receive(#data, 60000) == data)
      assert.same({ #data, #data }, { task:join(helper.timeout) })
      closing(left, right)
    end
  end)

  it("returns what is wrong when the encrypted side is cut", function()
    local left, a = pair()
    local l, x, b, right = rig()
    closing(l, x)
    local task = piping(a, b)
    left:write "abc"
    assert.equal("abc", right:receive(3))
    left:setSocketOption("LingerOption", 0)
    left:abort()
    assert.is_nil((task:join(helper.timeout)))
    assert.equal("ConnectedState", b:state())
    closing(a, b, right)
  end)
end)
