-- A method in a server's prototype under the name of a member of TcpSocket (reset, size, state, lines …) was
-- never called, without a warning, since the class's members come first. On a socket it raised. Now it also
-- raises in a prototype, in a script's class that is a prototype, and in its base classes.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

-- All members of the class in docs/types, which docs_spec compares with the real ones.
local function members()
  local list = {}
  for line in io.lines "docs/types/moonport.lua" do list[#list + 1] = line:match "^function TcpSocket:(%w+)%(" end
  return list
end

local values = { function() end, 5, "text", {} }

local function assertRaises(name, fn)
  assert.error_matches(fn, ("connection: '%s' is a method of TcpSocket and can't be replaced"):format(name))
end

describe("A member's name in a prototype", function()
  it("raises when it is set", function()
    local server, count = moonport.TcpServer(), 0
    for _, name in ipairs(members()) do
      count = count + 1
      local value = values[count % #values + 1]
      assertRaises(name, function() server.connection[name] = value end)
      assert.is_nil(rawget(server.connection, name))
    end
    assert.is_true(count > 60, count)
  end)

  it("raises in a table that becomes the prototype, and the prototype doesn't change", function()
    local server = moonport.TcpServer()
    local before = server.connection
    for _, name in ipairs(members()) do
      assertRaises(name, function() server.connection = { ours = 1, [name] = print } end)
      assert.equal(before, server.connection)
    end
  end)

  it("raises in a class, and in its base classes", function()
    local server = moonport.TcpServer()
    for _, name in ipairs { "close", "state", "lines", "reset" } do
      local base = { [name] = print }
      base.__index = base
      assertRaises(name, function() server.connection = setmetatable({}, base) end)
      local class = setmetatable({}, base)
      class.__index = class
      assertRaises(name, function() server.connection = setmetatable({ ours = 1 }, class) end)
    end
  end)

  it("raises at listen, if the class got it later", function()
    local server <close> = moonport.TcpServer()
    local class = {}
    class.__index = class
    server.connection = setmetatable({}, class)
    class.write = print
    assertRaises("write", function() server:listen "127.0.0.1" end)
    assert.is_false(server:isListening())
    class.write = nil
    assert.is_true(server:listen "127.0.0.1")
  end)

  it("isn't searched for in a circle of classes, or in one that computes its members", function()
    local server = moonport.TcpServer()
    local one, other = {}, {}
    one.__index, other.__index = other, one
    setmetatable(one, one)
    setmetatable(other, other)
    server.connection = one
    server.connection = setmetatable({}, { __index = function() return print end })
    assert.is_table(server.connection)
  end)

  it("doesn't prevent the script's own names", function()
    local server <close> = moonport.TcpServer()
    server.connection.name = "ann"
    function server.connection:say(text) self:write(self.name .. ": " .. text) end
    function server.connection:readyRead() self:say(self:readAll()) end
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    client:send "hello"
    assert.equal("ann: hello", client:receive(10))
  end)
end)
