-- moonport ctl: the command line.
-- SPDX-License-Identifier: MIT

local host = require "ctl.host"
local commands = require "ctl.commands"
local console = require "ctl.console"
local help = require "ctl.help"
local show = require "ctl.show"
local target = require "ctl.target"
local top = require "ctl.top"

-- The arguments of commands, and whether they are needed; and their options, of which those with a name need a value.
local levels = { debug = true, info = true, warning = true, error = true, none = true }
local sorts = { id = true, age = true, idle = true, unread = true, unsent = true, read = true, sent = true }
local function isNumber(text) return text:find "^%d+$" end
local function isTime(text) return (tonumber(text) or 0) > 0 and tonumber(text) <= 600 end
local arguments = {
  profile = { "SECONDS", allowed = isTime, what = "a time of at most 600 seconds" },
  trace = { "ID", needed = isNumber, what = "the id of a connection" },
  connections = { "TEXT" },
  close = { "ID", needed = isNumber, what = "the id of a connection" },
  log = { "LEVEL", needed = function(text) return levels[text] end, what = "debug, info, warning, error or none" },
}
local known = {
  sort = { "connections", function(text) return sorts[text] end, "id, age, idle, unread, unsent, read or sent" },
  server = { "connections", isNumber, "the port of a server" },
  worker = { nil, isNumber, "the number of a worker" },
  folded = { "profile", function(text) return text ~= "" end, "a file" },
  count = { "top", function(text) return isNumber(text) and tonumber(text) > 0 end, "a number of times" },
  timeout = { "console", function(text) return isNumber(text) and tonumber(text) > 0 end, "milliseconds" },
}

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
    elseif name and known[name] then
      if value == "" then
        i = i + 1
        value = words[i]
      end
      if not value or not known[name][2](value) then return nil, ("--%s needs %s"):format(name, known[name][3]) end
      options[name] = value
    elseif name == "json" then
      options.json = true
    elseif words[i]:find "^%-" then
      return nil, words[i] .. ": unknown option"
    else
      rest[#rest + 1] = words[i]
    end
    i = i + 1
  end
  return rest, options
end

local function list(programs, file)
  local rows = {}
  for i, client in ipairs(programs) do
    local script, uptime = "?", 0
    client:ask("status\n", function(s) script, uptime = s.script, s.uptime end)
    rows[i] = { tostring(client.pid), show.safe(script), show.duration(uptime), client.path }
  end
  show.rows({ ">pid", "script", ">up", "socket" }, rows, host.columns(), file)
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
  list(programs, io.stderr)
  return nil, 1
end

-- From now on the client asks this worker. -> true | nil, why
local function choose(client, worker)
  local ok, why = client:ask("worker " .. worker .. "\n", function() end)
  return ok, why == "there is no such command" and "it has no workers" or why
end

-- Asks, and shows the answer; as JSON while it comes. -> true | nil, why, exit status
local function ask(client, options, command)
  local argument = arguments[command] and arguments[command].needed and options[1] or nil
  if command == "profile" then argument = ("%d"):format(math.ceil((tonumber(options[1]) or 10) * 1000)) end
  local line, chosen = table.concat({ command, argument }, " ") .. "\n", commands.chooses[command]
  local follow = commands.follows[command]
  local objects = {}
  local ok, why = client:ask(line, function(object, text)
    if chosen and not chosen(object, options) then return end
    if options.json then
      print(text)
      io.stdout:flush()
    elseif follow then
      follow(object)
      io.stdout:flush()
    else
      objects[#objects + 1] = object
    end
  end)
  if not ok then return nil, why end
  return options.json or commands.shows[command](objects, options)
end

-- What is wrong with the words for a command, or nil.
local function mistake(command, rest, options)
  local wanted = arguments[command]
  if wanted and wanted.needed and not rest[1] then return ("%s needs %s"):format(command, wanted[1]) end
  if #rest > (wanted and 1 or 0) then return rest[#rest] .. ": too many arguments" end
  local check = wanted and (wanted.needed or rest[1] and wanted.allowed)
  if check and not check(rest[1]) then return command .. " needs " .. wanted.what end
  for name, option in pairs(known) do
    local of = option[1]
    if options[name] and of and of ~= command then return ("--%s is an option of %s"):format(name, of) end
  end
  if options.json and (command == "console" or command == "top") then return "--json is no option of " .. command end
end

local function run(words)
  local rest, options = parse(words)
  if not rest then return misused(options) end
  local name = rest[1] and not help.of[rest[1]] and table.remove(rest, 1) or nil
  local command = table.remove(rest, 1)
  if options.help then
    io.write(help.of[command] or help.all)
    return 0
  end
  if not command and not name then
    local programs, status = all()
    if programs then list(programs, io.stdout) end
    return status or 0
  end
  if not command then return misused(name .. ": there is no such command, or a command is missing behind it") end
  if not help.of[command] then return misused(command .. ": there is no such command") end
  local wrong = mistake(command, rest, options)
  if wrong then return misused(wrong) end
  options[1] = rest[1]
  options.columns = host.isTerminal(1) and math.max(host.columns() or 80, 40) or nil
  local client, status = find(name)
  if not client then return status end
  local ok, why = true, nil
  if options.worker then ok, why = choose(client, options.worker) end
  local own = { console = console, top = top }
  if ok then ok, why = (own[command] or ask)(client, options, command) end
  if ok then return 0 end
  return why and failed(why) or 1
end

return run(host.arguments)
