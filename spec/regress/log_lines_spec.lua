-- SPDX-License-Identifier: MIT
-- Newlines and tabs got into the log unchanged. A peer whose bytes a script logged, or whose bytes were part
-- of an error message, could write whole lines, with any time and level. Now an event is one line, and the
-- lines of a traceback, which the host writes, are indented.

local helper = require "spec.helper"

local script = [[
  local moonport = require "moonport"
  local server = moonport.TcpServer()
  function server.connection:readyRead()
    local text = self:readAll()
    moonport.log.info("came: %s", text)
    moonport.log.warning(text)
    error("came: " .. text)
  end
  assert(server:listen("127.0.0.1", 0))
  moonport.log.info("listening on %d", server:serverPort())
]]

-- The part of stderr that doesn't belong to a line of the log.
local function foreign(text)
  local found = {}
  for line in text:gmatch "([^\n]*)\n" do
    if not line:find "^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d%.%d%d%d %l+ " and not line:find "^\t" then
      found[#found + 1] = line
    end
  end
  return found
end

-- bytes of a peer -> the log's text for them
local cases = {
  ["a newline"] = { "x\nstack traceback:\n\tforged\n2026-01-01 00:00:00.000 error forged",
    [[x\nstack traceback:\n\tforged\n2026-01-01 00:00:00.000 error forged]] },
  ["other control characters"] = { "a\r\t\0\27[2Jb\127", [[a\r\t\x00\x1b[2Jb\x7f]] },
  ["control characters in UTF-8"] = { "a\u{85}\u{9b}2J\u{2028}b", [[a\xc2\x85\xc2\x9b2J\xe2\x80\xa8b]] },
  ["what is no UTF-8"] = { "a\xff\xc3(\xe2\x82\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80",
    [[a\xff\xc3(\xe2\x82\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80]] },
  ["text"] = { "grüße €10 😀", "grüße €10 😀" },
}

describe("A peer's bytes in the log", function()
  for name, case in pairs(cases) do
    it("stay within the line: " .. name, function()
      local program = helper.program { source = script }
      local client = helper.connect(program:waitForLine "listening on (%d+)")
      client:send(case[1])
      client:waitForEnd()
      program:signal "TERM"
      assert.are.equal(0, program:wait())
      local log = program:stderr()
      assert.are.same({}, foreign(log))
      assert.is_truthy(log:find(" info came: " .. case[2] .. "\n", 1, true), log)
      assert.is_truthy(log:find(" warning " .. case[2] .. "\n", 1, true), log)
      if not case[1]:find "\0" then
        local line = "script.lua:7: came: " .. case[2] .. "\n\tstack traceback:\n\t\t[C]: in"
        assert.is_truthy(log:find(line, 1, true), log)
      end
    end)
  end

  it("stay within the line of a reload that fails with them, and their own traceback stays in the message", function()
    local reload = require "spec.host.reload"
    local service = reload.start ""
    local text = service:reloadFails 'error("x\\nstack traceback:\\n\\tforged\\nforged", 0)'
    assert.are.equal([[main.lua:2: x\nstack traceback:\n\tforged\nforged]], text)
    service:reloadFails 'local t = nil; t["\\nforged"] = 1'
    service:reloadFails 'error(setmetatable({}, { __tostring = function() return "x\\nforged" end }))'
    assert.are.same({}, foreign(service.program:stderr()))
    service:remove()
  end)
end)
