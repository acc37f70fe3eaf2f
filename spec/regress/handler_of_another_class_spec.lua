-- A handler of another class's signal was an ordinary field, and never called: server.readyRead,
-- server.connection.newConnection, socket.timeout. It raises, and says where it belongs; so does
-- moonport.connect, which also says what was meant.
-- SPDX-License-Identifier: MIT

require "spec.helper"
local moonport = require "moonport"

-- The signals of each class: those of docs/types, which docs_spec compares with what there is.
local function signals()
  local list, class = {}, nil
  for line in io.lines "docs/types/moonport.lua" do
    class = line:match "^%-%-%-@class moonport%.(%w+)" or class
    local name = line:match "^%-%-%-@field (%w+)%? fun%(self: [%w.]+.*%)"
    if name then list[#list + 1] = { name = name, class = class } end
  end
  return list
end

local places = {
  TcpServer = "to the server itself",
  TcpSocket = "to a socket, or into the server's connection for all of its connections",
  Timer = "to a timer",
}

local function objects()
  local server = moonport.TcpServer()
  return {
    { object = server, class = "TcpServer" },
    { object = server.connection, class = "TcpSocket" },
    { object = moonport.TcpSocket(), class = "TcpSocket" },
    { object = moonport.Timer(), class = "Timer" },
  }
end

local function plainly(fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  return (message:gsub("^[^:]+:%d+: ", ""))
end

describe("a handler of another class's signal", function()
  it("raises with the place where it belongs; with another case of its letters, too", function()
    local seen = 0
    for _, one in ipairs(objects()) do
      for _, signal in ipairs(signals()) do
        if signal.class ~= one.class then
          for _, name in ipairs { signal.name, signal.name:lower() } do
            seen = seen + 1
            assert.equal(("%s has no signal '%s': '%s' is one of %s, and its handlers go %s"):format(one.class, name,
              signal.name, signal.class, places[signal.class]), plainly(function() one.object[name] = print end))
            assert.is_nil(one.object[name])
          end
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

  it("isn't data of the script's own under such a name", function()
    for _, one in ipairs(objects()) do
      for _, signal in ipairs(signals()) do
        if signal.class ~= one.class then
          for _, value in ipairs { 5, "text", true, {} } do
            one.object[signal.name] = value
            assert.equal(value, one.object[signal.name])
          end
          one.object[signal.name] = nil
        end
      end
    end
  end)
end)

describe("moonport.connect with a name that is no signal", function()
  it("says what was meant", function()
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

  it("says whose it is, or that it is nobody's", function()
    for _, one in ipairs(objects()) do
      for _, signal in ipairs(signals()) do
        if signal.class ~= one.class and type(one.object) == "userdata" then
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

  it("says the same of its options", function()
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

describe("what isn't a prototype", function()
  it("is told in words", function()
    local server = moonport.TcpServer()
    for _, value in ipairs { 5, "text", true, print, server } do
      assert.equal(("connection: the prototype of connections is a table, not a %s"):format(type(value)),
        plainly(function() server.connection = value end))
    end
    assert.equal("index is nil", plainly(function() server[nil] = 1 end))
  end)
end)
