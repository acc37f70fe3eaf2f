-- The process of --metrics: an HTTP server that only reads. It ends with the program that it serves.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local http = require "moonport.http"
local gather = require "moonport.program.gather"
local visits = require "moonport.program.visits"

local text = { ["Content-Type"] = "text/plain; charset=utf-8", ["X-Content-Type-Options"] = "nosniff",
  ["Cache-Control"] = "no-store" }
local prometheus = { ["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8",
  ["X-Content-Type-Options"] = "nosniff", ["Cache-Control"] = "no-store" }

local paths = {}

paths["/metrics"] = function()
  local answer, why = gather.all()
  if not answer then return 503, text, why .. "\n" end
  return 200, prometheus, answer.set:text()
end

-- A page of somebody else, whose name leads to this address, isn't answered on a loopback address.
local function isOwnName(host)
  local name = host and (host:match "^%[(.*)%]:?%d*$" or host:match "^([^:]*):?%d*$")
  return name and (name == "localhost" or name:find "^[%d.]+$" or name:find ":")
end

return function(channel, listener)
  visits.open(channel, function() os.exit(0) end)
  local server
  local loopback = false
  server = http.server(function(request)
    local handler = paths[request.path]
    if not handler then return 404, text, "there is /metrics, and a page at /\n" end
    if request.method ~= "GET" and request.method ~= "HEAD" then
      return 405, { Allow = "GET, HEAD", ["Content-Type"] = "text/plain" }, "this only reads\n"
    end
    if loopback and not isOwnName(request:header "Host") then return 403, text, "ask it by its address\n" end
    return handler(request)
  end, { connections = 100, perAddress = 50, body = 0 })
  assert(server:setSocketDescriptor(listener))
  loopback = moonport.HostAddress(server:serverAddress()):isLoopback()
end
