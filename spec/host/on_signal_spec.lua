-- SPDX-License-Identifier: MIT
-- moonport.onSignal: the script takes signals of the system, until its generation ends.

local helper = require "spec.helper"
local reload = require "spec.host.reload"
local ask = reload.ask

-- Answers each line with what is in the script's `seen`, and waits on.
local counting = [[
  local seen = {}
  function person:readyRead()
    self:readAll()
    self:write(table.concat(seen, " ") .. "\n")
  end
]]

describe("moonport.onSignal #gc", function()
  local service

  local function start(...)
    service = reload.start(...)
    return service
  end

  local function sees(client, text)
    helper.eventually(function() return ask(client, "?") == text end, text)
  end

  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  for _, name in ipairs { "HUP", "INT", "TERM", "QUIT", "USR1", "USR2", "WINCH", "CONT" } do
    it(("runs each function for SIG%s with its name, in order, instead of what the host does"):format(name), function()
      start(counting .. ([[
        moonport.onSignal("SIG%s", function(...) seen[#seen + 1] = table.concat({ "one", ... }, ":") end)
        moonport.onSignal("SIG%s", function(...) seen[#seen + 1] = table.concat({ "two", ... }, ":") end)
      ]]):format(name, name))
      local client = service:connect()
      service.program:signal(name)
      sees(client, ("one:SIG%s two:SIG%s"):format(name, name))
      local text = service.program:stderr()
      for _, word in ipairs { "stopping", "reloaded", "is ignored" } do assert.is_nil(text:find(word)) end
      client:close()
    end)
  end

  it("may wait, and reloads, quits and answers like any handler", function()
    start [[
      moonport.onSignal("SIGUSR1", function()
        moonport.sleep(1)
        moonport.log.info "waited"
        moonport.reload()
      end)
      moonport.onSignal("SIGUSR2", function() moonport.quit(7) end)
    ]]
    service.program:signal "USR1"
    service.program:waitForLine "waited"
    service:reloaded()
    service.program:signal "USR2"
    assert.equal(7, service.program:wait())
  end)

  it("ends the program at once by the second SIGTERM, SIGINT or SIGQUIT, even if the script takes it", function()
    for name, status in pairs { TERM = 128 + 15, INT = 128 + 2 } do
      start(counting .. ('moonport.onSignal("SIG%s", function(name) seen[#seen + 1] = name end)'):format(name))
      local client = service:connect()
      service.program:signal(name)
      sees(client, "SIG" .. name)
      service.program:signal(name)
      assert.equal(status, service.program:wait())
      client:close()
      service:remove()
    end
    start(counting .. 'moonport.onSignal("SIGQUIT", function(name) seen[#seen + 1] = name end)')
    local client = service:connect()
    service.program:signal "QUIT"
    sees(client, "SIGQUIT")
    service.program:signal "QUIT"
    assert.equal(3, select(2, service.program:wait()) or service.program.number)
    client:close()
  end)

  it("leaves other signals to the host: SIGTERM stops gracefully after a taken SIGINT", function()
    start(counting .. 'moonport.onSignal("SIGINT", function(name) seen[#seen + 1] = name end)')
    local client = service:connect()
    service.program:signal "INT"
    sees(client, "SIGINT")
    service.program:signal "TERM"
    assert.equal(0, service.program:wait())
    client:close()
  end)

  it("ends a program whose script never returns by the second taken signal", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      moonport.onSignal("SIGTERM", function() print "taken" end)
      print "loops" io.stdout:flush()
      while true do end
    ]] }
    program:waitForLine "loops"
    program:signal "TERM"
    program:signal "TERM"
    helper.eventually(function()
      program:signal "TERM" -- two signals that come at once may count as one
      return not program:running()
    end)
    assert.equal(128 + 15, program:wait())
  end)

  it("ends with its generation: the host's own handling returns, and new functions replace the old ones", function()
    start(counting .. [[
      moonport.onSignal("SIGUSR1", function() seen[#seen + 1] = "old" end)
      moonport.onSignal("SIGHUP", function() moonport.log.info "no reload" end)
      moonport.onSignal("SIGTERM", function() seen[#seen + 1] = "term" end)
      moonport.onSignal("SIGUSR2", function() moonport.reload() end)
    ]])
    local client = service:connect()
    service.program:signal "HUP"
    service.program:waitForLine "no reload"
    service.program:signal "TERM"
    sees(client, "term")
    service:replace(counting .. 'moonport.onSignal("SIGUSR1", function() seen[#seen + 1] = "new" end)')
    service.program:signal "USR2"
    service:reloaded()
    service.program:signal "USR1"
    sees(client, "new")
    service.program:signal "USR2"
    service.program:waitForLine "SIGUSR2 is ignored: nothing handles it"
    service:reload()
    service.program:signal "TERM"
    assert.equal(0, service.program:wait())
    client:close()
  end)

  it("does nothing of a script that fails while it loads", function()
    start(counting .. 'moonport.onSignal("SIGUSR1", function() seen[#seen + 1] = "serving" end)')
    local client = service:connect()
    service:reloadFails [[
      moonport.onSignal("SIGUSR1", function() error "staged" end)
      moonport.onSignal("SIGTERM", function() error "staged" end)
      error "no"
    ]]
    service.program:signal "USR1"
    sees(client, "serving")
    service.program:signal "TERM"
    assert.equal(0, service.program:wait())
    client:close()
  end)

  it("lets a function that waits go on over a reload", function()
    start [[
      moonport.onSignal("SIGUSR1", function()
        moonport.log.info "begun"
        moonport.sleep(100)
        moonport.log.info "ended"
      end)
    ]]
    service.program:signal "USR1"
    service.program:waitForLine "begun"
    service:reload ""
    service.program:waitForLine "ended"
  end)

  it("logs an error of a function, and runs the next one", function()
    start(counting .. [[
      moonport.onSignal("SIGUSR1", function() error "on purpose" end)
      moonport.onSignal("SIGUSR1", function() seen[#seen + 1] = moonport.stats().handlerErrors end)
    ]])
    local client = service:connect()
    service.program:signal "USR1"
    sees(client, "1")
    assert.matches("error task: [^\n]*on purpose\n\tstack traceback", service.program:stderr())
    client:close()
  end)

  it("takes no other signals, and doesn't keep the program running", function()
    local program = helper.program { source = [[
      local moonport = require "moonport"
      for _, name in ipairs { "SIGKILL", "SIGCHLD", "USR1", "sigusr1", "" } do
        print(select(2, pcall(moonport.onSignal, name, print)))
      end
      print(select(2, pcall(moonport.onSignal, "SIGUSR1")))
      moonport.onSignal("SIGUSR1", print)
    ]] }
    assert.equal(0, program:wait())
    local text = program:stdout()
    for _, line in ipairs { "unknown signal 'SIGKILL'", "unknown signal 'SIGCHLD'", "unknown signal 'USR1'",
      "unknown signal 'sigusr1'; did you mean 'SIGUSR1'", "unknown signal ''", "function expected" } do
      assert.truthy(text:find(line, 1, true), line .. "\n" .. text)
    end
  end)
end)
