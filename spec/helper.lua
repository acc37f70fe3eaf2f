-- What every spec uses: waits with a time-out, real programs, plain sockets, and a check after each spec for
-- what is left. Busted loads it before the first spec (see .busted); specs write `local helper = require
-- "spec.helper"`.
--
-- While a spec waits, moonport's loop runs if moonport is loaded, so that a plain client of this file and a
-- server of the same process can talk. All times are milliseconds.
-- Longer than 400 lines: the one file that every spec knows.

local posix = require "spec.posix"
local busted = require "busted"
local findable = package.preload.moonport or package.loaded.moonport or package.searchpath("moonport", package.cpath)
local moonport = findable and require "moonport"

local helper = { posix = posix, timeout = tonumber(os.getenv "MOONPORT_SPEC_TIMEOUT") or 5000 }
local stress = os.getenv "MOONPORT_SPEC_GC" == "stress"
local programs, sockets, files = {}, {}, {} -- what the running spec has opened

-- Waiting ---------------------------------------------------------------------------------------------------

-- Lets a little time pass: a turn of the loop, or a short poll of the descriptor if there is no loop. More of it behind
-- many times, so that a long wait leaves the processor to whom it waits for.
local function pass(fd, what, times)
  if moonport then
    moonport.sleep(times < 200 and 1 or 5)
  else
    posix.poll(fd or -1, what or "r", 10)
  end
end

local function waitUntil(condition, msec, fd, what)
  local deadline, times = posix.now() + (msec or helper.timeout), 0
  repeat
    local value = condition()
    if value then return value end
    if posix.now() > deadline then return nil end
    times = times + 1
    pass(fd, what, times)
  until false
end

--- Waits until condition() is true, and returns its result; fails after msec.
function helper.eventually(condition, what, msec)
  msec = msec or helper.timeout
  local value = waitUntil(condition, msec)
  if not value then
    local at = debug.getinfo(condition, "S")
    error(("%s did not come true within %d ms"):format(what or "the condition at line " .. at.linedefined, msec), 2)
  end
  return value
end

--- Makes an empty folder, which the caller removes. -> its path
function helper.folder()
  local path = os.tmpname()
  os.remove(path)
  assert(require "lfs".mkdir(path))
  return path
end

--- -> the number of the process that runs the specs
function helper.processId()
  local file <close> = assert(io.open "/proc/self/stat")
  return file:read "n"
end

local names = 0

--- -> a name that no other spec, and no other run at the same time, has
function helper.uniqueName()
  names = names + 1
  return ("moonport spec %d %d"):format(helper.processId(), names)
end

local block = {}
for i = 1, 4093 do block[i] = ("%015d\n"):format(i) end
block = table.concat(block)

--- Bytes for transfers, in which what is lost, doubled or exchanged shows.
function helper.bytes(size) return block:rep(size // #block + 1):sub(1, size) end

--- Lets msec pass with the loop running, for one turn of it at least, however slow the machine is. Only for "nothing
--- happens"; never instead of a condition.
function helper.settle(msec)
  pass(nil, nil, 0)
  waitUntil(function() return false end, msec or 20)
end

-- Plain sockets ---------------------------------------------------------------------------------------------

local Client = {}

-- `unread` is in pieces until somebody wants it: a peer that reads megabytes through a small window would copy all of
-- it with each piece.
function Client:__index(key)
  if key ~= "unread" then return Client[key] end
  local text = table.concat(self.pieces)
  self.pieces = { text }
  return text
end

function Client:__newindex(key, value)
  if key ~= "unread" then return rawset(self, key, value) end
  self.pieces, self.held = { value }, #value
end

local function client(fd)
  local self = setmetatable({ fd = fd, pieces = {}, held = 0 }, Client)
  sockets[self] = true
  return self
end

-- Reads what there is. -> true if bytes arrived, false at the end or after an error (self.ended, self.failed)
function Client:fill()
  local bytes, message, code = posix.read(self.fd, 65536)
  if bytes == nil then
    if code == posix.EAGAIN then return false end
    self.ended, self.failed = true, message
  elseif bytes == "" then
    self.ended = true
  else
    self.pieces[#self.pieces + 1], self.held = bytes, self.held + #bytes
  end
  return bytes ~= nil and bytes ~= ""
end

-- Reads until want() gives the number of bytes to take.
local function take(self, want, what, msec)
  local size = waitUntil(function()
    local n = want()
    if n or (not self:fill() and self.ended) then return n or want() or "ended" end
  end, msec, self.fd)
  if type(size) ~= "number" then
    local why = size and (self.failed or "the stream ended") or "nothing more came in time"
    error(("waiting for %s: %s; unread so far: %q"):format(what, why, self.unread:sub(1, 200)), 3)
  end
  local unread = self.unread
  self.unread = unread:sub(size + 1)
  return unread:sub(1, size)
end

--- Exactly n bytes.
function Client:receive(n, msec)
  return take(self, function() return self.held >= n and n end, n .. " bytes", msec)
end

--- One line with its line end.
function Client:receiveLine(msec)
  return take(self, function() return self.unread:find("\n", 1, true) end, "a line", msec)
end

--- Everything until the peer has closed; a reset by the peer fails.
function Client:receiveAll(msec)
  return take(self, function() return self.ended and not self.failed and self.held end, "the end", msec)
end

--- Waits until the peer has closed or reset the connection. -> "closed" | "reset"; unread bytes can still be
--- received
function Client:waitForEnd(msec)
  if not waitUntil(function() self:fill() return self.ended end, msec, self.fd) then
    error("the peer did not close in time", 2)
  end
  return self.failed and "reset" or "closed"
end

--- Sends all of data.
function Client:send(data, msec)
  local from, failed = 1, nil
  waitUntil(function()
    local n, message, code = posix.write(self.fd, data, from)
    if n then
      from = from + n
    elseif code ~= posix.EAGAIN then
      failed = message
    end
    return failed or from > #data
  end, msec, self.fd, "w")
  if failed or from <= #data then
    error(("sent %d of %d bytes: %s"):format(from - 1, #data, failed or "the peer took no more in time"), 2)
  end
end

--- Sends what the kernel takes at once. -> number of bytes, 0 when it is full
function Client:trySend(data)
  return (posix.write(self.fd, data)) or 0
end

--- Half-closes: "read", "write" (the default) or "both".
function Client:shutdown(way)
  assert(posix.shutdown(self.fd, way or "write"))
end

function Client:port()
  return assert(posix.localPort(self.fd))
end

local function forget(self, close)
  if self.fd then close(self.fd) end
  self.fd, sockets[self] = nil, nil
end

function Client:close() forget(self, posix.close) end

--- Closes with a reset.
function Client:reset() forget(self, posix.reset) end

--- A client connected to host:port. options.receiveBuffer makes the kernel's buffer small, for slow readers.
function helper.connect(port, host, options)
  options = options or {}
  local fd = assert(posix.connect(host or "127.0.0.1", port, options.receiveBuffer))
  local self = client(fd)
  if not waitUntil(function() return posix.poll(fd, "w", 0) end, options.timeout, fd, "w") then
    error(("no connection to port %s in time"):format(port), 2)
  end
  local code, message = posix.socketError(fd)
  if code ~= 0 then error(("connect to port %s: %s"):format(port, message), 2) end
  return self
end

local Listener = { close = Client.close, port = Client.port }
Listener.__index = Listener

--- A listening socket on a free port, for moonport to connect to. :port(), :accept([msec]) -> client,
--- :close()
function helper.listen(host, backlog)
  local self = setmetatable({ fd = assert(posix.listen(host or "127.0.0.1", 0, backlog)) }, Listener)
  sockets[self] = true
  return self
end

function Listener:accept(msec)
  return client(waitUntil(function() return (posix.accept(self.fd)) end, msec, self.fd)
    or error("no client connected in time", 2))
end

--- A port on which nothing listens. A socket is bound to it until the spec ends, so that no other process
--- gets it.
function helper.unusedPort(host)
  return helper.listen(host, -1):port()
end

-- Programs --------------------------------------------------------------------------------------------------

local Program = {}
Program.__index = Program

local sanitizerReports = { "ERROR: AddressSanitizer", "ERROR: LeakSanitizer" }

local function drain(self)
  for _, name in ipairs { "out", "err" } do
    local fd = self.fds[name]
    local bytes = fd and posix.read(fd, 65536)
    while bytes and bytes ~= "" do
      self[name] = self[name] .. bytes
      bytes = posix.read(fd, 65536)
    end
    if bytes == "" then
      posix.close(fd)
      self.fds[name] = nil
    end
  end
end

local function reap(self)
  if not self.how then
    local how, number, code = posix.wait(self.pid)
    if how == nil and code == posix.ECHILD then
      error("other code took the child's status: is there a SIGCHLD handler in this process?", 0)
    end
    self.how, self.number = how or nil, number
  end
  drain(self)
  return self.how
end

local asanOptions = os.getenv "MOONPORT_SPEC_ASAN_OPTIONS" -- of child processes

local function spawn(arguments, environment)
  local variables = { "LD_PRELOAD" } -- the in-process specs' libasan is not for child processes
  variables[#variables + 1] = asanOptions and "ASAN_OPTIONS=" .. asanOptions
  for name, value in pairs(environment or {}) do
    variables[#variables + 1] = value and name .. "=" .. value or name
  end
  for i, argument in ipairs(arguments) do arguments[i] = tostring(argument) end
  local pid, input, out, err = assert(posix.spawn(arguments, variables))
  local self = setmetatable({ pid = pid, fds = { input = input, out = out, err = err }, out = "", err = "" }, Program)
  self.name = arguments[1]:match "[^/]+$"
  programs[#programs + 1] = self
  return self
end

--- Starts any program: helper.spawn({ "nc", "127.0.0.1", port }[, { NAME = value }]). Same methods as
--- helper.program.
function helper.spawn(arguments, environment) return spawn(arguments, environment) end

--- Writes text to a new file, which is removed when the spec ends. -> its path
function helper.file(text, name)
  local path = os.tmpname()
  files[#files + 1] = path
  if name then
    path = path .. "-" .. name
    files[#files + 1] = path
  end
  helper.rewrite(path, text)
  return path
end

function helper.rewrite(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

--- Starts the program (MOONPORT, or the asan build) with options.script, a path, or options.source, Lua text.
--- options.options come before it, options.args after it; also options.environment.
function helper.program(options)
  local arguments = { os.getenv "MOONPORT" or "build/asan/moonport" }
  table.move(options.options or {}, 1, #(options.options or {}), #arguments + 1, arguments)
  arguments[#arguments + 1] = options.script or (options.source and helper.file(options.source, "script.lua"))
  table.move(options.args or {}, 1, #(options.args or {}), #arguments + 1, arguments)
  return spawn(arguments, options.environment)
end

local function described(self)
  reap(self)
  local state = self.how and ("%s, %d"):format(self.how, self.number) or "running"
  return ("%s (%s)\nstderr: %s\nstdout: %s"):format(self.name, state, self.err, self.out)
end

--- Waits for a line of stdout or stderr that matches. -> its captures, or the line; each line is found only
--- once
function Program:waitForLine(pattern, msec)
  self.seen = self.seen or { out = 1, err = 1 }
  local found = waitUntil(function()
    local ended = reap(self)
    for name, from in pairs(self.seen) do
      for line, next in self[name]:gmatch("([^\n]*)\n()", from) do
        if line:find(pattern) then
          self.seen[name] = next
          return table.pack(line:match(pattern))
        end
      end
    end
    return ended and not self.fds.out and not self.fds.err and { n = 0 }
  end, msec, self.fds.err)
  if not found or found.n == 0 then
    error(("no line like %q from %s"):format(pattern, described(self)), 2)
  end
  return table.unpack(found, 1, found.n)
end

--- Sends a signal: "TERM", "HUP", …
function Program:signal(name)
  if not reap(self) then
    assert(posix.kill(self.pid, posix["SIG" .. name] or error("no signal " .. name, 2)))
  end
end

--- Writes to the program's stdin; also ends it if last is true.
function Program:write(data, last, msec)
  Client.send({ fd = self.fds.input }, data, msec)
  if last then self:closeInput() end
end

function Program:closeInput()
  if self.fds.input then posix.close(self.fds.input) end
  self.fds.input = nil
end

--- Waits for the end. -> exit status (128 + n after signal n), signal or nil
function Program:wait(msec)
  if not waitUntil(function() return reap(self) end, msec, self.fds.err) then
    error(("did not end within %d ms: %s"):format(msec or helper.timeout, described(self)), 2)
  end
  if self.how == "signalled" then return 128 + self.number, self.number end
  return self.number
end

function Program:running() return not reap(self) end
function Program:stderr() reap(self) return self.err end
function Program:stdout() reap(self) return self.out end

--- Runs a program to its end with input on its stdin. -> exit status, stdout, stderr
function helper.run(arguments, input, msec)
  local self = spawn(arguments)
  if input and input ~= "" then self:write(input, false, msec) end
  self:closeInput()
  local status = self:wait(msec)
  return status, self.out, self.err
end

--- What --help prints, of the program or of a command of it, with a line for each option.
function helper.help(...)
  local words = { os.getenv "MOONPORT" or "build/asan/moonport", ... }
  words[#words + 1] = "--help"
  local status, out, err = helper.run(words)
  assert(status == 0, err)
  return (out:gsub("\n  (%-%-[%l-]+ ?%u*), (%-%-[%l-]+ ?%u*) ", "\n  %1  -\n  %2 "))
end

--- Says why script(1) can give no program a terminal here, or nil: a bare chroot has no /dev/pts.
function helper.noTerminal()
  local status, out, err = helper.run { "script", "-qec", "true", "/dev/null" }
  return status ~= 0 and "no terminals here: " .. (out .. err):match "[^\r\n]*" or nil
end

-- Kills what still runs. A sanitizer's report about any program of the spec is an error of the spec.
local function endPrograms()
  local reports = {}
  for _, self in ipairs(programs) do
    if not reap(self) then
      posix.kill(self.pid, posix.SIGKILL)
      waitUntil(function() return reap(self) end)
    end
    for _, text in ipairs(sanitizerReports) do
      if self.err:find(text, 1, true) then reports[#reports + 1] = described(self) end
    end
    for _, fd in pairs(self.fds) do posix.close(fd) end
  end
  programs = {}
  return reports
end

-- After each spec -------------------------------------------------------------------------------------------

--- The live objects (servers, sockets, timers) after a full collection, or nil if moonport doesn't count them
--- here.
function helper.objects()
  collectgarbage()
  collectgarbage()
  return moonport and moonport.stats().objects
end

local alive = 0 -- objects that an earlier spec has left, and that are reported already

busted.after_each(function()
  collectgarbage("incremental", 200, 100, 13)
  for socket in pairs(sockets) do socket:close() end
  local reports = endPrograms()
  for _, path in ipairs(files) do os.remove(path) end
  files = {}
  local before = alive
  waitUntil(function()
    alive = helper.objects() or 0
    return alive <= before
  end, helper.timeout)
  if reports[1] then error("a sanitizer report from " .. table.concat(reports, "\n"), 0) end
  if alive > before then error(("%d object(s) still alive after the spec"):format(alive - before), 0) end
end)

-- MOONPORT_SPEC_GC=stress: each allocation collects what is young (a growth of 256 % is 0 to Lua 5.4), and each few
-- hundred instructions all that is garbage. Only while a spec itself runs: the last before_each switches it on,
-- after_each switches it off.
if stress then
  busted.subscribe({ "test", "start" }, function()
    collectgarbage("generational", 256, 100)
    posix.collectEvery(200)
    return nil, true
  end)
  busted.subscribe({ "test", "end" }, function()
    posix.collectEvery(0)
    collectgarbage("incremental", 200, 100, 13)
    return nil, true
  end, { priority = 1 })
end

return helper
