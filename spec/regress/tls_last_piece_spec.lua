-- SPDX-License-Identifier: MIT
-- Cause: a receive sent what was encrypted and waited for room, too. Nobody was told then: the stream went on waiting
-- for room that there was, so that the loop span, bytesWritten didn't come, and a close never ended.

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

describe("The last piece that waited for room", function()
  local ssl = require("spec.qt.ssl_sockets").use()
  after_each(sockets.close)

  -- A client that doesn't read, and a peer whose last piece is encrypted and waits. -> both, how much was written
  local function stuffed()
    local client, peer = ssl.pair()
    assert(peer:setSocketOption("SendBufferSizeSocketOption", 4096))
    client:pauseReading()
    local size = 0
    while peer:bytesToWrite() == 0 do
      size = size + peer:write(("x"):rep(16000))
      for _ = 1, 3 do moonport.sleep(1) end
    end
    return client, peer, size
  end

  -- Reads all of it.
  local function drain(client, size)
    local got = 0
    client:resumeReading()
    helper.eventually(function()
      got = got + #client:readAll()
      return got == size
    end)
  end

  it("is reported, and the loop sleeps", function()
    local client, peer, size = stuffed()
    local waited, told = peer:bytesToWrite(), 0
    function peer:bytesWritten(n) told = told + n end
    drain(client, size)
    helper.eventually(function() return peer:bytesToWrite() == 0 and told == waited end)
    local before = moonport.stats().iterations
    for _ = 1, 20 do moonport.sleep(1) end
    assert.is_true(moonport.stats().iterations - before < 200)
    peer:write "more"
    assert.equal("more", client:receive(4, helper.timeout))
  end)

  it("comes before the end of a close", function()
    local client, peer, size = stuffed()
    local seen = sockets.record(peer)
    peer:disconnectFromHost()
    drain(client, size)
    sockets.eventuallyState(peer, "UnconnectedState")
    sockets.eventuallyState(client, "UnconnectedState")
    assert.equal("RemoteHostClosedError", client:error()) -- and no SslTruncatedError
    assert.equal(0, sockets.count(seen, "errorOccurred"))
  end)
end)
