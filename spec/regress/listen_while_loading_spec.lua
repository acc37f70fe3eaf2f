-- SPDX-License-Identifier: MIT
-- A staged generation's listener accepted connections at once, into its backlog, and a rolled back reload
-- reset them. And listening at the same port with another address failed as in use until a restart, with a
-- message that blamed another process. Now such a listener is only bound until its generation takes over. A
-- listener at another address of the port replaces the former one, and gets its connections.
-- #thorough: it takes long

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local posix = helper.posix

local serves = [[
  function person:readyRead() self:write(moonport.generation() .. " " .. self:readAll()) end
]]

local function refused(port)
  local ok, message = pcall(helper.connect, port, "127.0.0.2")
  assert.is_false(ok)
  assert.is_truthy(tostring(message):find "refused", message)
end

describe("A listener of a staged generation", function()
  local service

  after_each(function() service:remove() end)

  it("gets no connection before the generation takes over", function()
    service = reload.start(serves)
    service:replace(serves .. [[
      local other = moonport.TcpServer()
      function other.connection:readyRead() self:write("other " .. self:readAll()) end
      assert(other:listen("127.0.0.2", 0) and other:isListening())
      moonport.log.info("bound %d", other:serverPort())
      while not io.open("]] .. service.folder .. [[/go") do moonport.sleep(1) end
    ]])
    service.program:signal "HUP"
    local port = service.program:waitForLine "bound (%d+)"
    refused(port)
    helper.rewrite(service.folder .. "/go", "")
    assert.is_truthy(service:reloaded():find "1 listener kept, 1 added")
    local client = helper.connect(port, "127.0.0.2")
    client:send "hello"
    assert.are.equal("other hello", client:receive(11))
  end)

  it("has reset no connection when the generation is rolled back", function()
    service = reload.start(serves)
    service:replace(serves .. [[
      local other = moonport.TcpServer()
      assert(other:listen("127.0.0.2", 0))
      moonport.log.info("bound %d", other:serverPort())
      while not io.open("]] .. service.folder .. [[/go") do moonport.sleep(1) end
      error "given up"
    ]])
    service.program:signal "HUP"
    local port = service.program:waitForLine "bound (%d+)"
    refused(port)
    helper.rewrite(service.folder .. "/go", "")
    service:failed()
    refused(port)
  end)

  it("reserves its address, and a second listen at it fails with the name of the first", function()
    service = reload.start(serves)
    local text = service:reloadFails(serves .. [[
      local one, two = moonport.TcpServer(), moonport.TcpServer()
      assert(one:listen("127.0.0.1", 0))
      assert(two:listen("127.0.0.1", one:serverPort()))
    ]])
    assert.is_truthy(text:find("main%.lua:%d+: listen 127%.0%.0%.1:%d+ %(this program listens at "
      .. "127%.0%.0%.1:%d+%): The bound address is already in use$"), text)
  end)

  it("that is closed before the generation takes over can listen again afterwards", function()
    service = reload.start(serves)
    service:reload([[
      local other = moonport.TcpServer()
      function other.connection:readyRead() self:write(self:readAll()) end
      assert(other:listen("127.0.0.1", 0))
      other:close()
      function person:readyRead()
        self:readAll()
        assert(other:listen("127.0.0.1", 0))
        self:write(other:serverPort() .. "\n")
      end
    ]])
    local client = helper.connect(tonumber(reload.ask(service:connect(), "x")))
    client:send "hello"
    assert.are.equal("hello", client:receive(5))
  end)
end)

describe("A server that listens at the same port as the previous code, with another address", function()
  local program, path

  local function script(address, port)
    return ([[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead() self:write(moonport.generation() .. " " .. self:readAll()) end
      assert(server:listen(%q, %d))
      moonport.log.info("listening on %%s %%d", server:serverAddress(), server:serverPort())
    ]]):format(address, port)
  end

  local function ask(client, text)
    client:send(text)
    return client:receive(#text + 2)
  end

  for _, way in ipairs { { "127.0.0.1", "any" }, { "any", "127.0.0.1" }, { "127.0.0.1", "0.0.0.0" },
    { "0.0.0.0", "127.0.0.1" }, { "0.0.0.0", "any" }, { "any", "0.0.0.0" }, { "::1", "any" }, { "any", "::1" },
    { "127.0.0.1", "::1" } } do
    it(("replaces that listener: %s, then %s"):format(way[1], way[2]), function()
      path = helper.file(script("any", 0), "main.lua") -- the port is free for all addresses
      program = helper.program { script = path }
      local port = tonumber((program:waitForLine "listening on %S+ (%d+)"))
      helper.rewrite(path, script(way[1], port))
      program:signal "HUP"
      program:waitForLine "reloaded .*generation 2"
      local from, to = way[1]:find ":" and "::1" or "127.0.0.1", way[2]:find ":" and "::1" or "127.0.0.1"
      if from == to or way[2] == "any" then to = from end
      local client = helper.connect(port, from)
      assert.are.equal("2 hello", ask(client, "hello"))
      helper.rewrite(path, script(way[2], port))
      program:signal "HUP"
      program:waitForLine("listening on " .. way[2]:gsub("%p", "%%%0") .. " " .. port)
      program:waitForLine "reloaded .*generation 3"
      local newer = helper.connect(port, to)
      assert.are.equal("3 hello", ask(newer, "hello"))
      -- A connection moves along if the two addresses conflict; otherwise it stays with the code that it has.
      local both = way[1] == "127.0.0.1" and way[2] == "::1"
      assert.is_truthy(ask(client, "hello"):find(both and "^[23] hello$" or "^3 hello$"))
      program:signal "HUP"
      program:waitForLine "reloaded .*1 listener kept, 0 added, 0 closed"
      assert.are.equal("4 hello", ask(newer, "hello"))
    end)
  end

  it("refuses and resets no client while it changes", function()
    path = helper.file(script("127.0.0.1", 0), "main.lua")
    program = helper.program { script = path }
    local port = tonumber((program:waitForLine "listening on %S+ (%d+)"))
    helper.rewrite(path, script("127.0.0.1", port))
    program:signal "HUP"
    program:waitForLine "reloaded"
    for i = 1, 4 do
      helper.rewrite(path, script(i % 2 == 0 and "127.0.0.1" or "any", port))
      program:signal "HUP"
      local clients = {}
      for k = 1, 50 do
        clients[k] = helper.connect(port)
        clients[k]:send "x"
      end
      for _, client in ipairs(clients) do
        helper.eventually(function() return client.unread:find "x" or client:fill() and nil end)
        client:close()
      end
      program:waitForLine "reloaded"
    end
    assert.is_nil(program:stderr():find "failed")
  end)

  it("may be two servers that share the former address", function()
    path = helper.file(script("any", 0), "main.lua")
    program = helper.program { script = path }
    local port = tonumber((program:waitForLine "listening on %S+ (%d+)"))
    for generation, addresses in ipairs { { "any" }, { "127.0.0.1", "::1" }, { "any" }, { "::1", "127.0.0.1" } } do
      local text = {}
      for i, address in ipairs(addresses) do text[i] = "do " .. script(address, port) .. " end" end
      helper.rewrite(path, table.concat(text, "\n"))
      program:signal "HUP"
      program:waitForLine("reloaded .*generation " .. generation + 1)
      for _, host in ipairs { "127.0.0.1", "::1" } do
        assert.are.equal(generation + 1 .. " hello", ask(helper.connect(port, host), "hello"))
      end
    end
  end)

  it("changes nothing when that generation is rolled back", function()
    path = helper.file(script("127.0.0.1", 0), "main.lua")
    program = helper.program { script = path }
    local port = tonumber((program:waitForLine "listening on %S+ (%d+)"))
    helper.rewrite(path, script("any", port) .. "error 'given up'")
    program:signal "HUP"
    program:waitForLine "failed, generation 1 goes on"
    assert.are.equal("1 hello", ask(helper.connect(port), "hello"))
    local taken = posix.listen("127.0.0.2", port) -- nothing else listens there
    assert.is_truthy(taken)
    posix.close(taken)
  end)

  it("names the conflicting listener when it can't replace it", function()
    path = helper.file([[
      local moonport = require "moonport"
      local one, two = moonport.TcpServer(), moonport.TcpServer()
      assert(one:listen("127.0.0.1", 0))
      print(two:listen("any", one:serverPort()))
      os.exit(0)
    ]], "main.lua")
    program = helper.program { script = path }
    assert.are.equal(0, program:wait())
    assert.is_truthy(program:stdout():find("^nil\tlisten any:%d+ %(this program listens at 127%.0%.0%.1:%d+%): "
      .. "The bound address is already in use\tAddressInUseError\n$"), program:stdout())
  end)
end)
