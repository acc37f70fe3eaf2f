-- SPDX-License-Identifier: MIT
-- socket:sendFile: a file goes to the peer, by sendfile(2) or in pieces.
-- #thorough: it takes long

local helper = require "spec.helper"
local moonport = require "moonport"
local tls = require "spec.tls"

local bytes = helper.bytes

-- A plain client of a server's socket.
local function pair(options)
  local server <close> = moonport.TcpServer()
  assert(server:listen "127.0.0.1")
  local client = helper.connect(server:serverPort(), nil, options)
  assert(server:waitForNewConnection(helper.timeout))
  return client, server:nextPendingConnection()
end

describe("socket:sendFile", function()
  it("sends a file behind what was written, and returns how many bytes", function()
    local client, socket = pair()
    local data = bytes(100000)
    socket:write "head\n"
    assert.equal(#data, socket:sendFile(helper.file(data)))
    assert.is_true(client:receive(5 + #data) == "head\n" .. data)
    socket:write "tail"
    assert.equal("tail", client:receive(4))
    socket:abort()
  end)

  it("sends a part of a file, by its path or as a file of io, whose position stays", function()
    local client, socket = pair()
    local path = helper.file "0123456789"
    assert.equal(3, socket:sendFile(path, 2, 3))
    assert.equal(2, socket:sendFile(path, 8))
    assert.equal(0, socket:sendFile(path, 10))
    assert.equal(0, socket:sendFile(path, 20))
    assert.equal(0, socket:sendFile(path, 0, 0))
    local file <close> = assert(io.open(path, "r+"))
    assert.equal("0", file:read(1))
    assert.equal(10, socket:sendFile(file))
    assert.equal("1", file:read(1))
    assert.equal("234" .. "89" .. "0123456789", client:receive(15))
    file:seek("set", 0)
    file:write "abc" -- still in the buffer of io
    assert.equal(4, socket:sendFile(file, 0, 4))
    assert.equal("abc3", client:receive(4))
    socket:abort()
  end)

  it("waits until the peer has read, and lets others run meanwhile", function()
    local client, socket = pair { receiveBuffer = 4096 }
    local data = bytes(4 << 20)
    local sent
    local task = moonport.spawn(function() sent = socket:sendFile(helper.file(data)) end)
    moonport.sleep(20)
    assert.is_nil(sent)
    assert.equal(0, socket:bytesToWrite())
    assert.is_true(client:receive(#data, 60000) == data)
    task:join(helper.timeout)
    assert.equal(#data, sent)
    socket:abort()
  end)

  it("raises where the script writes meanwhile, and still reads", function()
    local client, socket = pair { receiveBuffer = 4096 }
    local path = helper.file(bytes(8 << 20))
    local task = moonport.spawn(socket.sendFile, socket, path)
    moonport.sleep(0)
    assert.error_matches(function() socket:write "x" end, "write: a file is being sent")
    assert.error_matches(function() socket:sendFile(path) end, "sendFile: a file is being sent")
    assert.error_matches(function() socket:closeWriteChannel() end, "a file is being sent")
    client:send "stop"
    assert.equal("stop", socket:receive(4, helper.timeout))
    task:cancel()
    socket:abort()
    client:close()
  end)

  it("leaves a connection that can be written to when its task is cancelled", function()
    local client, socket = pair { receiveBuffer = 4096 }
    local task = moonport.spawn(socket.sendFile, socket, helper.file(("x"):rep(8 << 20)))
    moonport.sleep(5)
    task:cancel()
    socket:write "END"
    socket:disconnectFromHost()
    local received = client:receiveAll(60000)
    assert.equal("xEND", received:sub(-4))
    assert.is_true(#received < 8 << 20)
  end)

  it("returns what is wrong with the connection, and how many bytes it took", function()
    local client, socket = pair { receiveBuffer = 4096 }
    local task = moonport.spawn(socket.sendFile, socket, helper.file(("x"):rep(32 << 20)))
    moonport.sleep(5)
    client:reset()
    local ok, message, code, sent = task:join(helper.timeout)
    assert.is_nil(ok)
    assert.equal("sendFile: The remote host closed the connection", message)
    assert.equal("RemoteHostClosedError", code)
    assert.is_true(sent > 0 and sent < 32 << 20)
    assert.same({ "sendFile: Socket is not connected", "UnknownSocketError", 0 },
      { select(2, socket:sendFile(helper.file "x")) })
  end)

  it("returns that a file isn't there, can't be opened, or is none", function()
    local client, socket = pair()
    local folder = helper.folder()
    for path, why in pairs { ["/nowhere/x"] = "No such file or directory", [folder] = "not a regular file",
      ["/dev/zero"] = "not a regular file", [""] = "No such file or directory" } do
      assert.same({ ("sendFile: %s: %s"):format(path, why), "OpenError", 0 }, { select(2, socket:sendFile(path)) })
    end
    local pipe = io.popen "true"
    assert.same({ "sendFile: the file: not a regular file", "OpenError", 0 }, { select(2, socket:sendFile(pipe)) })
    pipe:close()
    assert.error_matches(function() socket:sendFile(pipe) end, "the file is closed")
    assert.error_matches(function() socket:sendFile {} end, "path or file expected, got table")
    assert.error_matches(function() socket:sendFile("a\0b") end, "zero byte")
    assert.error_matches(function() socket:sendFile("x", -1) end, "offset")
    os.remove(folder)
    client:close()
    socket:abort()
  end)

  it("returns that a file is shorter than what was asked for", function()
    local client, socket = pair()
    assert.same({ "sendFile: the file is shorter", "ReadError", 4 },
      { select(2, socket:sendFile(helper.file "0123456789", 6, 5)) })
    assert.equal("6789", client:receive(4))
    socket:abort()
  end)

  it("reads files that sendfile can't send", function()
    local client, socket = pair()
    local file <close> = assert(io.open "/proc/self/status")
    local text = file:read "a"
    -- Such a file says that it is empty.
    assert.equal(0, socket:sendFile "/proc/self/status")
    assert.equal(20, socket:sendFile("/proc/self/status", 0, 20))
    assert.equal(text:sub(1, 20), client:receive(20))
    socket:abort()
  end)

  it("fails on a socket that isn't connected", function()
    local socket = moonport.TcpSocket()
    assert.same({ "sendFile: Socket is not connected", "UnknownSocketError", 0 },
      { select(2, socket:sendFile(helper.file "x")) })
  end)

  it("sends the rest of a file to a client that half-closes", function()
    local server <close> = moonport.TcpServer()
    local path = helper.file(bytes(4 << 20))
    function server.connection:readyRead()
      self:readAll()
      self:sendFile(path)
      self:disconnectFromHost()
    end
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort(), nil, { receiveBuffer = 4096 })
    client:send "GET"
    client:shutdown()
    assert.equal(4 << 20, #client:receiveAll(60000))
  end)

  it("sends a file over TLS", function()
    local authority <close> = tls.authority()
    local certificate = authority:certificate()
    local server <close> = moonport.SslServer()
    assert(server:setSslConfiguration { certificate = certificate.certificate, key = certificate.key })
    local data = bytes(3 << 20)
    local path, sent = helper.file(data), nil
    function server.connection:readyRead()
      self:readAll()
      self:write "head\n"
      sent = self:sendFile(path)
      self:write "tail"
    end
    assert(server:listen "127.0.0.1")
    local client = moonport.SslSocket()
    assert(client:setSslConfiguration { caCertificates = authority.caCertificates })
    client:connectToHostEncrypted("localhost", server:serverPort())
    assert(client:waitForEncrypted(helper.timeout))
    client:write "GET"
    assert.is_true(client:receive(#data + 9, 60000) == "head\n" .. data .. "tail")
    assert.equal(#data, sent)
    client:abort()
  end)
end)
