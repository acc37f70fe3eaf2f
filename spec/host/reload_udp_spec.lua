-- SPDX-License-Identifier: MIT
-- Reloading with UDP sockets: the same bind takes over the descriptor with what waits in it, so that no datagram
-- is lost or answered twice.

local helper = require "spec.helper"
local moonport = require "moonport"
local reload = require "spec.host.reload"

-- A service that answers with its generation; `more` comes before the bind, `bind` are its arguments.
local function script(more, bind)
  return ([[
    local moonport = require "moonport"
    local socket = moonport.UdpSocket()
    local generation = moonport.generation()
    %s
    function socket:datagramReceived(data, address, port)
      if data == "wait" then
        while not moonport.stale() do moonport.sleep(1) end
        moonport.sleep(1)
      end
      self:writeDatagram(generation .. " " .. data, address, port)
    end
    assert(socket:bind(%s))
    moonport.log.info("listening on %%d", socket:localPort())
  ]]):format(more or "", bind or '"127.0.0.1"')
end

describe("Reloading with UDP sockets", function()
  local service, client

  before_each(function() client = moonport.UdpSocket() end)
  after_each(function()
    client = client:close() -- nil: the helper counts what is left
    service:remove()
  end)

  local function start(more, bind)
    service = reload.start(script(more, bind), { plain = true })
    client:connectToHost("127.0.0.1", service.port)
  end

  local function replace(more, bind) service:write("main.lua", script(more, bind)) end

  local function ask(text)
    client:write(text)
    return (assert(client:receive(helper.timeout)))
  end

  it("the same bind takes the descriptor over: each datagram is answered once, by one generation", function()
    start()
    local sent, answers, newest = 0, {}, 1
    for round = 1, 20 do
      replace(round % 4 == 0 and "error 'broken'" or "")
      service.program:signal "HUP"
      for _ = 1, 20 do
        sent = sent + 1
        client:write(tostring(sent))
        moonport.sleep(0)
      end
      if round % 4 == 0 then service:failed() else service:reloaded() end
      while #answers < sent do
        local generation, number = assert(client:receive(helper.timeout)):match "^(%d+) (%d+)$"
        generation = math.tointeger(generation)
        answers[#answers + 1] = tonumber(number)
        assert.is_true(generation >= newest)
        newest = generation
      end
    end
    for i = 1, sent do assert.equal(i, answers[i]) end
    assert.is_true(newest > 10)
  end)

  it("a handler of the former run that waits can still answer", function()
    start()
    client:write "wait"
    assert.equal("1 x", ask "x")
    service.program:signal "HUP"
    assert.truthy(service:reloaded():find "1 listener kept, 0 added, 0 closed")
    local late = assert(client:receive(helper.timeout))
    assert.equal("1 wait", late)
    assert.equal("2 y", ask "y")
  end)

  it("another address at the same port replaces the bind, and one that nobody asks for is closed", function()
    start("local other = moonport.UdpSocket() assert(other:bind('127.0.0.1')) print('other ' .. other:localPort())")
    local other = tonumber(service.program:waitForLine "other (%d+)")
    replace("", ('"any", %d'):format(service.port))
    service.program:signal "HUP"
    assert.truthy(service:reloaded():find "0 listeners? kept, 1 added, 2 closed")
    assert.equal("2 x", ask "x")
    local free = moonport.UdpSocket()
    assert(free:bind("127.0.0.1", other))
    free:close()
  end)

  it("a run that fails gives nothing away, and leaves no port bound", function()
    start()
    local port = helper.unusedPort()
    replace(("assert(moonport.UdpSocket():bind('127.0.0.1', %d)) assert(socket:bind('127.0.0.1')) error 'no'")
      :format(port))
    service.program:signal "HUP"
    service:failed()
    assert.equal("1 x", ask "x")
    local free = moonport.UdpSocket()
    assert(free:bind("127.0.0.1", port))
    free:close()
  end)

  it("takes groups over, joins new ones and leaves those that nobody asks for", function()
    local bind = '"0.0.0.0", 0)) for _, group in ipairs(groups) do assert(socket:joinMulticastGroup(group, "lo")) end '
      .. 'assert(socket:setMulticastInterface("lo"'
    start("local groups = { '239.255.43.1', '239.255.43.2' }", bind)
    local sender = moonport.UdpSocket()
    assert(sender:bind("0.0.0.0"))
    assert(sender:setMulticastInterface("lo"))
    local function heard(group)
      sender:writeDatagram(group, group, service.port)
      sender:writeDatagram("end", "127.0.0.1", service.port)
      local data = assert(sender:receive(helper.timeout))
      if data:find "end" then return nil end
      assert(assert(sender:receive(helper.timeout)):find "end")
      return data
    end
    assert.equal("1 239.255.43.1", heard "239.255.43.1")
    assert.is_nil(heard "239.255.43.3")
    replace("local groups = { '239.255.43.2', '239.255.43.3' }", bind)
    service.program:signal "HUP"
    service:reloaded()
    assert.is_nil(heard "239.255.43.1")
    assert.equal("2 239.255.43.2", heard "239.255.43.2")
    assert.equal("2 239.255.43.3", heard "239.255.43.3")
    sender:close()
  end)

  it("the program ends with SIGTERM, and what was written before leaves", function()
    start()
    local port = client:localPort()
    replace(("local client = %d moonport.onQuit(function() "
      .. "socket:writeDatagram('bye', '127.0.0.1', client) end)"):format(port))
    service.program:signal "HUP"
    service:reloaded()
    service.program:signal "TERM"
    assert.equal("bye", (client:receive(helper.timeout)))
    assert.equal(0, (service.program:wait()))
  end)
end)
