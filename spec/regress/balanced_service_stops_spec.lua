-- The service of the guide on load balancers promises to stop without losing a request, but lost the requests
-- that older code was working on. Cause: it counted requests in a variable, and new code has its own one, at
-- 0. And a request whose work failed was counted for ever, so that stopping took all of the grace time.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"
local pages = require "spec.pages"

local function service(change)
  for _, block in ipairs(pages.blocks "docs/guide/load-balancer.md") do
    if block.marks.file == "service.lua" then
      local text = table.concat(block, "\n"):gsub("port %+ 10", "0"):gsub("sleep%(1000%)", "sleep(300)")
      text = text .. "\nprint(server:serverPort())\n"
      return helper.program { source = change and change(text) or text, options = { "--grace", "20000" },
        args = { 0 } }
    end
  end
  error "the page has no service.lua"
end

local function ask(port)
  local client = helper.connect(port)
  client:send "PROXY TCP4 192.0.2.7 192.0.2.1 40000 7000\r\nhello\n"
  return client
end

describe("The service of the guide on load balancers", function()
  it("answers the requests in progress when it is stopped, also those that older code works on", function()
    local program = service()
    local port = program:waitForLine "^(%d+)$"
    local client = ask(port)
    program:waitForLine "192.0.2.7 asks"
    program:signal "HUP"
    program:waitForLine "generation 2"
    program:signal "TERM"
    assert.equal("hello, 192.0.2.7, says 0\n", client:receiveAll())
    assert.equal(0, program:wait())
  end)

  it("doesn't wait for a request whose work has failed", function()
    local program = service(function(text)
      return (text:gsub('moonport.sleep%(300%)[^\n]*', 'error "broken"'):gsub("moonport.sleep%(10%)",
        "%0 print 'waiting'"))
    end)
    local client = ask(program:waitForLine "^(%d+)$")
    program:waitForLine "broken"
    client:waitForEnd()
    program:signal "TERM"
    assert.equal(0, program:wait())
    assert.is_nil(program:stdout():find "waiting")
  end)
end)
