-- What specs of the log in JSON share: its events, each a table, and what stands around the fields.
--
-- SPDX-License-Identifier: MIT

local json = require "cjson"
local helper = require "spec.helper"

local log = {}

local head = '^{"time":"%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ","level":"(%l+)","pid":(%d+),"message":"'

--- The events of a log. Each line has to be an object that begins as it should.
function log.events(text)
  local list = {}
  for line in text:gmatch "([^\n]*)\n" do
    assert(line:find(head), line)
    list[#list + 1] = json.decode(line)
  end
  assert(text == "" or text:sub(-1) == "\n", "the last line has no end")
  return list
end

--- The first event whose message matches, and the captures; nil if there is none.
function log.find(text, pattern)
  for _, event in ipairs(log.events(text)) do
    if event.message:find(pattern) then return event, event.message:match(pattern) end
  end
end

--- Waits for that in a program's log.
function log.wait(program, pattern, msec)
  local found
  helper.eventually(function()
    found = table.pack(log.find(program:stderr():match "^.*\n" or "", pattern))
    return found.n > 0 and found[1]
  end, "an event like " .. pattern, msec)
  return table.unpack(found, 1, found.n)
end

--- Starts the program with its log in JSON.
function log.program(options)
  options.options = table.move(options.options or {}, 1, 20, 3, { "--log-format", "json" })
  return helper.program(options)
end

--- Asserts that python3 takes each line, too, which is strict about UTF-8.
function log.isStrict(text)
  local path = helper.file(text)
  local status, _, err = helper.run { "python3", "-m", "json.tool", "--json-lines", path, "/dev/null" }
  assert(status == 0, err)
end

return log
