-- SPDX-License-Identifier: MIT
-- Somebody sets the clock, by a year ahead and back: only what is shown as a date changes. The program gets the clock
-- from spec/clock.c.

local control = require "spec.host.control"
local helper = require "spec.helper"
local tls = require "spec.tls"

local YEAR, HOUR = 365 * 86400, 3600

describe("When the clock is set", function()
  local path, authority

  setup(function() authority = tls.authority() end)
  teardown(function() authority:close() end)
  after_each(control.close)

  local function set(seconds)
    local file <close> = assert(io.open(path, "r+b"))
    assert(file:write(string.pack("d", seconds)))
  end

  local function start(source)
    path = helper.file(string.pack("d", 0))
    local library = assert(package.searchpath("spec.clock", package.cpath))
    return control.start(source, { environment = { LD_PRELOAD = library, MOONPORT_SPEC_CLOCK = path,
      ASAN_OPTIONS = (os.getenv "ASAN_OPTIONS" or "") .. ":verify_asan_link_order=0" } })
  end

  for way, seconds in pairs { ahead = YEAR, back = -YEAR } do
    it(way .. ", timers, waits and idle times go on as they were", function()
      local program, client, _, port = start [[
        local moonport = require "moonport"
        local server, timer = moonport.TcpServer(), moonport.Timer()
        local marks, ticks = {}, 0
        server:setIdleTimeout(60000)
        function timer:timeout() ticks = ticks + 1 end
        timer:start(10)
        function server.connection:errorOccurred(code) marks[#marks + 1] = code end
        local words = {}
        function words.sleep() moonport.sleep(60000) marks[#marks + 1] = "slept" end
        function words.receive(socket) socket:receive("line", 60000) marks[#marks + 1] = "received" end
        function words.ticks() return tostring(ticks) end
        function words.marks() return table.concat(marks, " ") .. "." end
        function words.pause() local now = moonport.now() moonport.sleep(20) return tostring(moonport.now() - now >= 20) end
        function server.connection:readyRead()
          local answer = words[self:readLine():sub(1, -2)](self)
          if answer then self:write(answer .. "\n") end
        end
        assert(server:listen "127.0.0.1")
        moonport.log.info("listening on %d", server:serverPort())
      ]]
      local asking, sleeping, receiving = helper.connect(port), helper.connect(port), helper.connect(port)
      local function ask(word)
        asking:send(word .. "\n")
        return asking:receiveLine()
      end
      sleeping:send "sleep\n"
      receiving:send "receive\n"
      helper.eventually(function() return #client:get "waits" == 2 end, "two handlers that wait")
      set(seconds)
      for _ = 1, 3 do -- libev looks at the clock of the day twice a second
        assert.equal("true\n", ask "pause")
        local ticks = tonumber(ask "ticks")
        helper.eventually(function() return tonumber(ask "ticks") > ticks + 20 end, "20 ticks")
        helper.settle(300)
      end
      assert.equal(".\n", ask "marks")
      for _, wait in ipairs(client:get "waits") do assert.is_true(wait.since < HOUR, "a wait since " .. wait.since) end
      for _, one in ipairs(client:get "connections") do assert.is_true(one.age < HOUR, "an age of " .. one.age) end
      local status = client:get "status"[1]
      assert.is_true(status.uptime < HOUR)
      assert.is_true(status.lag.longest < HOUR * 1000, "a lag of " .. status.lag.longest)
      program:signal "TERM"
      assert.equal(0, program:wait())
    end)

    it(way .. ", what is logged has the new date, and a reload works", function()
      local program, client = start(control.echo)
      set(seconds)
      client:get "reload"
      local year = program:waitForLine "^(%d+)%-%d+%-%d+ .* reloaded"
      assert.equal(os.date("%Y", os.time() + seconds), year)
    end)
  end

  -- A ticket begins with the name of its key, of which the host makes one a day.
  it("ahead, the key of session tickets stays: no day has gone by", function()
    local certificate = authority:certificate { names = { "localhost" } }
    local _, _, _, port = start(([[
      local moonport = require "moonport"
      local server = moonport.SslServer()
      assert(server:setSslConfiguration { certificate = %q, key = %q })
      assert(server:listen "127.0.0.1")
      moonport.log.info("listening on %%d", server:serverPort())
    ]]):format(certificate.certificate, certificate.key))
    local function key()
      local _, out = helper.run { "openssl", "s_client", "-tls1_2", "-connect", "127.0.0.1:" .. port }
      return out:match "0000 %- ([%x%- ]+)   " or error("no ticket: " .. out)
    end
    local before = key()
    assert.equal(before, key())
    set(YEAR)
    assert.equal(before, key())
  end)
end)
