-- SPDX-License-Identifier: MIT
-- `ulimit -n` of 3 to 64: whatever is too little for, one line says so, or a client waits; nothing spins or is lost.

local control = require "spec.host.control"
local helper = require "spec.helper"

local echo = [[
  local moonport = require "moonport"
  local server = moonport.TcpServer()
  function server.connection:readyRead() self:write(self:readAll()) end
  assert(server:listen "127.0.0.1")
  moonport.log.info("listening on %d", server:serverPort())
]]

local function start(limit, source, ...)
  local path = helper.folder() .. "/control"
  local words = { os.getenv "MOONPORT" or "build/asan/moonport", "--control", path, ... }
  words[#words + 1] = helper.file(source, "script.lua")
  local line = ('ulimit -n %d; exec "$@"'):format(limit)
  local sanitizer = (os.getenv "ASAN_OPTIONS" or "") .. ":detect_leaks=0" -- which needs descriptors itself
  return helper.spawn({ "sh", "-c", line, "sh", table.unpack(words) }, { ASAN_OPTIONS = sanitizer }), path
end

-- Waits until it listens or has ended. -> port | nil, its status
local function outcome(program)
  local port
  helper.eventually(function()
    port = program:stderr():match "listening on (%d+)\n"
    return port or not program:running()
  end, "a program that serves or ends")
  if not port then return nil, program:wait() end
  return tonumber(port)
end

local function lines_with(program, pattern)
  local count = 0
  for line in program:stderr():gmatch "[^\n]+" do
    if line:find(pattern) then count = count + 1 end
  end
  return count
end

describe("With few descriptors", function()
  after_each(control.close)

  it("a program serves or says once why it doesn't, from 3 to 16", function()
    local served = 0
    for _, limit in ipairs { 3, 5, 6, 7, 8, 10, 12, 16 } do
      local program = start(limit, echo)
      local port, status = outcome(program)
      if port then
        served = served + 1
        local client = helper.connect(port)
        client:send "x"
        if limit >= 12 then assert.equal("x", client:receive(1)) end
        client:close()
        program:signal "TERM"
        assert.equal(0, program:wait())
      else
        assert.equal(0, served, "it served with fewer than " .. limit)
        assert.is_true(status == 1 or status == 127, limit .. ": " .. status .. program:stderr())
        local told = lines_with(program, "^moonport: ") + lines_with(program, "error while loading")
        assert.equal(1, told, program:stderr())
      end
    end
    assert.is_true(served >= 2)
  end)

  it("a reload works while all descriptors are taken, or says what it lacks", function()
    local program, path = start(16, echo)
    local port = outcome(program)
    local client = control.connect(path)
    local clients = {}
    for i = 1, 20 do clients[i] = helper.connect(port) end
    clients[1]:send "x"
    assert.equal("x", clients[1]:receive(1))
    program:waitForLine "warning .*accept"
    program:signal "HUP"
    program:waitForLine " reload.*%-script%.lua"
    assert.equal(1, #client:get "status")
    clients[1]:send "y"
    assert.equal("y", clients[1]:receive(1))
    for i = 2, 20 do clients[i]:close() end
    local last = helper.connect(port)
    last:send "z"
    assert.equal("z", last:receive(1))
    program:signal "HUP"
    program:waitForLine " reloaded .*%-script%.lua"
  end)

  it("workers all serve, or the program ends with one line and status 1", function()
    local served = 0
    for _, limit in ipairs { 8, 12, 16, 20, 28 } do
      local program = start(limit, echo, "--workers", "3")
      helper.eventually(function()
        return lines_with(program, "listening on") == 3 or not program:running()
      end, "workers that serve, or an end")
      if lines_with(program, "listening on") == 3 then
        served = served + 1
        program:signal "TERM"
        assert.equal(0, program:wait())
      else
        assert.equal(1, program:wait(), program:stderr())
        local told = lines_with(program, "can't be started")
        assert.equal(1, told > 0 and told or lines_with(program, "^moonport: "), program:stderr())
      end
    end
    assert.is_true(served >= 2)
  end)
end)
