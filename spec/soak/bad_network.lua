-- SPDX-License-Identifier: MIT
-- A network that loses, doubles, delays and reorders packets, and is cut now and then: connections lose no byte, and
-- datagrams come whole or not at all. The service and its clients are in network namespaces of their own. It isn't in a
-- ring: on a machine with much other work some connections stand still, which isn't explained yet.
--                                                build/asan/moonport spec/run.lua spec/soak/bad_network.lua

local helper = require "spec.helper"

local SERVICE = [[
  local moonport = require "moonport"
  local echo = moonport.TcpServer()
  function echo.connection:readyRead() self:write(self:readAll()) end
  assert(echo:listen("10.99.0.1", 7000))
  local idle = moonport.TcpServer()
  idle:setIdleTimeout(1500)
  function idle.connection:errorOccurred(code) moonport.log.info("idle: %s", code) end
  assert(idle:listen("10.99.0.1", 7001))
  local datagrams = moonport.UdpSocket()
  function datagrams:datagramReceived(data, address, port) self:writeDatagram(data, address, port) end
  assert(datagrams:bind("10.99.0.1", 7000))
  moonport.log.info "serving"
]]

-- Each of the connections sends numbered blocks and compares what comes back; a datagram is compared whole.
local CLIENTS = [[
  local moonport = require "moonport"
  local count, size = tonumber(arg[1]), tonumber(arg[2])
  local block = {}
  for i = 1, size // 16 do block[i] = ("%015d\n"):format(i) end
  block = table.concat(block)
  local tasks = {}
  for i = 1, count do
    tasks[i] = moonport.spawn(function()
      local socket <close> = moonport.TcpSocket()
      socket:setHighWaterMark(0) -- the service doesn't read while its answers pile up, so we have to
      socket:connectToHost("10.99.0.1", 7000)
      assert(socket:waitForConnected(60000))
      moonport.log.info "connected"
      local text = i .. ":" .. block
      assert(socket:write(text))
      assert(assert(socket:receive(#text, 120000)) == text, "other bytes came back")
      socket:abort()
      return true
    end)
  end
  local datagrams, got, doubled = moonport.UdpSocket(), {}, 0
  assert(datagrams:bind "10.99.0.2")
  function datagrams:datagramReceived(data)
    local number = tonumber(data:match "^%d+")
    assert(data == number .. ":" .. block:sub(1, 1000), "another datagram came back")
    if got[number] then doubled = doubled + 1 end
    got[number] = true
  end
  for i = 1, 500 do
    datagrams:writeDatagram(i .. ":" .. block:sub(1, 1000), "10.99.0.1", 7000)
    moonport.sleep(2)
  end
  for i = 1, count do assert(tasks[i]:join()) end
  local came = 0
  for _ in pairs(got) do came = came + 1 end
  moonport.log.info("all came back; datagrams: %d of 500, %d twice", came, doubled)
  datagrams:close()
]]

-- Why there can be no such network here, or nil
local function missing(names)
  local tun = io.open("/dev/net/tun", "r+")
  if not tun then return "no /dev/net/tun" end
  tun:close()
  for _, name in ipairs(names) do
    if helper.run { "ip", "netns", "add", name } ~= 0 then return "network namespaces need root" end
  end
end

describe("On a bad network", function()
  local names, why, network, service

  setup(function()
    names = { ("moonport-%d-a"):format(helper.processId()), ("moonport-%d-b"):format(helper.processId()) }
    why = missing(names)
  end)

  teardown(function()
    for _, name in ipairs(names) do helper.run { "ip", "netns", "del", name } end
  end)

  local function within(name, source, ...)
    local program = os.getenv "MOONPORT" or "build/asan/moonport"
    local words = { "nsenter", "--net=/run/netns/" .. name, program, "--control", "off" } -- ip netns exec mounts, too
    table.move({ helper.file(source, "script.lua"), ... }, 1, 1 + select("#", ...), #words + 1, words)
    return helper.spawn(words)
  end

  local function start(loss, doubled, longest)
    network = helper.spawn { "python3", "spec/soak/network.py", names[1], names[2], loss, doubled, longest }
    network:waitForLine "ready"
    service = within(names[1], SERVICE)
    service:waitForLine "serving"
  end

  local function finish()
    for _, program in ipairs { service, network } do
      program:signal "TERM"
      program:wait()
    end
  end

  it("that loses, doubles and reorders packets, no connection loses a byte, also over reloads", function()
    if why then return pending(why) end
    start(3, 3, 20)
    local clients = within(names[2], CLIENTS, 20, 100000)
    for _ = 1, 20 do
      clients:waitForLine("connected", 60000)
      service:signal "HUP"
    end
    local came, twice = clients:waitForLine("all came back; datagrams: (%d+) of 500, (%d+) twice", 120000)
    assert.equal(0, clients:wait(), clients:stderr())
    assert.is_true(tonumber(came) > 250 and tonumber(twice) > 0, came .. " " .. twice)
    assert.is_nil(service:stderr():find " error ", service:stderr())
    finish()
  end)

  it("that is cut and comes back, connections go on, and idle ones end by their time", function()
    if why then return pending(why) end
    start(0, 0, 5)
    local idle = within(names[2], [[
      local moonport = require "moonport"
      local socket = moonport.TcpSocket()
      socket:connectToHost("10.99.0.1", 7001)
      assert(socket:waitForConnected(30000))
      moonport.log.info "there"
      moonport.sleep(-1)]])
    idle:waitForLine "there"
    local clients = within(names[2], CLIENTS, 5, 1000000)
    clients:waitForLine("connected", 30000)
    network:signal "USR1"
    service:waitForLine("idle: SocketTimeoutError", 30000)
    assert.is_nil(clients:stderr():find "came back")
    network:signal "USR1"
    for _, action in ipairs { "down", "up" } do
      assert.equal(0, (helper.run { "ip", "-n", names[1], "link", "set", "bad", action }))
      helper.settle(300)
    end
    clients:waitForLine("all came back", 120000)
    assert.equal(0, clients:wait(), clients:stderr())
    assert.is_nil(service:stderr():find " error ", service:stderr())
    idle:signal "TERM"
    idle:wait()
    finish()
  end)
end)
