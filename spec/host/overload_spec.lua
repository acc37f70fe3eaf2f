-- SPDX-License-Identifier: MIT
-- --max-buffers: who isn't read, who is refused and who ends when all connections together hold too much.

local helper = require "spec.helper"
local control = require "spec.host.control"
local metrics = require "spec.host.metrics"
local ssl = require "spec.ssl"

-- Echoes what it reads. "hold N" is answered by N bytes, and "keep" has the rest left unread.
local service = [[
  local moonport = require "moonport"
  server = %s
  function server.connection:readyRead()
    if self.keeps then return end
    local bytes = tonumber(self:peek(100):match "^hold (%%d+)\n")
    self.keeps = self:peek(5) == "keep\n"
    if bytes then
      self:readAll()
      while bytes > 0 and self:write(("x"):rep(math.min(bytes, 4000))) do bytes = bytes - 4000 end
    elseif not self.keeps then
      self:write(self:readAll())
    end
  end
  function server.connection:errorOccurred(code) moonport.log.info("ended by %%s", code) end
  assert(server:listen %s)
  moonport.log.info("ready")
]]
local tcp = service:format("moonport.TcpServer()", '"127.0.0.1"') .. 'print(server:serverPort())'

local function start(source, ...)
  local folder = helper.folder()
  local program = helper.program { source = source, options = { "--control", folder .. "/c", ... } }
  program:waitForLine "ready"
  return program, function()
    local visitor = control.connect(folder .. "/c")
    local status = visitor:get("status")[1]
    visitor.socket:abort()
    return status
  end, folder
end

local function port(program) return tonumber(program:waitForLine "^(%d+)$") end

local function says(client, text)
  client:send(text)
  assert.equal(text, client:receive(#text))
end

describe("--max-buffers", function()
  local folder

  after_each(function()
    control.close()
    if folder then os.execute("rm -r " .. folder) end
    folder = nil
  end)

  it("ends the connection that holds the most, and no other, and the log says so once", function()
    local program, status
    program, status, folder = start(tcp, "--max-buffers", "4M")
    local at = port(program)
    local good, small, large = helper.connect(at), helper.connect(at), helper.connect(at)
    says(good, "hello")
    small:send "hold 400000\n"
    helper.eventually(function() return status().connections.bytesSent > 1000 end)
    large:send "hold 12000000\n"
    assert.is_truthy(program:waitForLine "ended by OverloadError")
    says(good, "still there")
    local line = program:waitForLine "overload: .*"
    assert.matches("overload: 1 connections ended that held the most; buffers hold %d+ of 4194304 bytes", line)
    helper.eventually(function() return status().memory.buffers < 1000000 end)
    local s = status()
    assert.equal(1, s.connections.shed)
    assert.equal(4194304, s.memory.maxBuffers)
    assert.equal(400000, #small:receive(400000))
    says(small, "and this one")
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)

  it("doesn't read from who holds more than its share, until there is room", function()
    local program, status
    program, status, folder = start(tcp, "--max-buffers", "64M")
    local at = port(program)
    local good, others = helper.connect(at), {}
    says(good, "hello")
    for i = 1, 8 do
      others[i] = helper.connect(at)
      others[i]:send "keep\n"
    end
    local block = helper.bytes(65536)
    local function pour()
      local took = 0
      for _, one in ipairs(others) do took = took + one:trySend(block) end
      return took
    end
    helper.eventually(function()
      for _ = 1, 20 do pour() end
      return status().memory.buffers > 48 << 20
    end, nil, 4 * helper.timeout)
    helper.eventually(function() return pour() == 0 end, nil, 4 * helper.timeout) -- nobody reads them any more
    says(good, "still there")
    assert.is_true(status().memory.buffers <= 64 << 20)
    for _, one in ipairs(others) do one:close() end
    program:signal "TERM"
    program:wait()
  end)

  it("keeps its bound and its counts over a reload", function()
    local program, status
    program, status, folder = start(tcp, "--max-buffers", "4M")
    local large = helper.connect(port(program))
    large:send "hold 12000000\n"
    program:waitForLine "ended by OverloadError"
    program:signal "HUP"
    program:waitForLine "reloaded"
    local s = status()
    assert.equal(1, s.connections.shed)
    assert.equal(4194304, s.memory.maxBuffers)
    program:signal "TERM"
    program:wait()
  end)

  it("counts what TLS connections and Unix-domain sockets hold, and nothing when they have ended", function()
    local path = helper.folder()
    local tls = service:format("moonport.SslServer()", '"127.0.0.1"'):gsub("  assert%(server:listen", function(listen)
      return ("  assert(server:setSslConfiguration { certificate = %q, key = %q })\n"):format(ssl.certificate, ssl.key)
        .. listen
    end) .. 'print(server:serverPort())'
    local client = [[
      local moonport = require "moonport"
      local socket = moonport.%s()
      socket:setReadBufferSize(1)
      %s
      socket:write "hold 12000000\n"
      assert(socket:waitForReadyRead(5000))
      print "full"
      moonport.sleep(60000)
    ]]
    local cases = {
      { tls, function(at) return client:format("SslSocket", ([[
          assert(socket:setSslConfiguration { caCertificates = %q })
          assert(socket:connectToHostEncrypted("127.0.0.1", %d))
          assert(socket:waitForEncrypted(5000))]]):format(ssl.certificate, at)) end },
      { service:format("moonport.LocalServer()", ("%q"):format(path .. "/s")) .. 'print(1)', function()
        return client:format("LocalSocket", ("assert(socket:connectToServer(%q))"):format(path .. "/s")) end },
    }
    for _, case in ipairs(cases) do
      local program, status, own = start(case[1], "--max-buffers", "64M")
      local reader = helper.program { source = case[2](port(program)) }
      reader:waitForLine "full"
      helper.eventually(function() return status().memory.buffers > 500000 end)
      reader:signal "KILL"
      reader:wait()
      helper.eventually(function() return status().memory.buffers == 0 end)
      program:signal "TERM"
      assert.equal(0, program:wait())
      os.execute("rm -r " .. own)
    end
    os.execute("rm -r " .. path)
  end)

  it("is the metrics' too", function()
    local options = { "--control", "off", "--metrics", "0", "--max-buffers", "4M" }
    local program = helper.program { source = tcp, options = options }
    local place = metrics.port(program)
    local large = helper.connect(port(program))
    large:send "hold 12000000\n"
    program:waitForLine "ended by OverloadError"
    local samples = metrics.scrape(place)
    assert.equal(1, samples.moonport_connections_shed_total)
    assert.equal(0, samples['moonport_connections_refused_total{reason="connections"}'])
    assert.is_true(samples.moonport_buffer_memory_bytes < 4 << 20)
    program:signal "TERM"
    program:wait()
  end)

  it("needs a size", function()
    for _, value in ipairs { "1K", "many", "-1" } do
      local program = helper.program { options = { "--max-buffers", value }, source = "" }
      assert.equal(2, program:wait())
      assert.matches("%-%-max%-buffers: needs a size of at least 1M", program:stderr())
    end
  end)
end)

describe("Limits by address", function()
  after_each(control.close)

  it("hold over a reload for who is there already, and the log counts the refused", function()
    local source = tcp:gsub("  assert%(server:listen", "  server:setMaxConnectionsPerAddress(2)\n%0", 1)
    local program, status, folder = start(source)
    local at = port(program)
    local first, second = helper.connect(at), helper.connect(at)
    says(first, "1")
    says(second, "2")
    program:signal "HUP"
    program:waitForLine "reloaded"
    local third = helper.connect(at)
    third:waitForEnd()
    assert.matches("1 connections refused of addresses with too many connections; the last: 127.0.0.1 to port " .. at,
      program:waitForLine "refused.*" and program:stderr())
    assert.equal(1, status().connections.refused.connections)
    first:close()
    helper.eventually(function() return status().connections.open == 1 end)
    local fourth = helper.connect(at)
    says(fourth, "4")
    says(second, "2")
    for _, one in ipairs { second, third, fourth } do one:close() end
    program:signal "TERM"
    program:wait()
    os.execute("rm -r " .. folder)
  end)
end)
