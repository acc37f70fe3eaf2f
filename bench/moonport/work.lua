-- SPDX-License-Identifier: MIT
-- Ten calls of moonport.work each millisecond, as many in all as a client asks for:   moonport work.lua PORT
-- The client sends a number and a line end, and gets a line when all of them have returned.
local moonport = require "moonport"

local server = moonport.TcpServer()

local function add(a, b) return a + b end

function server.connection:readyRead()
  local line = self:readLine()
  if line == "" then return end
  local client, calls, begun, returned = self, tonumber(line), 0, 0
  local timer = moonport.Timer()
  local function call()
    assert(moonport.work(add, returned, 1) > 0)
    returned = returned + 1
    if returned == calls then client:write "done\n" end
  end
  function timer:timeout()
    for _ = 1, math.min(10, calls - begun) do
      begun = begun + 1
      moonport.spawn(call)
    end
    if begun == calls then self:stop() end
  end
  timer:start(1)
end

assert(server:listen("127.0.0.1", tonumber(arg[1])))
