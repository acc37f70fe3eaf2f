-- SPDX-License-Identifier: MIT
-- A service with several workers, for the specs of --workers.

local control = require "spec.host.control"
local helper = require "spec.helper"
local posix = helper.posix

local Service = {}
Service.__index = Service

-- One line, so that the body begins in line 2. Its `who` says which worker answers.
local head = 'local moonport = require "moonport" local server = moonport.TcpServer() local person = server.connection '
  .. 'local worker, workers = moonport.worker() local pid = io.open("/proc/self/stat"):read("n") '
  .. 'local function who() return ("%d %d %d %d"):format(worker, workers, moonport.generation(), pid) end\n'
local echo = '\nfunction person:readyRead() while self:canReadLine() do local line = self:readLine() '
  .. 'self:write(line == "who\\n" and who() .. "\\n" or answer and answer(line) or line) end end\n'
local tail = 'assert(server:listen("127.0.0.1", 0)) moonport.log.info("listening on %d", server:serverPort())\n'

--- Replaces a file of the service's folder by renaming.
function Service:write(name, text)
  helper.rewrite(self.folder .. "/.new", text)
  assert(os.rename(self.folder .. "/.new", self.folder .. "/" .. name))
end

--- `body`: Lua that may set the global function answer(line).
function Service:replace(body) self:write("main.lua", head .. body .. echo .. tail) end

--- Starts the program with a script; options.options, options.files (name -> text), options.plain (no head and tail),
--- options.count (2; 0: one process without a master), options.environment, options.group (a process group of its own).
local function start(body, options)
  options = options or {}
  local self = setmetatable({ folder = helper.folder(), count = options.count or 2 }, Service)
  for name, text in pairs(options.files or {}) do self:write(name, text) end
  if options.plain then self:write("main.lua", body) else self:replace(body) end
  self.path = self.folder .. "/control"
  local words = { "--control", self.path }
  if self.count > 0 then table.move({ "--workers", self.count }, 1, 2, #words + 1, words) end
  table.move(options.options or {}, 1, #(options.options or {}), #words + 1, words)
  local script = options.script or self.folder .. "/main.lua"
  if options.group then
    words[#words + 1] = script
    self.program = helper.spawn({ "setsid", os.getenv "MOONPORT" or "build/asan/moonport", table.unpack(words) },
      options.environment)
  else
    self.program = helper.program { options = words, script = script, args = options.args,
      environment = options.environment }
  end
  if not options.plain then
    for _ = 1, math.max(self.count, 1) do self.port = self.program:waitForLine "listening on (%d+)" end
  end
  return self
end

function Service:connect() return helper.connect(self.port) end

--- What a worker answers to a line.
function Service.ask(client, line)
  client:send(line .. "\n")
  return (client:receiveLine():gsub("\n$", ""))
end

--- Who answers a client. -> worker, workers, generation, pid
function Service:who(client)
  local own = client or self:connect()
  local worker, workers, generation, pid = self.ask(own, "who"):match "(%d+) (%d+) (%d+) (%d+)"
  if not client then own:close() end
  return tonumber(worker), tonumber(workers), tonumber(generation), tonumber(pid)
end

--- A client of this worker. -> client, generation, pid
function Service:of(number)
  local client, generation, pid
  helper.eventually(function()
    local one = self:connect()
    local worker, _, now, process = self:who(one)
    if worker ~= number then return one:close() end
    client, generation, pid = one, now, process
    return true
  end, "a client of worker " .. number)
  return client, generation, pid
end

--- The generation of each worker.
function Service:generations()
  local list = {}
  for number = 1, self.count do list[number] = select(2, self:of(number)) end
  return list
end

--- -> whether a process with this number runs
function Service.runs(pid)
  local file = io.open(("/proc/%d/stat"):format(pid))
  if not file then return false end
  local text = file:read "a" or ""
  file:close()
  return not text:find "%) [ZX] "
end

function Service.kill(pid, name) assert(posix.kill(pid, posix["SIG" .. (name or "KILL")])) end

--- A client of the control socket.
function Service:control()
  self.client = self.client or control.connect(self.path)
  return self.client
end

function Service:status() return self:control():get("status")[1] end

--- Waits until all workers serve.
function Service:settled()
  helper.eventually(function()
    for _, worker in ipairs(self:status().workers) do
      if worker.state ~= "serving" then return false end
    end
    return true
  end, "all workers serve")
end

function Service:reload(body)
  if body then self:replace(body) end
  self.program:signal "HUP"
end

--- Waits for the one line of a reload. -> the generation
function Service:reloaded() return tonumber((self.program:waitForLine "reloaded main%.lua: generation (%d+)")) end

--- Waits for the one line of a failed reload. -> the error
function Service:failed()
  return (self.program:waitForLine "reload of main%.lua failed, generation %d+ goes on: (.*)$")
end

--- Removes the files; the helper ends the program.
function Service:remove()
  control.close()
  os.execute(("rm -rf '%s'"):format(self.folder))
end

return { start = start }
