-- SPDX-License-Identifier: MIT
-- The modules in Lua that ship with moonport: module, reference page and types have the same functions.

local helper = require "spec.helper" -- luacheck: ignore

local function keys(set)
  local list = {}
  for key in pairs(set) do list[#list + 1] = key end
  table.sort(list)
  return list
end

-- The functions of a table, without __name and the like and without what the module hides (`hidden`).
local function functions(from, hidden)
  local set = {}
  for name, value in pairs(from) do
    set[name] = type(value) == "function" and not name:find "^__" and not (hidden or {})[name] or nil
  end
  return keys(set)
end

-- "[port[, msec = 50]]" -> "port, msec"
local function parameters(text)
  local list = {}
  for one in text:gsub("[%[%]]", ""):gmatch "[^,]+" do list[#list + 1] = one:match "[%w_.]+" end
  return table.concat(list, ", ")
end

-- Each "name(parameters)" in a section of a page.
local function section(page, title)
  local set, current = {}, nil
  for line in io.lines("docs/reference/" .. page .. ".md") do
    current = line:match "^## (.*)" or current
    local name, text = line:match "^| `([%w_]+)(%b())` |"
    if name and current == title then set[("%s(%s)"):format(name, parameters(text:sub(2, -2)))] = true end
  end
  return keys(set)
end

local function typed(file, class)
  local set = {}
  for line in io.lines("docs/types/" .. file .. ".lua") do
    local owner, name, list = line:match "^function (%w+)[.:]([%w_]+)%((.-)%) end$"
    if owner == class then set[("%s(%s)"):format(name, list)] = true end
  end
  return keys(set)
end

local function names(list)
  local set = {}
  for _, one in ipairs(list) do set[one:match "^[^(]+"] = true end
  return keys(set)
end

-- What moonport.compat's objects have for each other, and what is as in another class.
local function hide(...)
  local set = { new = true, clock = true, isHeld = true, problem = true, readable = true, remaining = true,
    settle = true, signals = true, use = true, writable = true }
  for _, list in ipairs { ... } do for name in list:gmatch "%w+" do set[name] = true end end
  return set
end

local common = "close getfd setfd settimeout gettimeout getstats setstats"

local redisCommands = require "moonport.redis.commands"
local storeClass = getmetatable(require("moonport.redis").connect "redis://localhost")

-- The methods of a class in C are an upvalue of its __index.
local function websocketMethods()
  local frames = require "moonport.websocket.frames"
  local ws = frames.open(require("moonport").TcpSocket(), true, 1, 0, 1)
  return (select(2, debug.getupvalue(debug.getmetatable(ws).__index, 2)))
end

local classes = {
  { "test", "Module", "test", require "moonport.test" },
  { "test", "Service", "Service", require "moonport.test.service", { start = true, opened = true } },
  { "test", "Client", "Client", require "moonport.test.client", { connect = true, timeout = true, giveWay = true } },
  { "test", "Authority", "Authority", require "moonport.test.authority", { open = true } },
  { "http", "Module", "http", require "moonport.http" },
  { "resp", "Module", "resp", require "moonport.resp" },
  { "metrics", "Module", "metrics", require "moonport.metrics" },
  { "store", "Module", "store", require "moonport.store" },
  { "websocket", "Module", "websocket", require "moonport.websocket" },
  { "websocket", "WebSocket", "ws", websocketMethods() },
  { "redis", "Module", "redis", require "moonport.redis" },
  { "redis", "Store", "store", storeClass, redisCommands.methods },
  { "compat_socket", "Module", "socket", require "moonport.compat.socket" },
  { "compat_socket", "tcp", "tcp", require "moonport.compat.socket.tcp", hide() },
  { "compat_socket", "udp", "udp", require "moonport.compat.socket.udp",
    hide(common, "getfamily take drop await") },
  { "compat_socket", "unix", "unix", require "moonport.compat.socket.unix".class,
    hide(common, "accept dirty receive send shutdown") },
  { "compat_socket", "dns", "dns", require "moonport.compat.socket.dns" },
  { "compat_ssl", "Module", "ssl", require "moonport.compat.ssl" },
  { "compat_ssl", "Connection", "connection", require "moonport.compat.ssl.connection",
    hide("wrap close dirty getfd getpeername getsockname getstats gettimeout setoption setstats settimeout shutdown") },
  { "compat_ssl", "Certificate", "certificate", require "moonport.compat.ssl.certificate",
    { new = true, load = true } },
}

describe("The reference of the modules in Lua", function()
  it("has every command that is a method of a store, and so have the types", function()
    local listed, types = {}, {}
    for list in ("\n" .. io.open("docs/reference/redis.md"):read "a"):gmatch "\n[^\n|]*`(%l+ [%l\n ]+)`" do
      for name in list:gmatch "%l+" do listed[name] = true end
    end
    for line in io.lines "docs/types/redis.lua" do
      local name = line:match "^%-%-%-@field (%l+) moonport.redis.Command$"
      if name then types[name] = true end
    end
    local real = {}
    for _, set in ipairs { redisCommands.methods, redisCommands.blocking, redisCommands.guarding } do
      for name in pairs(set) do real[name] = true end
    end
    assert.same(keys(real), keys(listed))
    assert.same(keys(real), keys(types))
  end)

  for _, class in ipairs(classes) do
    local page, title, owner, real, hidden = table.unpack(class)
    it(("has every function of %s, %s, and no others, and so have the types"):format(page, title), function()
      local listed = section(page, title)
      assert.same(functions(real, hidden), names(listed))
      assert.same(listed, typed(page, owner))
    end)
  end
end)
