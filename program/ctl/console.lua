-- The console: lines are entries, and an entry may have several lines. From a terminal with a prompt, and with the
-- names completed where libedit is there; from a pipe it reads and prints.
-- SPDX-License-Identifier: MIT

local host = require "ctl.host"
local show = require "ctl.show"

-- Text of several lines, each without control characters.
local function lines(text) return (text:gsub("\t", "  "):gsub("[^\n]+", show.safe)) end

local function complete(client, text)
  local names = {}
  client:ask(("complete %d\n%s"):format(#text, text), function(object) names[#names + 1] = object.name end)
  return names
end

return function(client, options)
  local terminal = host.isTerminal(0) and host.isTerminal(1)
  local timeout = math.tointeger(tonumber(options.timeout or 5000))
  local read = terminal and host.lineReader(function(text) return complete(client, text) end)
    or function() return io.read() end
  if terminal then
    print(("moonport %s, process %d: Lua in the running service; Ctrl-D leaves"):format(host.version, client.pid))
  end
  local text, status = "", true
  while true do
    local line = read(text == "" and "> " or ">> ")
    if not line or terminal and text == "" and (line == "exit" or line == "quit") then break end
    text = text == "" and line or text .. "\n" .. line
    local incomplete = false
    local ok, why = client:ask(("eval %d %d\n%s"):format(timeout, #text, text), function(object)
      incomplete = incomplete or object.incomplete
      local shown = object.print or object.value
      if shown then print(lines(shown)) end
    end)
    if not incomplete then
      if not ok then
        io.stderr:write(lines(why), "\n")
        status = false
      end
      text = ""
    end
    if not ok and why:find "closed the connection" then return nil, why end
  end
  if text ~= "" then
    io.stderr:write "the last entry is incomplete\n"
    status = false
  end
  if terminal then print() end
  return status or nil, nil
end
