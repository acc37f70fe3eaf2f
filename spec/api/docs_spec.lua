-- The manual and the types are complete. The spec compares the reference pages, docs/types and the real
-- method tables: nothing is missing in any of them. It compares signals, errors, states and options with the
-- lists in C.
-- SPDX-License-Identifier: MIT
-- #nogc: it compares texts

local helper = require "spec.helper"
local moonport = require "moonport"
local ssl = require "spec.ssl"

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function keys(set)
  local list = {}
  for key in pairs(set) do list[#list + 1] = key end
  table.sort(list)
  return list
end

local function names(map)
  local set = {}
  for member in pairs(map) do set[member:match "^[^%(]+"] = true end
  return keys(set)
end

-- "address = "any"[, port = 0]" -> "address, port"
local function parameters(text)
  local list = {}
  for one in text:gsub("[%[%]]", ""):gmatch "[^,]+" do list[#list + 1] = one:match "[%w.]+" end
  return table.concat(list, ", ")
end

-- A reference page's tables: those under "Signals" -> signals, others -> members; "name(parameters)" = true.
local function page(path)
  local members, signals, section = {}, {}, ""
  for line in io.lines(path) do
    section = line:match "^## (.*)" or section
    local name, text = line:match "^| `(%w+)(%b())` |"
    if name then
      local list = section == "Signals" and signals or members
      list[("%s(%s)"):format(name, parameters(text:sub(2, -2)))] = true
    end
  end
  return members, signals
end

-- The same for a class in the types.
local function typed(class)
  local members, signals, fields = {}, {}, {}
  for line in io.lines "docs/types/moonport.lua" do
    if line:find "^%-%-%-@class" then fields = {} end
    local signal, rest = line:match "^%-%-%-@field (%w+)%? fun%(self: [%w.]+(.*)%)"
    if signal then
      local list = {}
      for name in rest:gmatch "(%w+):" do list[#list + 1] = name end
      fields[("%s(%s)"):format(signal, table.concat(list, ", "))] = true
    end
    if line == ("local %s = {}"):format(class) then signals = fields end
    local owner, name, list = line:match "^function (%w+)[.:](%w+)%((.-)%) end$"
    if owner == class then members[("%s(%s)"):format(name, list)] = true end
  end
  return members, signals
end

-- What exists. An object's __index is the table of methods, or a function whose second upvalue is that table.
local function methods(object)
  local index = debug.getmetatable(object).__index
  if type(index) == "function" then index = select(2, debug.getupvalue(index, 2)) end
  return keys(index)
end

local function functions(module)
  local set = {}
  for name, value in pairs(module) do
    local meta = getmetatable(value)
    set[name] = type(value) == "function" or (type(value) == "table" and meta and meta.__call ~= nil) or nil
  end
  return keys(set)
end

-- Rows X(CONSTANT, …) of a list in C: the strings and words of each row.
local function rows(path, list)
  local text = read(path)
  local from = assert(text:find("#define " .. list .. "(X)", 1, true), list)
  local body = text:sub(from, assert(text:find("\n\n", from, true) or text:find("clang-format on", from, true)))
  local found = {}
  for row in body:gmatch "X(%b())" do
    local cells = {}
    for cell in row:sub(2, -2):gmatch '"[^"]*"' do cells[#cells + 1] = cell:sub(2, -2) end
    if cells[1] then
      local kinds = {}
      for kind in row:gmatch "MP_OF(%b())" do kinds[kind:sub(2, -2)] = true end
      found[#found + 1] = { strings = cells, kinds = kinds, last = row:match "([A-Z_]+)%)$" }
    end
  end
  assert(#found > 2, list)
  return found
end

-- The strings of an ---@alias in the types.
local function alias(name)
  local set, inside = {}, false
  for line in io.lines "docs/types/moonport.lua" do
    if inside and not line:find "^%-%-%-|" then break end
    if inside then set[line:match '^%-%-%-| "(%w+)"'] = true end
    inside = inside or line == "---@alias moonport." .. name
  end
  return keys(set)
end

local classes = {
  { name = "TcpServer", page = "tcp_server", kind = "MP_TCP_SERVER", make = moonport.TcpServer },
  { name = "TcpSocket", page = "tcp_socket", kind = "MP_TCP_SOCKET", make = moonport.TcpSocket },
  { name = "UdpSocket", page = "udp_socket", kind = "MP_UDP_SOCKET", make = moonport.UdpSocket },
  { name = "Process", page = "process", kind = "MP_PROCESS", make = moonport.Process },
  { name = "Timer", page = "timer", kind = "MP_TIMER", make = moonport.Timer },
  { name = "HostAddress", page = "host_address", make = moonport.HostAddress },
  { name = "SslCertificate", page = "ssl_certificate",
    make = function() return assert(moonport.SslCertificate(ssl.certificate)) end },
  { name = "SslKey", page = "ssl_key", make = function() return assert(moonport.SslKey(ssl.key)) end },
  { name = "SslServer", page = "ssl_server", kind = "MP_SSL_SERVER", make = moonport.SslServer, base = "tcp_server" },
  { name = "SslSocket", page = "ssl_socket", kind = "MP_SSL_SOCKET", make = moonport.SslSocket, base = "tcp_socket" },
  { name = "LocalServer", page = "local_server", kind = "MP_LOCAL_SERVER", make = moonport.LocalServer,
    base = "tcp_server" },
  { name = "LocalSocket", page = "local_socket", kind = "MP_LOCAL_SOCKET", make = moonport.LocalSocket,
    base = "tcp_socket" },
  { name = "SslConfiguration", page = "ssl_configuration",
    make = function() return assert(moonport.SslConfiguration {}) end },
  { name = "Semaphore", page = "semaphore", make = function() return moonport.Semaphore(1) end },
  { name = "Condition", page = "condition", make = moonport.Condition },
  { name = "Channel", page = "channel", make = moonport.Channel },
  { name = "Task", page = "task", make = function() return moonport.spawn(function() end) end },
}

-- How many arguments a signal has, by what the list in C says of them.
local counts = { NONE = 0, ALERT = 3, PEER = 2, OBJECT_FAULT = 2, DATAGRAM = 4, EXIT = 3 }

describe("The manual", function()
  for _, class in ipairs(classes) do
    it("has every member and signal of " .. class.name .. " and no others, as the types have", function()
      local members, signals = page("docs/reference/" .. class.page .. ".md")
      local typedMembers, typedSignals = typed(class.name)
      assert.same(keys(members), keys(typedMembers))
      local all = class.base and page("docs/reference/" .. class.base .. ".md") or {}
      for member in pairs(members) do all[member] = true end
      assert.same(methods(class.make()), names(all))

      local real = {}
      for _, row in ipairs(rows("host/loop/signal.h", "MP_SIGNALS")) do
        if row.kinds[class.kind] then real[row.strings[1]] = counts[row.last] or 1 end
      end
      if real.serverNameRequested then real.serverNameRequested = 1 end -- it is asked in a way of its own
      assert.same(keys(real), names(signals))
      assert.same(keys(signals), keys(typedSignals))
      for signal in pairs(signals) do
        local name, arguments = signal:match "^(%w+)%((.*)%)$"
        assert.equal(real[name], select(2, arguments:gsub("%w+", "")), signal)
        local asks = name == "serverNameRequested" -- its result counts
        local ok, connection = pcall(moonport.connect, class.make(), name, print)
        assert.equal(not asks, ok)
        if ok then assert.is_true(moonport.disconnect(connection)) end
      end
    end)
  end

  it("has every function of the module and no others, as the types have", function()
    local members = page "docs/reference/moonport.md"
    assert.same(functions(moonport), names(members))
    assert.same(keys(members), keys((typed "moonport")))
  end)

  it("has what the module holds besides functions", function()
    local others = {}
    for name, value in pairs(moonport) do others[name] = type(value) ~= "function" or nil end
    assert.same({ "HostAddress", "LocalServer", "Process", "SslCertificate", "log", "version" }, keys(others))
    for class, path in pairs { HostAddress = "host_address", LocalServer = "local_server", Process = "process",
      SslCertificate = "ssl_certificate" } do
      for name in pairs(moonport[class]) do -- which can be called, and holds more
        assert.truthy(read("docs/reference/" .. path .. ".md"):find(name, 1, true), name)
        assert.truthy(read "docs/types/moonport.lua":find("---@field " .. name .. " ", 1, true), name)
      end
    end
    local text, types = read "docs/reference/moonport.md", read "docs/types/moonport.lua"
    assert.truthy(text:find("`moonport.version` is a string such as `\"", 1, true))
    local listed = text:match "`moonport.log` has four functions: (.-)%."
    for _, level in ipairs(functions(moonport.log)) do
      assert.truthy(listed:find("`" .. level .. "`", 1, true), level)
      assert.truthy(types:find("---@field " .. level .. " fun(", 1, true), level)
    end
    assert.equal(4, #functions(moonport.log))
  end)

  it("has every counter of stats, as the types have", function()
    local text = read("docs/reference/moonport.md"):match "| of `stats%(%)` .*"
    local listed, fields = {}, {}
    for row in text:gmatch "\n(| `[^|]+) |" do
      for name in row:gmatch "`(%w+)`" do listed[name] = true end
    end
    for name in read("docs/types/moonport.lua"):match("@class moonport.Stats\n(.-)\n\n"):gmatch "@field (%w+)" do
      fields[name] = true
    end
    assert.same(keys(listed), keys(fields))
    if not moonport.stats().reload then listed.reload = nil end -- only in the program
    assert.same(keys(moonport.stats()), keys(listed))
  end)

  it("has every error code with its text and no others, as the types have", function()
    local real, listed = { TaskFailedError = {} }, {}
    for _, row in ipairs(rows("host/data/error.h", "MP_FAULTS")) do
      local code, words = table.unpack(row.strings)
      real[code] = real[code] or {}
      real[code][words] = true
    end
    for code, words in read("docs/reference/errors.md"):gmatch "\n| `(%w+)` | ([^|]+) |" do
      listed[code] = {}
      for one in words:gmatch "[^;]+" do listed[code][one:match "^%s*(.-)$"] = true end
    end
    assert.truthy(read("bindings/run/spawn.c"):find '"TaskFailedError"')
    listed.TaskFailedError = listed.TaskFailedError and {}
    assert.same(real, listed)
    assert.same(keys(real), alias "Code")
  end)

  it("has every state and socket option, as the types have", function()
    local text = read "docs/reference/tcp_socket.md"
    local states, options, listed = {}, {}, {}
    for _, row in ipairs(rows("host/net/stream_state.h", "MP_SOCKET_STATES")) do states[row.strings[1]] = true end
    for name in text:match("\n## States\n(.-)\n## "):gmatch '`"(%w+)"`' do listed[name] = true end
    assert.same(keys(states), keys(listed))
    assert.same(keys(states), alias "SocketState")

    listed = {}
    local real = read("host/net/socket_option.c"):match "options%[%] = (%b{})"
    for name in real:gmatch '"(%w+)"' do options[name] = true end
    for row in text:match("\n| option | is |(.-)\n\n"):gmatch "\n(|[^|]+|)" do
      for name in row:gmatch "`(%w+)`" do listed[name] = true end
    end
    assert.same(keys(options), keys(listed))
    assert.same(keys(options), alias "SocketOption")
  end)

  it("has every option of SslConfiguration, as the types have", function()
    local real, listed, fields = {}, {}, {}
    local list = read("bindings/class/ssl_configuration.c"):match "} table%[%] = (%b{})"
    for name in list:gmatch '{"(%w+)"' do real[name] = true end
    for row in read("docs/reference/ssl_configuration.md"):match("\n| option | .-\n\n"):gmatch "\n(| `[^|]+)" do
      for name in row:gmatch "`(%w+)`" do listed[name] = true end
    end
    for name in read("docs/types/moonport.lua"):match("@class moonport.SslOptions\n(.-)\n\n"):gmatch "@field (%w+)%?" do
      fields[name] = true
    end
    assert.same(keys(real), keys(listed))
    assert.same(keys(real), keys(fields))
  end)

  it("has every error of a peer's certificate, as the types have", function()
    local real, listed = { UnspecifiedError = true }, {}
    local list = read("host/tls/verify.c"):match "table%[%] = (%b{})"
    for code in list:gmatch '{[%w_]+, "(%w+)"' do real[code] = true end
    real.NoError = nil
    for row in read("docs/reference/ssl_socket.md"):match("\n| code | .*"):gmatch "\n(| `[^|]+)" do
      for code in row:gmatch "`(%w+)`" do listed[code] = true end
    end
    assert.same(keys(real), keys(listed))
    assert.same(keys(real), alias "SslErrorCode")
  end)

  it("has every option of the program and no others, as the man page has", function()
    local help = helper.help()
    local real, listed = {}, {}
    for option in help:gmatch "\n  (%-%-?[%a-]+)" do real[option] = true end
    for option in read("docs/reference/program.md"):gmatch "\n| `(%-%-?[%a-]+)" do listed[option] = true end
    assert.same(keys(real), keys(listed))

    listed = {}
    local man = read("docs/moonport.1"):gsub("\\%-", "-"):match "\n%.SH OPTIONS(.-)\n%.SH"
    for option in man:gmatch "\n%.BI? (%-%-?[%a-]+)" do
      listed[option] = true
    end
    assert.same(keys(real), keys(listed))
  end)

  it("says which value each option takes, and its default, as the man page does", function()
    local help = helper.help()
    local manual, man = read "docs/reference/program.md", read("docs/moonport.1"):gsub("\\%-", "-")
    local defaults = 0
    for option, value, text in help:gmatch "\n  (%-%-?[%a-]+) ?(%u*)[|%l]* +([^\n]+)" do
      local row = manual:match("\n| `" .. option:gsub("%-", "%%-") .. "([^\n]*)")
      local entry = man:match("\n%.BI? " .. option:gsub("%-", "%%-") .. "(.-)\n%.[TS][PH]")
      assert.equal(value, row:match "^ ?(%u*)`", option)
      assert.equal(value, entry:match '^ ?"? ?(%u*)', option)
      local default = text:match "%((%w+)%)$"
      if default then
        assert.truthy(row:find("%(`?" .. default .. "`?%)"), option)
        assert.truthy(entry:find("(" .. default .. ")", 1, true), option)
        defaults = defaults + 1
      end
    end
    assert.is_true(defaults >= 5)
  end)

  it("has the exit statuses and signals of --help on the program's page, as the man page has", function()
    local help = helper.help()
    local manual, man = read "docs/reference/program.md", read "docs/moonport.1"
    for status in help:match("exit status: (.*)"):gmatch "%f[%w](%d) " do
      assert.truthy(manual:find("\n| " .. status .. " | ", 1, true), status)
      assert.truthy(man:find("\n%.B " .. status .. "\n"), status)
    end
    for signal in help:match("signals: ([^\n]*)"):gmatch "%u%u%u+" do
      assert.truthy(manual:find("SIG" .. signal, 1, true), signal)
      assert.truthy(man:find("SIG" .. signal, 1, true), signal)
    end
  end)

  it("promises no globals, and there are none but Lua's: luacheck needs to know no others", function()
    local code = 'require "moonport" for name in pairs(_G) do print(name) end'
    local function globals(...)
      local status, out = helper.run { ... }
      assert.equal(0, status)
      local set = {}
      for name in out:gmatch "%S+" do set[name] = true end
      return keys(set)
    end
    local program = os.getenv "MOONPORT" or "build/asan/moonport"
    assert.same(globals("lua5.4", "-e", (code:gsub('require "moonport"', ""))), globals(program, "-e", code))
    assert.truthy(read ".luacheckrc":find 'std = "lua54"')
    assert.truthy(read "docs/manual.md":find 'std = "lua54"')
  end)

  it("shows the figures of docs/performance.md in README.md, as bench/summary.py puts them there", function()
    local function cells(line)
      local list = {}
      for cell in line:gmatch "|%s*([^|]-)%s*%f[|]" do list[#list + 1] = cell end
      return list
    end
    local measured = {} -- the figures of a row, in README's order -> its title
    local columns = { "epoll", "moonport", "luv", "cqueues", "node", "qt" }
    local places
    for line in io.lines "docs/performance.md" do
      local row = line:find "^|" and cells(line)
      if row and not places then
        places = {}
        for place, name in ipairs(row) do places[name] = place end
      elseif row then
        local figures = {}
        for i, name in ipairs(columns) do figures[i] = row[places[name]]:gsub(" %(.*", "") end
        measured[table.concat(figures, " ")] = row[1]
      end
    end
    local shown = 0
    for line in read("README.md"):match("figures: .-\n(.-)<!"):gmatch "[^\n]+" do
      local row = cells(line)
      if row[1] ~= "" and row[1] ~= "---" then
        assert.truthy(measured[table.concat(row, " ", 2)], line)
        shown = shown + 1
      end
    end
    assert.is_true(shown >= 4)
  end)

  -- README.md's commands are run by another spec, so its log line is what the program writes.
  it("shows in README.md's picture the same log line of a reload as README.md's commands do", function()
    local function plain(text)
      return (text:gsub("%s+", ""):gsub("%d+ms;", "Nms;"))
    end
    local line = read("README.md"):match "(info reloaded echo%.lua[^\n]*)\n"
    local picture = read("docs/half-a-minute.svg"):gsub("<style>.-</style>", ""):gsub("<[^>]*>", "")
    assert.truthy(plain(picture):find(plain(line), 1, true), "run ./dev picture")
  end)

  it("has a row for each difference from Qt, each with a spec and an entry on the page for Qt's users", function()
    local listed, specs = {}, read "spec/api/differences_spec.lua"
      .. read "spec/api/differences_tls_spec.lua" .. read "spec/api/differences_udp_spec.lua"
      .. read "spec/api/differences_process_spec.lua"
    local inWords = read("docs/from-qt.md"):match "\n## What will surprise you\n(.-)\n## "
    for number in read("docs/differences.md"):gmatch "\n| D(%d+) |" do
      listed[#listed + 1] = tonumber(number)
      assert.truthy(specs:find('it("D' .. number .. " ", 1, true), number)
      assert.truthy(inWords:find("D" .. number .. "[,)]"), number)
    end
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
      28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45 }, listed)
  end)
end)
