-- A reload of all workers: one of them loads the new code, then the others do from its sources; if all can, it takes
-- over everywhere, otherwise nowhere. This file counts the votes, and keeps the sources that serve and those before.
--
-- `actions` has what the votes lead to: now(), voters() -> numbers of the workers that serve,
-- stage(worker, number, fd, back), commit(worker), giveUp(worker, why), kill(worker, why), close(fd),
-- after(msec, fn) -> cancel, afresh(), changed(what).
-- SPDX-License-Identifier: MIT

local Succession = {}
Succession.__index = Succession

local MARGIN, PROBATION = 1000, 10000 -- milliseconds: workers measure --reload-timeout themselves, too

--- `timeout`: of the loading, and of the change; `probation`: deaths behind a reload undo it
function Succession.new(actions, timeout, probation)
  return setmetatable({ actions = actions, timeout = timeout, probation = probation, number = 1, attempts = 1,
    sources = {}, stage = "none", reloads = 0, failures = 0 }, Succession)
end

-- Sources ---------------------------------------------------------------------------------------------------

--- The sources that serve, as a descriptor, for a worker. nil: it reads its files.
function Succession:sourcesOf(worker) return self.sources[worker] or self.sources.all end

local function drop(self, sources)
  for _, fd in pairs(sources or {}) do self.actions.close(fd) end
end

-- The end of a reload ---------------------------------------------------------------------------------------

local function set_timer(self, msec, fn)
  if self.cancel then self.cancel() end
  self.cancel = msec and self.actions.after(msec, fn)
end

local function finish(self, why)
  set_timer(self)
  self.stage, self.error, self.ended = "none", why, self.actions.now()
  self.waiting = nil
  if why then self.failures = self.failures + 1 else self.reloads = self.reloads + 1 end
  self.actions.changed(why and "failed" or "reloaded", why)
  local wanted = self.wanted
  self.wanted = nil
  if wanted then self:begin(wanted) end
end

-- `failed`: the worker that has said so, and undone it itself
local function give_up(self, why, failed)
  if not self.back then drop(self, self.next) end
  self.next = nil
  for _, worker in ipairs(self.actions.voters()) do
    if worker ~= failed then self.actions.giveUp(worker, why) end
  end
  finish(self, why)
end

local function commit(self)
  if not self.back then drop(self, self.previous) end
  self.previous, self.sources, self.next = self.sources, self.next, nil
  self.number, self.stage = self.attempts, "commit"
  self.trialEnds = self.probation and not self.back and self.actions.now() + PROBATION or nil
  local voters = {}
  for worker in pairs(self.voters) do voters[#voters + 1] = worker end
  table.sort(voters)
  for _, worker in ipairs(voters) do
    self.waiting[worker] = true
    self.actions.commit(worker)
  end
  self.actions.changed "committing"
  set_timer(self, self.timeout, function()
    for worker in pairs(self.waiting) do
      self.actions.kill(worker, "it did not change to the new code in time")
    end
  end)
end

-- Votes -----------------------------------------------------------------------------------------------------

local function late(self)
  give_up(self, "not all workers have loaded the new code in time")
end

local function begin_stage(self, worker, fd)
  self.waiting[worker], self.voters[worker] = true, true
  self.actions.stage(worker, self.attempts, fd, self.back)
end

--- A reload from the files ("new") or to the sources before ("back"). During a reload it follows that one. -> whether
--- there is anything to load
function Succession:begin(kind)
  if kind == "back" and not self.previous then return false end
  if self.stage ~= "none" then
    self.wanted = kind
    return true
  end
  local voters = self.actions.voters()
  self.attempts, self.back, self.began = self.attempts + 1, kind == "back", self.actions.now()
  self.waiting, self.voters = {}, {}
  self.actions.changed "reloading"
  if not voters[1] then
    local sources = self.sources
    self.previous, self.sources = sources, self.back and self.previous or {}
    self.number = self.attempts
    self.actions.afresh()
    finish(self)
    return true
  end
  self.stage, self.lead = "lead", voters[1]
  self.next = self.back and self.previous or {}
  begin_stage(self, voters[1], self.next[voters[1]] or self.next.all)
  set_timer(self, self.timeout + MARGIN, function() late(self) end)
  return true
end

local function count(self)
  if next(self.waiting) then return end
  if self.stage == "commit" then return finish(self) end
  if self.stage == "lead" then
    self.stage = "rest"
    for _, worker in ipairs(self.actions.voters()) do
      if worker ~= self.lead then begin_stage(self, worker, self.next[worker] or self.next.all) end
    end
    if next(self.waiting) then
      return set_timer(self, self.timeout + MARGIN, function() late(self) end)
    end
  end
  commit(self)
end

--- A worker has loaded the new code; `fd`: its sources, if they aren't those that it was given
function Succession:ready(worker, fd)
  local counts = (self.stage == "lead" or self.stage == "rest") and self.waiting[worker]
  if fd then
    local key = worker
    if self.stage == "lead" and not self.back then key = "all" end
    if not counts or self.back then
      self.actions.close(fd)
    else
      self.next[key] = fd
    end
  end
  if not counts then return end
  self.waiting[worker] = nil
  count(self)
end

function Succession:failed(worker, why)
  if (self.stage == "lead" or self.stage == "rest") and self.voters[worker] then give_up(self, why, worker) end
end

function Succession:committed(worker)
  if self.stage ~= "commit" or not self.waiting[worker] then return end
  self.waiting[worker] = nil
  count(self)
end

--- A worker's process has ended; `why` as in the log
function Succession:died(worker, why)
  if self.stage == "commit" and self.waiting[worker] then
    self.waiting[worker] = nil -- it begins anew, with the new code
    count(self)
  elseif (self.stage == "lead" or self.stage == "rest") and self.voters[worker] then
    give_up(self, ("worker %d %s while it loaded the new code"):format(worker, why), worker)
  elseif self.trialEnds and self.actions.now() < self.trialEnds then
    self.trialEnds = nil
    self.actions.changed("undone", ("worker %d %s"):format(worker, why))
    self:begin "back"
  end
end

--- A worker's first run serves. The first of all gives the sources. -> false: it runs other code than the others
function Succession:serves(worker, number, fd)
  if number ~= self.number then
    if fd then self.actions.close(fd) end
    return false
  end
  if fd then
    local key = self.sources.all and worker or "all"
    if self.sources[key] then self.actions.close(self.sources[key]) end
    self.sources[key] = fd
  end
  return true
end

return Succession
