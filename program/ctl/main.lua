-- moonport ctl: the command line.
-- SPDX-License-Identifier: MIT

local host = require "ctl.host"
local commands = require "ctl.commands"
local console = require "ctl.console"
local show = require "ctl.show"
local target = require "ctl.target"

local help = [[
usage: moonport ctl [PID|NAME|PATH] COMMAND [options]

Asks a running moonport of this user, or of any user as root. PID is the number
of its process, NAME that of its unit (moonport@NAME), PATH its control socket.
Without one of these the only program is asked; of several, it lists them.
commands:
  status             how it is: traffic, errors, lag, memory, last reload
  connections [TEXT] who is connected; --sort FIELD, --server PORT
  handlers           which handlers are called, and how often they fail
  waits              where handlers and tasks wait, and since when
  errors             the last 50 different errors, with their tracebacks
  console            Lua in the running service; --timeout MS an entry (5000)
  reload             load the script again, and say how it went
  rollback           go back to the code before the last reload
  drain              close the listeners, stop when the last connection ends
  stop               stop as by SIGTERM
  close ID           close a connection
  log LEVEL          debug, info, warning, error or none
options:
  --json             print the answer as JSON, a line for each thing
  --help             print this
exit status: 0 done, 1 the program says no or can't be asked, 2 wrong usage
]]

local arguments = { close = "ID", log = "LEVEL" }
local with_value = { sort = true, server = true, timeout = true }
local plain = { json = true }

local function misused(why)
  io.stderr:write("moonport ctl: ", why, " (see moonport ctl --help)\n")
  return 2
end

local function failed(why)
  io.stderr:write("moonport ctl: ", (why:gsub("[^\n]+", show.safe)), "\n")
  return 1
end

-- -> the words that are no options, the options | nil, why
local function parse(words)
  local rest, options, i = {}, {}, 1
  while i <= #words do
    local name, value = words[i]:match "^%-%-([^=]+)=?(.*)"
    if name == "help" or words[i] == "-h" then
      options.help = true
    elseif name and with_value[name] then
      if value == "" then
        i = i + 1
        value = words[i]
      end
      if not value then return nil, "--" .. name .. " needs a value" end
      options[name] = value
    elseif name and plain[name] then
      options[name] = true
    elseif words[i]:find "^%-" then
      return nil, words[i] .. ": unknown option"
    else
      rest[#rest + 1] = words[i]
    end
    i = i + 1
  end
  return rest, options
end

local function list(programs)
  local rows = {}
  for i, client in ipairs(programs) do
    local script, uptime = "?", 0
    client:ask("status\n", function(s) script, uptime = s.script, s.uptime end)
    rows[i] = { tostring(client.pid), show.safe(script), show.duration(uptime), client.path }
  end
  show.rows({ ">pid", "script", ">up", "socket" }, rows, host.columns())
end

-- The programs that can be asked, or nil and the exit status.
local function all()
  local programs = target.all()
  if #programs > 0 then return programs end
  return nil, failed "no moonport of this user is running, or none that has a control socket"
end

-- The program, found by its name or because it is the only one. -> client | nil, exit status
local function find(name)
  if name then
    local client, why = target.find(name)
    if client then return client end
    return nil, failed(why)
  end
  local programs, status = all()
  if not programs then return nil, status end
  if #programs == 1 then return programs[1] end
  io.stderr:write "moonport ctl: which one?\n"
  list(programs)
  return nil, 1
end

-- Asks, and shows the answer; as JSON while it comes. -> true | nil, why, exit status
local function ask(client, options, command)
  local line = table.concat({ command, arguments[command] and options[1] or nil }, " ") .. "\n"
  if options.json then return client:ask(line, function(_, text) print(text) end) end
  local objects = {}
  local ok, why = client:ask(line, function(object) objects[#objects + 1] = object end)
  if not ok then return nil, why end
  return commands[command](objects, options)
end

local function run(words)
  local rest, options = parse(words)
  if not rest then return misused(options) end
  if options.help then
    io.write(help)
    return 0
  end
  local name = rest[1] and not commands[rest[1]] and rest[1] ~= "console" and table.remove(rest, 1) or nil
  local command = table.remove(rest, 1)
  if not command and not name then
    local programs, status = all()
    if programs then list(programs) end
    return status or 0
  end
  if not command then return misused(name .. ": there is no such command") end
  if not commands[command] and command ~= "console" then return misused(command .. ": there is no such command") end
  local wanted = arguments[command]
  if wanted and not rest[1] then return misused(command .. " needs " .. wanted) end
  local most = (wanted or command == "connections") and 1 or 0
  if #rest > most then return misused(rest[#rest] .. ": too many arguments") end
  if wanted and not rest[1]:find "^%w+$" then return misused(command .. " needs " .. wanted) end
  options[1] = rest[1]
  options.columns = host.isTerminal(1) and math.max(host.columns() or 80, 40) or nil
  local client, status = find(name)
  if not client then return status end
  local ok, why, code = (command == "console" and console or ask)(client, options, command)
  if ok then return 0 end
  if code == 2 then return misused(why) end
  return why and failed(why) or 1
end

return run(host.arguments)
