-- What the log says of a reload: one line for all workers.
-- SPDX-License-Identifier: MIT

local Report = {}
Report.__index = Report

--- `log`: moonport.log; `script`: its path; `count`: of workers
function Report.new(log, script, count)
  return setmetatable({ log = log, script = script:match "[^/]*$", count = count }, Report)
end

--- A reload begins to take over.
function Report:begin() self.done = { workers = 0, connections = 0, older = 0, kept = 0, added = 0, closed = 0 } end

--- A worker has the new code: `facts` are texts of its connections and `older` ones, which are added up, and of the
--- listeners `kept`, `added` and `closed`, which are the same ones in all.
function Report:add(facts)
  local done = self.done
  done.workers = done.workers + 1
  for _, name in ipairs { "kept", "added", "closed" } do done[name] = math.max(done[name], tonumber(facts[name])) end
  for _, name in ipairs { "connections", "older" } do done[name] = done[name] + tonumber(facts[name]) end
  if facts.older ~= "0" then done.holder = facts.holder end
end

local function number(n, what) return ("%d %s%s"):format(n, what, n == 1 and "" or "s") end

--- It ended; `generation` serves.
function Report:succeeded(generation, msec)
  local done = self.done
  local part = done.workers < self.count and ("%d of "):format(done.workers) or ""
  local older = ""
  if done.older > 0 then older = (", %d with handlers of older generations (%s)"):format(done.older, done.holder) end
  self.log.info("reloaded %s: generation %d, %.0f ms, %s%s; %s kept, %d added, %d closed; %s%s", self.script,
    generation, msec, part, number(self.count, "worker"), number(done.kept, "listener"), done.added, done.closed,
    number(done.connections, "connection"), older)
end

--- It failed, and no worker has said so.
function Report:failed(generation, why)
  self.log.error("reload of %s failed, generation %d goes on: %s", self.script, generation, why)
end

return Report
