-- The master's control socket: it answers for all workers, and passes on who asks for one of them.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local host = require "moonport.program.host"
local request = require "ctl.request"
local sums = require "moonport.program.sums"
local tell = require "moonport.program.tell"
local words = require "moonport.program.words"

local control = {}
local master, server

-- At a time; milliseconds for a worker's answer, fewer than who asks the master has; and between two looks
local VISITORS, PATIENCE, LOOK = 8, 1500, 5

-- Asking workers --------------------------------------------------------------------------------------------

-- A connection to the worker's own control, as a visitor has it. -> socket | nil
local function visit(worker)
  local ours, theirs = host.pair()
  if not ours then return nil end
  local socket = moonport.LocalSocket()
  socket:setReadBufferSize(0)
  assert(socket:setSocketDescriptor(ours))
  tell.worker(worker, "visit", theirs)
  host.close(theirs)
  return socket
end

-- -> the objects of the worker's answer | nil, why
local function ask(worker, command)
  local socket <close> = visit(worker)
  if not socket then return nil, "no descriptor" end
  local objects = {}
  local ok, why = request(socket, command .. "\n", PATIENCE, function(object) objects[#objects + 1] = object end)
  if ok then return objects end
  return nil, why or ("worker %d does not answer"):format(worker.index)
end

-- Commands: -> objects | nil, why ---------------------------------------------------------------------------

local commands = {}

-- All at once: one that is stuck keeps nobody waiting for longer than it must.
local function each(command)
  local tasks, answers = {}, {}
  for i, worker in ipairs(master.workers) do
    if worker.stage == "serving" and worker.process then tasks[i] = moonport.spawn(ask, worker, command) end
  end
  for i, task in pairs(tasks) do answers[i] = task:join() or nil end
  return answers
end

function commands.status()
  local succession = master.succession
  return { sums.status(master, each "status", {
    version = host.version, pid = host.pid, script = host.script, generation = succession.number,
    uptime = (moonport.now() - master.started) / 1000, draining = master.draining or false, store = host.ofStore(),
    reload = { count = succession.reloads, failures = succession.failures, lastError = succession.error } }) }
end

function commands.errors() return sums.errors(each "errors") end

function commands.top() return sums.handlers(each "top") end

local function change(kind, none)
  local succession = master.succession
  local before = succession.reloads + succession.failures
  if not master.reload(kind) then return nil, none end
  while succession.reloads + succession.failures == before and not master.stopping do moonport.sleep(LOOK) end
  if master.stopping then return nil, "the program stops" end
  if succession.error then return nil, succession.error end
  return { { generation = succession.number, duration = succession.ended - succession.began } }
end

function commands.reload() return change("new", "there is no script file to load") end
function commands.rollback() return change("back", "there is no code before this one") end

function commands.log(level)
  if not level then return nil, "wrong number of words" end
  for _, worker in ipairs(master.living()) do
    local objects, why = ask(worker, "log " .. level)
    if not objects then return nil, why end
  end
  return {}
end

function commands.drain()
  master.drain()
  return {}
end

function commands.stop()
  moonport.log.info "stopping"
  master.stop(0, "end")
  return {}
end

-- Visitors --------------------------------------------------------------------------------------------------

local function answer(socket, objects, why)
  for _, object in ipairs(objects or {}) do socket:write(sums.json(object) .. "\n") end
  socket:write(sums.json(objects and { done = true } or { error = why }) .. "\n")
end

-- -> true: the visitor is the worker's now
local function pass(socket, number)
  local worker = master.workers[tonumber(number) or 0]
  if not worker or not worker.process then
    answer(socket, nil, worker and "this worker does not run" or ("there are %d workers"):format(master.count))
    return false
  end
  answer(socket, {})
  socket:flush()
  local fd = socket:socketDescriptor()
  if fd >= 0 then tell.worker(worker, "visit", fd) end -- else the visitor has just left
  socket:abort()
  return true
end

local function serve(socket)
  local peer = socket:peerCredentials()
  if not peer or (peer.uid ~= 0 and peer.uid ~= host.user) then
    return answer(socket, nil, "it belongs to another user")
  end
  while true do
    local line = socket:receive("line", -1)
    if not line then return end
    local list = words.split(line)
    if list[1] == "worker" then
      if pass(socket, list[2]) then return end
    elseif commands[list[1]] then
      answer(socket, commands[list[1]](list[2]))
    else
      answer(socket, nil, ("there are %d workers: --worker N says which one is asked"):format(master.count))
      if list[1] == "eval" or list[1] == "complete" then return end
    end
  end
end

-- Serves a visitor; then calls `over`.
local function attend(socket, over)
  moonport.spawn(function()
    local fine, message = pcall(serve, socket)
    over()
    if not fine then moonport.log.error("control: %s", message) end
    socket:disconnectFromServer()
  end)
end

-- A visitor that the process of --metrics sends.
local function onVisit(fd)
  local socket = moonport.LocalSocket()
  socket:setReadBufferSize(0)
  if not socket:setSocketDescriptor(fd) then return host.close(fd) end
  attend(socket, function() end)
end

function control.open(of)
  master = of
  host.onVisit(onVisit)
  if host.control == "off" then return end
  local path, why = host.place(host.control)
  local visitors = 0
  server = moonport.LocalServer()
  server:setSocketOptions "UserAccessOption"
  local ok = path
  if path then ok, why = server:listen(path) end
  if not ok then
    server = nil
    return moonport.log.warning("no control socket: %s", why)
  end
  function server:newConnection()
    local socket = self:nextPendingConnection()
    if not socket then return end
    if visitors == VISITORS then
      answer(socket, nil, "too many ask it already")
      return socket:disconnectFromServer()
    end
    visitors = visitors + 1
    attend(socket, function() visitors = visitors - 1 end)
  end
end

function control.close()
  if server then server:close() end
end

return control
