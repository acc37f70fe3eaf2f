-- The clients of a worker that doesn't serve: its sockets are lent to another one, which accepts from them too until
-- the worker serves again.
-- SPDX-License-Identifier: MIT

local Loans = {}
Loans.__index = Loans

--- `tell`(worker, line, fd); `workers`: a list, whose members get the field `loans`
function Loans.new(workers, ports, tell)
  return setmetatable({ workers = workers, ports = ports, tell = tell }, Loans)
end

--- The worker serves again.
function Loans:takeBack(worker)
  for _, loan in ipairs(worker.loans or {}) do self.tell(loan.by, "unlend " .. loan.cookie) end
  worker.loans = nil
end

--- Lends its sockets to the next worker behind it that serves.
function Loans:lend(worker)
  self:takeBack(worker)
  local count = #self.workers
  for i = 0, count - 2 do
    local other = self.workers[(worker.index + i) % count + 1]
    if other.stage == "serving" then
      worker.loans = {}
      for k, socket in ipairs(self.ports:lendable(worker.index, other.index)) do
        worker.loans[k] = { cookie = socket.cookie, by = other }
        self.tell(other, "lend " .. socket.to, socket.fd)
      end
      return
    end
  end
end

--- A worker has begun to serve: it gets what nobody could take before.
function Loans:lendRest()
  for _, worker in ipairs(self.workers) do
    if worker.stage ~= "serving" and not (worker.loans and worker.loans[1]) then self:lend(worker) end
  end
end

--- This worker serves no more: somebody else gets what was lent to it.
function Loans:lendAnew(gone)
  for _, worker in ipairs(self.workers) do
    if worker.loans and worker.loans[1] and worker.loans[1].by == gone then self:lend(worker) end
  end
end

return Loans
