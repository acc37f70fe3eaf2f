-- What the votes of a reload lead to: words to the workers, and the log's line. See succession.lua.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local host = require "moonport.program.host"
local service = require "moonport.program.service"
local tell = require "moonport.program.tell"
local words = require "moonport.program.words"
local Report = require "moonport.program.report"

local log = moonport.log
local report = Report.new(log, host.script, host.workers)
local master

local actions = { close = host.close, now = moonport.now }

function actions.voters()
  local list = {}
  for _, worker in ipairs(master.workers) do
    if worker.stage == "serving" and worker.process then list[#list + 1] = worker.index end
  end
  return list
end

function actions.stage(index, number, sources, back)
  tell.behind(sources, master.workers[index], ("stage %d %s"):format(number, back and "back" or "new"))
end

function actions.share(index, number, fd)
  for _, worker in ipairs(master.living()) do
    if worker.index ~= index then tell.worker(worker, "loaded " .. number, fd) end
  end
end

function actions.commit(index) tell.worker(master.workers[index], "commit") end
function actions.giveUp(index, why) tell.worker(master.workers[index], "giveup " .. words.from(why)) end

function actions.kill(index, why)
  local worker = master.workers[index]
  log.error("worker %d is killed: %s", index, why)
  worker.killed = "old"
  worker.process:kill()
  master.succession:committed(index)
end

function actions.awaits(hasten)
  for _, worker in ipairs(master.workers) do
    if worker.stage == "starting" and worker.late then return true end
  end
  for _, worker in ipairs(master.workers) do
    if hasten and worker.restart then
      master.startNow(worker)
      return true
    end
  end
  return false
end

-- None can serve with the code that there is: all begin with the new one, a first one alone.
function actions.afresh()
  local first
  master.fresh = true
  log.info "reload: no worker serves: all begin with the new code"
  for _, worker in ipairs(master.workers) do
    if worker.process then
      worker.killed = "old"
      worker.process:kill()
    elseif worker.restart and not first then
      first = worker
      master.startNow(worker)
    end
  end
end

function actions.changed(what, why, told)
  local now = master.succession
  master.ports:tidy()
  if what == "undone" then log.error("%s within the probation of new code: going back to the code before", why) end
  if what == "committing" then
    report:begin()
    for _, worker in ipairs(master.living()) do
      if worker.stage == "starting" and moonport.now() - worker.started > host.reloadTimeout then -- it may never end
        worker.killed = "old"
        worker.process:kill()
      end
    end
    return
  end
  if what == "reloaded" and not told then report:succeeded(now.number, now.ended - now.began) end
  if what == "failed" and not told then report:failed(now.number, why) end
  if what == "reloading" then service.reloading() else service.reloaded() end
end

--- A worker has the new code, as its line says.
function actions.committed(list)
  report:add { kept = list[2], added = list[3], closed = list[4], connections = list[5], older = list[6],
    holder = words.to(list[7]) }
end

return function(of)
  master, actions.after = of, of.after
  return actions
end
