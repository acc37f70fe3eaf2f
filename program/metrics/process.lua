-- The process of --metrics: an HTTP server that only reads. It ends with the program that it serves.
-- SPDX-License-Identifier: MIT

local moonport = require "moonport"
local http = require "moonport.http"
local gather = require "moonport.program.gather"
local page = require "moonport.program.page"
local sums = require "moonport.program.sums"
local visits = require "moonport.program.visits"

local function headers(kind)
  return { ["Content-Type"] = kind, ["X-Content-Type-Options"] = "nosniff", ["Cache-Control"] = "no-store" }
end

local text, json = headers "text/plain; charset=utf-8", headers "application/json"
local prometheus, html = headers "text/plain; version=0.0.4; charset=utf-8", headers "text/html; charset=utf-8"
html["Content-Security-Policy"] = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
  .. "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
html["Referrer-Policy"] = "no-referrer"

local paths = {}

paths["/metrics"] = function()
  local answer, why = gather.all()
  if not answer then return 503, text, why .. "\n" end
  return 200, prometheus, answer.set:text()
end

paths["/"] = function() return 200, html, page end

paths["/data"] = function()
  local answer, why = gather.all()
  if not answer then return 503, text, why .. "\n" end
  answer.rows.list = true
  return 200, json, sums.json { time = os.time(), msec = answer.msec, status = answer.status, rows = answer.rows,
    errors = gather.errors() }
end

paths["/profile"] = function(request)
  local seconds = tonumber(request:parameter "seconds" or 5) or 0
  if not (seconds > 0 and seconds <= 60) then return 400, text, "seconds: at most 60\n" end
  local stacks, why = gather.profile(seconds)
  if not stacks then return 503, text, why .. "\n" end
  return 200, json, sums.json(stacks)
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
  end, { connections = 100, body = 0 })
  assert(server:setSocketDescriptor(listener))
  loopback = moonport.HostAddress(server:serverAddress()):isLoopback()
end
