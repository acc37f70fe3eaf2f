-- SPDX-License-Identifier: MIT
-- How moonport.fail is logged, and that new code isn't rolled back for it.

local reload = require "spec.host.reload"

local failing = [[
  function person:readyRead()
    self:readAll()
    moonport.fail "bad request"
  end
]]

describe("A fault of a peer", function()
  local service

  after_each(function()
    if service then service:remove() end
    service = nil
  end)

  it("is logged as such without a traceback, and as a count when it comes again and again", function()
    service = reload.start(failing)
    for _ = 1, 20 do
      local client = service:connect()
      client:send "x"
      assert.equal("closed", client:waitForEnd())
      client:close()
    end
    service.program:waitForLine "info 19 more times within a second: bad request"
    local text = service.program:stderr()
    assert.matches(" info readyRead handler of TcpSocket%([^\n]*: the peer's fault: bad request\n", text)
    assert.is_nil(text:find "traceback")
    assert.is_nil(text:find " error ")
  end)

  it("isn't counted by --rollback-errors", function()
    service = reload.start("function person:readyRead() self:write(self:readAll()) end",
      { options = { "--rollback-errors", "10" } })
    service:reload(failing)
    for _ = 1, 30 do
      local client = service:connect()
      client:send "x"
      client:waitForEnd()
      client:close()
    end
    local client = service:connect()
    client:send "still the new code"
    assert.equal("closed", client:waitForEnd())
    service.program:signal "TERM"
    assert.equal(0, service.program:wait())
    assert.is_nil(service.program:stderr():find "going back")
  end)
end)
