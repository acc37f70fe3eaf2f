-- SPDX-License-Identifier: MIT
-- Cause: the hook of --handler-timeout was set only on the coroutine of a handler, once. It didn't reach
-- coroutines of the script, a __close of a cancelled task, the __tostring of an error, or a prototype's
-- __index, and debug.sethook removed it. And the report named the caller's line. Fix: the hook is set
-- wherever the script's code runs, and is set again. C functions run no hook: the log names the line that
-- called them, and --handler-kill ends the process.
-- #nogc: programs do the work

local helper = require "spec.helper"

local script = [[
local moonport = require "moonport"
local server = moonport.TcpServer()
local function forever()
  local i = 0
  while true do i = i + 1 end -- line 5
end
local loops = { plain = forever }
function loops.resume() assert(coroutine.resume(coroutine.create(forever))) end
function loops.wrap() coroutine.wrap(function() coroutine.wrap(forever)() end)() end
function loops.generator() for _ in coroutine.wrap(function() while true do coroutine.yield(1) end end) do end end
function loops.close()
  local co = coroutine.create(function() local _ <close> = setmetatable({}, { __close = forever }) coroutine.yield() end)
  coroutine.resume(co)
  assert(coroutine.close(co))
end
function loops.cancel()
  local task = moonport.spawn(function()
    local _ <close> = setmetatable({}, { __close = forever })
    moonport.sleep(60000)
  end)
  moonport.sleep(5)
  task:cancel()
  error "the close ended"
end
function loops.text() error(setmetatable({}, { __tostring = forever })) end
function loops.xpcall() while true do xpcall(forever, forever) end end
function loops.sethook() while true do pcall(function() while true do pcall(debug.sethook) end end) end end
function loops.pcall() while true do pcall(forever) end end
local known = {}
server.connection = setmetatable({}, { __index = function(_, name)
  if name == "disconnected" and known.index then forever() end
  return known[name]
end })
function known:readyRead()
  local name = self:readLine():match "%w+"
  known.index = name == "index"
  if loops[name] then loops[name]() end
  self:write("answer to " .. name .. "\n")
  if known.index then self:disconnectFromHost() end
end
assert(server:listen("127.0.0.1", 0))
print(server:serverPort())
io.stdout:flush()
]]

local stuck = [[
local moonport = require "moonport"
local server = moonport.TcpServer()
function server.connection:readyRead()
  local text = ("a"):rep(40)
  text:find(("a?"):rep(40) .. text .. "b") -- line 5
end
assert(server:listen("127.0.0.1", 0))
print(server:serverPort())
io.stdout:flush()
]]

local function start(source, options)
  local program = helper.program { options = options, source = source }
  return program, tonumber(program:waitForLine("^%d+$", 10000))
end

describe("--handler-timeout", function()
  for _, name in ipairs {
    "resume", "wrap", "generator", "close", "cancel", "text", "xpcall", "sethook", "pcall", "index",
  } do
    it("reaches " .. name, function()
      local program, port = start(script, { "--handler-timeout", "50" })
      local client = helper.connect(port)
      client:send(name .. "\n")
      client:waitForEnd(20000)
      local other = helper.connect(port)
      other:send "hello\n"
      assert.equal("answer to hello\n", other:receive(16, 20000))
      helper.eventually(function() return program:stderr():find "not returned within 50" end, nil, 20000)
      assert.falsy(program:stderr():find "answer to hello")
      program:signal "KILL"
    end)
  end

  it("names the line that the handler is at", function()
    local program, port = start(script, { "--handler-timeout", "50" })
    helper.connect(port):send "plain\n"
    program:waitForLine("script%.lua:5: the handler has not returned within 50", 20000)
    program:signal "KILL"
  end)

  it("doesn't end a coroutine that was made after the time was over", function()
    local program, port = start([[
      local moonport = require "moonport"
      local server = moonport.TcpServer()
      function server.connection:readyRead()
        local text = self:readLine()
        if text == "spoil\n" then
          pcall(function() while true do end end)
          kept = coroutine.create(function() for i = 1, 1e5 do end return "well" end)
        end
        self:write(select(2, coroutine.resume(kept)) .. "\n")
      end
      assert(server:listen("127.0.0.1", 0))
      print(server:serverPort())
      io.stdout:flush()
    ]], { "--handler-timeout", "50" })
    local client = helper.connect(port)
    client:send "spoil\n"
    client:waitForEnd(20000)
    program:signal "KILL"
  end)

  it("reports the line of a C function that doesn't return", function()
    local program, port = start(stuck, { "--handler-timeout", "20" })
    helper.connect(port):send "x"
    program:waitForLine("a handler doesn't return from a C function or a finaliser: .*script%.lua:5", 20000)
    program:signal "KILL"
  end)
end)

-- The option's replacements of Lua's own functions behave the same.
local same = [[
local function show(...)
  local texts = {}
  for i = 1, select("#", ...) do
    texts[i] = tostring((select(i, ...))):gsub("0x%x+", "ADDRESS"):gsub("^.-:(%d+:)", "%1")
      :gsub("thread expected", "coroutine expected") -- depends on Lua's version
  end
  io.write(table.concat(texts, " "), "\n")
end
local create, resume, wrap, close, status = coroutine.create, coroutine.resume, coroutine.wrap, coroutine.close, coroutine.status
local co = create(function(...) local a, b = coroutine.yield(...) error(a .. b) end)
show(resume(co, 1, nil, 3)) show(resume(co, "x", "y")) show(resume(co)) show(status(co)) show(close(co))
show(resume(create(function() return resume(coroutine.running()) end)))
show(pcall(resume, 1)) show(pcall(close)) show(pcall(wrap)) show(pcall(wrap(function() error { } end)))
show(pcall(wrap(function() error "text" end)))
local dead = wrap(function() return 1, 2 end)
show(dead()) show(pcall(dead))
local closing = create(function() local _ <close> = setmetatable({}, { __close = function(_, e) error("closed " .. tostring(e), 0) end })
  coroutine.yield() end)
resume(closing) show(close(closing)) show(close(closing)) show(resume(closing))
local raising = wrap(function() local _ <close> = setmetatable({}, { __close = function(_, e) show("close", e) end }) error "r" end)
show(pcall(raising))
show(pcall(function() close(coroutine.running()) end))
show(resume(create(function(outer) return pcall(close, outer) end), coroutine.running()))
show(xpcall(function(...) return ... end, print, 1, nil, 3))
show(xpcall(function() error("e", 0) end, function(m) return m .. "!", 2 end))
show(xpcall(function() error() end, function(m) return m end))
show(pcall(xpcall, print)) show(pcall(xpcall)) show(pcall(xpcall, nil, 1)) show(xpcall(nil, function(m) return #m end))
show(xpcall(function() error "a" end, function() error "b" end) == false)
show(wrap(function() return xpcall(function(...) return coroutine.yield(...) end, print, 1, 2) end)(), "yielded")
local across = wrap(function() return xpcall(function() error(coroutine.yield(1), 0) end, function(m) return "handled " .. m end) end)
across() show(across "late")
]]

describe("--handler-timeout", function()
  it("changes nothing about coroutines and xpcall", function()
    local file = helper.file(same)
    local status, expected = helper.run { "lua5.4", file }
    assert.equal(0, status)
    local program = helper.program { script = file, options = { "--handler-timeout", "60000" } }
    assert.equal(0, program:wait(), program:stderr())
    assert.equal(expected, program:stdout())
  end)
end)

describe("--handler-kill", function()
  it("ends a process that doesn't return from a C function, and logs where", function()
    local program, port = start(stuck, { "--handler-timeout", "20", "--handler-kill", "100" })
    helper.connect(port):send "x"
    program:waitForLine("a handler has not returned in time; the process ends: .*script%.lua:5", 20000)
    assert.equal(1, program:wait(20000))
  end)

  it("does so without a time-out, and doesn't end handlers that return", function()
    local program, port = start(stuck:gsub("text:find.-\n", "while kill do end self:write(self:readAll())\n"),
      { "--handler-kill", "100" })
    local client = helper.connect(port)
    client:send "x"
    assert.equal("x", client:receive(1))
    assert.is_true(program:running())
    program:signal "TERM"
    assert.equal(0, program:wait())
  end)
end)
