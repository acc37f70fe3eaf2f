-- moonport.fail ends a connection as its peer's fault: no error of the script.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"
local sockets = require "spec.qt.sockets"

-- What has been counted since it was called. -> function
local function counter()
  local before = moonport.stats()
  return function()
    local now = moonport.stats()
    return { peer = now.peerErrors - before.peerErrors, errors = now.handlerErrors - before.handlerErrors }
  end
end

describe("moonport.fail", function()
  after_each(function()
    moonport.onError(nil)
    sockets.close()
  end)

  it("ends the connection of the handler, after what was written, and counts it as the peer's", function()
    local socket, peer = sockets.withPlain()
    local counted, told, went = counter(), false, false
    moonport.onError(function() told = true end)
    function socket:readyRead()
      self:write "400 bad request\n"
      moonport.fail "bad request"
      went = true
    end
    peer:send "nonsense"
    assert.equal("400 bad request\n", peer:receiveLine())
    assert.equal("closed", peer:waitForEnd())
    helper.eventually(function() return socket:state() == "UnconnectedState" end)
    assert.same({ peer = 1, errors = 0 }, counted())
    assert.is_false(told)
    assert.is_false(went)
  end)

  it("ends it also after a wait, however deep, and closes its variables", function()
    local socket, peer = sockets.withPlain()
    local counted, closed = counter(), false
    local function parse(text) if text ~= "good" then moonport.fail("bad length: " .. text) end end
    function socket:readyRead()
      local _ <close> = setmetatable({}, { __close = function() closed = true end })
      self:readAll()
      moonport.sleep(1)
      parse "bad"
    end
    peer:send "x"
    assert.equal("closed", peer:waitForEnd())
    assert.is_true(closed)
    assert.same({ peer = 1, errors = 0 }, counted())
  end)

  it("in newConnection ends the connections that the handler took, or the one that it would take", function()
    for _, take in ipairs { true, false } do
      local server = sockets.server()
      local counted = counter()
      function server:newConnection()
        local socket = take and self:nextPendingConnection()
        if socket then socket:write "bye" end
        moonport.fail "not you"
      end
      local client = helper.connect(server:serverPort())
      if take then assert.equal("bye", client:receive(3)) end
      client:waitForEnd()
      assert.same({ peer = 1, errors = 0 }, counted())
      assert.is_true(server:isListening())
    end
  end)

  it("is an error like any other where there is no connection", function()
    local counted, text = counter(), nil
    moonport.onError(function(report) text = report end)
    local task = moonport.spawn(function() moonport.fail "nobody's fault" end)
    assert.same({ n = 3, nil, "nobody's fault", "TaskFailedError" }, table.pack(task:join()))
    helper.eventually(function() return text end)
    assert.matches("^nobody's fault\nstack traceback", text)
    assert.same({ peer = 0, errors = 1 }, counted())
  end)

  it("in a handler of datagrams ends only the handler", function()
    local socket, client = sockets.closing(moonport.UdpSocket()), sockets.closing(moonport.UdpSocket())
    local counted, got = counter(), nil
    function socket:datagramReceived(data)
      if data == "bad" then moonport.fail "bad datagram" end
      got = data
    end
    assert(socket:bind "127.0.0.1")
    for _, data in ipairs { "bad", "good" } do
      assert(client:writeDatagram(data, "127.0.0.1", socket:localPort()))
    end
    helper.eventually(function() return got end)
    assert.equal("good", got)
    assert.same({ peer = 1, errors = 0 }, counted())
  end)

  it("can be caught by pcall, and raised again", function()
    local socket, peer = sockets.withPlain()
    local counted, caught = counter(), nil
    function socket:readyRead()
      self:readAll()
      local ok, fault = pcall(moonport.fail, "caught")
      caught = not ok and tostring(fault)
      error(fault)
    end
    peer:send "x"
    peer:waitForEnd()
    assert.equal("caught", caught)
    assert.same({ peer = 1, errors = 0 }, counted())
  end)

  it("leaves other connections alone", function()
    local bad, badPeer = sockets.withPlain()
    local good, goodPeer = sockets.withPlain()
    for _, socket in ipairs { bad, good } do
      function socket:readyRead()
        local text = self:readAll()
        if text == "bad" then moonport.fail "bad" end
        self:write(text)
      end
    end
    badPeer:send "bad"
    goodPeer:send "good"
    assert.equal("good", goodPeer:receive(4))
    assert.equal("closed", badPeer:waitForEnd())
    assert.equal("ConnectedState", good:state())
  end)

  it("needs a message", function()
    assert.error_matches(function() moonport.fail() end, "string expected")
    assert.error_matches(function() moonport.fail("a", "b") end, "one too many")
  end)
end)
