-- Any lines and descriptors from the workers to their master, between reloads, deaths and the end. No line raises an
-- error, no descriptor is lost, and a worker that keeps to the rules is served behind them.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local choices = require "spec.fuzz.choices"

local eventually = choices.eventually

-- Processes are tables here; what a process would do with its channel, this does.
local made, given = {}, nil

local Process = {}
Process.__index = Process
for _, name in ipairs { "setProgram", "setArguments", "setProcessChannelMode", "setInputChannelMode",
  "setStandardInputFile" } do
  Process[name] = function() end
end

function Process:start()
  self.channel = moonport.LocalSocket()
  self.channel:setReadBufferSize(0)
  self.channel:setReceiveDescriptors(100)
  assert(self.channel:setSocketDescriptor(given))
  self.runs = true
  made[#made + 1] = self
  return true
end

function Process:kill()
  if not self.runs then return end
  self.runs = false
  self.channel:abort()
  moonport.singleShot(0, function() self:finished(9, "CrashExit", "SIGKILL") end)
end

local closeDescriptor, status
function moonport.Process() return setmetatable({ close = closeDescriptor }, Process) end
function moonport.quit(how) status = how or 0 end
function moonport.onSignal() end

local function freshMaster()
  for name in pairs(package.loaded) do
    if name:find "^moonport%.program%." then package.loaded[name] = nil end
  end
  local host = require "moonport.program.host"
  local close = package.loaded["fuzz.close"] or host.close
  package.loaded["fuzz.close"] = close
  host.give = function(_, fd) given = fd end
  host.close = function(fd)
    if fd == given then given = nil else close(fd) end
  end
  host.store = function() return nil, "there is none" end
  return require "moonport.program.master", host, close
end

-- What an honest worker says when it is told something.
local function obey(process)
  local channel = process.channel
  while process.runs and channel:canReadLine() do
    local line = channel:readLine()
    local brings, word, rest = line:match "^(%+?)(%l+) ?(.-)\n$"
    if brings == "+" then
      local fd = channel:receiveDescriptor(0)
      if fd then process.close(fd) end
    end
    if word == "answer" then process.answer = rest end
    if word == "ping" then channel:write "pong\n" end
    if word == "stage" and process.honest then channel:write "ready 0\n" end
    if word == "commit" and process.honest then channel:write "committed 0 0 0 0 0 %\n" end
    if (word == "end" or word == "stop") and process.honest then
      process.runs = false
      channel:abort()
      moonport.singleShot(0, function() process:finished(0, "NormalExit") end)
    end
  end
end

local function run(fn)
  for _, process in ipairs(made) do obey(process) end
  moonport.sleep(0)
  if fn then fn() end
end

local lines = { "listen 1 127.0.0.1 0 0", "listen 2 any 0 1", "local 3 unix:@moonport-master 1 0600 -1 5",
  "store 4", "closed 5", "serving 0", "serving 1", "loaded 1", "loaded 2", "ready 0", "ready 1", "failed %",
  "committed 0 1 2 3 4 x",
  "reload", "rollback", "quit 0", "quit 3", "hungup", "pong", "full", "done" }

local acts = {}

function acts.line(process, from) process.channel:write(from:of(lines) .. "\n") end
function acts.text(process, from) process.channel:write(from:text(80)) end

-- A line of which some bytes are others.
function acts.nearly(process, from)
  local line = from:of(lines)
  local at = from:below(#line) + 1
  process.channel:write(line:sub(1, at - 1) .. from:text(4) .. line:sub(at + from:below(3)) .. "\n")
end

function acts.descriptor(process, from)
  local file <close> = assert(io.open "/dev/null")
  local line = from:below(2) == 0 and from:of(lines) or from:text(20)
  process.channel:sendDescriptor(file, "+" .. line .. "\n")
end

function acts.die(process, from)
  if from:below(4) == 0 then process:kill() end
end

function acts.loop() run() end

local names = { "descriptor", "die", "line", "line", "line", "loop", "nearly", "nearly", "text" }

-- The lowest number that is no descriptor.
local function lowest(host, close)
  local first, second = host.pair()
  close(first)
  close(second)
  return math.min(first, second)
end

return function(bytes)
  local from = choices.of(bytes)
  local master, host, close = freshMaster()
  local before = lowest(host, close)
  closeDescriptor, status = close, nil
  made = {}
  master.run()
  made[1].honest = from:below(2) == 1
  if from:below(4) > 0 then
    made[1].channel:write "serving 0\n"
    run()
    run()
  end
  for _ = 1, 60 do
    if not from:more() then break end
    local process = made[from:below(#made) + 1]
    local what = from:below(#names + 2)
    if what >= #names then
      if what == #names then master.reload(from:of { "new", "back" }) else master.drain() end
    elseif process.runs then
      acts[names[what + 1]](process, from)
    end
  end
  run()
  run()
  -- A new worker is served, if none has ended them all.
  for _, process in ipairs(made) do process:kill() end
  run()
  run()
  for _, worker in ipairs(master.workers) do
    if worker.restart then master.startNow(worker) end
  end
  local last = made[#made]
  if last.runs then
    last.channel:write "listen 77 127.0.0.1 0 0\n"
    eventually("an answer to a listen", function()
      run()
      return last.answer and last.answer:find "^77 "
    end)
  end
  master.stop(0)
  for _, process in ipairs(made) do process:kill() end
  eventually("the end", function()
    run()
    for _, process in ipairs(made) do process:kill() end
    return status
  end)
  moonport.sleep(0)
  eventually("all descriptors are closed", function()
    local left = lowest(host, close)
    if left > before then collectgarbage() end
    return left <= before
  end)
  choices.check()
end
