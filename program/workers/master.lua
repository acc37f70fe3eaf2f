-- The master of --workers: starts the workers, and starts them again; gives them their sockets; counts the votes of a
-- reload; stops them. It serves no clients. Its decisions are in the files beside this one.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local host = require "moonport.program.host"
local actions_of = require "moonport.program.actions"
local control = require "moonport.program.control"
local launch = require "moonport.program.launch"
local lines = require "moonport.program.lines"
local pauses = require "moonport.program.pauses"
local service = require "moonport.program.service"
local tell = require "moonport.program.tell"
local words = require "moonport.program.words"
local Loans = require "moonport.program.loans"
local Ports = require "moonport.program.ports"
local Succession = require "moonport.program.succession"

local log = moonport.log

local LATE = 1000 -- milliseconds that a worker has to serve, before others take its clients
local MARGIN = 1000 -- behind --grace, until those that still run are killed

local master = { host = host, workers = {}, count = host.workers, started = moonport.now() }
local ports = Ports.new(host, moonport)
local loans, actions, succession

-- Time ------------------------------------------------------------------------------------------------------

-- -> a function that cancels it
function master.after(msec, fn)
  local timer = moonport.Timer()
  timer:setSingleShot(true)
  function timer:timeout() fn() end
  timer:start(msec)
  return function() timer:stop() end
end

local after = master.after

local function cancel(worker, name)
  if worker[name] then worker[name]() end
  worker[name] = nil
end

-- Who runs --------------------------------------------------------------------------------------------------

--- Those whose process runs.
function master.living()
  local list = {}
  for _, worker in ipairs(master.workers) do
    if worker.process then list[#list + 1] = worker end
  end
  return list
end

-- The end ---------------------------------------------------------------------------------------------------

local function finish_if_alone()
  for _, worker in ipairs(master.workers) do
    if worker.process or (not master.stopping and worker.stage ~= "done") then return end
  end
  if next(master.leaving) and not master.stopping then return end
  for process in pairs(master.leaving) do process:kill() end
  control.close()
  ports:close()
  moonport.quit(master.status)
end

--- Stops all workers: as by SIGTERM, or whatever their scripts do with that ("end"). The first status counts.
function master.stop(status, how)
  if master.stopping then return end
  master.stopping, master.status = true, status or 0
  service.stopping()
  for _, worker in ipairs(master.workers) do
    cancel(worker, "restart")
    cancel(worker, "late")
    tell.worker(worker, how or "end")
  end
  after(host.grace + MARGIN, function()
    for _, worker in ipairs(master.living()) do
      log.error("worker %d did not stop in time: it is killed", worker.index)
      worker.process:kill()
    end
  end)
  finish_if_alone()
end

-- Workers ---------------------------------------------------------------------------------------------------

local start -- of a worker

local function nobody_serves()
  for _, worker in ipairs(master.workers) do
    if worker.stage == "serving" or worker.stage == "behind" then return false end
  end
  return true
end

-- `served`: it had begun to; `least`: the pause is no shorter
local function start_again(worker, served, least)
  local now = moonport.now()
  local pause = pauses.after(worker.history, worker.started, now)
  worker.stage = "down"
  if nobody_serves() then pause = math.min(pause, pauses.last(served, worker.started, now)) end
  pause = math.max(pause, least or 0)
  if pause == 0 then return start(worker) end
  log.info("worker %d is started again in %.14g s", worker.index, pause / 1000)
  worker.restart = after(pause, function()
    worker.restart = nil
    start(worker)
  end)
end

-- Until all of them have served once, who fails has failed for all.
local function fails_at_first(worker) return worker.stage == "starting" and not master.complete end

-- The first that serves asks for a reload, unless its script handles the signal.
local function tell_lead()
  master.lead = actions.voters()[1]
  if not master.lead then return master.reload "new" end
  tell.worker(master.workers[master.lead], "hangup 1")
end

local function ended(worker, why, crashed, code)
  local killed, stage = worker.killed, worker.stage
  cancel(worker, "late")
  worker.process, worker.channel, worker.killed = nil, nil, nil
  if not master.stopping and fails_at_first(worker) then
    if crashed then log.error("worker %d %s", worker.index, why) end
    worker.stage = "done"
    return master.stop(crashed and 128 + code or code)
  end
  if stage == "done" or master.stopping or master.draining then
    worker.stage = "done"
    ports:left(worker.index)
    loans:takeBack(worker)
    succession:died(worker.index, why)
    return finish_if_alone()
  end
  if not killed then log.error("worker %d %s", worker.index, why) end
  worker.stage = "down"
  loans:lendAnew(worker)
  loans:lend(worker) -- its clients wait no longer than others, however long the start takes
  if killed == "old" then
    start(worker) -- no fault of its own
  else
    start_again(worker, stage == "serving")
  end
  if not killed then succession:died(worker.index, why) end
  if master.lead == worker.index then tell_lead() end
  succession:look()
end

local function hear(worker, channel, list, fd)
  local serves = worker.channel == channel
  if serves and lines.fit(list, fd) then return master.heard(worker, list, fd) end
  if fd then host.close(fd) end
  if not serves then return end
  log.error("worker %d is killed: it says what no worker says", worker.index)
  worker.channel = nil
  worker.process:kill()
end

function start(worker)
  worker.started = moonport.now()
  local process, channel = launch(worker.index, master.count, function(...) hear(worker, ...) end,
    function(process, ...)
      if worker.process == process then return ended(worker, ...) end
      master.leaving[process] = nil
      finish_if_alone()
    end)
  if not process then
    log.error("worker %d can't be started: %s", worker.index, channel)
    if not master.complete then
      worker.stage = "done"
      return master.stop(1)
    end
    return start_again(worker, false, 1000)
  end
  worker.process, worker.channel, worker.stage = process, channel, "starting"
  worker.number = succession.number
  ports:begun(worker.index)
  tell.behind(succession.sources, worker, ("start %d %d"):format(succession.number, succession.attempts))
  worker.late = after(LATE, function()
    worker.late = nil
    loans:lend(worker)
    succession:look()
  end)
end

--- Starts it before its pause is over.
function master.startNow(worker)
  cancel(worker, "restart")
  start(worker)
end

-- Another process takes its place; this one ends when its last connection does.
local function replace(worker)
  log.warning("worker %d has too little memory: another process takes its place", worker.index)
  tell.worker(worker, "leave")
  master.leaving[worker.process] = worker.channel
  worker.process, worker.channel = nil, nil
  loans:lendAnew(worker)
  start(worker)
end

-- What workers say ------------------------------------------------------------------------------------------

local heard = {}

local function answer(worker, serial, fd, fault)
  tell.worker(worker, ("answer %s %d"):format(serial, fd and 0 or fault), fd)
end

function heard.listen(worker, list)
  answer(worker, list[2], ports:listen(worker.index, list[3], tonumber(list[4]), list[5] == "1"))
end

heard["local"] = function(worker, list)
  answer(worker, list[2], ports:listenAt(worker.index, words.to(list[3]), list[4] == "1", list[5],
    tonumber(list[6]), tonumber(list[7])))
end

function heard.store(worker, list)
  local path, why = host.store()
  tell.worker(worker, ("answer %s %d %s"):format(list[2], path and 0 or 1, words.from(path or why)))
end

function heard.closed(worker, list) ports:closed(worker.index, list[2]) end

local function look_whether_all_serve()
  for _, worker in ipairs(master.workers) do
    if worker.stage ~= "serving" and worker.stage ~= "done" then return end
  end
  master.complete = true
  service.ready()
end

-- It has begun with code that others have left meanwhile: it serves, and changes by itself.
local function catch_up(worker)
  worker.stage, worker.next = "behind", succession.number
  tell.behind(succession.sources, worker, ("stage %d new"):format(worker.next))
end

-- One serves with new code that nobody had: the others needn't wait any more.
local function start_the_rest()
  master.fresh = nil
  for _, worker in ipairs(master.workers) do
    if worker.restart then master.startNow(worker) end
  end
end

function heard.serving(worker, _, fd)
  cancel(worker, "late")
  worker.stage, worker.pong = "serving", true
  if not succession:serves(worker.index, worker.number, fd) then catch_up(worker) end
  loans:takeBack(worker)
  ports:served(worker.index)
  loans:lendRest()
  if not master.began then
    master.began = true
    for i = 2, master.count do
      if not master.stopping then start(master.workers[i]) end
    end
  end
  if master.fresh then start_the_rest() end
  look_whether_all_serve()
  succession:look()
end

function heard.loaded(worker, list, fd)
  if fd then succession:loaded(worker.index, tonumber(list[2]), fd) end
end

function heard.ready(worker, list, fd)
  if worker.stage == "behind" then
    if fd then succession:loaded(worker.index, worker.next, fd) end
    tell.worker(worker, "commit")
  elseif list[2] == "1" and not fd then
    succession:lost(worker.index)
  else
    succession:ready(worker.index, fd)
  end
end

function heard.failed(worker, list)
  if worker.stage ~= "behind" then return succession:failed(worker.index, words.to(list[2] or "%")) end
  worker.process:kill() -- it begins anew, with that code
end

function heard.committed(worker, list)
  if worker.stage ~= "behind" then
    if not succession:awaits(worker.index) then return end
    worker.number = succession.number
    actions.committed(list)
    return succession:committed(worker.index)
  end
  worker.number, worker.stage = worker.next, "serving"
  if worker.number ~= succession.number then return catch_up(worker) end
  look_whether_all_serve()
end

function heard.reload() succession:begin "new" end
function heard.rollback() succession:begin "back" end
function heard.quit(_, list) master.stop(tonumber(list[2])) end
function heard.hungup(worker) if master.lead == worker.index then master.lead = nil end end
function heard.pong(worker) worker.pong = true end
function heard.full(worker) replace(worker) end

function heard.done(worker)
  worker.stage = "done"
  if not master.began and worker.index == 1 then heard.serving(worker) end
  worker.stage = "done"
  look_whether_all_serve()
end

-- Also while they stop: a script that has not come to its end yet needs its answers for that.
local heard_last = { quit = true, closed = true, store = true, listen = true, ["local"] = true }

function master.heard(worker, list, fd)
  local fn = heard[list[1]]
  if fn and not (master.stopping and not heard_last[list[1]]) then
    return fn(worker, list, fd)
  end
  if fd then host.close(fd) end
end

-- ctl and signals -------------------------------------------------------------------------------------------

--- "new" or "back" -> whether there is something to load
function master.reload(kind)
  if master.stopping or master.draining or (kind == "new" and host.fromInput) then return false end
  return succession:begin(kind)
end

--- No new clients; the end comes with that of the last connection.
function master.drain()
  if master.draining or master.stopping then return end
  log.info "draining"
  master.draining = true
  for _, worker in ipairs(master.workers) do
    if not worker.process then
      cancel(worker, "restart")
      worker.stage = "done"
    end
    tell.worker(worker, "drain")
  end
  finish_if_alone()
end

-- All their scripts may handle it.
local function hang_up()
  tell_lead()
  for _, worker in ipairs(master.living()) do
    if worker.index ~= master.lead then tell.worker(worker, "hangup 0") end
  end
end

local function take_signals()
  for _, name in ipairs { "SIGTERM", "SIGINT" } do
    moonport.onSignal(name, function()
      log.info "stopping"
      master.stop(0, "stop")
    end)
  end
  moonport.onSignal("SIGHUP", hang_up)
  for name, number in pairs { SIGUSR1 = 10, SIGUSR2 = 12 } do
    moonport.onSignal(name, function()
      for _, worker in ipairs(master.living()) do tell.worker(worker, "signal " .. number) end
    end)
  end
end

function master.run()
  master.leaving = {}
  loans = Loans.new(master.workers, ports, tell.worker)
  master.ports, actions = ports, actions_of(master)
  succession = Succession.new(actions, host.reloadTimeout, host.probation)
  master.succession = succession
  take_signals()
  for i = 1, master.count do master.workers[i] = { index = i, history = {}, stage = "down" } end
  service.open(master)
  control.open(master)
  start(master.workers[1])
end

return master
