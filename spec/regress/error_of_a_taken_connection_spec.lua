-- SPDX-License-Identifier: MIT
-- A service that is written sequentially serves a connection in its server's newConnection handler, or in a
-- task. The report of its error named the server, which is "not listening" after a reload, and not the
-- connection. Now the report names the peer, the address that it connected to, and the generation.

local helper = require "spec.helper"
local reload = require "spec.host.reload"

local body = [[
  local function serve(socket)
    for line in socket:lines() do
      if line == "fail" then error "on purpose" end
      socket:write(line .. "\n")
    end
    error "at the end"
  end
  function server:newConnection() serve(self:nextPendingConnection()) end
]]

describe("The error of a handler that serves a connection sequentially", function()
  local service
  after_each(function() service:remove() end)

  local function told(client, message, generation)
    local port = client:port()
    service.program:waitForLine((" error newConnection handler of TcpServer%%(127%%.0%%.0%%.1:%d%%) with "
      .. "127%%.0%%.0%%.1:%d, generation %d: .*main%%.lua:%%d+: %s$"):format(service.port, port, generation, message))
  end

  it("names peer, server and generation", function()
    service = reload.start(body)
    local client = service:connect()
    assert.are.equal("hello", reload.ask(client, "hello"))
    client:send "fail\n"
    told(client, "on purpose", 1)
  end)

  it("names after a reload the generation of the code that it runs", function()
    service = reload.start(body)
    local client = service:connect()
    assert.are.equal("hello", reload.ask(client, "hello"))
    service:reload()
    local newer = service:connect()
    assert.are.equal("hello", reload.ask(newer, "hello"))
    client:send "fail\n"
    told(client, "on purpose", 1)
    newer:send "fail\n"
    told(newer, "on purpose", 2)
  end)

  for _, way in ipairs { "shutdown", "reset" } do
    it("names them after the peer ends: " .. way, function()
      service = reload.start(body)
      local client = service:connect()
      assert.are.equal("hello", reload.ask(client, "hello"))
      local port = client:port()
      client[way](client)
      service.program:waitForLine((" error newConnection handler of TcpServer%%(127%%.0%%.0%%.1:%d%%) with "
        .. "127%%.0%%.0%%.1:%d, generation 1: .*main%%.lua:%%d+: at the end$"):format(service.port, port))
    end)
  end

  it("names them in a task that takes its connections one after another", function()
    service = reload.start [[
      moonport.spawn(function()
        while server:waitForNewConnection(-1) do
          local socket = server:nextPendingConnection()
          if socket:readLine() == "" then socket:waitForReadyRead(-1) end
          error "on purpose"
        end
      end)
    ]]
    local client = service:connect()
    client:send "x\n"
    service.program:waitForLine((" error task of TcpServer%%(127%%.0%%.0%%.1:%d%%) with 127%%.0%%.0%%.1:%d, "
      .. "generation 1: .*main%%.lua:%%d+: on purpose$"):format(service.port, client:port()))
  end)

  it("names the generation of a handler that is older than the serving code", function()
    service = reload.start [[
      function server:newConnection()
        local socket = self:nextPendingConnection()
        function socket:readyRead() self:readAll() error "on purpose" end
      end
    ]]
    local client = service:connect()
    helper.eventually(function() return service:reload():find "1 with handlers of older" end)
    client:send "x"
    service.program:waitForLine(" error readyRead handler of TcpSocket%(127%.0%.0%.1:%d+, ConnectedState%), " ..
      "generation 1: ")
  end)
end)
