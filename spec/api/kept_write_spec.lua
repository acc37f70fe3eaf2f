-- SPDX-License-Identifier: MIT
-- Strings of medium size are sent from where they lie, after the handler has returned. Whatever the system
-- doesn't take then, and whatever the script does meanwhile, the peer gets the bytes that were written, in
-- their order.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

describe("What is written in strings of medium size", function()
  after_each(sockets.close)

  -- Differs at each position, so that the spec notices bytes of another string, or freed ones.
  local function text(i, size) return (("%07d;"):format(i)):rep(size // 8) end

  it("arrives unchanged though the peer reads late and the strings are collected", function()
    for _, size in ipairs { 512, 1024, 4096, 8184 } do
      local socket, plain = sockets.withPlain()
      assert(socket:setSocketOption("SendBufferSizeSocketOption", 4096))
      local sent, i = 0, 0
      while socket:bytesToWrite() < 4 * size or i < 100 do
        i = i + 1
        sent = sent + socket:write(text(i, size))
        collectgarbage()
        moonport.sleep(0)
      end
      for n = 1, i do assert.equal(text(n, size), plain:receive(size)) end
      assert.equal(sent, i * (size // 8) * 8)
    end
  end)

  it("keeps its order among short and long writes", function()
    local socket, plain = sockets.withPlain()
    local sizes, all = { 1, 600, 8, 4096, 600, 600, 20000, 700, 3, 8184, 8192, 512, 511 }, {}
    for i = 1, 400 do
      local part = (("%d,"):format(i)):rep(10000):sub(1, sizes[i % #sizes + 1])
      all[i] = part
      assert.equal(#part, socket:write(part))
      if i % 7 == 0 then moonport.sleep(0) end
      if i % 50 == 0 then collectgarbage() end
    end
    all = table.concat(all)
    assert.equal(all, plain:receive(#all))
  end)

  it("is sent in part if write is given a maxSize", function()
    local socket, plain = sockets.withPlain()
    assert.equal(700, socket:write(text(1, 4096), 700))
    assert.equal(8, socket:write(text(2, 4096), 8))
    assert.equal(text(1, 4096):sub(1, 700) .. text(2, 8), plain:receive(708))
  end)

  it("is sent to many peers, some of which read late", function()
    local ends = {}
    for i = 1, 150 do
      local socket, plain = sockets.withPlain()
      ends[i] = { socket, plain, i % 3 == 0 and 300 or 1 }
      assert(socket:setSocketOption("SendBufferSizeSocketOption", 4096))
    end
    do
      local message = text(7, 2048)
      for _, one in ipairs(ends) do
        for _ = 1, one[3] do one[1]:write(message) end
      end
    end
    collectgarbage()
    moonport.sleep(0)
    collectgarbage()
    for _, one in ipairs(ends) do
      local expected = text(7, 2048):rep(one[3])
      assert.equal(expected, one[2]:receive(#expected))
    end
  end)

  it("arrives also when there are more different strings than are lent at once", function()
    local socket, plain = sockets.withPlain()
    local others = {}
    for i = 1, 200 do others[i] = { sockets.withPlain() } end
    for i, one in ipairs(others) do one[1]:write(text(i, 1024)) end
    socket:write(text(0, 1024))
    collectgarbage()
    for i, one in ipairs(others) do assert.equal(text(i, 1024), one[2]:receive(1024)) end
    assert.equal(text(0, 1024), plain:receive(1024))
  end)

  it("counts as written, and abort drops it, like any other bytes", function()
    local socket, plain = sockets.withPlain()
    local seen = sockets.record(socket)
    socket:write(text(1, 2048))
    assert.equal(2048, socket:bytesToWrite())
    assert.is_true(socket:flush())
    assert.equal(0, socket:bytesToWrite())
    assert.equal(text(1, 2048), plain:receive(2048))
    helper.eventually(function() return seen[1] == "bytesWritten 2048" end)
    socket:write(text(2, 2048))
    socket:abort()
    assert.equal(0, socket:bytesToWrite())
    assert.equal("", plain:receiveAll())
  end)

  it("is sent before a close, and after `connected` if it is written before that", function()
    local listener, socket = helper.listen(), sockets.socket()
    socket:connectToHost("127.0.0.1", listener:port())
    socket:write(text(1, 4096))
    collectgarbage()
    local plain = listener:accept()
    assert.is_true(socket:waitForConnected(helper.timeout))
    socket:write(text(2, 4096))
    socket:disconnectFromHost()
    collectgarbage()
    assert.equal(text(1, 4096) .. text(2, 4096), plain:receiveAll())
    listener:close()
  end)

  it("is sent if the handler of `connected` writes it while its socket is closing", function()
    local listener, socket = helper.listen(), sockets.socket()
    function socket:connected() self:write(text(1, 4096)) end
    socket:connectToHost("127.0.0.1", listener:port())
    socket:disconnectFromHost()
    assert.equal(text(1, 4096), listener:accept():receiveAll())
    listener:close()
  end)
end)
