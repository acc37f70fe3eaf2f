-- Redis servers for specs: real ones, and one whose answers a spec decides.
-- SPDX-License-Identifier: MIT

local helper = require "spec.helper"

local redis = {}

--- Starts redis-server on a free port, or on `port`, with more of its arguments. -> the program, its port
function redis.start(port, ...)
  for _ = 1, port and 1 or 5 do
    local chosen = port
    if not chosen then
      local listener = helper.listen()
      chosen = listener:port()
      listener:close()
    end
    local server = helper.spawn { "redis-server", "--port", chosen, "--bind", "127.0.0.1", "--save", "", "--appendonly",
      "no", "--dir", "/tmp", ... }
    if pcall(server.waitForLine, server, "Ready to accept connections") then return server, chosen end
  end
  error "no redis-server came up"
end

--- redis-cli's output for one command.
function redis.cli(port, ...)
  local _, out, err = helper.run({ "redis-cli", "-p", port, ... }, nil, 20000)
  return (out .. err):gsub("\n$", "")
end

--- A server of this process that answers what `answer(name, ...)` returns, nothing if that is nil; PING with PONG. It
--- has `port`, `url`, `connections` (a count), and `last`: the connection that came last.
function redis.fake(answer)
  local moonport, resp = require "moonport", require "moonport.resp"
  local server = moonport.TcpServer()
  local self = { server = server, connections = 0 }
  function server.newConnection()
    local socket, reader = server:nextPendingConnection(), resp.commands()
    self.connections, self.last = self.connections + 1, socket
    function socket.readyRead()
      reader:feed(socket:readAll())
      local name = reader:next()
      while name do
        local arguments = reader:arguments()
        local text = answer(name:upper(), table.unpack(arguments, 1, #arguments))
        if name:upper() == "PING" then text = text or "+PONG\r\n" end
        if text then socket:write(text) end
        name = reader:next()
      end
    end
  end
  assert(server:listen "127.0.0.1")
  self.port = server:serverPort()
  self.url = "redis://127.0.0.1:" .. self.port
  function self.close()
    server:close()
    if self.last then self.last:abort() end
  end
  return self
end

return redis
