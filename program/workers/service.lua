-- What the master tells systemd, if that wants to know (Type=notify): when all workers serve, a reload, the end; and
-- with WatchdogSec that all of them are alive. A worker that doesn't answer is started again.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local host = require "moonport.program.host"
local tell = require "moonport.program.tell"

local service = {}
local asked, ready

local function notify(text) if asked then host.notify(text) end end

--- Tells that they are alive, and has the workers answer before the next time.
function service.watch(master)
  for _, worker in ipairs(master.workers) do
    if worker.stage == "serving" and worker.process then
      if worker.pong then
        worker.pong = false
        tell.worker(worker, "ping")
      else
        moonport.log.error("worker %d is killed: it does not answer", worker.index)
        worker.process:kill()
      end
    end
  end
  notify "WATCHDOG=1"
end

function service.open(master)
  asked = os.getenv "NOTIFY_SOCKET" ~= nil
  local msec = (tonumber(os.getenv "WATCHDOG_USEC") or 0) / 2000
  local process = os.getenv "WATCHDOG_PID"
  if msec > 0 and (not process or tonumber(process) == host.pid) then
    local timer = moonport.Timer()
    function timer.timeout() service.watch(master) end
    timer:start(msec)
    service.timer = timer
  end
end

--- All workers serve.
function service.ready()
  if not ready then notify "READY=1" end
  ready = true
end

function service.reloading()
  if ready then notify(("RELOADING=1\nMONOTONIC_USEC=%d"):format(moonport.hrtime() // 1000)) end
end

function service.reloaded() if ready then notify "READY=1" end end

function service.stopping()
  notify "STOPPING=1"
  if service.timer then service.timer:stop() end
end

return service
