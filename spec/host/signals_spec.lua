-- SPDX-License-Identifier: MIT
-- Each signal that the program handles, a thousand times at random moments, while it answers and is reloaded.

local helper = require "spec.helper"
local workers = require "spec.host.workers"
local posix = helper.posix

local COUNT = 1000

describe("Signals at any moment", function()
  local service

  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  for _, count in ipairs { 0, 2 } do
    local what = count == 0 and "a program" or "a master and its workers"
    it("leave " .. what .. " in service: no answer is lost, and the last reload counts", function()
      service = workers.start("function answer(line) return line end", { count = count })
      local clients, asked = {}, 0
      for i = 1, 4 do clients[i] = service:connect() end
      math.randomseed(count)
      for _, name in ipairs { "HUP", "USR1", "USR2", "WINCH", "CONT", "PIPE" } do
        for i = 1, COUNT do
          assert(posix.kill(service.program.pid, posix["SIG" .. name]))
          if math.random() < 0.1 then
            asked = asked + 1
            assert.equal("line " .. asked, service.ask(clients[i % #clients + 1], "line " .. asked))
          end
        end
      end
      helper.eventually(function()
        service:replace "function answer() return 'the last one\\n' end"
        service.program:signal "HUP"
        return service.ask(clients[1], "x") == "the last one"
      end, "the last version")
      service.program:signal "TERM"
      assert.equal(0, service.program:wait())
      for line in service.program:stderr():gmatch "[^\n]* error [^\n]*" do
        assert.matches("while it loaded the new code", line) -- the last reload may not be over when it stops
      end
    end)
  end

  it("end a program by them, or as it had begun, from its first moment on", function()
    local source = helper.file([[
      local moonport = require "moonport"
      assert(moonport.TcpServer():listen "127.0.0.1")
      moonport.log.info "listening"]], "script.lua")
    for _, name in ipairs { "TERM", "INT" } do
      for i = 0, 19 do
        local program = helper.program { options = { "--control", "off" }, script = source }
        helper.settle(10 * i)
        program:signal(name)
        local status, signal = program:wait()
        assert.is_true(status == 0 or signal == posix["SIG" .. name], name .. ": " .. status .. program:stderr())
        assert.is_nil(program:stderr():find "moonport:", program:stderr())
      end
    end
  end)
end)
