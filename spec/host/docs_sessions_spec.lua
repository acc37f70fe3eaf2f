-- The commands of README.md and docs/**/*.md, as a reader pastes them. Those of one page run in order, in a
-- folder of their own with a copy of scripts/, and must show what the page shows. A ```sh block has only
-- commands; in a ```console block, commands follow "$ ", and the other lines are their output. An HTML
-- comment before a block (see spec/pages.lua) may say:
--   file: chat.lua        the block is that file from there on
--   terminal: ann         the last command keeps running in a terminal of that name. A block of that terminal
--                         without a command is its next output. "^C" is typed there, and ends the command.
--   typed: hello | /who   these lines of the block are typed, the others are output
--   status: 1             the command ends with that exit status
--   eventually            the command is repeated until it shows that: its server has only just started
--   asks: first           the moonport ctl of the block asks the program in that terminal, as if it were the only one
--   table                 the command has a terminal of 120 columns
--   measured              durations, sizes, percentages, numbers of processes and the version may differ
--   not run: why          it isn't run, for this reason
-- "…" matches anything, and as a line of its own any lines. Times, milliseconds and clients' ports may
-- differ. Port 7000 and the like are replaced by free ports.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local pages = require "spec.pages"
local lfs = require "lfs"

local root = lfs.currentdir()

local port = "%f[%w][78]0%d%d%f[%W]" -- as on the pages

local function isFree(number)
  local fd = helper.posix.listen("127.0.0.1", number, 1)
  if fd then helper.posix.close(fd) end
  return fd ~= nil
end

-- What is added to the ports of a text so that all are free. They are below the range that the system chooses
-- from, so no process that asks for any port gets one of them.
local function shift(text)
  for _ = 1, 100 do
    local by, free = math.random(4000, 22000), true
    for number in text:gmatch(port) do free = free and isFree(by + number) end
    if free then return by end
  end
  error "no free ports"
end

local function normal(text)
  return (text:gsub("%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d%.%d%d%d", "TIME")
    :gsub("^%d%d:%d%d:%d%d%.%d%d%d ", "TIME "):gsub("%d+ ms", "N ms")
    :gsub("(127%.0%.0%.1:)%d%d%d%d%d", "%1PORT"))
end

-- Without what differs from run to run in the answers of moonport ctl.
local function measured(text)
  text = text:gsub("^lag +0ms", "no lag") -- where a page shows one, there is one
  text = text:gsub("%f[%w]%d+%.%d+s%f[%W]", "TIME"):gsub("%f[%w]%d+m?[hdms]%d*[hms]?%f[%W]", "TIME")
    :gsub("%f[%w]%d+%.?%d*[kMG]%f[%W]", "SIZE"):gsub("%d+%.%d %%", "N %%"):gsub("process %d+", "process N")
    :gsub("%d+%.N ms", "N ms"):gsub("moonport %d+%.%d+%.%d+", "moonport VERSION")
    :gsub("%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d", "TIME")
  return text:gsub(" +", " "):match "^ ?(.-) ?$"
end

-- A shown line as a pattern.
local function pattern(line)
  return "^" .. line:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0"):gsub("…", ".*") .. "$"
end

local function fits(line, shown, block)
  line, shown = normal(line), normal(shown)
  if block.marks.measured then line, shown = measured(line), measured(shown) end
  return line:find(pattern(shown)) ~= nil
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- A page's folder, ports and terminals ----------------------------------------------------------------------

local Session = {}
Session.__index = Session

function Session:toReal(text)
  return (text:gsub(port, function(number) return ("%d"):format(number + self.shift) end))
end

function Session:toShown(text)
  return (text:gsub("%f[%w]%d%d%d%d%d%f[%W]", function(number)
    local shown = ("%d"):format(number - self.shift)
    return shown:find(port) and shown or nil
  end))
end

local function shell(command)
  local status, out, err = helper.run { "sh", "-c", command }
  assert(status == 0, out .. err)
  return out
end

local function open(page)
  local self = setmetatable({ page = page, terminals = {}, commands = 0 }, Session)
  self.folder = shell("mktemp -d"):match "%S+"
  self.shift = shift(pages.read(page))
  local program = os.getenv "MOONPORT" or "build/asan/moonport"
  if program:sub(1, 1) ~= "/" then program = root .. "/" .. program end
  shell(("cd %s && mkdir bin build && ln -s %s bin/moonport && ln -s %s build/moonport && cp -r %s/scripts .")
    :format(self.folder, quoted(program), quoted(program), quoted(root)))
  for file in shell(("find %s/scripts -type f"):format(self.folder)):gmatch "[^\n]+" do
    helper.rewrite(file, self:toReal(pages.read(file)))
  end
  return self
end

function Session:spawn(command)
  self.commands = self.commands + 1
  local line = ("cd %s && PATH=$PWD/bin:$PATH && exec 2>&1\n%s"):format(self.folder, self:toReal(command))
  return helper.spawn({ "bash", "-c", line }, { LUA_PATH = false, LUA_CPATH = false })
end

-- The next line of a terminal.
local function nextLine(terminal, block, shown)
  local ok, line = pcall(terminal.program.waitForLine, terminal.program, "^(.*)$")
  if not ok then error(("%s: instead of %q: %s"):format(block.name, shown, line), 0) end
  return line
end

function Session:expect(terminal, block, shown)
  if shown == "^C" then
    terminal.program:signal "INT"
    assert.equal(terminal.wanted, terminal.program:wait(), block.name)
    self.terminals[terminal.name] = nil
    return
  end
  if shown == "…" then
    terminal.skipping = true
    return
  end
  local line
  repeat line = self:toShown(nextLine(terminal, block, shown)) until not terminal.skipping or fits(line, shown, block)
  terminal.skipping = false
  if not fits(line, shown, block) then
    error(("%s: expected %q, but there was %q"):format(block.name, shown, line), 0)
  end
end

-- What a block shows in a terminal; some lines of it are typed.
function Session:talk(terminal, block, lines)
  local typed = {}
  for text in (tostring(block.marks.typed or "") .. " | "):gmatch "(.-) | " do
    if text ~= "" then typed[#typed + 1] = text end
  end
  for _, line in ipairs(lines) do
    if typed[1] and line == typed[1] then
      terminal.program:write(self:toReal(line) .. "\n")
      table.remove(typed, 1)
    else
      self:expect(terminal, block, line)
    end
  end
  assert(not typed[1], block.name .. ": not there to be typed: " .. tostring(typed[1]))
end

-- A command that ends, and its whole output.
function Session:finish(block, command, lines)
  if block.marks.asks then
    command = command:gsub("moonport ctl", ("%%0 %d"):format(self.terminals[block.marks.asks].program.pid))
  end
  if block.marks.table then
    if helper.noTerminal() then return end
    command = ("script -qec %s /dev/null"):format(quoted("stty cols 120 && exec " .. command))
  end
  local program = self:spawn(command)
  program:closeInput()
  local status = program:wait(helper.timeout * 6)
  local out, from = self:toShown(program:stdout():gsub("\r\n", "\n")), 1
  local wanted = tonumber(block.marks.status) or 0
  assert(status == wanted, ("%s: %s: status %d\n%s"):format(block.name, command, status, out))
  if block.kind == "sh" then return end
  local skipping = false
  for _, shown in ipairs(lines) do
    if shown == "…" then
      skipping = true
    else
      local line, rest
      repeat
        line, rest = out:match("^([^\n]*)\n?()", from)
        if from > #out then error(("%s: no line %q in\n%s"):format(block.name, shown, out), 0) end
        from = rest
      until not skipping or fits(line, shown, block)
      skipping = false
      if not fits(line, shown, block) then
        error(("%s: expected %q, but there was %q"):format(block.name, shown, line), 0)
      end
    end
  end
  assert(skipping or from > #out, block.name .. ": there was more: " .. out:sub(from))
end

-- The commands of a block: each with the lines of its output.
local function commands(block)
  local list, before = {}, {}
  local prompt = block.kind == "sh" and "^(.+)$" or "^%$ (.*)$"
  for _, line in ipairs(block) do
    local last = list[#list]
    if last and last.text:sub(-1) == "\\" then
      last.text = last.text .. "\n" .. line:gsub("^> ", "")
    elseif line:find(prompt) and (block.kind ~= "sh" or line:sub(1, 1) ~= "#") then
      list[#list + 1] = { text = line:match(prompt), lines = {} }
    elseif last then
      table.insert(last.lines, line)
    else
      table.insert(before, line)
    end
  end
  return list, before
end

function Session:run(block)
  local list, before = commands(block)
  local name = block.marks.terminal
  if before[1] then
    self:talk(assert(self.terminals[name], block.name .. ": no such terminal"), block, before)
  end
  for i, command in ipairs(list) do
    if name and i == #list then
      assert(not self.terminals[name], block.name .. ": that terminal is busy")
      local visits = command.text:find "^nc " or command.text:find "^moonport ctl "
      local wanted = visits and 130 or 0 -- a moonport ends by itself at ^C
      self.terminals[name] = { name = name, program = self:spawn("exec " .. command.text), wanted = wanted }
      self:talk(self.terminals[name], block, command.lines)
    elseif block.marks.eventually then
      local deadline, ok, problem = helper.posix.now() + 4 * helper.timeout
      repeat ok, problem = pcall(self.finish, self, block, command.text, command.lines)
      until ok or helper.posix.now() > deadline
      if not ok then error(problem, 0) end
    else
      self:finish(block, command.text, command.lines)
    end
  end
end

function Session:write(block)
  local path = self.folder .. "/" .. block.marks.file
  if path:find "/.*/" then shell("mkdir -p " .. quoted(path:match "^(.*)/")) end
  helper.rewrite(path, self:toReal(table.concat(block, "\n")) .. "\n")
end

-- Also after a failure, since a killed nginx would leave its workers.
function Session:__close()
  for _, terminal in pairs(self.terminals) do
    terminal.program:signal "TERM"
    terminal.program:wait()
    local out = terminal.program:stdout()
    assert.is_nil(out:match "ERROR: .*Sanitizer[^\n]*")
  end
  shell("rm -rf " .. quoted(self.folder))
end

describe("The documentation's commands:", function()
  for _, path in ipairs(pages.list()) do
    local steps, number, unreal = {}, 0, {}
    for _, block in ipairs(pages.blocks(path)) do
      local isCommands = block.kind == "console" or block.kind == "sh"
      if block.marks["not run"] then
        unreal[#unreal + 1] = block
      elseif block.marks.file or isCommands then
        steps[#steps + 1] = block
        if isCommands then number = number + 1 end
      end
    end
    if #steps > 0 then
      it(("%s, %d blocks"):format(path, number), function()
        local session <close> = open(path)
        for _, block in ipairs(steps) do
          if block.marks.file then session:write(block) else session:run(block) end
        end
      end)
    end
    for _, block in ipairs(unreal) do
      it(("%s is not run: %s"):format(block.name, block.marks["not run"]), function()
        assert.is_true(#block.marks["not run"] > 10)
        if block.kind == "sh" or block.kind == "console" then
          for _, command in ipairs((commands(block))) do -- the shell can at least parse them
            assert.equal(0, (helper.run { "bash", "-n", "-c", command.text }))
          end
        end
      end)
    end
  end
end)
