-- log.info("%d", moonport.now()) raised, since now() was no integer. Also, a value that didn't suit its
-- format, or had no text, raised without a line in the log, and ended the connection of the handler that only
-- wanted to log. Now now() is an integer, and log never raises because of its arguments.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local moonport = require "moonport"

-- Runs lines of a script that has `log`. -> the message of each logged line
local function logged(source)
  local path = helper.file('local log = require "moonport".log ' .. source, "script.lua")
  local status, out, err = helper.run { os.getenv "MOONPORT" or "build/asan/moonport", path }
  assert.equal(0, status, err)
  assert.equal("", out)
  local lines = {}
  for line in err:gmatch "[^\n]+" do
    lines[#lines + 1] = line:gsub("^%S+ %S+ ", ""):gsub(path:gsub("%p", "%%%0"), "script.lua")
  end
  return lines
end

describe("The log", function()
  it("writes what doesn't suit the format, where, and the values", function()
    assert.same({
      "info script.lua:1: bad argument #2 to 'string.format' (number has no integer representation): %d 1.5",
      "warning script.lua:2: bad argument #2 to 'string.format' (number expected, got string): %d x",
      "error script.lua:3: bad argument #3 to 'string.format' (no value): %s and %s one",
      "info script.lua:4: invalid conversion '%y' to 'format': %y 1 nil true",
      "info script.lua:5: bad argument #1 to 'string.format' (string expected, got table): LIST 5",
      "info after",
    }, logged [[log.info("%d", 1.5)
      log.warning("%d", "x")
      log.error("%s and %s", "one")
      log.info("%y", 1, nil, true)
      log.info(setmetatable({}, { __tostring = function() return "LIST" end }), 5)
      log.info "after"]])
  end)

  it("says that a value can't be converted to text", function()
    assert.same({
      "error log: a value can't be made into text",
      "error log: a value can't be made into text",
      "info after",
    }, logged [[local broken = setmetatable({}, { __tostring = function() error {} end })
      log.error(broken)
      log.error("%s", broken)
      log.info "after"]])
  end)

  it("writes an empty line without arguments, and accepts any number of values", function()
    assert.same({ "info ", "info nil", "info 1 2", "info after" }, logged [[log.info() log.info(nil) log.info("%d %d", 1, 2)
      log.debug("%d", "unseen")
      log.info(("%s"):rep(3, ""), "af", "t", "er", table.unpack({}, 1, 100000))]])
  end)

  it("ends no connection", function()
    local server <close> = moonport.TcpServer()
    local errors = moonport.stats().handlerErrors
    function server.connection:readyRead()
      moonport.log.debug("%d", "not seen")
      moonport.log.error("%d", 0.5)
      self:write(self:readAll())
    end
    assert(server:listen "127.0.0.1")
    local client = helper.connect(server:serverPort())
    client:send "hello"
    assert.equal("hello", client:receive(5))
    assert.equal(errors, moonport.stats().handlerErrors)
  end)
end)

describe("moonport.now", function()
  it("is an integer of milliseconds; hrtime is one of nanoseconds, of the same clock", function()
    local before, fine, after = moonport.now(), moonport.hrtime(), moonport.now()
    assert.equal("integer", math.type(before))
    assert.equal("integer", math.type(fine))
    assert.is_true(before <= fine // 1000000 and fine // 1000000 <= after)
    assert.equal(tostring(before), ("%d"):format(before))
  end)

  it("is not epoch, which is the system's time in milliseconds; none of them takes arguments", function()
    local before, epoch, after = os.time(), moonport.epoch(), os.time()
    assert.equal("integer", math.type(epoch))
    assert.is_true(before <= epoch // 1000 and epoch // 1000 <= after)
    for _, name in ipairs { "now", "hrtime", "epoch" } do
      assert.error_matches(function() moonport[name](1) end, "one too many")
    end
  end)
end)
