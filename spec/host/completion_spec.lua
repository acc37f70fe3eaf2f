-- Completion of the command line by bash: what share/completions/moonport.bash offers for words.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

local script = [[
source share/completions/moonport.bash
program=$1 && shift
COMP_WORDS=("$program" "$@") COMP_CWORD=$#
_moonport "$program" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
]]

local program = os.getenv "MOONPORT" or "build/asan/moonport"

-- The set of the words that are offered for the last of these.
local function complete(...)
  local child = helper.spawn { "bash", "-uc", script, "bash", program, ... }
  child:closeInput()
  assert.equal(0, child:wait(4 * helper.timeout))
  assert.equal("", child:stderr())
  local words = {}
  for word in child:stdout():gmatch "[^\n]+" do words[word] = true end
  return words
end

local function set(...)
  local words = {}
  for _, word in ipairs { ... } do words[word] = true end
  return words
end

-- The words at the beginning of the lines of a --help.
local function helped(pattern, ...)
  local help, words = helper.help(...), {}
  for word in help:gmatch("\n  (" .. pattern .. ")") do words[word] = true end
  assert(next(words))
  return words
end

-- A program that listens, and its port.
local function start()
  local child = helper.program { source = [[
    local moonport = require "moonport"
    local server = moonport.TcpServer()
    function server.connection:readyRead() self:write(self:readAll()) end
    assert(server:listen "127.0.0.1")
    print("listening on " .. server:serverPort())
  ]] }
  return child, child:waitForLine "^listening on (%d+)$"
end

describe("Completion by bash", function()
  it("offers all options of the program", function()
    assert.same(helped("%-%-?[%a-]+"), complete "-")
    assert.same(set "--control", complete "--con")
  end)

  it("offers levels of the log, scripts, ctl and new", function()
    assert.same(set("debug", "info", "warning", "error", "none"), complete("--log-level", ""))
    assert.same(set "auto", complete("--workers", ""))
    assert.same(set("text", "json"), complete("--log-format", ""))
    assert.same(set "scripts/chat.lua", complete "scripts/ch")
    local first, later = complete "", complete("--watch", "")
    assert.is_true(first.ctl and first.new)
    assert.is_nil(later.ctl)
    assert.same(set "--tls", complete("new", "--"))
  end)

  it("leaves the arguments of a script to bash", function()
    assert.same({}, complete("scripts/chat.lua", "--"))
  end)

  it("offers all commands of moonport ctl, and the programs that it can ask", function()
    local child = start()
    local pid, found = tostring(child.pid), complete("ctl", "")
    local commands = helped("%l+", "ctl")
    for command in pairs(commands) do assert.is_true(found[command], command) end
    assert.is_true(found[pid])
    assert.same(commands, complete("ctl", pid, ""))
    assert.same(set("connections", "console"), complete("ctl", pid, "con"))
    assert.same({}, complete("ctl", pid, "status", ""))
  end)

  it("offers what each command takes", function()
    local child, port = start()
    local client = helper.connect(port)
    client:send "hello\n"
    client:receiveLine()
    assert.same(set "1", complete("ctl", tostring(child.pid), "close", ""))
    assert.same(set("debug", "info", "warning", "error", "none"), complete("ctl", "log", ""))
    assert.same(set("--sort", "--server", "--json", "--worker", "--help"), complete("ctl", "connections", "-"))
    assert.same(set("unread", "unsent"), complete("ctl", "connections", "--sort", "un"))
    assert.same(set("--timeout", "--worker", "--help"), complete("ctl", "console", "--"))
    client:close()
  end)
end)
