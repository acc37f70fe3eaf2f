-- SPDX-License-Identifier: MIT
-- Runs the cases of socket_cases.lua and socket_cases_udp.lua, and prints what they show.

local socket = require(arg[1])

local ports, seen -- names of the ports in the running case

-- A value as text. Integral floats and integers are the same number; free ports get names in order. By
-- chance, ports of different addresses may have the same number, and a number of an earlier case may occur
-- again.
local function shown(value, address)
  if type(value) == "number" and value == value // 1 then
    value = math.tointeger(value)
    if value < 1024 or value > 65535 then return tostring(value) end
    local key = address .. value
    if not ports[key] then
      seen = seen + 1
      ports[key] = "port " .. seen
    end
    return ports[key]
  elseif type(value) == "string" then
    local port = value:find "^%d%d%d%d%d?$" and shown(tonumber(value), address)
    return port and '"' .. port .. '"' or ("%q"):format(value)
  elseif type(value) == "table" or type(value) == "userdata" then
    return (tostring(value):gsub("0x%x+", "…"):gsub("^table: …$", "a table"))
  end
  return tostring(value)
end

local name

local function show(...)
  local list, address = table.pack(...), ""
  for i = 1, list.n do
    local value = list[i]
    list[i] = shown(value, address)
    local other = type(value) == "string" and value:find "^[%x.:]+[.:]%x+$" and value ~= "127.0.0.1"
    address = other and value or ""
  end
  print(name .. ": " .. table.concat(list, " "))
end

-- Shows what a misuse expects instead, from its message.
local function misused(fn, ...)
  local ok, message = pcall(fn, ...)
  show(ok, tostring(message):match "%(([^,)]*)" or message)
end

-- A connected pair, with a time-out.
local function pair()
  local server = assert(socket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  local client = assert(socket.connect("127.0.0.1", port))
  local peer = assert(server:accept())
  for _, one in ipairs { server, client, peer } do one:settimeout(5) end
  return client, peer, server
end

-- Runs { name, function }, …, and ends the program.
local function run(cases)
  for _, case in ipairs(cases) do
    name, ports, seen = case[1], {}, 0
    local ok, problem = pcall(case[2])
    if not ok then print(name .. ": FAILED " .. tostring(problem)) end
  end
  os.exit(0)
end

-- A bare system has no /etc/hosts; LuaSocket knows localhost only from there.
local hosts = io.open "/etc/hosts"
local hasLocalhost = hosts and hosts:read "a":find "localhost" ~= nil
if hosts then hosts:close() end

return { hasLocalhost = hasLocalhost, socket = socket, show = show, misused = misused, pair = pair, run = run }
