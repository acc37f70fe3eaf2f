-- What all processes of the program have to tell. Counts of those that have ended stay in the sums.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local exposition = require "moonport.program.exposition"
local sums = require "moonport.program.sums"
local visits = require "moonport.program.visits"

local gather = {}

local last, dead = {}, exposition.set() -- by worker: { pid, set }; what those have counted that have ended
local FRESH = 500 -- milliseconds that an answer is good for

-- -> { status, rows, set } of one process | nil, why
local function ask(worker)
  local status, why = visits.ask("status", worker)
  if not status then return nil, why end
  local rows, pieces = {}, {}
  local done
  done, why = visits.ask("metrics", worker, function(object)
    if object.text then pieces[#pieces + 1] = object.text else rows[#rows + 1] = object end
  end)
  if not done then return nil, why end
  local set = exposition.set()
  set:addProcess(status[1], rows)
  set:read(table.concat(pieces))
  return { status = status[1], rows = rows, set = set }
end

-- A process that isn't the one before has begun to count anew.
local function remember(index, pid, set)
  local before = last[index]
  if before and before.pid ~= pid then dead:keep(before.set) end
  last[index] = { pid = pid, set = set }
end

local function askWorkers(all)
  local tasks, answers = {}, {}
  for i, one in ipairs(all.workers) do
    if one.state == "serving" then tasks[i] = moonport.spawn(ask, i) end
  end
  for i in ipairs(all.workers) do
    local answer = tasks[i] and tasks[i]:join() or nil
    answers[i] = answer or nil
    if answer then remember(i, answer.status.pid, answer.set) end
  end
  return answers
end

local function addUp(all, answers)
  local set = exposition.set()
  set:addProgram(all)
  for i in ipairs(all.workers) do
    if answers[i] then set:merge(answers[i].set) end
  end
  for i in ipairs(all.workers) do
    if not answers[i] and last[i] then set:merge(last[i].set, true) end
  end
  set:merge(dead, true)
  return set
end

local function look()
  local all, why = visits.ask "status"
  if not all then return nil, why end
  all = all[1]
  if not all.workers then
    local one
    one, why = ask()
    if not one then return nil, why end
    one.set:addProgram(all)
    return { status = all, rows = one.rows, set = one.set }
  end
  local answers, rows = askWorkers(all), {}
  for i, answer in pairs(answers) do rows[i] = answer.rows end
  return { status = all, rows = sums.handlers(rows), set = addUp(all, answers) }
end

-- A function that asks once at a time: who comes meanwhile and wants the same gets the same answer.
local function once(find)
  local task, wanted
  return function(what)
    if task and what ~= wanted then return nil, "somebody wants another one already" end
    wanted = what
    task = task or moonport.spawn(function()
      local found, why = find(what)
      task = nil
      return found, why
    end)
    return task:join()
  end
end

local answer, when

local lookOnce = once(function()
  local found, why = look()
  answer, when = found, moonport.now()
  if found then found.msec = when // 1 | 0 end
  return found, why
end)

--- Asks all; who comes meanwhile, or shortly afterwards, gets the same answer.
--- -> { status, rows, set, msec when } | nil, why
function gather.all()
  if answer and moonport.now() - when < FRESH then return answer end
  return lookOnce()
end

-- Errors and profiles ---------------------------------------------------------------------------------------

local errors, counted = { list = true }, -1
local MOST = 10 -- errors

local lookForErrors = once(function()
  local count, list = answer.status.errors, visits.ask "errors"
  if not list then return end
  counted = count
  table.sort(list, function(a, b) return a.last > b.last end)
  errors = table.move(list, 1, MOST, 1, { list = true })
end)

--- The last errors, the last one first. They are asked for where their number has changed.
function gather.errors()
  if answer and answer.status.errors ~= counted then lookForErrors() end
  return errors
end

--- The stacks of all processes for so many seconds. There is one profile at a time, for all who want the same.
--- -> a list of { stack, count } | nil, why
gather.profile = once(function(seconds)
  local all, reason = visits.ask "status"
  if not all then return nil, reason end
  local tasks, counts, answered = {}, {}, false
  for i = 1, all[1].workers and #all[1].workers or 1 do
    tasks[i] = moonport.spawn(visits.ask, ("profile %d"):format(seconds * 1000 // 1 | 0), all[1].workers and i or nil,
      nil, seconds * 1000)
  end
  for _, task in ipairs(tasks) do
    local stacks, why = task:join()
    for _, one in ipairs(stacks or {}) do counts[one.stack] = (counts[one.stack] or 0) + one.count end
    answered, reason = answered or stacks ~= nil, reason or why
  end
  if not answered then return nil, reason end
  local list = { list = true }
  for stack, count in pairs(counts) do list[#list + 1] = { stack = stack, count = count } end
  return list
end)

return gather
