-- Any bytes from a server that moonport.redis asks: answers, and messages to subscribers. Every call ends, with a value
-- or with words; the next server is asked as if nothing had been.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local redis = require "moonport.redis"
local resp = require "moonport.resp"
local choices = require "spec.fuzz.choices"

local eventually, expect = choices.eventually, choices.expect
require("moonport.lasting").require("moonport.redis.link").firstPause = 1


local function greet(socket)
  local reader, count = resp.commands(), 0
  local function asks()
    reader:feed(socket:readAll())
    while reader:next() do count = count + 1 end
    return count
  end
  return asks
end

local function check(task)
  local value, message, code = task:join(0)
  if value == nil and message then
    assert(type(message) == "string" and type(code) == "string", "a failure without words")
    assert(code ~= "SocketTimeoutError" or message:find "no answer" or message:find "no connection", message)
  end
end

return function(bytes)
  local from = choices.of(bytes)
  local server <close> = moonport.TcpServer()
  assert(server:listen "127.0.0.1")
  local url = "redis://127.0.0.1:" .. server:serverPort()
  local store = assert(redis.connect(url, { timeout = 3000, limit = 1000, queue = 5 }))
  local heard = 0
  local tasks = {
    moonport.spawn(function() return store:get "a" end),
    moonport.spawn(function() return store:command("LRANGE", "a", 0, -1) end),
    moonport.spawn(function() return store:multi(function(multi) multi:set("a", 1) multi:get "a" end) end),
  }
  if from:below(2) == 1 then
    tasks[#tasks + 1] = moonport.spawn(function()
      return store:subscribe("news", function(message, channel)
        assert(type(message) == "string" and channel == "news", "no message")
        heard = heard + 1
      end) and true
    end)
  end
  local socket = eventually("a connection", function() return server:nextPendingConnection() end)
  local asks = greet(socket)
  eventually("a PING", function() return asks() > 0 end)
  if from:below(8) > 0 then socket:write "+PONG\r\n" end
  local split = from:below(4)
  moonport.sleep(0)
  moonport.sleep(0)
  local text = from:rest()
  local size = split == 0 and #text or split == 1 and 1 or split * 7
  for at = 1, #text, math.max(size, 1) do
    asks()
    if not socket:write(text:sub(at, at + size - 1)) then break end
    moonport.sleep(0)
  end
  moonport.sleep(0)
  socket:disconnectFromHost()
  -- What was asked and isn't answered has failed; what wasn't asked yet is asked now, and refused.
  local ended = {}
  eventually("all calls end", function()
    local next = server:nextPendingConnection()
    while next do
      local reader = resp.commands()
      local current = next
      function current.readyRead()
        reader:feed(current:readAll())
        local name = reader:next()
        while name do
          current:write(name == "PING" and "+PONG\r\n" or "-ERR refused\r\n")
          name = reader:next()
        end
      end
      current:readyRead()
      ended[#ended + 1] = current
      next = server:nextPendingConnection()
    end
    for _, task in ipairs(tasks) do
      if task:isActive() then return false end
    end
    return true
  end)
  for _, task in ipairs(tasks) do check(task) end
  store:close()
  socket:abort()
  for _, one in ipairs(ended) do one:abort() end
  moonport.sleep(0)
  choices.check()
  expect("whether messages were heard without a subscription", false, heard > 0 and not tasks[4])
end
