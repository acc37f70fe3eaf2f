-- How long a worker that has ended waits until it is started again: at once the first time, then for 1, 2, 4 … 30 s. A
-- minute of health makes the next time the first one.
-- SPDX-License-Identifier: MIT

local pauses = {}

local HEALTH, MOST, LEAST, LAST = 60000, 30000, 200, 1000 -- milliseconds

--- `history`: a table of the worker's, empty at first; `started`, `now`: clock. -> milliseconds
function pauses.after(history, started, now)
  if now - started >= HEALTH then history.deaths = 0 end
  history.deaths = (history.deaths or 0) + 1
  if history.deaths == 1 then return 0 end
  return math.min(1000 << math.min(history.deaths - 2, 10), MOST)
end

--- The most if no other worker serves, where a long pause would be an outage. `served`: it had begun to.
function pauses.last(served, started, now)
  return served and math.max(LEAST - (now - started), 0) or LAST
end

return pauses
