-- A reload of all workers: one of them loads the new code, then the others do from its sources; if all can, it takes
-- over everywhere, otherwise nowhere. This file counts the votes, and keeps the sources that serve and those before:
-- lists of descriptors, the first worker's, and what others have loaded beside these.
--
-- `actions` has what the votes lead to: now(), voters() -> numbers of the workers that serve,
-- stage(worker, number, sources, back), share(from, number, fd): the other workers get what one has loaded,
-- commit(worker), giveUp(worker, why), kill(worker, why), close(fd), after(msec, fn) -> cancel,
-- awaits(hasten) -> whether a worker is about to serve, which it starts if it should `hasten`, afresh(),
-- changed(what, why, told), `told`: a worker has logged it.
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

local function drop(self, sources)
  for _, fd in ipairs(sources or {}) do self.actions.close(fd) end
end

-- The others get them, too, unless they get them with their stage.
local function add(self, sources, worker, number, fd)
  sources[#sources + 1] = fd
  if #sources > 1 then self.actions.share(worker, number, fd) end
end

--- A worker has loaded a module in this generation, which serves or is being loaded.
function Succession:loaded(worker, number, fd)
  if number == self.number then return add(self, self.sources, worker, number, fd) end
  if number == self.attempts and self.next then return add(self, self.next, worker, number, fd) end
  self.actions.close(fd)
end

-- The end of a reload ---------------------------------------------------------------------------------------

local function set_timer(self, msec, fn)
  if self.cancel then self.cancel() end
  self.cancel = msec and self.actions.after(msec, fn)
end

local function finish(self, why, told)
  set_timer(self)
  self.stage, self.error, self.ended = "none", why, self.actions.now()
  self.waiting = nil
  if why then self.failures = self.failures + 1 else self.reloads = self.reloads + 1 end
  self.actions.changed(why and "failed" or "reloaded", why, told)
  self:look()
end

--- A worker serves, doesn't in time, or has ended: begins the reload that has waited for that.
function Succession:look()
  local wanted = self.wanted
  if not wanted or self.stage ~= "none" then return end
  self.wanted = nil
  self:begin(wanted)
end

-- `failed`: the worker that has said so, and undone it itself
local function give_up(self, why, failed)
  if not self.back then drop(self, self.next) end
  self.next = nil
  for _, worker in ipairs(self.actions.voters()) do
    if worker ~= failed then self.actions.giveUp(worker, why) end
  end
  finish(self, why, failed ~= nil)
end

local function commit(self)
  self.actions.changed "committing"
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
  set_timer(self, self.timeout, function()
    for worker in pairs(self.waiting) do
      self.actions.kill(worker, "it did not change to the new code in time")
    end
  end)
end

-- Votes -----------------------------------------------------------------------------------------------------

local count -- the votes, and what they lead to

-- Going back leaves code that may be what ended it: it begins anew, and the others go on without it.
local function leave_out(self, worker)
  self.voters[worker], self.waiting[worker] = nil, nil
end

local function late(self)
  if not self.back then return give_up(self, "not all workers have loaded the new code in time") end
  for worker in pairs(self.waiting) do
    self.actions.kill(worker, "it did not load the code before in time")
    leave_out(self, worker)
  end
  count(self)
end

local function begin_stage(self, worker)
  self.waiting[worker], self.voters[worker] = true, true
  self.actions.stage(worker, self.attempts, self.next, self.back)
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
  if not voters[1] and self.actions.awaits(not self.hastened) then -- the code that serves may be good
    self.wanted, self.hastened = kind, true
    return true
  end
  self.hastened = false
  self.attempts, self.back, self.began = self.attempts + 1, kind == "back", self.actions.now()
  self.waiting, self.voters = {}, {}
  self.actions.changed "reloading"
  if not voters[1] then
    if not self.back then drop(self, self.previous) end
    self.previous, self.sources = self.sources, self.back and self.previous or {}
    self.number = self.attempts
    self.actions.afresh()
    finish(self, nil, true)
    return true
  end
  self.stage, self.lead = "lead", voters[1]
  self.next = self.back and self.previous or {}
  begin_stage(self, voters[1])
  set_timer(self, self.timeout + MARGIN, function() late(self) end)
  return true
end

function count(self)
  if next(self.waiting) then return end
  if self.stage == "commit" then return finish(self) end
  if self.stage == "lead" then
    self.stage = "rest"
    for _, worker in ipairs(self.actions.voters()) do
      if worker ~= self.lead then begin_stage(self, worker) end
    end
    if next(self.waiting) then
      return set_timer(self, self.timeout + MARGIN, function() late(self) end)
    end
  end
  commit(self)
  if not next(self.waiting) then finish(self) end -- going back, all were left out
end

--- A worker has loaded the new code; `fd`: the sources that it hasn't been given
function Succession:ready(worker, fd)
  local counts = (self.stage == "lead" or self.stage == "rest") and self.waiting[worker]
  if not counts then
    if fd then self.actions.close(fd) end
    return
  end
  if fd then add(self, self.next, worker, self.attempts, fd) end
  self.waiting[worker] = nil
  count(self)
end

--- Its sources are needed, and didn't arrive.
function Succession:lost(worker)
  if self.stage == "none" or self.stage == "commit" or not self.waiting[worker] then return end
  give_up(self, ("there is no descriptor for the sources of worker %d"):format(worker))
end

function Succession:failed(worker, why)
  if (self.stage == "lead" or self.stage == "rest") and self.voters[worker] then give_up(self, why, worker) end
end

--- Whether the reload waits for the worker to change.
function Succession:awaits(worker) return self.stage == "commit" and self.waiting[worker] end

function Succession:committed(worker)
  if not self:awaits(worker) then return end
  self.waiting[worker] = nil
  count(self)
end

--- A worker's process has ended; `why` as in the log
function Succession:died(worker, why)
  if self:awaits(worker) then
    self.waiting[worker] = nil -- it begins anew, with the new code
    count(self)
  elseif (self.stage == "lead" or self.stage == "rest") and self.voters[worker] then
    if not self.back then return give_up(self, ("worker %d %s while it loaded the new code"):format(worker, why)) end
    leave_out(self, worker)
    count(self)
  elseif self.trialEnds and self.actions.now() < self.trialEnds then
    self.trialEnds = nil
    self.actions.changed("undone", ("worker %d %s"):format(worker, why))
    self:begin "back"
  end
end

--- A worker's first run serves; `fd`: the sources that it hasn't been given. -> false: it runs other code than the
--- others
function Succession:serves(worker, number, fd)
  if fd then self:loaded(worker, number, fd) end
  if number ~= self.number then return false end
  if self.stage == "rest" then begin_stage(self, worker) end -- it votes, too
  return true
end

return Succession
