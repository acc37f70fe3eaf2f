-- SPDX-License-Identifier: MIT
-- What can't be started: one line on stderr says what was attempted and why it failed, and the exit status is
-- 1.

local helper = require "spec.helper"

local moonport = os.getenv "MOONPORT" or "build/asan/moonport"

local function run(...)
  return helper.run { moonport, ... }
end

-- The program without the rights of root, who may read every file and bind every port.
local function runAsNobody(...)
  return helper.run { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", moonport, ... }
end

-- `status, out, err` of a program that has failed with one line, as text.
local function failedWith(pattern, status, out, err)
  assert.are.same({ 1, "" }, { status, out })
  assert.is_truthy(err:find("^moonport: " .. pattern .. "\n$"), err)
end

local function isRoot()
  local status, out = helper.run { "id", "-u" }
  return status == 0 and out == "0\n"
end

describe("a script that can't be run #gc", function()
  it("is missing", function()
    failedWith("cannot open /nonexistent/a%.lua: No such file or directory", run "/nonexistent/a.lua")
  end)

  it("is a folder", function()
    failedWith("cannot open /tmp: is a folder", run "/tmp")
  end)

  it("isn't readable", function()
    local script = helper.file "print 'ran'"
    assert(os.execute("chmod 000 " .. script))
    if not isRoot() then return failedWith("cannot open .*: Permission denied", run(script)) end
    failedWith("cannot open .*: Permission denied", runAsNobody(script))
  end)

  it("isn't Lua: file and line are named", function()
    local script = helper.file "local x = 1\nif x then\n"
    failedWith(script .. ":3: 'end' expected %(to close 'if' at line 2%) near <eof>", run(script))
  end)

  it("isn't Lua on standard input", function()
    failedWith("stdin:1: unexpected symbol near '='", helper.run({ moonport, "-" }, "x = = 1"))
  end)

  it("is random bytes", function()
    failedWith(".+", run(helper.file("\127ELF\0\1\2\3")))
    failedWith(".+", run(helper.file("\27Lua\0\1\2\3")))
  end)
end)

describe("a main chunk that fails #gc", function()
  -- status, out, err of a script that fails
  local function failing(text)
    local script = helper.file(text)
    local status, out, err = run(script)
    return status, out, (err:gsub(script:gsub("%p", "%%%0"), "SCRIPT"))
  end

  it("ends the program with 1 and the traceback", function()
    local status, out, err = failing "local function f()\nerror 'no luck'\nend\nf()"
    assert.are.same({ 1, "" }, { status, out })
    assert.are.equal("moonport: SCRIPT:2: no luck\nstack traceback:\n\t[C]: in function 'error'\n"
      .. "\tSCRIPT:2: in local 'f'\n\tSCRIPT:4: in main chunk\n", err)
  end)

  it("ends the program also after a wait, and with a server that listens", function()
    local status, _, err = failing [[
      local moonport = require "moonport"
      assert(moonport.TcpServer():listen("127.0.0.1"))
      moonport.sleep(1)
      local t = nil
      t.x = 1
    ]]
    assert.are.equal(1, status)
    assert.is_truthy(err:find "^moonport: SCRIPT:5: attempt to index a nil value %(local 't'%)\nstack traceback:")
  end)

  it("fails with a message for people by assert: one line with its place", function()
    failedWith("SCRIPT:1: can't do that", failing "assert(nil, \"can't do that\")")
    failedWith("SCRIPT:1: can't do that", failing "error(\"can't do that\", 0)")
    failedWith("SCRIPT:1: a:1: b%.c", failing "error('a:1: b.c', 0)")
  end)

  it("fails by assert without a message: with the traceback", function()
    local status, _, err = failing "assert(1 == 2)"
    assert.are.equal(1, status)
    assert.is_truthy(err:find "^moonport: SCRIPT:1: assertion failed!\nstack traceback:")
  end)

  it("throws nil, a table, or an object with __tostring", function()
    for thrown, text in pairs {
      ["nil"] = "(error object is a nil value)",
      ["{}"] = "(error object is a table value)",
      ["setmetatable({}, { __tostring = function() return 'an object' end })"] = "an object",
      ["setmetatable({}, { __tostring = function() error 'again' end })"] =
        "SCRIPT:1: again: in __tostring of an error",
    } do
      local status, out, err = failing(("error(%s)"):format(thrown))
      assert.are.same({ 1, "" }, { status, out })
      assert.are.equal("moonport: " .. text, err:match "[^\n]*")
    end
  end)

  it("requires a module that doesn't exist, or isn't Lua", function()
    local status, _, err = failing "require 'no.such.module'"
    assert.are.equal(1, status)
    assert.is_truthy(err:find "^moonport: SCRIPT:1: module 'no%.such%.module' not found:\n")
  end)

  it("recurses without end", function()
    local status, _, err = failing "local function f() return 1 + f() end f()"
    assert.are.equal(1, status)
    assert.is_truthy(err:find "^moonport: SCRIPT:1: stack overflow")
  end)

  it("fails with status 1 although quit gave another status before", function()
    assert.are.equal(1, (failing "require 'moonport'.quit(0) error 'late'"))
  end)
end)

describe("scripts/echo.lua and scripts/chat.lua #gc", function()
  for _, script in ipairs { "scripts/echo.lua", "scripts/chat.lua" } do
    it("says that the address is in use: " .. script, function()
      local port = helper.listen():port()
      failedWith(("%s:%%d+: listen 127%%.0%%.0%%.1:%d: The bound address is already in use"):format(script, port),
        run(script, port))
    end)

    it("says that the address isn't one of this machine: " .. script, function()
      failedWith(script .. ":%d+: listen 203%.0%.113%.1:0: The address is not available",
        run(script, 0, "203.0.113.1"))
    end)

    it("says that only root may use the port: " .. script, function()
      local first = io.open "/proc/sys/net/ipv4/ip_unprivileged_port_start"
      local lowest = first and first:read "n" or 1024
      if first then first:close() end
      if lowest <= 81 then return pending "every port is for everybody on this machine" end
      failedWith(script .. ":%d+: listen 127%.0%.0%.1:81: The address is protected",
        (isRoot() and runAsNobody or run)(script, 81))
    end)

    it("says which port or address is invalid: " .. script, function()
      for _, case in ipairs {
        { 70000, nil, "port 70000 is not between 0 and 65535" },
        { -1, nil, "port -1 is not between 0 and 65535" },
        { "http", nil, "port http is not a number" },
        { "7.5", nil, "port 7.5 is not a number" },
        { 0, "no.such.name", "bad argument #1 to 'listen' ('no.such.name' is not an address)" },
      } do
        local status, out, err = run(script, case[1], case[2])
        assert.are.same({ 1, "" }, { status, out })
        local line = err:match "^moonport: scripts/%a+%.lua:%d+: ([^\n]*)"
        assert.is_truthy(line and line:find(case[3], 1, true), err)
      end
    end)
  end
end)
