-- SPDX-License-Identifier: MIT
-- Cause: a reload anchors the outgoing connections of the run before it weakly. One of them could be
-- collected while a signal was being delivered on it, when the handler or the waiting task dropped its last
-- reference. The rest of the delivery read freed memory. So did the wait of a handler whose coroutine the
-- script had closed, at its deadline. Fix: the delivery holds the object on a Lua stack until it is over, and
-- a finaliser ends the waits on its object.

local reload = require "spec.host.reload"

-- The first run opens a connection to its own server in the same process, and holds it for its handlers.
local first = [[
  upstream = moonport.TcpSocket()
  local back = moonport.TcpServer()
  function back:newConnection() other = self:nextPendingConnection() end
  assert(back:listen("127.0.0.1", 0))
  upstream:connectToHost("127.0.0.1", back:serverPort())
  assert(upstream:waitForConnected(5000))
  function collect() for _ = 1, 4 do collectgarbage() end end
  function server:newConnection()
    self:nextPendingConnection().readyRead = function(socket) acts[socket:readLine():match "%w+"](socket) end
  end
]]

local acts = {
  ["by a task that waits for it"] = [[
    acts = {
      wait = function(self)
        self:write "waiting\n"
        local socket = upstream
        upstream = nil
        socket:receive "line"
        socket = nil
        collect()
        self:write "done\n"
      end,
      tell = function(self) other:write "x\n" self:write "told\n" end,
    }
  ]],
  ["by its handler"] = [[
    function upstream:readyRead()
      self.readyRead = nil
      self = nil
      upstream = nil
      collect()
    end
    acts = {
      wait = function(self) self:write "waiting\n" end,
      tell = function(self) other:write "x\n" self:write "told\n" moonport.sleep(20) collect() self:write "done\n" end,
    }
  ]],
}

describe("An outgoing connection of an older run whose last reference goes while a signal is delivered", function()
  for how, text in pairs(acts) do
    it("lives until the delivery is over: " .. how, function()
      local service = reload.start(first .. text)
      local waiter, teller = service:connect(), service:connect()
      assert.equal("waiting", reload.ask(waiter, "wait"))
      service:reload ""
      assert.equal("told", reload.ask(teller, "tell"))
      local done = how == "by its handler" and teller or waiter
      assert.equal("done\n", done:receiveLine())
      service.program:signal "TERM"
      waiter:close()
      teller:close()
      assert.equal(0, service.program:wait())
      service:remove()
    end)
  end

  it("may be collected under a handler whose coroutine was closed while it waited", function()
    local service = reload.start(first .. [[
      acts = {
        wait = function(self)
          self:write "waiting\n"
          co = coroutine.running()
          local socket = upstream
          upstream = nil
          socket:receive("line", 1000)
        end,
        tell = function(self)
          coroutine.close(co)
          collect()
          self:write "told\n"
          moonport.sleep(1100)
          self:write "done\n"
        end,
      }
    ]])
    local waiter, teller = service:connect(), service:connect()
    assert.equal("waiting", reload.ask(waiter, "wait"))
    service:reload ""
    assert.equal("told", reload.ask(teller, "tell"))
    assert.equal("done\n", teller:receiveLine())
    waiter:waitForEnd()
    service.program:waitForLine "the script has closed or resumed the coroutine"
    service.program:signal "TERM"
    teller:close()
    assert.equal(0, service.program:wait())
    service:remove()
  end)
end)
