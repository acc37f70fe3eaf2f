-- SPDX-License-Identifier: MIT
-- Calls with more arguments than a function takes. Timer(1000, fn) made a timer that called nothing, and
-- TcpServer("127.0.0.1", 7000) a server that didn't listen. The spec calls every function of docs/types with
-- one argument more than it takes. It also checks the messages of misuse: each says what was wrong, and what
-- was probably meant.

local helper = require "spec.helper"
local moonport = require "moonport"
local ssl = require "spec.ssl"

-- These act and take no arguments. They may be handlers and iterators, which are called with arguments.
local tolerant = {}
for name in ([[close abort disconnectFromHost closeWriteChannel flush stop cancel pauseAccepting resumeAccepting
  nextPendingConnection getChar reload pauseReading resumeReading release notify notifyAll
  disconnectFromServer kill terminate]]):gmatch "%w+" do tolerant[name] = true end

-- The functions of docs/types but those of any number of parameters: { owner, name, number of parameters }.
local function functions()
  local list, class = {}, nil
  for line in io.lines "docs/types/moonport.lua" do
    class = line == "" and "" or line:match "^%-%-%-@class moonport%.(%w+)" or class
    local owner, name, parameters = line:match "^function ([%w]+)[.:](%w+)%((.-)%) end$"
    if not owner then
      name, parameters = line:match "^%-%-%-@field (%w+) fun%((.-)%): moonport"
      owner = name and class:match "Class$" and class
    end
    if owner and not parameters:find("...", 1, true) then
      local _, count = parameters:gsub("[^,]+", "")
      list[#list + 1] = { owner = owner, name = name, count = count }
    end
  end
  assert(#list > 150, #list)
  return list
end

local function objects()
  local ended = moonport.spawn(function() end)
  ended:join()
  return { TcpServer = moonport.TcpServer(), TcpSocket = moonport.TcpSocket(), Timer = moonport.Timer(), Task = ended,
    HostAddress = moonport.HostAddress "127.0.0.1", SslCertificate = assert(moonport.SslCertificate(ssl.certificate)),
    SslKey = assert(moonport.SslKey(ssl.key)), SslServer = moonport.SslServer(), SslSocket = moonport.SslSocket(),
    SslConfiguration = assert(moonport.SslConfiguration {}), Semaphore = moonport.Semaphore(1),
    SemaphoreToken = moonport.Semaphore(1):acquire(), Condition = moonport.Condition(), Channel = moonport.Channel(),
    LocalServer = moonport.LocalServer(), LocalSocket = moonport.LocalSocket(), UdpSocket = moonport.UdpSocket(),
    Process = moonport.Process() }
end

-- The function, and its arguments: first its object, then numbers that mean nothing to it.
local function call(one, object, count)
  local arguments = table.pack(object)
  if not object then arguments.n = 0 end
  for i = 1, count do arguments[arguments.n + i] = i end
  arguments.n = arguments.n + count
  local holder = object or moonport[one.owner:match "^(.*)Class$"] or moonport
  return pcall(holder[one.name], table.unpack(arguments, 1, arguments.n))
end

local function plainly(fn, ...)
  local ok, message = pcall(fn, ...)
  assert.is_false(ok)
  return (message:gsub("^[^:]+:%d+: ", ""))
end

describe("Surplus arguments", function()
  it("raise, whatever is called", function()
    local of = objects()
    for _, one in ipairs(functions()) do
      local what = one.owner .. "." .. one.name
      if not tolerant[one.name] then
        for _, more in ipairs { 1, 2, 100 } do
          local ok, message = call(one, of[one.owner], one.count + more)
          assert.is_false(ok, what)
          assert.truthy(message:find("one too many", 1, true) or message:find("it takes none: ", 1, true),
            ("%s with %d more: %s"):format(what, more, message))
        end
      end
    end
    assert.equal("UnconnectedState", of.TcpSocket:state())
    assert.is_false(of.TcpServer:isListening())
    assert.is_false(of.Timer:isActive())
  end)

  it("are ignored by methods that act and take no arguments, so that they may be handlers or iterators", function()
    local of = objects()
    local seen = {}
    for _, one in ipairs(functions()) do
      if tolerant[one.name] and one.name ~= "reload" then
        assert.equal(0, one.count)
        seen[one.name] = true
        assert.is_true(call(one, of[one.owner], 3), one.name)
      end
    end
    seen.reload = true
    assert.same(tolerant, seen)

    local server <close> = moonport.TcpServer()
    assert(server:listen "127.0.0.1")
    local clients = { helper.connect(server:serverPort()), helper.connect(server:serverPort()) }
    local taken = {}
    helper.eventually(function() return server:hasPendingConnections() end)
    helper.eventually(function()
      for socket in server.nextPendingConnection, server do taken[#taken + 1] = socket end
      return #taken == 2
    end)
    taken[1].errorOccurred = taken[1].abort
    taken[2].stateChanged = taken[2].close
    for i, client in ipairs(clients) do
      client:close()
      helper.eventually(function() return not taken[i]:isOpen() end)
    end
  end)

  it("are ignored if they are nil, as when a function passes its own arguments on", function()
    local server <close>, socket = moonport.TcpServer(nil), moonport.TcpSocket(nil, nil)
    local timer <close> = moonport.Timer(nil)
    assert(server:listen("127.0.0.1", 0, nil, nil))
    assert.is_true(server:isListening(nil))
    assert.is_nil(timer:start(1000, nil))
    assert.equal("", socket:readAll(nil))
    assert.is_true(moonport.sleep(0, nil, nil))
    assert.is_true(moonport.HostAddress("::1", nil) == moonport.HostAddress("::1"))
  end)

  it("of a constructor raise with a hint at what was meant", function()
    assert.equal("bad argument #1 to 'Timer' (it takes none: start(msec) starts it, and timeout is its handler; or " ..
      "moonport.singleShot(msec, fn))", plainly(function() moonport.Timer(1000, print) end))
    assert.equal("bad argument #1 to 'TcpServer' (it takes none: pass the address to listen(address, port))",
      plainly(function() moonport.TcpServer("127.0.0.1", 7000) end))
    assert.equal("bad argument #1 to 'TcpSocket' (it takes none: pass the address to connectToHost(host, port))",
      plainly(function() moonport.TcpSocket("127.0.0.1", 7000) end))
    assert.equal("bad argument #1 to 'SslServer' (it takes none: pass the certificate to " ..
      "setSslConfiguration(table), the address to listen(address, port))",
      plainly(function() moonport.SslServer("127.0.0.1", 7043) end))
    assert.equal("bad argument #1 to 'SslSocket' (it takes none: pass the address to " ..
      "connectToHostEncrypted(host, port))", plainly(function() moonport.SslSocket("127.0.0.1", 7043) end))
    assert.equal("bad argument #1 to 'LocalServer' (it takes none: pass the name to listen(name))",
      plainly(function() moonport.LocalServer "name" end))
    assert.equal("bad argument #1 to 'LocalSocket' (it takes none: pass the name to connectToServer(name))",
      plainly(function() moonport.LocalSocket "name" end))
    assert.equal("bad argument #2 to 'start' (one too many)",
      plainly(function() moonport.Timer():start(1000, print) end))
  end)

  it("aren't raised for the end of a <close> variable, with or without an error", function()
    local timer = moonport.Timer()
    local connection
    local ok, message = pcall(function()
      local closed <close> = moonport.connect(timer, "timeout", print)
      connection = closed
      error("mine", 0)
    end)
    assert.is_false(ok)
    assert.equal("mine", message)
    assert.is_false(moonport.disconnect(connection))
  end)
end)

describe("The message of misuse:", function()
  local cases = {
    ["connectToHost: the port is missing"] = function(_, socket) socket:connectToHost "127.0.0.1" end,
    ["listen: a port is a number, not a table"] = function(server) server:listen("127.0.0.1", {}) end,
    ["bind: a port is a number, not a boolean"] = function(_, socket) socket:bind("127.0.0.1", true) end,
    ["listen: port http is not a number"] = function(server) server:listen("127.0.0.1", "http") end,
    ["listen: port 1.5 is not a whole number"] = function(server) server:listen("127.0.0.1", 1.5) end,
    ["bad argument #1 to 'listen' (address expected, got number; the port comes second)"] =
      function(server) server:listen(7000) end,
    ["bad argument #1 to 'setSocketOption' (unknown socket option 'LowDelay'; did you mean 'LowDelayOption'?)"] =
      function(_, socket) socket:setSocketOption("LowDelay", 1) end,
    ["bad argument #1 to 'socketOption' (unknown socket option 'keep_alive_option'; did you mean 'KeepAliveOption'?)"] =
      function(_, socket) socket:socketOption "keep_alive_option" end,
    ["bad argument #1 to 'socketOption' (unknown socket option 'Nagle')"] =
      function(_, socket) socket:socketOption "Nagle" end,
    ["bad argument #2 to 'setSocketDescriptor' (unknown state 'Connected'; did you mean 'ConnectedState'?)"] =
      function(_, socket) socket:setSocketDescriptor(0, "Connected") end,
    ["bad argument #3 to 'connectToHost' (unknown open mode 'readwrite'; did you mean 'ReadWrite'?)"] =
      function(_, socket) socket:connectToHost("127.0.0.1", 1, "readwrite") end,
    ["bad argument #1 to 'open' (unknown open mode 'Txt'; did you mean 'Text'?)"] =
      function(_, socket) socket:open "ReadOnly|Txt" end,
    ["bad argument #1 to 'open' (unknown open mode '')"] = function(_, socket) socket:open "ReadOnly|" end,
    ["bad argument #3 to 'bind' (unknown bind mode 'Share'; did you mean 'ShareAddress'?)"] =
      function(_, socket) socket:bind("127.0.0.1", 0, "Share") end,
    ["bad argument #4 to 'connectToHost' (unknown protocol 'IPv4'; did you mean 'IPv4Protocol'?)"] =
      function(_, socket) socket:connectToHost("127.0.0.1", 1, "ReadWrite", "IPv4") end,
    ["bad argument #1 to 'receive' (a number of bytes, 'line' or 'all' expected, got 'lines')"] =
      function(_, socket) socket:receive "lines" end,
    ["bad argument #1 to 'receive' (a number of bytes, 'line' or 'all' expected, got no value)"] =
      function(_, socket) socket:receive() end,
    ["bad argument #1 to 'receive' (a number of bytes, 'line' or 'all' expected, got table)"] =
      function(_, socket) socket:receive {} end,
    ["bad argument #1 to 'HostAddress' (string expected, got table)"] = function() moonport.HostAddress {} end,
    ["bad argument #1 to 'HostAddress' (an IPv4 address has 32 bits)"] = function() moonport.HostAddress(-1) end,
  }
  for message, fn in pairs(cases) do
    it(message, function() assert.equal(message, plainly(fn, moonport.TcpServer(), moonport.TcpSocket())) end)
  end
end)
