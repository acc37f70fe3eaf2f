-- A handler under the name of another class's signal was an ordinary field, and was never called:
-- server.readyRead, server.connection.newConnection, socket.timeout. Now it raises, and names the class that
-- it belongs to. So does moonport.connect, which also suggests the right name.
-- SPDX-License-Identifier: MIT
-- #nogc: it goes through all names of the documentation

require "spec.helper"
local moonport = require "moonport"

local bases = { SslServer = "TcpServer", SslSocket = "TcpSocket", LocalServer = "TcpServer", LocalSocket = "TcpSocket" }

-- The signals in docs/types, which docs_spec compares with the real ones, that a class and its base haven't: each with
-- the first class that has it.
local function signalsOfOthers(of)
  local list, first, own, class = {}, {}, {}, nil
  for line in io.lines "docs/types/moonport.lua" do
    class = line:match "^%-%-%-@class moonport%.(%w+)" or class
    local name = line:match "^%-%-%-@field (%w+)%? fun%(self: [%w.]+.*%)"
    if name then
      if not first[name] then list[#list + 1] = { name = name, class = class } end
      first[name] = true
      own[name] = own[name] or class == of or class == bases[of]
    end
  end
  for i = #list, 1, -1 do
    if own[list[i].name] then table.remove(list, i) end
  end
  return list
end

local places = {
  TcpServer = "to the server itself",
  TcpSocket = "to a socket, or into the server's connection for all of its connections",
  Timer = "to a timer",
  UdpSocket = "to a socket",
  Process = "to a process",
  SslServer = "to the server itself",
  SslSocket = "to a socket, or into the SslServer's connection for all of its connections",
}

local function objects()
  local server = moonport.TcpServer()
  return {
    { object = server, class = "TcpServer" },
    { object = server.connection, class = "TcpSocket" },
    { object = moonport.TcpSocket(), class = "TcpSocket" },
    { object = moonport.Timer(), class = "Timer" },
    { object = moonport.SslServer(), class = "SslServer" },
    { object = moonport.SslSocket(), class = "SslSocket" },
    { object = moonport.LocalServer(), class = "LocalServer" },
    { object = moonport.LocalSocket(), class = "LocalSocket" },
    { object = moonport.UdpSocket(), class = "UdpSocket" },
    { object = moonport.Process(), class = "Process" },
  }
end

local function plainly(fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  return (message:gsub("^[^:]+:%d+: ", ""))
end

describe("A handler of another class's signal", function()
  it("raises with the class that it belongs to, also with other letter case", function()
    local seen = 0
    for _, one in ipairs(objects()) do
      for _, signal in ipairs(signalsOfOthers(one.class)) do
        for _, name in ipairs { signal.name, signal.name:lower() } do
          seen = seen + 1
          assert.equal(("%s has no signal '%s': '%s' is one of %s, and its handlers go %s"):format(one.class, name,
            signal.name, signal.class, places[signal.class]), plainly(function() one.object[name] = print end))
          assert.is_nil(one.object[name])
        end
      end
    end
    assert.is_true(seen > 40, seen)
  end)

  it("raises in a table that becomes a prototype", function()
    local server = moonport.TcpServer()
    assert.error_matches(function() server.connection = { newConnection = print } end,
      "TcpSocket has no signal 'newConnection': .* go to the server itself")
  end)

  it("may be the script's own data if it isn't a function", function()
    for _, one in ipairs(objects()) do
      for _, signal in ipairs(signalsOfOthers(one.class)) do
        for _, value in ipairs { 5, "text", true, {} } do
          one.object[signal.name] = value
          assert.equal(value, one.object[signal.name])
        end
        one.object[signal.name] = nil
      end
    end
  end)
end)

describe("moonport.connect with an unknown signal", function()
  it("suggests the right name", function()
    local server, socket, timer = moonport.TcpServer(), moonport.TcpSocket(), moonport.Timer()
    for _, case in ipairs {
      { socket, "readyread", "readyRead" }, { socket, "ready_read", "readyRead" },
      { socket, "onReadyRead", "readyRead" }, { socket, "on_ready_read", "readyRead" },
      { socket, "redyRead", "readyRead" }, { socket, "error", "errorOccurred" },
      { socket, "conected", "connected" }, { socket, "disconected", "disconnected" },
      { socket, "state", "stateChanged" },
      { server, "newConection", "newConnection" }, { server, "NewConnections", "newConnection" },
      { timer, "timeOut", "timeout" }, { timer, "onTimeout", "timeout" }, { timer, "timout", "timeout" },
    } do
      local object, name, meant = table.unpack(case)
      assert.error_matches(function() moonport.connect(object, name, print) end,
        ("has no signal '%s'; did you mean '%s'%%?"):format(name, meant))
    end
  end)

  it("names the class that has it, or says that none has", function()
    for _, one in ipairs(objects()) do
      for _, signal in ipairs(signalsOfOthers(one.class)) do
        if type(one.object) == "userdata" then
          local expected = ("%s has no signal '%s': '%s' is one of %s, and its handlers go %s"):format(one.class,
            signal.name, signal.name, signal.class, places[signal.class])
          assert.equal(expected, plainly(function() moonport.connect(one.object, signal.name, print) end))
        end
      end
    end
    for name, shown in pairs { x = "x", [""] = "", [("y"):rep(1000)] = ("y"):rep(100) .. "..." } do
      assert.equal(("TcpSocket has no signal '%s'"):format(shown),
        plainly(function() moonport.connect(moonport.TcpSocket(), name, print) end))
    end
  end)

  it("checks the names of its options the same way", function()
    local socket = moonport.TcpSocket()
    local function connect(options)
      return plainly(function() moonport.connect(socket, "readyRead", print, options) end)
    end
    assert.equal("connect: unknown option 'singleshot'; did you mean 'singleShot'?", connect { singleshot = true })
    assert.equal("connect: unknown option 'once'", connect { once = true })
    assert.equal("connect: unknown option '1'", connect { true })
    assert.equal("connect: singleShot is true or false, not a string", connect { singleShot = "yes" })
  end)
end)

describe("A value that can't be a prototype", function()
  it("raises with a message in words", function()
    local server = moonport.TcpServer()
    for _, value in ipairs { 5, "text", true, print, server } do
      assert.equal(("connection: the prototype of connections is a table, not a %s"):format(type(value)),
        plainly(function() server.connection = value end))
    end
    assert.equal("index is nil", plainly(function() server[nil] = 1 end))
  end)
end)
