-- SPDX-License-Identifier: MIT
-- GETs of moonport.redis, as many as a client asks for, from handlers that wait:   REDIS=PATH moonport redis.lua PORT
-- The client sends "HANDLERS COUNT" and a line end, and gets a line when all have their answers.
local moonport = require "moonport"

local server = moonport.TcpServer()
local store = assert(require("moonport.redis").connect("unix:" .. os.getenv "REDIS"))
assert(store:set("key", "value"))

function server.connection:readyRead()
  local handlers, count = self:readLine():match "^(%d+) (%d+)"
  local tasks = {}
  for i = 1, handlers do
    tasks[i] = moonport.spawn(function()
      for _ = 1, count // handlers do assert(store:get "key" == "value") end
    end)
  end
  for _, task in ipairs(tasks) do assert(select("#", task:join()) == 0) end
  self:write "done\n"
end

assert(server:listen("127.0.0.1", tonumber(arg[1])))
