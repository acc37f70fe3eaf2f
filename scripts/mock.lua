-- SPDX-License-Identifier: MIT
-- A test double for a TCP server: plays a script of steps with each client, and reports what was not as expected.
--   moonport mock.lua PORT STEPS.lua [NAME=VALUE…]        exit status 0: all was as expected, 1: it wasn't
-- STEPS.lua returns a list of steps for each connection, or { connections = { STEPS, STEPS, … }, others = STEPS }:
-- the first list is for the first client, and so on. Without `others`, the mock ends when the last is over. A step:
--   { expect = "PING\r\n" }               these bytes come next
--   { match = "^GET (%S+).-\r\n\r\n" }    what comes next matches a Lua pattern; its captures go to the next answer
--   { bytes = 4 }                         this many bytes come; they go to the next answer
--   { check = function(text) … end }      gets what has arrived; returns how many bytes it takes, nil to get more, or
--                                         false and what is wrong
--   { delay = 500 }                       waits, milliseconds
--   { answer = "+PONG\r\n" }              sends it; a function of the captures may return it instead
--   { loop = STEPS, times = 3 }           repeats; without times until the client ends the connection
--   "drop"                                says nothing more, whatever comes, until the client disconnects
--   "finish"                              closes the sending side; the client may still send
--   "close", "reset"                      closes the connection in order, or resets it (RST)
-- Several in one, { expect = "a", delay = 10, answer = "b" }, happen in the order of this list. After the last step the
-- client has to end the connection without another byte.
local settings = {
  wait = 10000, -- milliseconds that the client may take to send what is expected next
  within = 0,   -- milliseconds after which the mock ends; what hasn't happened by then is unmet; 0: never
}

local moonport = require "moonport"
local log = moonport.log

local port, path = math.tointeger(tonumber(arg[1])), arg[2]
local isPath = (arg[1] or ""):find "^unix:" -- in the place of PORT
if not (port or isPath) or not path then error("usage: moonport mock.lua PORT STEPS.lua [NAME=VALUE…]", 0) end
if not isPath and (port < 0 or port > 65535) then error("not a port: " .. arg[1], 0) end
for i = 3, #arg do
  local name, value = arg[i]:match "^(%a+)=(%d+)$"
  if not settings[name] then error(("unknown option '%s': wait=MSEC, within=MSEC"):format(arg[i]), 0) end
  settings[name] = tonumber(value)
end

-- The script ---------------------------------------------------------------------------------------------------------

local order = { "expect", "match", "bytes", "check", "delay", "answer", "loop" }
local kinds = {
  expect = { string = true }, match = { string = true }, bytes = { number = true }, check = { ["function"] = true },
  delay = { number = true }, answer = { string = true, ["function"] = true }, loop = { table = true },
}
local words = { drop = true, finish = true, close = true, reset = true }

-- A list of steps in the form in which it is played: { { name, value, times, where }, … }
local function compile(steps, where)
  if type(steps) ~= "table" then error(("%s: %s: not a list of steps"):format(path, where), 0) end
  local list = {}
  for i, step in ipairs(steps) do
    local at, known = ("%s, step %d"):format(where, i), 0
    if words[step] then list[#list + 1] = { name = step, where = at } end
    for _, name in ipairs(order) do
      local value = type(step) == "table" and step[name]
      if value and kinds[name][type(value)] then
        known = known + 1
        if name == "loop" then value = compile(value, at) end
        list[#list + 1] = { name = name, value = value, times = step.times, where = at }
      end
    end
    for name in pairs(type(step) == "table" and step or {}) do known = known - (name ~= "times" and 1 or 0) end
    if known ~= 0 or #list == 0 or list[#list].where ~= at then error(("%s: %s: unknown step"):format(path, at), 0) end
  end
  return list
end

local script = assert(dofile(path))
local sequence, others = script.connections, script.others
if sequence then
  for i, steps in ipairs(sequence) do sequence[i] = compile(steps, "connection " .. i) end
  others = others and compile(others, "others")
else
  others = compile(script, "each connection")
end

-- What a reload keeps: the number of connections, of those that are over, and of what was not as expected.
local seen = moonport.persist("mock", { count = 0, over = 0, unmet = 0 })
local playing = moonport.persist("playing", {}) -- number of a connection -> where it is

local function unmet(format, ...)
  seen.unmet = seen.unmet + 1
  log.error("mock: unmet: " .. format, ...)
end

-- Playing it ---------------------------------------------------------------------------------------------------------

local ended = {} -- raised when the client ends where it may

local function shown(text)
  local cut = #text > 80 and text:sub(1, 80) .. "…" or text
  return '"' .. cut:gsub('[%c\\"]', { ["\r"] = "\\r", ["\n"] = "\\n", ["\\"] = "\\\\", ['"'] = '\\"' }) .. '"'
end

-- Calls test(text) with what has arrived until it returns a number of bytes to take, and perhaps captures. -> captures
-- Where the client may end, there is no time-out.
local function await(play, what, test)
  local socket, deadline = play.socket, nil
  while true do
    local text = socket:peek(socket:bytesAvailable()) or ""
    local result = table.pack(test(text))
    if result[1] then
      socket:skip(result[1])
      return table.pack(table.unpack(result, 2, result.n))
    end
    if text ~= "" then play.mayEnd = false end
    local why = result[1] == false and (result[2] or "it is wrong")
    if not why then
      deadline = deadline or not play.mayEnd and moonport.now() + settings.wait
      local more, _, code = socket:waitForReadyRead(deadline and math.max(deadline - moonport.now(), 0) or -1)
      if not more and play.mayEnd then error(ended, 0) end
      if not more then
        why = code == "SocketTimeoutError" and ("no more in %d ms"):format(settings.wait) or "the connection ended"
      end
    end
    if why then error({ ("%s expected, but %s; came: %s"):format(what, why, shown(text)) }, 0) end
  end
end

local actions = {}

function actions.expect(play, literal)
  await(play, shown(literal), function(text)
    if text:sub(1, #literal) == literal then return #literal end
    if literal:sub(1, #text) ~= text then return false, "other bytes came" end
  end)
end

function actions.match(play, pattern)
  play.captures = await(play, "the pattern " .. shown(pattern), function(text)
    local found = table.pack(text:find(pattern))
    if not found[1] then return nil end
    if found.n == 2 then return found[2], text:sub(found[1], found[2]) end
    return table.unpack(found, 2, found.n)
  end)
end

function actions.bytes(play, count)
  play.captures = await(play, count .. " bytes", function(text)
    if #text >= count then return count, text:sub(1, count) end
  end)
end

function actions.check(play, fn)
  play.captures = await(play, "what check wants", fn)
end

function actions.answer(play, answer)
  local captures = play.captures or { n = 0 }
  if type(answer) == "function" then answer = answer(table.unpack(captures, 1, captures.n)) end
  local sent, why = play.socket:write(answer)
  if not sent then error({ "it can't be answered: " .. why }, 0) end
  moonport.sleep(0) -- so that it is sent before the next step
end

function actions.delay(_, msec) moonport.sleep(msec) end

function actions.drop(play)
  play.done = true
  repeat play.socket:readAll() until not play.socket:waitForReadyRead(-1)
end

function actions.finish(play) play.socket:closeWriteChannel() end

function actions.close(play)
  play.done = true
  play.socket:disconnectFromHost()
end

function actions.reset(play)
  play.done = true
  play.socket:setSocketOption("LingerOption", 0)
  play.socket:abort()
end

local function run(play, steps)
  for _, step in ipairs(steps) do
    play.at = ("%s (%s)"):format(step.where:match ", (.*)", step.name)
    if step.name == "loop" then
      local times = 0
      while not play.done and times < (step.times or math.huge) do
        times = times + 1
        play.mayEnd = not step.times
        run(play, step.value)
      end
    else
      actions[step.name](play, step.value)
    end
    play.mayEnd = false
    if play.done then return end
  end
end

local function over(play)
  playing[play.number] = nil
  seen.over = seen.over + 1
  log.info("mock: connection %d is over", play.number)
  if sequence and not others and seen.over >= #sequence then moonport.quit(seen.unmet > 0 and 1 or 0) end
end

local server = moonport.TcpServer()

function server:newConnection()
  local socket = self:nextPendingConnection()
  seen.count = seen.count + 1
  local number = seen.count
  local play = { socket = socket, number = number, at = "its start" }
  local steps = sequence and sequence[number] or others
  if not steps then
    unmet("connection %d: there are only %d", number, #sequence)
    return actions.reset(play)
  end
  playing[number] = play
  log.info("mock: connection %d from %s:%d", number, socket:peerAddress() or "unix", socket:peerPort())
  local ok, problem = pcall(function()
    run(play, steps)
    if play.done then return end
    play.at, play.mayEnd = "after its last step", true
    await(play, "the end", function(text) if text ~= "" then return false, "more came" end end)
  end)
  if ok or problem == ended then
    socket:disconnectFromHost()
  else
    unmet("connection %d, %s: %s", number, play.at, type(problem) == "table" and problem[1] or tostring(problem))
    actions.reset(play)
  end
  over(play)
end

server:setAllowHalfOpen(true)

-- The end: reports the rest of the script as unmet.
moonport.onQuit(function()
  for number, play in pairs(playing) do
    if not play.done and not play.mayEnd then unmet("connection %d, %s: not finished", number, play.at) end
  end
  for number = seen.count + 1, sequence and #sequence or 0 do unmet("connection %d: nobody connected", number) end
  log.info("mock: %d connections, %d unmet", seen.count, seen.unmet)
  moonport.quit(seen.unmet > 0 and 1 or 0)
end)

if settings.within > 0 then moonport.singleShot(settings.within, function() moonport.quit() end) end

assert(server:listen(isPath and arg[1] or "127.0.0.1", port))
log.info("mock: listening on %s%s", server:serverAddress(), isPath and "" or " port " .. server:serverPort())
