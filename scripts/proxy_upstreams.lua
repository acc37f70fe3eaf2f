-- SPDX-License-Identifier: MIT
-- The upstreams of proxy.lua: what an argument says of one, connecting to it, and whether it is up.
--
--   local upstreams = require "proxy_upstreams" (settings)
--
-- An upstream is a table that a reload keeps: { name, address, host, port, verify, passes, up, connections, total }.
-- `name` is its argument. With `verify`, it is reached by TLS, and its certificate has to be good for that name. To one
-- that `passes`, clients speak TLS themselves.
local moonport = require "moonport"
local log = moonport.log

local known = moonport.persist("upstreams", {})

local function endpoint(text)
  if text:find "^unix:." then return text end
  local host, port = text:match "^%[?([^%[%]]+)%]?:(%d+)$"
  port = tonumber(port or text:match "^%d+$")
  if not port or port > 65535 then error(("'%s' is not an address: HOST:PORT"):format(text), 0) end
  return host or "127.0.0.1", port
end

--- Reports that an upstream is up or down, if that is new.
local function mark(target, up, why)
  if target.up ~= up then
    target.up = up
    log[up and "info" or "warning"]("proxy: %s is %s: %s", target.name, up and "up" or "down", why)
  end
end

return function(settings)
  local upstreams = { list = {}, endpoint = endpoint, mark = mark }
  local turn, configuration = 0, nil

  --- The upstream of an argument: HOST:PORT, unix:/path, or tls://[NAME@]HOST:PORT.
  function upstreams.add(argument, text)
    local target = known[argument] or { name = argument, up = true, connections = 0, total = 0 }
    local secret = text:match "^tls://(.*)$"
    local name, address = (secret or ""):match "^([^@]+)@(.*)$"
    target.address = address or secret or text
    target.host, target.port = endpoint(target.address)
    if secret and not target.port then error(argument .. ": TLS needs HOST:PORT", 0) end
    target.verify = secret and (name or target.host) or nil
    known[argument], upstreams.list[#upstreams.list + 1] = target, target
    return target
  end

  --- The one of a list with the fewest connections that hasn't been tried: those that are up first, and equal ones in
  --- turn.
  function upstreams.choose(list, tried)
    local best
    turn = turn + 1
    for i = 1, #list do
      local target = list[(turn + i) % #list + 1]
      if not tried[target] and (not best or target.up and not best.up or
          target.up == best.up and target.connections < best.connections) then
        best = target
      end
    end
    return best
  end

  --- Begins to connect to it. -> the socket
  function upstreams.connect(target)
    if not target.verify then
      local socket = moonport.TcpSocket()
      socket:connectToHost(target.host, target.port)
      return socket
    end
    if not configuration then
      local message
      configuration, message = moonport.SslConfiguration { caCertificates = settings.ca ~= "" and settings.ca or nil }
      if not configuration then error(message, 0) end
    end
    local socket = moonport.SslSocket()
    socket:setSslConfiguration(configuration)
    socket:connectToHostEncrypted(target.host, target.port, target.verify)
    return socket
  end

  --- Waits until that socket is connected, and encrypted if wanted. -> true | nil, message, code
  function upstreams.wait(target, socket)
    if target.verify then return socket:waitForEncrypted(settings.connect) end
    return socket:waitForConnected(settings.connect)
  end

  -- Checks an upstream. -> true or false, and why
  local function probe(target)
    local socket <close> = upstreams.connect(target)
    local well, why, code = upstreams.wait(target, socket)
    if code == "SocketResourceError" then return target.up end -- not the upstream's fault
    if well and settings.get ~= "" and not target.passes then
      socket:write(("GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n"):format(settings.get, target.address))
      well, why = socket:receive("line", settings.connect)
      if well then well, why = well:find "^HTTP/1%.%d [23]%d%d", well end
    end
    return well ~= nil, why or "it can be reached"
  end

  local checking, checks = {}, moonport.Timer()

  function checks:timeout()
    for _, target in ipairs(upstreams.list) do
      if not checking[target] then
        checking[target] = moonport.spawn(function()
          mark(target, probe(target))
          checking[target] = nil
        end)
      end
    end
  end

  --- Checks all of them, again and again.
  function upstreams.watch() checks:start(settings.check) end

  function upstreams.stop() checks:stop() end

  return upstreams
end
